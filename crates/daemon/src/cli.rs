//! The command line: what can be said, and its help in the reader's language.

use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::{self, Context};
use crate::exit::{self, Exit, Failure};
use crate::language::Language;

mod chinese;
#[cfg(test)]
mod manual;

/// Carries out business processes that are written in TOML: mails, calls, files, people, deadlines, and a record of all.
#[derive(Debug, Parser)]
#[command(name = "yizhan", version, disable_help_subcommand = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// The home: settings, workflows, data. Else the nearest folder upward with `config/yizhan.toml`, else /etc/yizhan
    #[arg(long, global = true, env = "YIZHAN_HOME", value_name = "DIR", hide_env_values = true)]
    home: Option<PathBuf>,
    /// A daemon by HTTP instead of the home's socket; its token is taken from `$YIZHAN_TOKEN`
    #[arg(long, global = true, env = "YIZHAN_URL", value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// The language of texts; else that of the locale
    #[arg(long, global = true, value_name = "LANG")]
    lang: Option<Language>,
    /// Answer with JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon of this home, in the foreground
    Serve(commands::serve::Args),
    /// Make a home in a folder
    Init(commands::init::Args),
    /// Show one real case of each shipped process, on a daemon of its own
    Demo(commands::demo::Args),
    /// Say everything that is wrong with workflow files
    Check(commands::check::Args),
    /// Lay workflow files out: keys in line, no long inline tables
    Fmt(commands::fmt::Args),
    /// Say a workflow in sentences: who does what, when, and what then
    Read(commands::read::Args),
    /// Walk a workflow without doing anything: every mail, call, task and branch of one case
    Plan(commands::plan::Args),
    /// Print the calendar of a case: every due time and wait, with weekday and working days
    WhatIf(commands::what_if::Args),
    /// Play the tests beside workflows, under a clock of their own
    Test(commands::test::Args),
    /// Print the JSON Schema of workflow files, for editors
    Schema(commands::schema::Args),
    /// Draw a workflow: SVG, Mermaid or DOT
    Graph(commands::graph::Args),
    /// Start a run by hand
    Run(commands::run::Args),
    /// List runs, the newest first
    Runs(commands::runs::Args),
    /// Show a run: its steps, what they returned, what it waits for
    Show(commands::show::Args),
    /// Say in a sentence what a run waits for
    Why(commands::why::Args),
    /// Cancel a run: what was done is taken back where the workflow says how
    Cancel(commands::cancel::Args),
    /// Try a failed run again, from the step that failed or from another
    Retry(commands::retry::Args),
    /// Let open runs go on under another text of their workflow
    Migrate(commands::migrate::Args),
    /// List open tasks
    Tasks(commands::tasks::Args),
    /// Look at a task, take it, give it back, answer it
    #[command(subcommand)]
    Task(commands::task::Action),
    /// Stop the clock of a task, a step or a run, let it go on, move it, ask for more time
    #[command(subcommand)]
    Clock(commands::clock::Action),
    /// Make something known to the runs and triggers that wait for it
    Event(commands::event::Args),
    /// Show when schedules fire next
    Next(commands::next::Args),
    /// What starts workflows: list it, pause it, have it go on
    #[command(subcommand)]
    Trigger(commands::trigger::Action),
    /// Who is who, who is on duty, and who has which shift
    #[command(subcommand)]
    People(commands::people::Action),
    /// Who may sign in, and the tokens of programs
    #[command(subcommand)]
    Account(commands::account::Action),
    /// Who did what, when and from where, the newest first
    Audit(commands::audit::Args),
    /// Look at calendars of working days, and import holidays
    #[command(subcommand)]
    Calendar(commands::calendar::Action),
    /// Registers: their entries, whether they are whole, what goes in and out
    #[command(subcommand)]
    Register(commands::register::Action),
    /// Count and measure runs and tasks: how many, how long, how many in time
    #[command(after_help = commands::query::HELP)]
    Query(commands::query::Args),
    /// What plugins there are, and what one offers
    #[command(subcommand)]
    Plugin(commands::plugin::Action),
    /// What differs between two texts of a workflow
    #[command(subcommand)]
    Workflow(commands::workflow::Action),
    /// Explain a code such as YZ0101
    Explain(commands::explain::Args),
    /// Look for what is wrong with this home and its daemon
    Doctor(commands::doctor::Args),
    /// Write a backup of this home into one file, also while the daemon runs
    Backup(commands::backup::Args),
    /// Make a home of a backup, or look whether one is whole
    Restore(commands::restore::Args),
    /// Measure what this machine carries
    Bench(commands::bench::Args),
    /// Read workflows, people and tables again, now
    Reload(commands::reload::Args),
    /// Print completions for a shell
    Completions(commands::completions::Args),
}

