//! A trigger is paused at the command line, over a restart, and goes on with what came meanwhile.

use serde_json::json;

use crate::house::{House, refused, until};

const WORKFLOW: &str = "title = '收单'\nkey = '{{ input.no }}'\n\
     [input]\nno = { label = '单号', type = 'text' }\n\
     [trigger.list]\nfiles = 'inbox/orders/*.csv'\nper = 'row'\n\
     [trigger.hook]\nwebhook = { signature = 'none' }\n\
     [step.note]\nuse = 'echo.echo'\nwith.text = 'x'\n";

#[test]
fn what_comes_while_a_trigger_is_paused_waits_over_a_restart_until_it_goes_on() {
    let mut house = House::new();
    house.workflow("orders", WORKFLOW);
    house.start();
    let said = house.call(&["--lang", "zh", "trigger", "pause", "orders", "--reason", "系统割接"]).ok();
    assert!(said.out.contains("orders/list 已暂停") && said.out.contains("orders/hook 已暂停"), "{said:?}");
    house.write("inbox/orders/a.csv", "单号\nA1\nA2\n");
    let send = || house.client().post("/hooks/orders/hook", &json!({ "no": "B1" }));
    let (status, problem) = refused(send());
    assert_eq!((status, &problem["code"]), (503, &json!("YZ0436")));
    assert_eq!(house.stop(), Some(0));
    house.start();
    let list = house.call(&["--lang", "en", "trigger", "list", "orders"]).ok().out;
    assert_eq!(list.matches("paused by operator since").count(), 2, "{list}");
    assert!(list.contains("系统割接"), "{list}");
    // A folder is looked at many times in this time.
    let since = std::time::Instant::now();
    until("some looks", || (since.elapsed().as_millis() > 2_000).then_some(()));
    assert!(house.file("inbox/orders/a.csv").exists() && house.runs().is_empty(), "{}", house.log());
    house.call(&["trigger", "resume", "orders"]).ok();
    until("the file to be taken", || house.file("inbox/orders/done/a.csv").exists().then_some(()));
    until("its runs", || (house.runs().len() == 2).then_some(()));
    house.client().post("/hooks/orders/hook", &json!({ "no": "B1" })).unwrap();
    until("the run of the hook", || (house.runs().len() == 3).then_some(()));
    let nothing = house.call(&["--lang", "en", "trigger", "resume", "orders"]).ok();
    assert!(nothing.out.contains("there is nothing to change"), "{nothing:?}");
}
