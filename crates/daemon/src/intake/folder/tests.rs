//! What becomes of dropped files, with a real engine on the memory store.
