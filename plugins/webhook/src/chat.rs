//! Messages to a group chat through its robot: WeCom (企业微信), DingTalk (钉钉), Feishu (飞书).
//!
//! What a message says may come from anybody, so nothing of it is markup: no mention of all, no link that is not ours.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use url::{Url, form_urlencoded};
use yizhan_plugin_api::prelude::*;

use crate::input::SecretRef;

/// Longer titles are cut.
const TITLE_MOST: usize = 200;
const TIMEOUT: Duration = Duration::from_secs(30);
const REPLY_MAX: u64 = 64 << 10;

/// What a workflow or `[tell.chat]` says about a message.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// The robot's address as its group shows it; whoever has it can write into the group
    pub(crate) address: SecretRef,
    /// With which DingTalk and Feishu want messages signed, where the robot was set so
    #[serde(default)]
    #[schemars(with = "SecretRef")]
    pub(crate) sign: Option<SecretRef>,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) text: String,
    /// An address under the text
    #[serde(default)]
    pub(crate) link: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Wecom,
    Dingtalk,
    Feishu,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Posted {
    /// The text was longer than the group takes
    cut: bool,
}

impl Kind {
    /// Bytes of a text that the vendor takes for sure, with room for title, link and what JSON adds.
    fn text_most(self) -> usize {
        match self {
            Self::Wecom => 3_000,
            Self::Dingtalk | Self::Feishu => 8_000,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Wecom => "WeCom",
            Self::Dingtalk => "DingTalk",
            Self::Feishu => "Feishu",
        }
    }
}

pub(crate) async fn post(ctx: &Ctx, message: &Message) -> Result<Posted> {
    let kind = message.kind;
    if message.title.trim().is_empty() {
        return Err(Error::refused("webhook.bad_chat", "a message needs a title").at("/title"));
    }
    let address = address(ctx, message).await?;
    let now = ctx.began().duration_since(UNIX_EPOCH).unwrap_or_default();
    let signed = match &message.sign {
        Some(_) if kind == Kind::Wecom => {
            return Err(Error::refused("webhook.bad_chat", "robots of WeCom are not signed")
                .at("/sign")
                .help("take `sign` out"));
        }
        Some(secret) => {
            let secret = ctx.secret(&secret.secret.0).await.map_err(|error| error.at("/sign/secret"))?;
            Some(signature(kind, secret.expose().trim(), now)?)
        }
        None => None,
    };
    let (title, (text, cut)) = (line(&message.title), shortened(&message.text, kind.text_most()));
    let link = link(&message.link)?;
    let mut body = body(kind, &title, &text, link.as_deref());
    let url = match (kind, signed) {
        (Kind::Dingtalk, Some((time, sign))) => {
            let query: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("sign", &sign).finish();
            format!("{address}&timestamp={time}&{query}")
        }
        (Kind::Feishu, Some((time, sign))) => {
            body.insert("timestamp".to_owned(), time.into());
            body.insert("sign".to_owned(), sign.into());
            address
        }
        (Kind::Wecom | Kind::Dingtalk | Kind::Feishu, _) => address,
    };
    let response = ctx.http().post(url).timeout(TIMEOUT).max_bytes(REPLY_MAX).json(&body).send().await?;
    taken(kind, &response)?;
    Ok(Posted { cut })
}

async fn address(ctx: &Ctx, message: &Message) -> Result<String> {
    let pointer = "/address/secret";
    let secret = ctx
        .secret(&message.address.secret.0)
        .await
        .map_err(|error| error.at(pointer))?
        .expose()
        .trim()
        .to_owned();
    let is_one = Url::parse(&secret).is_ok_and(|url| {
        url.scheme() == "https"
            && url.username().is_empty()
            && url.fragment().is_none()
            && (message.kind == Kind::Feishu || url.query().is_some_and(|query| !query.is_empty()))
    });
    if is_one {
        return Ok(secret);
    }
    let words = format!(
        "the secret `{}` is no address of a robot of {}",
        message.address.secret,
        message.kind.name()
    );
    Err(Error::refused("webhook.bad_chat", words).at(pointer).help(
        "copy the whole address, from `https://` on, from the robot's page in the settings of the group",
    ))
}

/// The time as the vendor counts it, and what belongs to it. DingTalk's key is the secret and it counts milliseconds;
/// Feishu's key is what DingTalk signs, the message is empty, and it counts seconds.
fn signature(kind: Kind, secret: &str, now: Duration) -> Result<(String, String)> {
    let time = match kind {
        Kind::Feishu => now.as_secs().to_string(),
        Kind::Wecom | Kind::Dingtalk => now.as_millis().to_string(),
    };
    let both = format!("{time}\n{secret}");
    let (key, content) = match kind {
        Kind::Feishu => (both.as_str(), ""),
        Kind::Wecom | Kind::Dingtalk => (secret, both.as_str()),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|error| Error::refused("webhook.bad_secret", error.to_string()).at("/sign/secret"))?;
    mac.update(content.as_bytes());
    Ok((time, BASE64.encode(mac.finalize().into_bytes())))
}

