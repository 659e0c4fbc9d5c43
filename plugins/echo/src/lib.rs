//! The smallest plugin: gives back what it got, or misbehaves as asked. The tests and the bench load it.

#![forbid(unsafe_code)]

use std::time::Duration;

use yizhan_plugin_api::prelude::*;

#[plugin(id = "echo")]
struct Echo;

#[derive(Deserialize, JsonSchema)]
struct Sleep {
    /// How long, in milliseconds
    ms: u64,
}

#[derive(Serialize, JsonSchema)]
struct Slept {
    ms: u64,
}

/// Where `hang` hangs.
#[derive(Deserialize, JsonSchema)]
struct Hang {
    /// In milliseconds; without it for ever
    ms: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
struct Message {
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Eat {
    /// How much, in MiB
    mb: usize,
}

/// How to fail.
#[derive(Deserialize, JsonSchema)]
struct Fail {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    retry: bool,
    #[serde(default)]
    retry_after_s: Option<f64>,
    #[serde(default)]
    happened: Took,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Took {
    #[default]
    No,
    Maybe,
    Yes,
}

#[derive(Serialize, JsonSchema)]
struct Nothing {}

#[actions]
impl Echo {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    /// Gives its input back.
    #[action(pure, inline, example = r#"{"text": "hello"}"#)]
    fn echo(&self, _: Ctx, input: Raw) -> Result<Raw> {
        Ok(input)
    }

    /// Does nothing, as fast as it can.
    #[action(pure, inline)]
    fn noop(&self, _: Ctx, _: Raw) -> Result<Nothing> {
        Ok(Nothing {})
    }

    /// Waits; a cancel ends it.
    #[action(idempotent, example = r#"{"ms": 10}"#)]
    async fn sleep(&self, ctx: Ctx, input: Sleep) -> Result<Slept> {
        ctx.progress(0.0, "asleep");
        tokio::time::sleep(Duration::from_millis(input.ms)).await;
        Ok(Slept { ms: input.ms })
    }

    /// Waits and does not listen to a cancel.
    #[action(idempotent, blocking)]
    fn hang(&self, ctx: Ctx, input: Hang) -> Result<Nothing> {
        ctx.progress(0.0, "hanging");
        match input.ms {
            Some(ms) => std::thread::sleep(Duration::from_millis(ms)),
            None => loop {
                std::thread::park();
            },
        }
        Ok(Nothing {})
    }

    /// Takes memory and gives it back; where there is none, its process ends.
    #[action(idempotent, inline, example = r#"{"mb": 1}"#)]
    fn eat(&self, _: Ctx, input: Eat) -> Result<Nothing> {
        let held: Vec<u8> = Vec::with_capacity(input.mb.saturating_mul(1 << 20).min(1 << 40));
        std::hint::black_box(&held);
        Ok(Nothing {})
    }

    /// Panics.
    #[action(idempotent, inline)]
    fn panic(&self, _: Ctx, input: Message) -> Result<Nothing> {
        std::panic::panic_any(input.message.unwrap_or_else(|| "asked to".to_owned()))
    }

    /// Ends its process.
    #[action(idempotent, inline)]
    fn crash(&self, _: Ctx, _: Raw) -> Result<Nothing> {
        std::process::abort()
    }

    /// Fails as told.
    #[action(idempotent, inline, example = r#"{"code": "echo.asked", "retry": true}"#)]
    fn fail(&self, _: Ctx, input: Fail) -> Result<Nothing> {
        let happened = match input.happened {
            Took::No => Happened::No,
            Took::Maybe => Happened::Maybe,
            Took::Yes => Happened::Yes,
        };
        let mut error = Error::new(input.code, input.message).happened(happened);
        if input.retry {
            error = error.retry();
        }
        match input.retry_after_s {
            Some(seconds) => Err(error.retry_after(Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0)))),
            None => Err(error),
        }
    }

    /// Waits, and must not be tried again in doubt.
    #[action(once, example = r#"{"ms": 0}"#)]
    async fn once(&self, _: Ctx, input: Sleep) -> Result<Slept> {
        tokio::time::sleep(Duration::from_millis(input.ms)).await;
        Ok(Slept { ms: input.ms })
    }

    /// Writes a line to the log and gives its input back.
    #[action(pure, inline)]
    fn log(&self, ctx: Ctx, input: Message) -> Result<Nothing> {
        let message = input.message.unwrap_or_default();
        tracing::info!(step = ctx.step(), "{message}");
        Ok(Nothing {})
    }
}

#[cfg(test)]
mod tests;
