//! The plugin `webhook`: calls other systems over HTTP, signed and with a key that lets them fold repeats, and writes into
//! group chats.

#![forbid(unsafe_code)]

mod body;
mod chat;
mod input;
mod multipart;
mod path;
mod reply;
mod request;
mod sign;

use yizhan_plugin_api::prelude::*;
use yizhan_plugin_roots::{RootFolders, Roots};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The folders that files of a multipart body may be in; the first one is meant where a path names none
    #[serde(default)]
    roots: RootFolders,
}

#[plugin(id = "webhook", capabilities(http, secret, fs_read))]
struct Webhook {
    roots: Roots,
}

#[actions]
impl Webhook {
    fn new(config: Config) -> Result<Self> {
        Ok(Self { roots: Roots::open(&config.roots)? })
    }

    /// Calls an address and reads the reply. Every attempt carries the same `Idempotency-Key`.
    #[action(
        keyed,
        timeout = "2m",
        example = r#"{"url": "https://crm.example.com/customers", "json": {"name": "华东公司"}}"#
    )]
    async fn call(&self, ctx: Ctx, input: input::Call) -> Result<reply::Replied> {
        let outputs = reply::Outputs::of(&input)?;
        let request = request::request(&self.roots, &ctx, &input).await?;
        let response = request.send().await?;
        reply::read(&ctx, &input, outputs, &response).await
    }

    /// Writes into a group chat of WeCom, DingTalk or Feishu through the group's robot. Where its answer was lost the
    /// message is sent again: these robots know no key, so it may stand there twice.
    #[action(
        keyed,
        timeout = "1m",
        example = r#"{"kind": "wecom", "address": {"secret": "hotline-robot"}, "title": "停水 2 小时", "text": "城南片区"}"#
    )]
    async fn chat(&self, ctx: Ctx, message: chat::Message) -> Result<chat::Posted> {
        chat::post(&ctx, &message).await
    }
}

#[cfg(test)]
mod tests;