fn body(kind: Kind, title: &str, text: &str, link: Option<&str>) -> Map<String, Value> {
    let body = match kind {
        Kind::Wecom => {
            let content = markdown(title, text, link);
            json!({ "msgtype": "markdown", "markdown": { "content": content } })
        }
        Kind::Dingtalk => {
            let text = markdown(title, text, link);
            json!({ "msgtype": "markdown", "markdown": { "title": title, "text": text } })
        }
        Kind::Feishu => {
            let word = |text: &str| json!({ "tag": "text", "text": text });
            let lines = text.lines().filter(|line| !line.trim().is_empty()).map(|line| json!([word(line)]));
            let link = link.map(|link| json!([{ "tag": "a", "text": link, "href": link }]));
            let content: Vec<Value> = lines.chain(link).collect();
            json!({ "msg_type": "post", "content": { "post": { "zh_cn": { "title": title, "content": content } } } })
        }
    };
    match body {
        Value::Object(body) => body,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// Both vendors end a paragraph at an empty line, and only there.
fn markdown(title: &str, text: &str, link: Option<&str>) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(plain);
    let link = link.map(|link| format!("[{}]({link})", plain(link)));
    let all: Vec<String> =
        std::iter::once(format!("**{}**", plain(title))).chain(lines).chain(link).collect();
    all.join("\n\n")
}

/// The vendors' dialects know no common way to escape a sign, so those that mean something give way to their wide twins.
fn plain(line: &str) -> String {
    let wide = line.chars().map(|sign| match sign {
        '<' => '＜',
        '>' => '＞',
        '[' => '［',
        ']' => '］',
        '*' => '＊',
        '`' => '｀',
        '#' => '＃',
        '~' => '～',
        '|' => '｜',
        other => other,
    });
    wide.collect()
}

/// One line, without control characters.
fn line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|w| !w.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(TITLE_MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn shortened(text: &str, most: usize) -> (String, bool) {
    if text.len() <= most {
        return (text.to_owned(), false);
    }
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    (format!("{}…", &text[..end]), true)
}

fn link(link: &str) -> Result<Option<String>> {
    let link = link.trim();
    if link.is_empty() {
        return Ok(None);
    }
    let bad = |words: String| Err(Error::refused("webhook.bad_chat", words).at("/link"));
    match Url::parse(link) {
        // What closes the link in Markdown is escaped in an address by right.
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            Ok(Some(url.as_str().replace('(', "%28").replace(')', "%29")))
        }
        Ok(_) => bad("only `https` and `http` are linked to".to_owned()),
        Err(error) => bad(format!("the link is not understood: {error}")),
    }
}

/// All three answer 200 whatever happened; a code in the reply says what.
fn taken(kind: Kind, response: &HttpResponse) -> Result<()> {
    let status = response.status();
    if status == 429 || status >= 500 {
        let words = format!("the robot of {} answers {status}: try again later", kind.name());
        return Err(Error::new("webhook.try_later", words)
            .retry()
            .retry_after(response.retry_after().unwrap_or(Duration::from_secs(60))));
    }
    let reply: Value = response.json().unwrap_or_default();
    let code = ["errcode", "code", "StatusCode"].iter().find_map(|name| reply.get(name)?.as_i64());
    match code {
        Some(0) if response.is_success() => Ok(()),
        Some(code) => {
            let said = ["errmsg", "msg", "StatusMessage"].iter().find_map(|name| reply.get(name)?.as_str());
            Err(refusal(kind, code, &line(said.unwrap_or_default())))
        }
        None => {
            let words = format!("what answers with {status} is no robot of {}", kind.name());
            Err(Error::new("webhook.bad_reply", words)
                .happened(Happened::Maybe)
                .help("look at the address in the secret, and whether it fits `kind`"))
        }
    }
}

/// What the codes that the vendors document mean for whoever set the robot up.
fn refusal(kind: Kind, code: i64, said: &str) -> Error {
    let words = format!("the robot of {} refuses the message: {code} {said}", kind.name());
    let later = |seconds| {
        Error::refused("webhook.try_later", words.clone()).retry().retry_after(Duration::from_secs(seconds))
    };
    let help = match (kind, code) {
        // More than 20 within a minute.
        (Kind::Wecom, 45009 | 45033) => return later(60),
        // More than 20 within a minute, and then nothing for ten.
        (Kind::Dingtalk, 130_101 | 410_100) => return later(600),
        (Kind::Feishu, 9499) if said.contains("too many") => return later(60),
        (Kind::Feishu, 11232 | 11233) => return later(60),
        (Kind::Wecom | Kind::Dingtalk, -1) => return later(3),
        (Kind::Wecom, 93000 | 93004 | 93008)
        | (Kind::Dingtalk, 300_005 | 400_101)
        | (Kind::Feishu, 19001) => "there is no such robot any more: copy its address into the secret anew",
        (Kind::Dingtalk, 400_013 | 400_102) => {
            "the group was dissolved or the robot switched off: make one anew"
        }
        (Kind::Dingtalk, 310_000) => {
            "a security setting of the robot: `sign` must name its secret (`SEC…`), or the title must have its keyword, \
             or this machine's address must be on its list; the words above say which"
        }
        (Kind::Feishu, 19021) => {
            "`sign` must name the robot's secret, and this machine's clock must be right to the hour"
        }
        (Kind::Feishu, 19022) => "put this machine's address on the robot's list",
        (Kind::Feishu, 19024) => "the title or the text must have the robot's keyword",
        (Kind::Dingtalk, 430_101..=430_104) => "DingTalk does not let these words or this link through",
        (Kind::Wecom | Kind::Dingtalk | Kind::Feishu, _) => {
            "the vendor's list of return codes says what this one means"
        }
    };
    Error::refused("webhook.refused", words).help(help)
}

#[cfg(test)]
mod tests;
