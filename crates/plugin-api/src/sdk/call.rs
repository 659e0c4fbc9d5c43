//! One attempt as the action sees it: who it is for, how long it has, and what it may ask of the host.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::abi::{YZ_EMIT_HEARTBEAT, YZ_EMIT_PROGRESS};
use crate::sdk::error::Result;
use crate::sdk::host::Host;
use crate::sdk::http::Http;

/// How much of an artifact one request carries; base64 of it stays far below the limit of a document.
const ARTIFACT_PIECE: u64 = 4 << 20;

/// The call an action works for. Cheap to clone, and may be kept by tasks the action starts.
#[derive(Clone)]
pub struct Ctx(Arc<Call>);

pub(crate) struct Call {
    pub(crate) host: Host,
    pub(crate) id: u64,
    /// The context document as it came; parsed when somebody asks.
    text: Box<[u8]>,
    document: OnceLock<Document>,
    cancelled: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    key: String,
    run: String,
    workflow: String,
    step: String,
    round: u32,
    item: u32,
    attempt: u32,
    deadline: Option<i64>,
    now: i64,
    level: String,
    traceparent: Option<String>,
}

impl Ctx {
    pub(crate) fn new(host: Host, id: u64, text: &[u8]) -> Self {
        Self(Arc::new(Call {
            host,
            id,
            text: text.into(),
            document: OnceLock::new(),
            cancelled: AtomicBool::new(false),
            waiting: Mutex::new(Vec::new()),
        }))
    }

    pub(crate) fn call(&self) -> &Call {
        &self.0
    }

    fn document(&self) -> &Document {
        self.0.document.get_or_init(|| serde_json::from_slice(&self.0.text).unwrap_or_default())
    }

