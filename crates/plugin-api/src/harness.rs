//! A host in miniature, so that a plugin's actions run in its own unit tests, through the real border.

#![expect(unsafe_code, reason = "implements the host's C table")]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::abi::{
    Misfit, YZ_DONE, YZ_EMIT_LOG, YZ_EMIT_PROGRESS, YZ_FAILED, YZ_UNKNOWN_CALL, YZ_UNSUPPORTED, YzBuf,
    YzBytes, YzHeader, YzHost, YzPlugin, YzReply, adopt,
};
use crate::sdk::private::entry;
use crate::sdk::{Error, Plugin, Result};

/// No test waits longer for a call.
const PATIENCE: Duration = Duration::from_secs(30);
const CONTENT_MAX: usize = 64 << 20;

/// Runs the actions of `P` against a mock host.
pub struct Harness<P: Plugin> {
    table: YzPlugin,
    instance: *mut c_void,
    mock: Arc<Mock>,
    /// Taken back once the plugin can no longer call.
    lent: *const Mock,
    key: String,
    next: std::cell::Cell<u64>,
    plugin: PhantomData<P>,
}

#[derive(Default)]
struct Mock {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    open: HashSet<u64>,
    cancelled: HashSet<u64>,
    ended: HashMap<u64, (i32, Vec<u8>)>,
    secrets: BTreeMap<String, String>,
    artifacts: BTreeMap<String, (String, Vec<u8>)>,
    routes: BTreeMap<String, Vec<Result<Value>>>,
    requests: Vec<(String, Value)>,
    logs: Vec<Value>,
    progress: Vec<Value>,
    faults: Vec<String>,
}

impl Mock {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Plugin> Harness<P> {
    /// Opens the plugin with these settings; an error is what the plugin says of them.
    pub fn new(config: &Value) -> Result<Self> {
        let mock = Arc::new(Mock::default());
        let lent = Arc::into_raw(Arc::clone(&mock));
        let host = YzHost {
            hdr: YzHeader::of::<YzHost>(),
            ctx: lent.cast_mut().cast::<c_void>(),
            complete: Some(complete),
            emit: Some(emit),
            request: Some(request),
            is_cancelled: Some(is_cancelled),
        };
        let mut why = YzBuf::EMPTY;
        // SAFETY: the header and the buffer outlast the call, and the table is the SDK's own.
        let table = unsafe { adopt(entry::<P>(&raw const host.hdr, &raw mut why)) };
        let table = table.map_err(|misfit: Misfit| Error::refused("plugin.abi", format!("{misfit:?}")))?;
        let config = config.to_string();
        let mut instance = ptr::null_mut();
        let mut error = YzBuf::EMPTY;
        let Some(create) = table.create else { return Err(Error::refused("plugin.abi", "no create")) };
        // SAFETY: all pointers outlast the call; the mock behind `ctx` outlives the instance, see `drop`.
        let status = unsafe {
            create(&raw const host, YzBytes::of(config.as_bytes()), &raw mut instance, &raw mut error)
        };
        if status != YZ_DONE {
            // SAFETY: a refused `create` leaves nothing that could call; the buffer is ours.
            let document = unsafe {
                drop(Arc::from_raw(lent));
                error.take(CONTENT_MAX)
            };
            return Err(serde_json::from_slice(&document.unwrap_or_default())?);
        }
        let key = "abcdefghijklmnopqrstuvwxyz234567".to_owned();
        Ok(Self { table, instance, mock, lent, key, next: std::cell::Cell::new(1), plugin: PhantomData })
    }

