//! The plugin `email`: sends mails by SMTP, or puts each as a file into a folder.

#![forbid(unsafe_code)]

mod attachment;
mod envelope;
mod folder;
mod message;
mod pool;
mod refusal;
mod settings;
mod smtp;

use std::sync::Arc;

use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::Roots;

use crate::envelope::Envelope;
use crate::folder::Folder;
use crate::settings::{Config, Sender, Transport};
use crate::smtp::Smtp;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    { "required": ["to", "text"] }, { "required": ["cc", "text"] }, { "required": ["bcc", "text"] },
    { "required": ["to", "html"] }, { "required": ["cc", "html"] }, { "required": ["bcc", "html"] }
]))]
struct Mail {
    /// `李娜 <li@example.com>`, `person:li.na`, `role:客服主管`, `group:市场部`; one or a list
    #[serde(default)]
    to: Recipients,
    #[serde(default)]
    cc: Recipients,
    /// Get the mail and stand nowhere in it
    #[serde(default)]
    bcc: Recipients,
    /// Where answers go
    #[serde(default)]
    reply_to: Recipients,
    /// Left out, the address of the settings
    #[serde(default)]
    from: Option<String>,
    subject: String,
    #[serde(default)]
    text: Option<TextFile>,
    /// The same for readers who like it formatted
    #[serde(default)]
    html: Option<TextFile>,
    #[serde(default)]
    attachments: Vec<attachment::Attachment>,
    /// More headers: letters, digits and `-` in their names
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
}

#[derive(Serialize, JsonSchema)]
struct Sent {
    /// The same for every attempt
    message_id: String,
    recipients: Vec<String>,
    transport: Transport,
    /// Its name in the folder
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[plugin(id = "email", capabilities(net_direct, secret, fs_read, fs_write))]
struct Email {
    sender: Sender,
    roots: Roots,
    way: Way,
}

enum Way {
    Folder(Folder),
    Smtp(Arc<Smtp>),
}

#[actions]
impl Email {
    fn new(config: Config) -> Result<Self> {
        Ok(Self {
            sender: config.sender()?,
            roots: Roots::open(&config.roots)?,
            way: match config.transport() {
                Transport::Folder => Way::Folder(Folder::open(&config)?),
                Transport::Smtp => Way::Smtp(Arc::new(Smtp::new(config)?)),
            },
        })
    }

    /// Sends a mail. Every attempt carries the same Message-ID, by which mail programs fold repeats.
    #[action(
        keyed,
        timeout = "5m",
        example = r#"{"to": "li@example.com", "subject": "你好", "text": "一切就绪。"}"#
    )]
    async fn send(&self, ctx: Ctx, input: Mail) -> Result<Sent> {
        let envelope = Envelope::of(&input, &self.sender)?;
        let attachments = attachment::load(&self.roots, &ctx, &input.attachments).await?;
        let keep_bcc = matches!(self.way, Way::Folder(_));
        let draft = message::Draft { ctx: &ctx, input: &input, envelope: &envelope, keep_bcc };
        let message_id = self.sender.message_id(ctx.key(), &envelope.from);
        let bytes = draft.bytes(&message_id, attachments)?;
        let recipients = envelope.addresses();
        let (transport, file) = match &self.way {
            Way::Folder(folder) => (Transport::Folder, Some(folder.keep(ctx.key(), bytes).await?)),
            Way::Smtp(smtp) => {
                smtp.send(&ctx, &envelope, &bytes).await?;
                (Transport::Smtp, None)
            }
        };
        Ok(Sent { message_id, recipients, transport, file })
    }
}

#[cfg(test)]
mod tests;
