//! Plugins that misbehave: their step ends with a clear error, and nobody else notices.

use serde_json::json;

use crate::house::{House, binary, step, until};

/// Tries once more, soon.
const SETTINGS: &str = "[retry]\ntimes = 1\nfirst = \"20ms\"\n";
const CARRIERS: [&str; 2] = ["process", "in-process"];

fn on(carrier: &str, workflow: &str) -> House {
    let settings = format!("{SETTINGS}[plugins]\nisolation = \"{carrier}\"\ngrace = \"200ms\"\n");
    House::serving(&settings, "bad", workflow)
}

/// Runs beside and after the bad step: another plugin, the same plugin, the daemon itself.
fn others_are_well(house: &House) {
    house.workflow(
        "good",
        "title = \"好\"\n[step.say]\nuse = \"echo.echo\"\nwith.text = \"好\"\n[step.note]\nuse = \"file.append\"\nwith.path = \"good.csv\"\nwith.csv = { text = \"好\" }\n",
    );
    house.client().post("/api/v1/reload", &json!({})).unwrap();
    let run = house.run("good", &json!({}));
    house.ends(&run, "done");
    assert_eq!(house.get("/health/ready")["ready"], true);
}

#[test]
fn a_panic_fails_its_step_with_the_words_of_the_panic() {
    for carrier in CARRIERS {
        let house = on(
            carrier,
            "title = \"坏\"\n[step.bad]\nuse = \"echo.panic\"\nwith.message = \"the gears jam\"\n",
        );
        let view = house.ends(&house.run("bad", &json!({})), "failed");
        let item = &step(&view, "bad")["items"][0];
        assert_eq!(item["failure"]["code"], "plugin.panic", "{carrier}: {view:#}");
        assert!(item["failure"]["message"].as_str().unwrap().contains("the gears jam"), "{item}");
        assert_eq!(view["error"]["step"], "bad");
        others_are_well(&house);
    }
}

#[test]
fn a_hanging_plugin_is_given_up_at_its_timeout() {
    for carrier in CARRIERS {
        let house =
            on(carrier, "title = \"坏\"\n[step.bad]\nuse = \"echo.hang\"\nwith = {}\ntimeout = \"300ms\"\n");
        let view = house.ends(&house.run("bad", &json!({})), "failed");
        let item = &step(&view, "bad")["items"][0];
        assert_eq!(item["attempts"], 2, "{view:#}");
        assert!(!item["failure"]["message"].as_str().unwrap().is_empty(), "{item}");
        others_are_well(&house);
    }
}

#[test]
fn a_crash_ends_its_child_alone_and_what_shared_it_is_tried_again() {
    let house = on("process", "title = \"坏\"\n[step.bad]\nuse = \"echo.crash\"\nwith = {}\n");
    house.workflow("slow", "title = \"慢\"\n[step.nap]\nuse = \"echo.sleep\"\nwith.ms = 800\nretry = { times = 20, first = \"20ms\" }\n");
    house.client().post("/api/v1/reload", &json!({})).unwrap();
    let slow = house.run("slow", &json!({}));
    let view = house.ends(&house.run("bad", &json!({})), "failed");
    let said = view["error"]["message"].as_str().unwrap();
    assert!(said.contains("plugin.crashed") && said.contains("SIGABRT"), "{view:#}");
    // It slept in the child that crashed, and sleeps again in the next one.
    let nap = house.ends(&slow, "done");
    assert!(step(&nap, "nap")["items"][0]["attempts"].as_u64().unwrap() > 1, "{nap:#}");
    others_are_well(&house);
}

#[test]
fn what_must_happen_once_and_was_lost_in_a_crash_is_asked_about() {
    let house =
        on("process", "title = \"坏\"\n[step.bad]\nuse = \"echo.crash\"\nwith = {}\neffect = \"once\"\n");
    let run = house.run("bad", &json!({}));
    let task = house.task(&run);
    assert_eq!(task["kind"], "unknown", "{task:#}");
    let shown = house.call(&["show", &run]);
    assert!(shown.all().contains("bad"), "{shown:?}");
    house.settle(&task, &json!({ "verdict": "happened", "values": {} }));
    let view = house.ends(&run, "done");
    assert_eq!(step(&view, "bad")["items"][0]["attempts"], 1, "{view:#}");
}

#[test]
fn a_plugin_that_was_put_aside_for_its_crashes_tries_again_when_somebody_says_so() {
    let house = on(
        "process",
        "title = \"坏\"\n[step.bad]\nuse = \"echo.crash\"\nwith = {}\nretry = { times = 9, first = \"20ms\", factor = 1.0 }\n",
    );
    let view = house.ends(&house.run("bad", &json!({})), "failed");
    assert!(view["error"]["message"].as_str().unwrap().contains("5 crashes in 60 s"), "{view:#}");
    let plugin = house.get("/api/v1/plugins/echo");
    assert_eq!((&plugin["state"], plugin["pid"].is_u64()), (&json!("quarantined"), false), "{plugin:#}");
    assert_eq!(house.call(&["plugin", "release", "ecco"]).code, 3);
    house.call(&["plugin", "release", "echo"]).ok();
    let plugin = until("the plugin to be ready", || {
        Some(house.get("/api/v1/plugins/echo")).filter(|plugin| plugin["state"] == "ready")
    });
    assert!(plugin["pid"].is_u64(), "{plugin:#}");
    others_are_well(&house);
    assert_eq!(house.call(&["plugin", "release", "echo"]).code, 0, "it stays as it is");
}

#[test]
fn what_lies_among_the_plugins_and_is_none_and_a_plugin_that_lies_there_twice_are_told() {
    let mut house = House::new();
    let echo = std::fs::read(binary().with_file_name("libyizhan_plugin_echo.so")).unwrap();
    house.write("plugins/libnotes.so", "no library at all");
    house.write("plugins/libecho.so", &echo);
    house.write("plugins/libecho-2.so", [&echo[..], b"another build"].concat());
    house.start();
    let told = house.get("/api/v1/doctor").to_string();
    assert!(told.contains("plugin.not_a_plugin") && told.contains("libnotes.so"), "{told}");
    assert!(told.contains("plugin.twice") && told.contains("libecho.so"), "{told}");
    // Nobody is told of what lies beside the program, where builds put what they like.
    assert!(!told.contains("lying_disk"), "{told}");
}
