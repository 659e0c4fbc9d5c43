//! What each part of a step takes in time, for people: `cargo bench -p yizhan-counts`. Instructions guard it, not this.

use divan::Bencher;
use divan::counter::ItemsCount;
use yizhan_counts::{OPERATIONS, Problem};

fn main() {
    divan::main();
}

#[divan::bench(args = OPERATIONS.iter().map(|operation| operation.name))]
fn step(bencher: Bencher<'_, '_>, name: &str) {
    let Some(operation) = OPERATIONS.iter().find(|operation| operation.name == name) else { return };
    let done: Result<(), Problem> = (operation.set_up)().map(|mut round| {
        let round = move || {
            if let Err(error) = round() {
                // A time of what failed would be believed.
                std::panic::panic_any(error.to_string());
            }
        };
        bencher.counter(ItemsCount::new(operation.each)).bench_local(round);
    });
    if let Err(error) = done {
        std::panic::panic_any(error.to_string());
    }
}
