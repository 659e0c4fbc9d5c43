//! Carries the plugin's `tracing` events to the host, as lines of the step they belong to.
//!
//! Each library has its own copy of `tracing`, whose events would go nowhere without this.

use std::fmt;
use std::sync::{Mutex, Once, PoisonError};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::abi::YZ_EMIT_LOG;
use crate::sdk::call::current;
use crate::sdk::host::Host;

/// For events outside any call, such as those of a background task: the last instance's host.
static HOST: Mutex<Option<Host>> = Mutex::new(None);

pub(crate) fn install(host: &Host) {
    *HOST.lock().unwrap_or_else(PoisonError::into_inner) = Some(host.clone());
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The author may have set one in `new`; theirs stays.
        drop(tracing::subscriber::set_global_default(ToHost));
    });
}

struct ToHost;

impl Subscriber for ToHost {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= current(|ctx| ctx.map_or(Level::INFO, |ctx| level(ctx.level())))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // The level comes with each call, so nothing may be ruled out beforehand.
        Some(LevelFilter::TRACE)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = json!({
            "level": event.metadata().level().as_str().to_ascii_lowercase(),
            "target": event.metadata().target(),
            "message": fields.message,
            "fields": fields.others,
        })
        .to_string();
        let sent =
            current(|ctx| ctx.map(|ctx| ctx.call().host.emit(ctx.call().id, YZ_EMIT_LOG, line.as_bytes())));
        if sent.is_none() {
            let host = HOST.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(host) = host {
                host.emit(0, YZ_EMIT_LOG, line.as_bytes());
            }
        }
    }

    // Spans carry nothing: the host has the span of the step.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn level(name: &str) -> Level {
    name.parse().unwrap_or(Level::INFO)
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.others.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}
