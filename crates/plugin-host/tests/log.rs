//! What plugins say in the log. Alone in its file, as the log is one for the process.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use support::{Wish, c_plugin, output};
use yizhan_plugin_host::Isolation;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn a_plugin_that_says_too_much_is_cut_short_and_the_rest_is_counted() {
    let page = Page::default();
    let writer = page.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let house = Wish::of(Isolation::Process, &[c_plugin("evil")]).open();
    output(house.run("evil", "chatter", &json!({})));
    let dropped = |text: &str| -> usize {
        let counts = text.lines().filter_map(|line| line.split_once("too much: ")?.1.split(' ').next());
        counts.map(|count| count.parse::<usize>().unwrap()).sum()
    };
    let told = |text: &str| {
        text.lines().filter(|line| line.ends_with("chatter") || line.contains(" chatter ")).count()
    };
    // The count comes by itself, although the plugin says nothing more.
    house.until("all lines are told or counted", |_| {
        let text = page.text();
        told(&text) + dropped(&text) == 5_000
    });
    assert!(dropped(&page.text()) > 2_000, "{}", page.text());
    // With the attempt as many are kept as ever, and that there were more.
    let kept = house.said.0.lock().unwrap().clone();
    let said = |level: &str| kept.iter().filter(|(_, of, _)| of == level).count();
    assert_eq!((said("info"), said("cut")), (100, 1), "{kept:?}");
}
