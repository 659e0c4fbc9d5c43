//! The macros of the plugin SDK.
