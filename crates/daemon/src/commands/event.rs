//! `yizhan event NAME`: makes something known to the runs and triggers that wait for it.

use serde_json::{Value, json};

use super::Context;
use super::fields::Fields;
use crate::exit::{Exit, Failure};
use crate::show::text;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan event invoice.paid --key A-7 --set amount:=120\n  yizhan event invoice.paid --key A-7 --id bank-4711 --input paid.json"
)]
pub(crate) struct Args {
    /// The event's name, as `await` and triggers say it
    name: String,
    /// Whose business it is: the key of the runs that wait for it
    #[arg(long, value_name = "KEY", default_value = "")]
    key: String,
    /// Said twice with the same id, it is one event
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    fields: Fields,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let client = context.client()?;
    let payload = Value::Object(args.fields.read(&client)?);
    let mut body = json!({ "name": args.name, "key": args.key, "payload": payload });
    if let Some(id) = &args.id {
        body["id"] = json!(id);
    }
    let answer = client.post("/api/v1/events".to_owned()).json(&body).send()?;
    context.answer(&answer, |answer| {
        let id = text(answer, "id");
        if answer["repeated"] == json!(true) {
            context.language.pick(format!("{id} 已经发布过"), format!("{id} was published before"))
        } else {
            id
        }
    });
    Ok(Exit::Ok)
}