    /// What `ctx.secret(name)` gives.
    #[must_use]
    pub fn secret(self, name: &str, value: &str) -> Self {
        self.mock.lock().secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Answers `GET https://…`; several for one route answer in turn, and the last one stays.
    #[must_use]
    pub fn http(self, route: &str, status: u16, body: &str) -> Self {
        self.http_reply(route, status, &[], body)
    }

    #[must_use]
    pub fn http_reply(self, route: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let reply = json!({ "status": status, "headers": headers, "body": { "text": body } });
        self.mock.lock().routes.entry(route.to_owned()).or_default().push(Ok(reply));
        self
    }

    /// Lets the host's `http.fetch` fail on this route.
    #[must_use]
    pub fn http_error(self, route: &str, error: Error) -> Self {
        self.mock.lock().routes.entry(route.to_owned()).or_default().push(Err(error));
        self
    }

    #[must_use]
    pub fn artifact(self, id: &str, name: &str, content: &[u8]) -> Self {
        self.mock.lock().artifacts.insert(id.to_owned(), (name.to_owned(), content.to_vec()));
        self
    }

    /// The key of the next calls: 32 ASCII characters.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// Runs one action to its end.
    pub fn run(&self, action: &str, input: &Value) -> Result<Value> {
        let call = self.start(action, input)?;
        self.end_of(call)
    }

    /// Starts an action; `end_of` waits for it, `cancel` asks it to stop.
    pub fn start(&self, action: &str, input: &Value) -> Result<u64> {
        let call = self.next.replace(self.next.get() + 1);
        let now = unix_ms();
        let ctx = json!({
            "key": self.key, "run": "run_test", "workflow": "test", "step": "test", "round": 0, "item": 0,
            "attempt": 1, "now": now, "deadline": now + 60_000, "level": "trace",
        })
        .to_string();
        let input = input.to_string();
        self.mock.lock().open.insert(call);
        let Some(start) = self.table.start else { return Err(Error::refused("plugin.abi", "no start")) };
        let (action_bytes, ctx, input) =
            (YzBytes::of(action.as_bytes()), YzBytes::of(ctx.as_bytes()), YzBytes::of(input.as_bytes()));
        // SAFETY: the instance is live and the bytes outlast the call.
        let status = unsafe { start(self.instance, call, action_bytes, ctx, input) };
        if status == YZ_DONE {
            return Ok(call);
        }
        self.mock.lock().open.remove(&call);
        Err(Error::refused("plugin.unsupported", format!("`{action}` was refused with status {status}")))
    }

    pub fn cancel(&self, call: u64) {
        self.mock.lock().cancelled.insert(call);
        if let Some(cancel) = self.table.cancel {
            // SAFETY: the instance is live.
            unsafe { cancel(self.instance, call, crate::abi::YZ_CANCEL_ASKED) };
        }
    }

    /// The output, or the error; a cancelled call is an error too.
    pub fn end_of(&self, call: u64) -> Result<Value> {
        let until = Instant::now() + PATIENCE;
        let mut state = self.mock.lock();
        loop {
            if let Some((status, document)) = state.ended.remove(&call) {
                return match status {
                    YZ_DONE => Ok(serde_json::from_slice(&document)?),
                    _ => Err(serde_json::from_slice(&document)?),
                };
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::new("plugin.timeout", "the action did not end within 30 s"));
            }
            state = self.mock.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What the plugin asked of the host, in order: the operation and its request.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, Value)> {
        self.mock.lock().requests.clone()
    }

    /// The files the plugin stored: name and content.
    #[must_use]
    pub fn artifacts(&self) -> Vec<(String, Vec<u8>)> {
        self.mock.lock().artifacts.values().cloned().collect()
    }

    #[must_use]
    pub fn logs(&self) -> Vec<Value> {
        self.mock.lock().logs.clone()
    }

    #[must_use]
    pub fn progress(&self) -> Vec<Value> {
        self.mock.lock().progress.clone()
    }

    /// Where the plugin broke the rules of the border. Empty in a good test.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.mock.lock().faults.clone()
    }
}

impl<P: Plugin> Drop for Harness<P> {
    fn drop(&mut self) {
        if let Some(destroy) = self.table.destroy {
            // SAFETY: the instance is live, and nothing is called on it afterwards.
            unsafe { destroy(self.instance) };
        }
        // SAFETY: lent in `new`; after `destroy` the plugin makes no calls.
        drop(unsafe { Arc::from_raw(self.lent) });
    }
}

/// # Safety
/// `ctx` is the mock lent in `Harness::new`.
unsafe fn mock<'a>(ctx: *mut c_void) -> &'a Mock {
    // SAFETY: promised by the caller.
    unsafe { &*ctx.cast_const().cast::<Mock>() }
}

unsafe extern "C" fn complete(ctx: *mut c_void, call: u64, status: i32, out: YzBuf) -> i32 {
    // SAFETY: the plugin gives back our `ctx` and hands the buffer over.
    let (mock, document) = unsafe { (mock(ctx), out.take(CONTENT_MAX)) };
    let mut state = mock.lock();
    if !state.open.remove(&call) {
        state.faults.push(format!("completed call {call}, which is not open"));
        return YZ_UNKNOWN_CALL;
    }
    state.ended.insert(call, (status, document.unwrap_or_default()));
    drop(state);
    mock.changed.notify_all();
    YZ_DONE
}

unsafe extern "C" fn emit(ctx: *mut c_void, _call: u64, kind: u32, json: YzBytes) -> i32 {
    // SAFETY: the plugin gives back our `ctx`, and the bytes outlast the call.
    let (mock, json) = unsafe { (mock(ctx), json.as_slice()) };
    let document = serde_json::from_slice(json).unwrap_or_default();
    let mut state = mock.lock();
    match kind {
        YZ_EMIT_LOG => state.logs.push(document),
        YZ_EMIT_PROGRESS => state.progress.push(document),
        _ => {}
    }
    YZ_DONE
}

unsafe extern "C" fn request(
    ctx: *mut c_void,
    _call: u64,
    op: YzBytes,
    json: YzBytes,
    user: *mut c_void,
    done: YzReply,
) -> i32 {
    // SAFETY: the plugin gives back our `ctx`, and the bytes outlast the call.
    let (mock, op, json) = unsafe { (mock(ctx), op.as_slice(), json.as_slice()) };
    let op = String::from_utf8_lossy(op).into_owned();
    let args: Value = serde_json::from_slice(json).unwrap_or_default();
    let mut state = mock.lock();
    state.requests.push((op.clone(), args.clone()));
    let Some(reply) = state.reply(&op, &args) else { return YZ_UNSUPPORTED };
    drop(state);
    let (status, document) = match reply {
        Ok(reply) => (YZ_DONE, reply.to_string().into_bytes()),
        Err(error) => (YZ_FAILED, serde_json::to_vec(&error).unwrap_or_default()),
    };
    if let Some(done) = done {
        // SAFETY: called once for this `user`, and the buffer is handed over.
        unsafe { done(user, status, YzBuf::of(document)) };
    }
    YZ_DONE
}

unsafe extern "C" fn is_cancelled(ctx: *mut c_void, call: u64) -> i32 {
    // SAFETY: the plugin gives back our `ctx`.
    i32::from(unsafe { mock(ctx) }.lock().cancelled.contains(&call))
}

impl State {
    fn reply(&mut self, op: &str, args: &Value) -> Option<Result<Value>> {
        Some(match op {
            "http.fetch/1" => self.fetch(args),
            "secret.get/1" => {
                let name = args["name"].as_str().unwrap_or_default();
                self.secrets.get(name).map(|value| json!({ "value": value })).ok_or_else(|| {
                    Error::refused("secret.unknown", format!("the test gives no secret `{name}`"))
                })
            }
            "artifact.put/1" => Ok(self.store(args)),
            "artifact.get/1" => self.load(args),
            "clock.now/1" => Ok(json!({ "now": unix_ms() })),
            "random.bytes/1" => {
                let count = usize::try_from(args["count"].as_u64().unwrap_or(0)).unwrap_or(0);
                Ok(json!({ "base64": BASE64.encode(vec![7; count]) }))
            }
            _ => return None,
        })
    }

