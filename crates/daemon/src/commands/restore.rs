//! `yizhan restore FILE DIR`: makes a home of a backup.

use std::path::PathBuf;

use serde_json::json;

use super::Context;
use super::backup::{Line, bytes_in_words};
use crate::backup::{About, unpack};
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  yizhan restore /mnt/backup/yizhan.zip --check\n  yizhan restore /mnt/backup/yizhan.zip /srv/yizhan\n\nWhat came after the backup is not in it. Attempts that it had under way are made again under the same keys, so\nreceivers know them; steps with `effect = \"once\"` ask. Two daemons of one house must never run."
)]
pub(crate) struct Args {
    /// As `yizhan backup` wrote it
    file: PathBuf,
    /// A folder that is not there yet
    #[arg(required_unless_present = "check")]
    dir: Option<PathBuf>,
    /// Only read it and say whether it is whole
    #[arg(long, conflicts_with = "dir")]
    check: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut line = Line::of(context);
    let mut tell = |progress| line.tell(progress);
    let about = match &args.dir {
        Some(dir) => unpack::unpack(&args.file, dir, &mut tell)?,
        None => unpack::look(&args.file, &mut tell)?,
    };
    drop(line);
    let home = args.dir.as_ref().map(|dir| dir.display().to_string());
    context.answer(&json!({ "home": home, "about": about }), |_| said(&about, home.as_deref(), context));
    Ok(Exit::Ok)
}

fn said(about: &About, home: Option<&str>, context: &Context) -> String {
    let made = about.made.to_zoned(context.zone()).strftime("%F %T");
    let (files, bytes) = (about.files, bytes_in_words(about.bytes));
    let Some(home) = home else {
        return context.language.pick(
            format!("备份完好:{files} 个文件,{bytes},截至 {made}"),
            format!("the backup is whole: {files} files, {bytes}, as of {made}"),
        );
    };
    let mut lines = vec![context.language.pick(
        format!("{home} 已恢复:{files} 个文件,{bytes},截至 {made};那之后的事不在里面"),
        format!("{home} is restored: {files} files, {bytes}, as of {made}; what came later is not in it"),
    )];
    lines.extend(about.secrets_left_out.iter().map(|name| {
        context.language.pick(
            format!("还缺密钥:把 {name} 放回 {home}/secrets/"),
            format!("a secret is missing: put {name} back into {home}/secrets/"),
        )
    }));
    lines.push(context.language.pick(
        format!("先确认原来的守护进程不再运行,然后:\n  yizhan doctor --home {home}\n  yizhan serve --home {home}"),
        format!("make sure that the daemon of before does not run any more; then:\n  yizhan doctor --home {home}\n  yizhan serve --home {home}"),
    ));
    lines.join("\n")
}