/// The whole command, with its help in that language.
pub(crate) fn command(language: Language) -> clap::Command {
    let command = Cli::command().after_help(language.pick(exit::CODES_ZH, exit::CODES_EN));
    match language {
        Language::Zh => chinese::translated(command),
        Language::En => command,
    }
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> std::process::ExitCode {
    // What the daemon starts for each plugin: a child needs nothing of all this, and there are many of them.
    if std::env::args_os().nth(1).is_some_and(|first| first == "plugin-host") {
        return yizhan_plugin_host::child_main();
    }
    let spoken = Language::of_arguments(std::env::args()).unwrap_or_else(Language::of_environment);
    let matches = command(spoken).get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let json = cli.json;
    let context = Context { home: cli.home, url: cli.url, language: cli.lang.unwrap_or(spoken), json };
    match cli.command.carry_out(&context) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            complain(&failure, &context);
            failure.exit.into()
        }
    }
}

fn complain(failure: &Failure, context: &Context) {
    if context.json {
        let fields = failure.fields.iter().map(ToString::to_string);
        let details: Vec<String> = failure.details.iter().cloned().chain(fields).collect();
        let said = serde_json::json!({ "error": { "code": failure.code, "message": failure.message,
            "help": failure.help, "details": details } });
        eprintln!("{said}");
    } else {
        eprintln!("{}", failure.told(context.language));
    }
}

impl Command {
    fn carry_out(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Serve(args) => commands::serve::run(&args, context),
            Self::Init(args) => commands::init::run(&args, context),
            Self::Demo(args) => commands::demo::run(&args, context),
            Self::Check(args) => commands::check::run(&args, context),
            Self::Fmt(args) => commands::fmt::run(&args, context),
            Self::Read(args) => commands::read::run(&args, context),
            Self::Plan(args) => commands::plan::run(&args, context),
            Self::WhatIf(args) => commands::what_if::run(&args, context),
            Self::Test(args) => commands::test::run(&args, context),
            Self::Schema(args) => commands::schema::run(&args, context),
            Self::Graph(args) => commands::graph::run(&args, context),
            Self::Run(args) => commands::run::run(&args, context),
            Self::Runs(args) => commands::runs::run(&args, context),
            Self::Show(args) => commands::show::run(&args, context),
            Self::Why(args) => commands::why::run(&args, context),
            Self::Cancel(args) => commands::cancel::run(&args, context),
            Self::Retry(args) => commands::retry::run(&args, context),
            Self::Workflow(action) => commands::workflow::run(&action, context),
            Self::Migrate(args) => commands::migrate::run(&args, context),
            Self::Tasks(args) => commands::tasks::run(&args, context),
            Self::Task(action) => commands::task::run(&action, context),
            Self::Clock(action) => commands::clock::run(&action, context),
            Self::Event(args) => commands::event::run(&args, context),
            Self::Next(args) => commands::next::run(&args, context),
            Self::Trigger(action) => commands::trigger::run(&action, context),
            Self::People(action) => commands::people::run(&action, context),
            Self::Account(action) => commands::account::run(&action, context),
            Self::Audit(args) => commands::audit::run(&args, context),
            Self::Calendar(action) => commands::calendar::run(&action, context),
            Self::Register(action) => commands::register::run(&action, context),
            Self::Query(args) => commands::query::run(&args, context),
            Self::Plugin(action) => commands::plugin::run(&action, context),
            Self::Explain(args) => commands::explain::run(&args, context),
            Self::Doctor(args) => commands::doctor::run(&args, context),
            Self::Backup(args) => commands::backup::run(&args, context),
            Self::Restore(args) => commands::restore::run(&args, context),
            Self::Bench(args) => commands::bench::run(&args, context),
            Self::Reload(args) => commands::reload::run(&args, context),
            Self::Completions(args) => commands::completions::run(&args, context),
            // Taken care of before there is a context: it is no command of a person.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_in_both_languages() {
        command(Language::En).debug_assert();
        command(Language::Zh).debug_assert();
    }

    #[test]
    fn every_command_that_is_shown_speaks_chinese() {
        fn look(command: &clap::Command) {
            for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
                let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
                assert!(!about.is_ascii(), "`{}` says: {about}", inner.get_name());
                look(inner);
            }
        }
        look(&command(Language::Zh));
    }

    #[test]
    fn every_command_shows_an_example() {
        for inner in command(Language::En).get_subcommands().filter(|inner| !inner.is_hide_set()) {
            let shown = inner.get_subcommands().next().is_some() || inner.get_after_help().is_some();
            assert!(shown, "`{}` has no example", inner.get_name());
        }
    }
}