    /// 32 ASCII characters, the same for every attempt of this step, round and item. Hand it on: `Idempotency-Key`,
    /// `Message-ID`, a marker in a file.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.document().key
    }

    #[must_use]
    pub fn run(&self) -> &str {
        &self.document().run
    }

    #[must_use]
    pub fn workflow(&self) -> &str {
        &self.document().workflow
    }

    #[must_use]
    pub fn step(&self) -> &str {
        &self.document().step
    }

    #[must_use]
    pub fn round(&self) -> u32 {
        self.document().round
    }

    #[must_use]
    pub fn item(&self) -> u32 {
        self.document().item
    }

    /// Counts from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.document().attempt
    }

    /// When the host will cancel this call.
    #[must_use]
    pub fn deadline(&self) -> Option<SystemTime> {
        self.document().deadline.map(instant)
    }

    /// When the call began, by the engine's clock. It does not move on: for the time of day now see `clock_now`.
    #[must_use]
    pub fn began(&self) -> SystemTime {
        instant(self.document().now)
    }

    /// W3C trace context, to be handed on with outgoing calls.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.document().traceparent.as_deref()
    }

    pub(crate) fn level(&self) -> &str {
        &self.document().level
    }

    /// Whether the host asked to stop. A blocking action looks at it between its parts.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire) || self.0.host.is_cancelled(self.0.id)
    }

    /// Waits until the host asks to stop. Only actions marked `cooperative` need it: others are dropped.
    pub async fn cancelled(&self) {
        poll_fn(|cx| self.poll_cancelled(cx)).await;
    }

    pub(crate) fn poll_cancelled(&self, cx: &Context<'_>) -> Poll<()> {
        if self.0.cancelled.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at again under the lock, so that a cancel in between is not lost.
        if self.0.cancelled.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) fn cancel(&self) {
        let waiting = {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.cancelled.store(true, Ordering::Release);
            std::mem::take(&mut *waiting)
        };
        for waker in waiting {
            waker.wake();
        }
    }

    /// Tells how far the action is, from 0 to 1, with a few words for the console.
    pub fn progress(&self, done: f64, words: &str) {
        self.emit(YZ_EMIT_PROGRESS, &serde_json::json!({ "done": done.clamp(0.0, 1.0), "message": words }));
    }

    /// Says that the action is still alive.
    pub fn heartbeat(&self) {
        self.emit(YZ_EMIT_HEARTBEAT, &serde_json::json!({}));
    }

    fn emit(&self, kind: u32, document: &serde_json::Value) {
        self.0.host.emit(self.0.id, kind, document.to_string().as_bytes());
    }

    /// The host's HTTP client, with its connections, its trusted authorities and its rules of where one may go.
    pub fn http(&self) -> Http<'_> {
        Http::new(self)
    }

    pub(crate) async fn request<A: Serialize, R: serde::de::DeserializeOwned>(
        &self,
        op: &'static str,
        args: &A,
    ) -> Result<R> {
        self.0.host.request(self.0.id, op, args).await
    }

    /// A secret that the plugin declares or the step grants.
    pub async fn secret(&self, name: &str) -> Result<Secret> {
        #[derive(Serialize)]
        struct Ask<'a> {
            name: &'a str,
        }
        #[derive(Deserialize)]
        struct Reply {
            value: String,
        }
        let reply: Reply = self.request("secret.get/1", &Ask { name }).await?;
        Ok(Secret(Zeroizing::new(reply.value)))
    }

    /// Stores a file with the run; the returned id may stand in the output.
    pub async fn artifact_put(&self, name: &str, media_type: &str, content: &[u8]) -> Result<StoredArtifact> {
        #[derive(Serialize)]
        struct Ask<'a> {
            name: &'a str,
            media_type: &'a str,
            base64: String,
        }
        self.request("artifact.put/1", &Ask { name, media_type, base64: BASE64.encode(content) }).await
    }

    /// Reads a stored file whole.
    pub async fn artifact_get(&self, artifact: &str) -> Result<(StoredArtifact, Vec<u8>)> {
        #[derive(Serialize)]
        struct Ask<'a> {
            artifact: &'a str,
            offset: u64,
            length: u64,
        }
        #[derive(Deserialize)]
        struct Reply {
            #[serde(flatten)]
            stored: StoredArtifact,
            base64: String,
        }
        let mut content = Vec::new();
        loop {
            let ask = Ask { artifact, offset: content.len() as u64, length: ARTIFACT_PIECE };
            let reply: Reply = self.request("artifact.get/1", &ask).await?;
            let piece = BASE64.decode(reply.base64.as_bytes())?;
            content.extend_from_slice(&piece);
            if content.len() as u64 >= reply.stored.bytes || piece.is_empty() {
                return Ok((reply.stored, content));
            }
        }
    }

    /// The time of day, from the host, so that a recorded call can be repeated.
    pub async fn clock_now(&self) -> Result<SystemTime> {
        #[derive(Deserialize)]
        struct Reply {
            now: i64,
        }
        let reply: Reply = self.request("clock.now/1", &serde_json::json!({})).await?;
        Ok(instant(reply.now))
    }

    /// Random bytes, from the host, for the same reason.
    pub async fn random_bytes(&self, count: usize) -> Result<Vec<u8>> {
        #[derive(Deserialize)]
        struct Reply {
            base64: String,
        }
        let reply: Reply = self.request("random.bytes/1", &serde_json::json!({ "count": count })).await?;
        Ok(BASE64.decode(reply.base64)?)
    }

    /// Waits for one of the host's services in a blocking action. Never in an async one: it would stop the others.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx").field("run", &self.run()).field("step", &self.step()).finish_non_exhaustive()
    }
}

fn instant(unix_ms: i64) -> SystemTime {
    let distance = Duration::from_millis(unix_ms.unsigned_abs());
    if unix_ms < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

thread_local! {
    static CURRENT: RefCell<Option<Ctx>> = const { RefCell::new(None) };
}

/// The call this thread works for, so that log lines find their step.
pub(crate) fn current<T>(look: impl FnOnce(Option<&Ctx>) -> T) -> T {
    CURRENT.with(|current| match current.try_borrow() {
        Ok(ctx) => look(ctx.as_ref()),
        Err(_) => look(None),
    })
}

/// Works for `ctx` until dropped, also when a panic drops it.
pub(crate) struct Entered(Option<Ctx>);

impl Entered {
    pub(crate) fn new(ctx: Ctx) -> Self {
        Self(CURRENT.replace(Some(ctx)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// A secret's value. It does not print and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What the host says of a stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredArtifact {
    pub artifact: String,
    pub name: String,
    #[serde(default)]
    pub media_type: String,
    pub bytes: u64,
    #[serde(default)]
    pub sha256: String,
}
