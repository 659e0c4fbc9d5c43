//! The four operations of which a step is made, each set up once: the program beside this counts their instructions,
//! `benches/step.rs` times them.

#[path = "../../../crates/plugin-host/src/call_context.rs"]
mod call_context;
// The two files themselves, and not their crate: with it an HTTP client and TLS would be built to count bytes.
#[expect(dead_code, reason = "only calls and their ends are counted")]
#[path = "../../../crates/plugin-host/src/frame.rs"]
mod frame;
mod house;
mod wire;
mod work;

pub use work::{Operation, Round};

/// Why something could not be done, in words.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

// As in the daemon: what memory costs is part of what is counted.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// All that happens for every step, in the order of a step's life.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        name: "decide",
        what: "the end of a step is decided, and the next one begins",
        rounds: 40,
        each: house::STEPS as u32,
        set_up: work::decisions,
    },
    Operation {
        name: "render",
        what: "a text with five names, one of them through a filter, is worked out",
        rounds: 200,
        each: 1,
        set_up: work::texts,
    },
    Operation {
        name: "frames",
        what: "a call is written for a child and read there, and its answer comes back",
        rounds: 40,
        each: work::TOGETHER,
        set_up: wire::frames,
    },
    Operation {
        name: "commit",
        what: "a line of the journal goes into SQLite, 32 in a transaction",
        rounds: 40,
        each: work::TOGETHER,
        set_up: work::commits,
    },
];
