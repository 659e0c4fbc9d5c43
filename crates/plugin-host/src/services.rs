//! What a plugin may ask of the daemon: `request` with an operation, a document there and a document back.

pub(crate) mod artifacts;
pub(crate) mod http;
pub(crate) mod policy;
pub(crate) mod secrets;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use yizhan_plugin_api::abi::{YZ_BAD_DOCUMENT, YZ_DENIED, YZ_DONE, YZ_FAILED, YZ_UNSUPPORTED};

use crate::frame::{self, Kind};
use crate::instance::{Instance, Ready};
use crate::process::Out;
use crate::runner::Plugin;
use crate::services::artifacts::Artifacts;
use crate::services::http::Http;
use crate::services::secrets::Secrets;
use crate::table::PluginAnswer;

/// Requests of all plugins at once.
const OPEN_MAX: usize = 4096;
const RANDOM_MAX: usize = 64 << 10;

/// Where a reply goes.
pub(crate) enum Answer {
    Plugin(PluginAnswer),
    Frame { out: Arc<Out>, request: u64 },
}

impl Answer {
    pub(crate) fn give(self, status: i32, document: Vec<u8>) {
        match self {
            Self::Plugin(answer) => answer.give(status, document),
            Self::Frame { out, request } => {
                out.send(|frames| {
                    frame::put(frames, Kind::Reply, frame::status_flags(status), request, &document)
                });
            }
        }
    }
}

/// A request as a plugin made it.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) call: u64,
    pub(crate) op: &'a str,
    pub(crate) args: &'a str,
}

/// Why a request is refused or has failed: the error document of the ABI.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Denial {
    #[serde(skip)]
    pub(crate) status: i32,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<&'static str>,
    pub(crate) retry: bool,
    pub(crate) happened: &'static str,
}

impl Denial {
    /// Nothing was done, and asking again will not help.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: YZ_FAILED, code, message: message.into(), help: None, retry: false, happened: "no" }
    }

    pub(crate) fn denied(message: impl Into<String>, help: &'static str) -> Self {
        Self { status: YZ_DENIED, help: Some(help), ..Self::new("plugin.denied", message) }
    }

    pub(crate) fn retry(self) -> Self {
        Self { retry: true, ..self }
    }

    pub(crate) fn maybe_happened(self) -> Self {
        Self { happened: "maybe", ..self }
    }
}

pub(crate) type Reply = Result<Value, Denial>;

pub(crate) struct Services {
    inner: Arc<Inner>,
    runtime: Handle,
    /// Its end ends the runtime's thread.
    _end: oneshot::Sender<()>,
}

struct Inner {
    http: Http,
    secrets: Arc<dyn Secrets>,
    artifacts: Arc<dyn Artifacts>,
    open: AtomicUsize,
}

/// Counts a request for as long as it lives, also when it is aborted.
struct Counted(Arc<Inner>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Services {
    /// Where files lie that steps hand to each other.
    pub(crate) fn artifacts(&self) -> &dyn Artifacts {
        &*self.inner.artifacts
    }

    pub(crate) fn new(
        http: Http,
        secrets: Arc<dyn Secrets>,
        artifacts: Arc<dyn Artifacts>,
    ) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(16).build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("yz-services".to_owned()).spawn(move || {
            // Ends with an error when the sender is dropped, which is the sign.
            runtime.block_on(async { drop(ended.await) });
            runtime.shutdown_background();
        })?;
        let inner = Arc::new(Inner { http, secrets, artifacts, open: AtomicUsize::new(0) });
        Ok(Self { inner, runtime: handle, _end: end })
    }

    /// Answers now or later, exactly once; never blocks. The call must be one of the instance's, or 0.
    pub(crate) fn ask(&self, instance: &Arc<Instance>, question: &Question<'_>, answer: Answer) {
        match question.op {
            "clock.now/1" => answer_with(answer, Ok(json!({ "now": unix_ms() }))),
            "random.bytes/1" => answer_with(answer, random(question.args)),
            "http.fetch/1" | "secret.get/1" | "artifact.put/1" | "artifact.get/1" => {
                self.ask_later(instance, question, answer);
            }
            _ => answer.give(YZ_UNSUPPORTED, Vec::new()),
        }
    }

    fn ask_later(&self, instance: &Arc<Instance>, question: &Question<'_>, answer: Answer) {
        if self.inner.open.fetch_add(1, Ordering::Relaxed) >= OPEN_MAX {
            self.inner.open.fetch_sub(1, Ordering::Relaxed);
            let busy = Denial::new("plugin.host_busy", "too many requests of plugins are open").retry();
            answer_with(answer, Err(busy));
            return;
        }
        let counted = Counted(Arc::clone(&self.inner));
        let (call, op, args) = (question.call, question.op.to_owned(), question.args.to_owned());
        let (plugin, ready) = (Arc::clone(&instance.plugin), instance.find(call));
        let task = self.runtime.spawn(async move {
            let inner = &counted.0;
            let reply = match op.as_str() {
                "http.fetch/1" => inner.fetch(&plugin, ready.as_deref(), &args).await,
                "secret.get/1" => inner.secret(&plugin, ready.as_deref(), &args).await,
                "artifact.put/1" => inner.put(&plugin, ready.as_deref(), &args).await,
                _ => inner.get(&args).await,
            };
            answer_with(answer, reply);
        });
        instance.tie(call, task.abort_handle());
    }
}

fn answer_with(answer: Answer, reply: Reply) {
    match reply {
        Ok(reply) => answer.give(YZ_DONE, reply.to_string().into_bytes()),
        Err(denial) => answer.give(denial.status, serde_json::to_vec(&denial).unwrap_or_default()),
    }
}

