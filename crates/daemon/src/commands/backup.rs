//! `yizhan backup FILE`: the whole home in one file, as of one moment.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Context;
use crate::backup::pack::{Asked, pack};
use crate::backup::{About, Progress};
use crate::exit::{Exit, Failure};
use crate::language::Language;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan backup /mnt/backup/yizhan-$(date +%F).zip\n  yizhan backup /mnt/backup/yizhan.zip --secrets --json\n\nThe daemon may run and nobody waits for it. The store is looked through: a damaged one is refused, and what was there\nbefore stays. `yizhan restore` makes a home of it."
)]
pub(crate) struct Args {
    /// Replaced once the new one is whole; outside of this home, best on another disk
    file: PathBuf,
    /// Take the secrets along: whoever has the file has them too
    #[arg(long)]
    secrets: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let home = context.home()?;
    let store = home.config(None)?.store.path;
    let asked = Asked { file: &args.file, store: &store, secrets: args.secrets };
    let mut line = Line::of(context);
    let about = pack(&home, &asked, &mut |progress| line.tell(progress))?;
    drop(line);
    let file = args.file.display().to_string();
    let size = std::fs::metadata(&args.file)?.len();
    let answer = json!({ "file": file, "size": size, "about": about });
    context.answer(&answer, |_| said(&about, &file, size, context));
    Ok(Exit::Ok)
}

fn said(about: &About, file: &str, size: u64, context: &Context) -> String {
    let (made, files) = (about.made.to_zoned(context.zone()).strftime("%F %T"), about.files);
    let mut lines = vec![context.language.pick(
        format!("{file}:{files} 个文件,{},截至 {made}", bytes_in_words(size)),
        format!("{file}: {files} files, {}, as of {made}", bytes_in_words(size)),
    )];
    if !about.secrets_left_out.is_empty() {
        let names = about.secrets_left_out.join(", ");
        lines.push(context.language.pick(
            format!("不含密钥({names}):另外保管,或加 --secrets"),
            format!("without the secrets ({names}): keep them elsewhere, or say --secrets"),
        ));
    }
    lines.extend(
        about
            .left_out
            .iter()
            .map(|left| context.language.pick(format!("没有收进去:{left}"), format!("not in it: {left}"))),
    );
    lines.join("\n")
}

pub(super) fn bytes_in_words(bytes: u64) -> String {
    let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.iter().find(|(size, _)| bytes >= *size);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(size, name)| format!("{:.1} {name}", bytes as f64 / *size as f64),
    )
}

/// How far it is, in place on a terminal; nothing for whoever reads it later. Dropped, the line is empty again.
pub(super) struct Line {
    /// When it last said something; None where it says nothing.
    last: Option<Instant>,
    language: Language,
}

/// Between two words on how far it is.
const OFTEN: Duration = Duration::from_millis(100);

impl Line {
    pub(super) fn of(context: &Context) -> Self {
        let shown = std::io::stderr().is_terminal() && !context.json;
        Self { last: shown.then(Instant::now), language: context.language }
    }

    pub(super) fn tell(&mut self, progress: Progress) {
        if self.last.is_none_or(|last| last.elapsed() < OFTEN) {
            return;
        }
        self.last = Some(Instant::now());
        self.put(&match progress {
            Progress::Store { done, all } => self.language.pick(
                format!("库:{} / {}", bytes_in_words(done), bytes_in_words(all)),
                format!("the store: {} of {}", bytes_in_words(done), bytes_in_words(all)),
            ),
            Progress::Files { files, bytes } => self.language.pick(
                format!("{files} 个文件,{}", bytes_in_words(bytes)),
                format!("{files} files, {}", bytes_in_words(bytes)),
            ),
        });
    }

    fn put(&self, line: &str) {
        let mut out = std::io::stderr().lock();
        // Nobody there to see it is no failure.
        drop(write!(out, "\r\x1b[K{line}").and_then(|()| out.flush()));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.last.is_some() {
            self.put("");
        }
    }
}
