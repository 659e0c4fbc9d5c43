//! The trigger `files`, with the real daemon: whole files only, each once, moved with the reason.

use crate::house::{House, until};

const ORDERS: &str = "title = 'orders'\nkey = '{{ input.no }}'\non_duplicate = 'reject'\nunique = 'ever'\n\
     [input]\nno = { label = '单号', type = 'text' }\nn = { label = '数量', type = 'whole', min = 1 }\n\
     [trigger.list]\nfiles = 'inbox/orders/*.csv'\nper = 'row'\n\
     [trigger.one]\nfiles = 'inbox/orders/*.json'\n\
     [trigger.photo]\nfiles = 'inbox/photos/*.png'\nwith = { no = '{{ trigger.file.name }}', n = '{{ trigger.file.size }}' }\n\
     [step.note]\nuse = 'echo.echo'\nwith.text = 'x'\n";

fn keys(home: &House) -> Vec<String> {
    let mut keys: Vec<String> =
        home.runs().iter().map(|run| run["key"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

#[test]
fn each_good_row_is_a_run_and_bad_rows_come_back_with_the_reason() {
    let mut home = House::new();
    home.write("workflows/orders.toml", ORDERS);
    home.start();
    home.write("inbox/orders/a.csv", "单号,数量\nA1,3\nA2,none\nA3,\nA4,5\nA1,1\n");
    until("the file to be moved", || home.file("inbox/orders/done/a.csv").exists().then_some(()));
    assert_eq!(keys(&home), ["A1", "A4"]);
    let bad = home.read("inbox/orders/failed/a.csv");
    let lines: Vec<&str> = bad.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 4, "{bad}");
    assert!(lines[1].starts_with("A2,none,2,") && lines[2].starts_with("A3,,3,"), "{bad}");
    assert!(lines[3].starts_with("A1,1,5,") && lines[3].contains("已占用这个案件编号"), "{bad}");
}

#[test]
fn a_file_that_starts_nothing_is_put_aside_with_the_reason() {
    let mut home = House::new();
    home.write("workflows/orders.toml", ORDERS);
    home.start();
    home.write("inbox/orders/broken.json", "{");
    home.write("inbox/orders/short.json", r#"{"no": "B1"}"#);
    for (name, said) in [("broken.json", "它不是 JSON"), ("short.json", "数量")] {
        until("the file to be put aside", || {
            home.file(&format!("inbox/orders/failed/{name}")).exists().then_some(())
        });
        let reason = home.read(&format!("inbox/orders/failed/{name}.reason.txt"));
        assert!(reason.contains(said), "{name}: {reason}");
    }
    assert_eq!(keys(&home), Vec::<String>::new());
    let doctor = home.call(&["doctor", "--json"]);
    assert_eq!(doctor.code, 3);
    assert_eq!(doctor.json()["findings"].as_array().unwrap().len(), 2, "{doctor:?}");
    assert!(home.call(&["doctor"]).all().contains("a dropped file waits to be mended"));
    assert!(home.call(&["--lang", "zh", "doctor"]).all().contains("有放入的文件等着改正"));
}

#[test]
fn a_file_of_another_kind_goes_into_the_run_as_it_is() {
    let mut home = House::new();
    home.write("workflows/orders.toml", ORDERS);
    home.start();
    home.write("inbox/photos/损坏.png", b"\x89PNG");
    until("the file to be moved", || home.file("inbox/photos/done/损坏.png").exists().then_some(()));
    assert_eq!(keys(&home), ["损坏.png"]);
}

#[test]
fn a_file_that_still_grows_is_left_until_it_stands_still() {
    use std::io::Write as _;
    let mut home = House::new();
    home.write("workflows/orders.toml", ORDERS);
    let settings = home.read("config/yizhan.toml").replace("settle = \"100ms\"", "settle = \"1500ms\"");
    home.write("config/yizhan.toml", settings);
    home.start();
    // The daemon makes the folder too, when it has read the workflow; who is first does not matter.
    std::fs::create_dir_all(home.file("inbox/orders")).unwrap();
    let mut file = std::fs::File::create(home.file("inbox/orders/slow.csv")).unwrap();
    writeln!(file, "no,n").unwrap();
    for number in 0..10 {
        // Shorter than the settling time, and together longer than it.
        std::thread::sleep(std::time::Duration::from_millis(200));
        writeln!(file, "G{number},1").unwrap();
        assert!(home.file("inbox/orders/slow.csv").exists(), "it was taken while it grew");
    }
    drop(file);
    until("the file to be moved", || home.file("inbox/orders/done/slow.csv").exists().then_some(()));
    assert_eq!(keys(&home).len(), 10);
}

#[test]
fn the_same_file_dropped_again_fires_again_but_one_that_a_crash_left_does_not() {
    let mut home = House::new();
    home.write(
        "workflows/drops.toml",
        ORDERS
            .replace("on_duplicate = 'reject'\nunique = 'ever'\n", "")
            .replace("orders/", "drops/")
            .replace("photos/", "drops/"),
    );
    home.start();
    let text = r#"{"no": "C1", "n": 2}"#;
    home.write("inbox/drops/c.json", text);
    let done = home.file("inbox/drops/done/c.json");
    until("the file to be moved", || done.exists().then_some(()));
    assert_eq!(keys(&home).len(), 1);
    assert_eq!(home.stop(), Some(0));
    // As if it had died between the start and the move.
    std::fs::rename(&done, home.file("inbox/drops/c.json")).unwrap();
    home.start();
    until("the file to be moved", || done.exists().then_some(()));
    assert_eq!(keys(&home).len(), 1, "the same file started twice");
    home.write("inbox/drops/c.json", text);
    until("the file to be moved", || home.file("inbox/drops/done/c-2.json").exists().then_some(()));
    assert_eq!(keys(&home).len(), 2);
}

const LISTS: &str = "title = 'lists'\nkey = '{{ input.no }}'\n\
     [input]\nno = { label = '单号', type = 'text' }\nn = { label = '数量', type = 'whole', min = 1 }\n\
     [trigger.list]\nfiles = 'inbox/lists/*.json'\neach = '{{ trigger.body.lines }}'\n\
     [trigger.sheet]\nfiles = 'inbox/sheets/*.csv'\neach = '{{ trigger.file.rows }}'\nwith = { no = '{{ item.no }}', n = '{{ item.n }}' }\n\
     [step.note]\nuse = 'echo.echo'\nwith.text = '{{ trigger.file.name }} {{ trigger.number }}'\n";

#[test]
fn each_good_element_of_a_file_is_a_run_and_the_bad_ones_are_named_with_their_numbers() {
    let mut home = House::new();
    home.write("workflows/lists.toml", LISTS);
    home.start();
    home.write(
        "inbox/lists/a.json",
        r#"{"lines": [{"no": "L1", "n": 1}, {"no": "L2", "n": 0}, {"no": "L3", "n": 2}]}"#,
    );
    until("the file to be moved", || home.file("inbox/lists/done/a.json").exists().then_some(()));
    assert_eq!(keys(&home), ["L1", "L3"]);
    let reason = home.read("inbox/lists/failed/a.json.reason.txt");
    assert!(
        reason.starts_with("第 2 项:") && reason.contains("数量") && reason.lines().count() == 1,
        "{reason}"
    );

    home.write("inbox/sheets/b.csv", "no,n\nS1,1\nS2,5\n");
    until("the sheet to be moved", || home.file("inbox/sheets/done/b.csv").exists().then_some(()));
    assert_eq!(keys(&home), ["L1", "L3", "S1", "S2"]);

    home.write("inbox/lists/c.json", r#"{"lines": [{"no": "L4"}, {"no": "L5", "n": "x"}]}"#);
    until("the file to be put aside", || home.file("inbox/lists/failed/c.json").exists().then_some(()));
    let reason = home.read("inbox/lists/failed/c.json.reason.txt");
    assert!(reason.starts_with("第 1 项:") && reason.lines().count() == 2, "{reason}");
    assert_eq!(keys(&home).len(), 4);
}
