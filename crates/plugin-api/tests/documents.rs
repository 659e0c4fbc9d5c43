//! The documents a plugin sends, held against files: a change here is a change of the ABI.

#![expect(clippy::unwrap_used, reason = "a test may")]
#![expect(unsafe_code, reason = "asks the table as a host does")]

use serde_json::{Value, json};
use yizhan_plugin_api::abi::{YzBuf, YzHeader, YzHost, adopt};
use yizhan_plugin_api::prelude::*;
use yizhan_plugin_api::sdk::private::entry;

#[plugin(id = "sample", capabilities(http("api.example.com:443"), secret("token")))]
struct Sample;

/// The settings.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where the other side lives
    base: String,
    password: Option<SecretName>,
}

#[derive(Deserialize, JsonSchema)]
struct Send {
    to: Recipients,
    #[serde(default)]
    text: TextFile,
    #[serde(default)]
    files: Vec<Artifact>,
    #[serde(default)]
    how: How,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum How {
    #[default]
    Plain,
    Signed {
        with: SecretName,
    },
}

#[derive(Serialize, JsonSchema)]
struct Sent {
    result: String,
    count: u32,
}

#[actions]
impl Sample {
    fn new(config: Config) -> Result<Self> {
        let _ = (config.base, config.password);
        Ok(Self)
    }

    /// Sends something.
    ///
    /// To everybody at once.
    #[action(
        keyed,
        timeout = "30s",
        grace = "2s",
        outcome = "result",
        example = r#"{"to": ["a@example.com"]}"#
    )]
    async fn send(&self, _: Ctx, input: Send) -> Result<Sent> {
        let _ = (input.text, input.files);
        if let How::Signed { with } = input.how {
            return Err(Error::new("sample.unsigned", format!("cannot sign with {with}"))
                .help("write another name")
                .retry_after(std::time::Duration::from_millis(1500))
                .at("/how/with"));
        }
        Ok(Sent { result: "sent".to_owned(), count: u32::try_from(input.to.0.len())? })
    }

    /// Counts.
    #[action(pure, blocking, name = "count-all")]
    fn count(&self, _: Ctx, input: NoConfig) -> Result<Sent> {
        let _ = input;
        Ok(Sent { result: "none".to_owned(), count: 0 })
    }
}

fn golden(name: &str) -> Value {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn describe_is_as_written_down() {
    let host = YzHeader::of::<YzHost>();
    let mut why = YzBuf::EMPTY;
    // SAFETY: both outlast the call, and the table is the SDK's own.
    let table = unsafe { adopt(entry::<Sample>(&raw const host, &raw mut why)) }.unwrap();
    let mut out = YzBuf::EMPTY;
    // SAFETY: the buffer outlasts the call and is ours afterwards.
    let document = unsafe {
        assert_eq!(table.describe.unwrap()(&raw mut out), 0);
        out.take(1 << 20).unwrap()
    };
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document, golden("describe.json"), "{document:#}");
}

#[test]
fn an_error_is_as_written_down() {
    let told = Error::new("sample.unsigned", "cannot sign with stamp")
        .help("write another name")
        .retry_after(std::time::Duration::from_millis(1500))
        .at("/how/with");
    assert_eq!(json!(told), golden("error.json"));
}

#[cfg(feature = "test")]
#[test]
fn the_sample_does_what_it_says() {
    let sample = yizhan_plugin_api::Harness::<Sample>::new(&json!({ "base": "x" })).unwrap();
    let sent = sample.run("send", &json!({ "to": "a@example.com" })).unwrap();
    assert_eq!(sent, json!({ "result": "sent", "count": 1 }));
    let error =
        sample.run("send", &json!({ "to": [], "how": { "kind": "signed", "with": "stamp" } })).unwrap_err();
    assert_eq!(json!(error), golden("error.json"));
    assert_eq!(sample.run("count-all", &json!({})).unwrap()["count"], 0);
}
