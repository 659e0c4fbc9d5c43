//! The binary: what the command line says is done, and nothing else ends the process.

mod artifacts;
mod backup;
mod bench;
mod calendars;
mod cli;
mod client;
mod commands;
mod config;
mod demo;
mod exit;
mod formatting;
mod heads;
mod home;
mod intake;
mod keys;
mod language;
mod log;
mod plugins;
mod said;
mod schema;
mod secrets;
mod serve;
mod show;
mod socket;
mod workflows;

// Frames of plugins are allocated by one thread and freed by another, all the time: the system's allocator keeps such
// memory in the wrong arena.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
