//! `yizhan account …`: who may sign in, and the tokens of programs.

use serde_json::{Value, json};
use yizhan_workflow::people::rights::Role;

use super::Context;
use crate::client::escaped;
use crate::exit::{Exit, Failure};
use crate::show::{list, table, text};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Who has a password and who is signed in
    #[command(after_help = "Example:\n  yizhan account list")]
    List,
    /// Make a link under which somebody of people.toml chooses a password, good once
    #[command(after_help = "Example:\n  yizhan account invite li.na")]
    Invite {
        /// The person's id
        person: String,
    },
    /// Take password, sessions and tokens of somebody away
    #[command(after_help = "Example:\n  yizhan account shut-out li.na")]
    ShutOut {
        /// The person's id
        person: String,
    },
    /// Who is signed in, from where
    #[command(after_help = "Example:\n  yizhan account sessions")]
    Sessions,
    /// End a session
    #[command(after_help = "Example:\n  yizhan account end 0a1b2c3d4e5f")]
    End {
        /// As `yizhan account sessions` shows it
        session: String,
    },
    /// The tokens of programs
    #[command(after_help = "Example:\n  yizhan account tokens")]
    Tokens,
    /// Make a token for a program; it is shown this once
    #[command(
        after_help = "Examples:\n  yizhan account token crm --may worker --on 'fault-*'\n  yizhan account token report --may viewer --days 30 --person zhao.lei"
    )]
    Token {
        /// What the token is called
        name: String,
        /// viewer, worker, operator, author or admin
        #[arg(long, value_name = "ROLE", value_parser = role)]
        may: Role,
        /// On which workflows; without it on all
        #[arg(long, value_name = "WORKFLOW")]
        on: Vec<String>,
        /// For how many days it lets in
        #[arg(long, default_value_t = 90)]
        days: i64,
        /// In whose name it acts: then it may no more than they
        #[arg(long, value_name = "PERSON")]
        person: Option<String>,
    },
    /// Take a token back
    #[command(after_help = "Example:\n  yizhan account revoke crm")]
    Revoke {
        /// What the token is called
        name: String,
    },
    /// Sign somebody out everywhere; they can come in again
    #[command(after_help = "Example:\n  yizhan account end-all li.na")]
    EndAll {
        /// The person's id
        person: String,
    },
}

fn role(word: &str) -> Result<Role, String> {
    word.parse().map_err(|()| Role::ALL.map(Role::as_str).join(", "))
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let on = |person: &str, act: &str| format!("/api/v1/accounts/{}/{act}", escaped(person));
    let nothing = json!({});
    let answer = match action {
        Action::List => client.get("/api/v1/accounts").send()?,
        Action::Invite { person } => client.post(on(person, "invite")).json(&nothing).send()?,
        Action::ShutOut { person } => client.post(on(person, "shut-out")).json(&nothing).send()?,
        Action::Sessions => client.get("/api/v1/sessions").send()?,
        Action::End { session } => {
            client.post(format!("/api/v1/sessions/{}/end", escaped(session))).json(&nothing).send()?
        }
        Action::Tokens => client.get("/api/v1/tokens").send()?,
        Action::Token { name, may, on, days, person } => {
            let new = json!({ "name": name, "may": may, "on": on, "days": days, "person": person });
            client.post("/api/v1/tokens").json(&new).send()?
        }
        Action::Revoke { name } => {
            client.post(format!("/api/v1/tokens/{}/revoke", escaped(name))).json(&nothing).send()?
        }
        Action::EndAll { person } => client.post(on(person, "end-sessions")).json(&nothing).send()?,
    };
    context.answer(&answer, |answer| shown(action, answer, context));
    Ok(Exit::Ok)
}

fn shown(action: &Action, answer: &Value, context: &Context) -> String {
    let pick = |zh: &str, en: &str| context.language.pick(zh, en).to_owned();
    match action {
        Action::List => rows(
            answer,
            ["id", "name", "password_since", "sessions"],
            context,
            [["工号", "姓名", "有密码自", "登录数"], ["ID", "NAME", "PASSWORD SINCE", "SESSIONS"]],
        ),
        Action::Invite { .. } => {
            let link = text(answer, "link");
            if link.starts_with('/') {
                return pick(
                    "没有配置 url,请在前面加上本站的地址:\n",
                    "`url` is not set; put the address of this house before it:\n",
                ) + &link;
            }
            link
        }
        Action::ShutOut { .. } | Action::End { .. } | Action::Revoke { .. } => pick("好了", "done"),
        Action::Sessions => rows(
            answer,
            ["id", "person", "seen", "address", "agent"],
            context,
            [["登录", "谁", "最近", "地址", "浏览器"], ["SESSION", "WHO", "SEEN", "ADDRESS", "BROWSER"]],
        ),
        Action::Tokens => rows(
            answer,
            ["name", "person", "may", "on", "expires"],
            context,
            [["令牌", "以谁的名义", "权限", "流程", "到期"], ["TOKEN", "AS", "MAY", "ON", "EXPIRES"]],
        ),
        Action::Token { .. } => text(answer, "token"),
        Action::EndAll { .. } => {
            format!("{} {}", pick("结束的登录:", "sessions ended:"), answer["sessions"])
        }
    }
}

fn rows<const N: usize>(
    found: &Value,
    columns: [&str; N],
    context: &Context,
    heads: [[&str; N]; 2],
) -> String {
    let cell = |item: &Value, column: &str| match &item[column] {
        Value::Array(_) => list(&item[column], ", "),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_) => text(item, column),
    };
    let items = found["items"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> =
        items.map(|item| columns.iter().map(|column| cell(item, column)).collect()).collect();
    let [zh, en] = heads;
    table(&context.language.pick(zh, en), &rows)
}