    fn fetch(&mut self, args: &Value) -> Result<Value> {
        let text = |name: &str| args[name].as_str().unwrap_or_default();
        let route = format!("{} {}", text("method"), text("url"));
        let Some(replies) = self.routes.get_mut(&route) else {
            return Err(Error::refused("http.no_route", format!("the test has no answer for `{route}`")));
        };
        if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
    }

    fn store(&mut self, args: &Value) -> Value {
        let content = args["base64"].as_str().and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
        let name = args["name"].as_str().unwrap_or_default().to_owned();
        let id = format!("artifact-{}", self.artifacts.len() + 1);
        let bytes = content.len();
        self.artifacts.insert(id.clone(), (name.clone(), content));
        json!({ "artifact": id, "name": name, "media_type": args["media_type"], "bytes": bytes, "sha256": "" })
    }

    fn load(&self, args: &Value) -> Result<Value> {
        let id = args["artifact"].as_str().unwrap_or_default();
        let Some((name, content)) = self.artifacts.get(id) else {
            return Err(Error::refused("artifact.unknown", format!("the test gives no artifact `{id}`")));
        };
        let from =
            usize::try_from(args["offset"].as_u64().unwrap_or(0)).unwrap_or(usize::MAX).min(content.len());
        let most = usize::try_from(args["length"].as_u64().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let to = from.saturating_add(most).min(content.len());
        let piece = BASE64.encode(&content[from..to]);
        Ok(json!({ "artifact": id, "name": name, "bytes": content.len(), "base64": piece }))
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
