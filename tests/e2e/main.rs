//! The real program with its real plugins, each test in a home of its own.

#[cfg(test)]
mod api;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod basics;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod dovecot;
#[cfg(test)]
mod due;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod hostile_forms;
#[cfg(test)]
mod house;
#[cfg(test)]
mod https;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod large_files;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod links;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod mailbox;
#[cfg(test)]
mod many_files;
#[cfg(test)]
mod pausing;
#[cfg(test)]
mod plugins;
#[cfg(test)]
mod registers;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod schedule;
#[cfg(test)]
mod service;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod survival;
#[cfg(test)]
mod testing;
