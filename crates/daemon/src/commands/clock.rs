//! `yizhan clock …`: stops the clock of a task, a step or a run, lets it go on, moves its due time, asks for more time.

use serde_json::{Map, Value, json};

use super::Context;
use super::fields::Fields;
use crate::client::escaped;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Action {
    /// Stop a clock: the due time moves by as long as it stands
    #[command(
        after_help = "Examples:\n  yizhan clock pause task_01hsk3v9q2r4t --by person:li.na --reason 等客户补材料\n  yizhan clock pause 01hsk3 --step repair --reason 停电\n  yizhan clock pause 01hsk3 --reason 客户要求暂缓"
    )]
    Pause {
        #[command(flatten)]
        whose: Whose,
        /// Why; the ledger keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let a clock go on
    #[command(after_help = "Example:\n  yizhan clock resume task_01hsk3v9q2r4t --by person:li.na")]
    Resume(Whose),
    /// Give what is open another due time
    #[command(
        after_help = "Examples:\n  yizhan clock move task_01hsk3v9q2r4t '2026-11-30 18:00' --reason 客户同意延后\n  yizhan clock move 01hsk3 2026-11-30 --step paid --reason 银行系统升级"
    )]
    Move {
        #[command(flatten)]
        whose: Whose,
        /// `2026-11-30 18:00` on the house's clock, or a day, which is due at its end
        to: String,
        /// Why; the journal keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Ask for more time, before it is due
    #[command(
        after_help = "Example:\n  yizhan clock extend task_01hsk3v9q2r4t --by person:li.na --set until=2026-11-30T18:00 --set plan=换主管"
    )]
    Extend {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        fields: Fields,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// The task, or the run, as `yizhan tasks` and `yizhan runs` list them
    #[arg(value_name = "TASK|RUN")]
    of: String,
    /// Of a run: the step whose clock is meant; without it the run's own
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Who acts, as `person:li.na`; else whoever owns the daemon's socket
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
}

pub(crate) fn run(action: &Action, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (whose, verb, more, said) = match action {
        Action::Pause { whose, reason } => {
            (whose, "pause", json!({ "reason": reason }), ("已暂停计时", "its clock stands"))
        }
        Action::Resume(whose) => (whose, "resume", Value::Null, ("已恢复计时", "its clock goes on")),
        Action::Move { whose, to, reason } => {
            let body = json!({ "to": to, "reason": reason });
            (whose, "due", body, ("已改期限", "it has another due time"))
        }
        Action::Extend { whose, fields } => {
            let body = json!({ "fields": fields.read(&client)? });
            (whose, "extend", body, ("已申请延期", "more time is asked for"))
        }
    };
    let own = [("by", &whose.by), ("step", &whose.step)].map(|(key, value)| (key.to_owned(), json!(value)));
    let mut body = Map::from_iter(own);
    body.insert("via".to_owned(), json!("cli"));
    if let Value::Object(more) = more {
        body.extend(more);
    }
    let kind = if whose.of.starts_with("task_") { "tasks" } else { "runs" };
    let path = format!("/api/v1/{kind}/{}/{verb}", escaped(&whose.of));
    let answer = client.post(path).json(&Value::Object(body)).send()?;
    context.answer(&answer, |_| context.language.pick(said.0, said.1).to_owned());
    Ok(Exit::Ok)
}
