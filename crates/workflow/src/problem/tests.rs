//! Stories about faults and their words.
