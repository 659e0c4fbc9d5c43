//! The section `[tell.chat]`: robots of group chats.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use yizhan_engine::chats;
use yizhan_workflow::plan::ActionName;

use super::mail::SecretName;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chat {
    kind: Kind,
    /// The robot's address is a secret: whoever has it can write into the group.
    address: SecretName,
    sign: Option<SecretName>,
    /// As workflows name people; empty: all of them.
    #[serde(default, rename = "for")]
    whose: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Wecom,
    Dingtalk,
    Feishu,
}

impl Chat {
    pub(super) fn check(&self) -> Result<(), String> {
        let named = |who: &str| {
            who.split_once(':').is_some_and(|(kind, name)| {
                matches!(kind, "person" | "group" | "role") && !name.trim().is_empty()
            })
        };
        if let Some(who) = self.whose.iter().find(|who| !named(who)) {
            return Err(format!("for: \"{who}\" is none of \"person:…\", \"group:…\", \"role:…\""));
        }
        if self.kind == Kind::Wecom && self.sign.is_some() {
            return Err("robots of WeCom (企业微信) are not signed; take `sign` out".to_owned());
        }
        Ok(())
    }

    /// As the engine carries it.
    pub(crate) fn of(&self, name: &str) -> chats::Chat {
        let mut with = Map::new();
        with.insert("kind".to_owned(), json!(self.kind));
        with.insert("address".to_owned(), secret(&self.address));
        if let Some(sign) = &self.sign {
            with.insert("sign".to_owned(), secret(sign));
        }
        let secrets = std::iter::once(&self.address).chain(&self.sign);
        chats::Chat {
            name: name.into(),
            action: ActionName { plugin: "webhook".into(), action: "chat".into() },
            with,
            secrets: secrets.map(|name| name.secret.as_str().into()).collect(),
            whose: self.whose.clone(),
        }
    }
}

fn secret(name: &SecretName) -> Value {
    json!({ "secret": name.secret })
}
