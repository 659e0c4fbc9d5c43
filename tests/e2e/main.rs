//! The real program with its real plugins, each test in a home of its own.

#[cfg(test)]
mod basics;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod files;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod service;
#[cfg(test)]
mod survival;
