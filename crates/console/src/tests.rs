//! The console as its callers meet it: real sockets, the real engine on the memory store, and carriers that play a script.

mod acts;
mod cases;
mod client;
mod clock;
mod door;
mod drafts;
mod files;
mod following;
mod hooks;
mod kept;
mod limits;
mod links;
mod offices;
mod openapi;
mod pages;
mod place;
mod registers;
mod rights;
mod runs;
mod sight;
mod stream;
mod task;
mod waiting;
mod watching;
mod why;
mod words;
