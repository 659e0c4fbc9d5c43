//! Who may look at a register, and who at its private columns.

use serde_json::{Value as Json, json};

use yizhan_workflow::people::rights::Role;

use super::client::{Client, Reply};
use super::place::{Place, place};
use super::rights::{FROM_OUR_PAGE, session, token};

const CARD: &str = "110101199003070011";

async fn with_entries() -> Place {
    let place = place(&[]).await;
    for (register, entry) in
        [("客户", json!({ "name": "张三", "card": CARD })), ("证件", json!({ "card": CARD }))]
    {
        let body = json!({ "with": { "entry": entry }, "id": "first" });
        let said = place.socket.post(&format!("/api/v1/registers/{register}/by-hand/append"), &body).await;
        assert_eq!(said.status, 200, "{}", said.body);
    }
    place
}

async fn find(client: &Client, register: &str, asked: &str, with: Json) -> Reply {
    let path = format!("/api/v1/registers/{register}/find{asked}");
    client.send("POST", &path, &FROM_OUR_PAGE, serde_json::to_vec(&with).unwrap()).await
}

/// Each view of the register's entry: found, of all time, its lines and what is said of its number.
async fn views(client: &Client, register: &str, asked: &str) -> Vec<Reply> {
    let and = asked.replacen('?', "&", 1);
    vec![
        find(client, register, asked, json!({})).await,
        find(client, register, asked, json!({ "history": true })).await,
        client.get(&format!("/api/v1/registers/{register}/lines{asked}")).await,
        client.get(&format!("/api/v1/registers/{register}/lines?number=1{and}")).await,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_columns_are_shown_to_the_readers_of_a_register_and_to_no_other() {
    let place = with_entries().await;
    let li = session(&place, "li.na", 0).await;
    let wang = session(&place, "wang.wei", 0).await;
    let some = token(&place, "some", Role::Operator, &["hello"], None).await;
    // The operator asks aloud, or looks as somebody; who is neither operator nor reader finds no such register. Who operates
    // one workflow is no operator of what belongs to none, whoever they name.
    let narrow = token(&place, "narrow", Role::Viewer, &["hello"], Some("li.na")).await;
    let wide = token(&place, "wide", Role::Viewer, &[], Some("li.na")).await;
    let all: [(&Client, &str, &str, Option<bool>); 14] = [
        // What a token may on one workflow is nothing of what belongs to none, whoever it acts for.
        (&narrow, "客户", "", None),
        (&wide, "客户", "", Some(true)),
        (&some, "客户", "", None),
        (&some, "客户", "?by=person:li.na", None),
        (&some, "客户", "?by=li.na&private=true", None),
        (&place.socket, "客户", "", Some(false)),
        (&place.socket, "客户", "?private=true", Some(true)),
        (&place.token, "客户", "?private=true", Some(true)),
        (&place.socket, "客户", "?by=li.na", Some(true)),
        (&place.socket, "客户", "?by=wang.wei&private=true", Some(false)),
        (&li, "客户", "", Some(true)),
        (&wang, "客户", "?private=true", None),
        (&li, "证件", "", None),
        (&wang, "证件", "", Some(true)),
    ];
    for (client, register, asked, sees) in all {
        for reply in views(client, register, asked).await {
            match sees {
                None => assert_eq!(reply.code(), "YZ0404", "{register}{asked}: {reply:?}"),
                Some(sees) => {
                    assert_eq!(reply.status, 200, "{register}{asked}: {reply:?}");
                    let (shown, hidden) = (reply.body.contains(CARD), reply.body.contains("\"***\""));
                    assert_eq!((shown, hidden), (sees, !sees), "{register}{asked}: {reply:?}");
                }
            }
        }
    }
    place.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_is_not_told_by_a_condition_a_group_a_sum_or_an_order() {
    let place = with_entries().await;
    for with in [
        json!({ "where": { "card": CARD } }),
        json!({ "by": "card" }),
        json!({ "show": { "least": "min(card)" } }),
        json!({ "order": "-card" }),
        json!({ "where": { "card": CARD }, "history": true }),
    ] {
        let refused = find(&place.socket, "客户", "", with.clone()).await;
        assert_eq!(refused.status, 400, "{with}: {refused:?}");
        assert!(refused.body.contains("`card` is private") && !refused.body.contains("张三"), "{refused:?}");
        let open = find(&place.socket, "客户", "?private=true", with.clone()).await;
        assert_eq!((open.status, &open.json()["count"]), (200, &json!(1)), "{with}: {open:?}");
    }
    let public = find(&place.socket, "客户", "", json!({ "where": { "name": "张三" } })).await.json();
    assert_eq!(public["count"], 1, "{public}");
    place.stop().await;
}