fn parse<T: DeserializeOwned>(args: &str) -> Result<T, Denial> {
    serde_json::from_str(args).map_err(|error| Denial {
        status: YZ_BAD_DOCUMENT,
        ..Denial::new("plugin.bad_request", format!("the request is not understood: {error}"))
    })
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn random(args: &str) -> Reply {
    #[derive(Deserialize)]
    struct Ask {
        count: usize,
    }
    let Ask { count } = parse(args)?;
    if count > RANDOM_MAX {
        return Err(Denial::new("plugin.too_large", format!("at most {RANDOM_MAX} random bytes at once")));
    }
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Denial::new("plugin.no_random", error.to_string()).retry()),
        }
    }
    Ok(json!({ "base64": BASE64.encode(&bytes) }))
}

impl Inner {
    async fn fetch(&self, plugin: &Plugin, ready: Option<&Ready>, args: &str) -> Reply {
        let mut fetch: http::Fetch = parse(args)?;
        if let Some(http::Body::Artifact(id)) = &fetch.body {
            let content = self.whole(id.clone()).await?;
            fetch.body = Some(http::Body::Bytes(content));
        }
        let left = ready.map(|ready| ready.deadline.saturating_duration_since(std::time::Instant::now()));
        if yizhan_faults::fails("host.fetching") {
            return Err(Denial::new("plugin.fetch_failed", "as a fault run asks").retry());
        }
        self.http.fetch(&plugin.sealed.note.capabilities, fetch, left).await
    }

    async fn secret(&self, plugin: &Plugin, ready: Option<&Ready>, args: &str) -> Reply {
        #[derive(Deserialize)]
        struct Ask {
            name: String,
        }
        let Ask { name } = parse(args)?;
        let granted = plugin.secrets.contains(&name)
            || ready.is_some_and(|ready| {
                ready.secrets.contains(&name) || ready.call.secrets.iter().any(|granted| **granted == *name)
            });
        if !granted {
            let words = format!("the secret `{name}` is not granted to `{}` here", plugin.id);
            return Err(Denial::denied(
                words,
                "name it in the step, in the plugin's settings or in its note",
            ));
        }
        let (secrets, asked) = (Arc::clone(&self.secrets), name.clone());
        let value = blocking(move || secrets.get(&asked)).await?;
        match value {
            Ok(Some(value)) => {
                if value.len() < 8 {
                    tracing::warn!(
                        name,
                        "a secret of fewer than 8 bytes cannot be kept out of logs reliably"
                    );
                }
                plugin.scrub.learn(&value);
                Ok(json!({ "value": value }))
            }
            Ok(None) => {
                let unknown = Denial::new("secret.unknown", format!("there is no secret `{name}`"));
                Err(Denial {
                    help: Some("put it into a file of that name in the folder of secrets"),
                    ..unknown
                })
            }
            Err(error) => {
                Err(Denial::new("secret.unreadable", format!("the secret `{name}` cannot be read: {error}"))
                    .retry())
            }
        }
    }

    async fn put(&self, plugin: &Arc<Plugin>, ready: Option<&Ready>, args: &str) -> Reply {
        #[derive(Deserialize)]
        struct Ask {
            name: String,
            #[serde(default)]
            media_type: String,
            #[serde(default)]
            base64: Option<String>,
            #[serde(default)]
            text: Option<String>,
        }
        let ask: Ask = parse(args)?;
        let (artifacts, plugin) = (Arc::clone(&self.artifacts), Arc::clone(plugin));
        let stored = blocking(move || {
            let content = match (ask.base64, ask.text) {
                (Some(base64), _) => BASE64.decode(base64).map_err(std::io::Error::other)?,
                (None, text) => text.unwrap_or_default().into_bytes(),
            };
            let (name, media_type) = (plugin.scrub.text(&ask.name), plugin.scrub.text(&ask.media_type));
            artifacts.put(&name, &media_type, &plugin.scrub.file(content))
        });
        let stored = stored.await?.map_err(|error| {
            Denial::new("artifact.not_stored", format!("the artifact cannot be stored: {error}")).retry()
        })?;
        if let Some(ready) = ready {
            ready.stored.note(&stored.artifact);
        }
        Ok(json!(stored))
    }

    async fn get(&self, args: &str) -> Reply {
        #[derive(Deserialize)]
        struct Ask {
            artifact: String,
            #[serde(default)]
            offset: u64,
            #[serde(default)]
            length: Option<u64>,
        }
        let ask: Ask = parse(args)?;
        // Base64 of it must fit into a document.
        let length = ask.length.unwrap_or(8 << 20).min(8 << 20);
        let (stored, piece) = self.piece(ask.artifact, ask.offset, length).await?;
        let mut reply = json!(stored);
        reply["base64"] = BASE64.encode(&piece).into();
        Ok(reply)
    }

    async fn whole(&self, artifact: String) -> Result<Vec<u8>, Denial> {
        self.piece(artifact, 0, http::BODY_MAX).await.map(|(_, content)| content)
    }

    async fn piece(
        &self,
        artifact: String,
        offset: u64,
        length: u64,
    ) -> Result<(artifacts::StoredFile, Vec<u8>), Denial> {
        let (artifacts, id) = (Arc::clone(&self.artifacts), artifact.clone());
        match blocking(move || artifacts.get(&id, offset, length)).await? {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(Denial::new("artifact.unknown", format!("there is no artifact `{artifact}`"))),
            Err(error) => {
                let words = format!("the artifact `{artifact}` cannot be read: {error}");
                Err(Denial::new("artifact.unreadable", words).retry())
            }
        }
    }
}

/// Disks may be slow; the requests of others go on meanwhile.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Denial> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Denial::new("plugin.host_fault", format!("the service failed: {error}")).retry())
}
