//! What happens to plugins and their calls while files and settings change.

#![expect(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::Path;

use serde_json::json;
use support::{BOTH, Wish, c_plugin, echo, failure, output};
use yizhan_plugin_host::{Isolation, PluginSettings};

/// The C fixture with another version in its note: another build.
fn put_build(path: &Path, version: &str) {
    let mut bytes = std::fs::read(c_plugin("hello")).unwrap();
    let (from, to) = (b"\"version\":\"1.0.0\"", format!("\"version\":\"{version}\""));
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    // Put in place whole, as an installer does: the old bytes may be mapped by nobody, but a reader may be there.
    let temporary = path.with_extension("new");
    std::fs::write(&temporary, bytes).unwrap();
    std::fs::rename(temporary, path).unwrap();
}

#[test]
fn a_new_build_takes_over_and_the_old_one_ends_its_calls() {
    for isolation in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello.so");
        put_build(&path, "1.0.0");
        let mut wish = Wish::of(isolation, &[]);
        wish.folders = vec![folder.path().to_owned()];
        let house = wish.open();
        let old = house.pid("hello");
        let waiting = house.start("hello", "wait", &json!({}));
        assert_eq!(house.host.reload(), [], "nothing changed");
        assert_eq!(house.pid("hello"), old);
        put_build(&path, "1.0.1");
        assert_eq!(house.host.reload(), []);
        assert_eq!(house.host.plugins()[0].version, "1.0.1", "{isolation:?}");
        assert_eq!(output(house.run("hello", "give_back", &json!(1))), json!(1));
        assert!(!house.has_ended(waiting), "the old build still has its call");
        house.cancel(waiting);
        assert_eq!(&*failure(house.end_of(waiting)).code, "plugin.cancelled");
        if let Some(old) = old {
            house.until("the old child is gone", |_| !Path::new(&format!("/proc/{old}")).exists());
        }
    }
}

#[test]
fn a_build_that_is_refused_leaves_the_old_one_running() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello.so");
    put_build(&path, "1.0.0");
    let mut wish = Wish::of(Isolation::Process, &[]);
    wish.folders = vec![folder.path().to_owned()];
    let house = wish.open();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(9).position(|window| window == b"\"major\":1").unwrap();
    bytes[at + 8] = b'7';
    std::fs::write(&path, bytes).unwrap();
    let refusals = house.host.reload();
    assert_eq!(
        refusals.iter().map(yizhan_plugin_host::Refusal::code).collect::<Vec<_>>(),
        ["plugin.abi_too_new"]
    );
    assert_eq!(output(house.run("hello", "give_back", &json!(1))), json!(1));
}

#[test]
fn changed_settings_start_the_plugin_anew() {
    let house = Wish::of(Isolation::Process, &[echo()]).open();
    let old = house.pid("echo");
    let settings = PluginSettings { isolation: Some(Isolation::InProcess), config: json!({}) };
    house.host.set_plugins([("echo".to_owned(), settings)].into());
    assert_eq!(house.host.reload(), []);
    assert!(old.is_some() && house.pid("echo").is_none(), "it runs in the daemon now");
    assert_eq!(output(house.run("echo", "echo", &json!(1))), json!(1));
}

#[test]
fn the_catalogue_and_the_listing_tell_what_plugins_offer() {
    let house = Wish::of(Isolation::Process, &[echo(), c_plugin("hello")]).open();
    let catalogue = house.host.catalogue();
    let offer = &catalogue.actions["echo.sleep"];
    assert_eq!(offer.summary, "Waits; a cancel ends it.");
    assert_eq!(offer.input["required"], json!(["ms"]));
    assert!(catalogue.has_plugin("hello") && !catalogue.has_plugin("email"));
    let plugins = house.host.plugins();
    assert_eq!(plugins.iter().map(|info| info.id.as_str()).collect::<Vec<_>>(), ["echo", "hello"]);
    assert_eq!(
        plugins[1].actions.iter().map(|action| action.name.as_str()).collect::<Vec<_>>(),
        ["clock", "give_back", "wait"]
    );
    assert_eq!((plugins[1].state.name, plugins[1].sha256.len()), ("ready", 64));
    assert_eq!((plugins[0].cost.ended, plugins[0].cost.p50), (0, None));
    output(house.run("echo", "echo", &json!(1)));
    let cost = house.host.plugins()[0].cost.clone();
    assert!(cost.ended >= 1 && cost.p50.is_some() && cost.memory_bytes > Some(1 << 16), "{cost:?}");
}

#[test]
fn the_products_own_plugins_load_and_describe_themselves() {
    let files = support::product_plugins();
    let count = files.len();
    for isolation in BOTH {
        let house = Wish::of(isolation, &files).open();
        // Some need settings; none may be refused for anything else.
        let others: Vec<_> =
            house.refusals.iter().filter(|refusal| refusal.code() != "plugin.config_invalid").collect();
        assert!(others.is_empty(), "{others:?}");
        assert_eq!(house.host.plugins().len() + house.refusals.len(), count);
    }
}
