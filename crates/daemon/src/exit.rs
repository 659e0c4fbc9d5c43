//! How the program ends: the codes that scripts rely on, and an error as a person reads it.

use std::collections::BTreeMap;
use std::fmt;

use yizhan_workflow::form;
use yizhan_workflow::problem::{retold, row_in_words, told};

use crate::language::Language;

/// What the caller's shell is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    /// What was named is not there, or the files that were checked have faults.
    Faults = 3,
    NoDaemon = 4,
    /// `run --wait`: the run ended failed or cancelled.
    RunFailed = 5,
    /// The daemon said no: an input that does not fit its form, a task of somebody else, a key that is held.
    Refused = 6,
    /// `--wait` with a limit: the run goes on.
    StillOpen = 7,
    /// The store can no longer be trusted; a new start recovers.
    Broken = 70,
}

/// What `yizhan --help` says about them.
pub(crate) const CODES_EN: &str = "\
Exit codes:
  0   done
  1   it failed otherwise
  2   the command line is wrong
  3   what was named is not there, or the files have faults
  4   no daemon answers
  5   the run ended failed or cancelled (`run --wait`, `show --wait`)
  6   the daemon refused: the input, the person, the key
  7   the time is up and the run goes on
  70  serve: the store cannot be trusted any more; start again, and it recovers";

pub(crate) const CODES_ZH: &str = "\
退出码:
  0   完成
  1   其他失败
  2   命令行写错
  3   找不到,或文件有错
  4   没有守护进程应答
  5   运行以失败或取消结束(run --wait、show --wait)
  6   被拒绝:输入不合表单、不是本人的待办、键被占用
  7   时间到,运行仍在继续
  70  serve:存储不再可信;重新启动即可恢复";

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        // The variants are their own numbers, and all of them fit.
        Self::from(exit as u8)
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// `YZ0510`, or a plugin's own.
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// One per finding, below the sentence.
    pub(crate) details: Vec<String>,
    pub(crate) fields: Box<[FieldFault]>,
}

/// What is wrong with one field.
#[derive(Debug)]
pub(crate) struct FieldFault {
    pub(crate) field: String,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) names: BTreeMap<String, String>,
}

impl From<form::FieldFault> for FieldFault {
    fn from(fault: form::FieldFault) -> Self {
        let form::FieldFault { field, code, message, names } = fault;
        let names = names.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { field, code: code.to_string(), message, names }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: Some(code.to_owned()),
            message: message.into(),
            help: None,
            details: Vec::new(),
            fields: Box::default(),
        }
    }

    /// With the whole chain of what caused it.
    pub(crate) fn of(exit: Exit, code: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            message.push_str(": ");
            message.push_str(&inner.to_string());
            source = inner.source();
        }
        Self::new(exit, code, message)
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Failure {
    /// For a person, in that person's language. What has no words there is said as it came.
    pub(crate) fn told(&self, language: Language) -> String {
        let code = self.code.as_deref().unwrap_or_default();
        let known = match language {
            Language::En => None,
            Language::Zh => retold(code, &self.message, language.lang()),
        };
        let Some(known) = known else { return self.to_string() };
        let mut lines = vec![];
        if self.fields.is_empty() {
            lines.push(format!("错误[{code}]: {}", known.sentence));
        } else {
            lines.push(format!("错误[{code}]: 有内容不合要求"));
        }
        lines.extend(self.details.iter().map(|detail| format!("  - {detail}")));
        for field in self.fields.iter() {
            // The words that the workflow's author gave go first.
            let said =
                told(&field.code, &field.names, language.lang()).filter(|_| !field.names.contains_key("own"));
            let own = field.names.get("own");
            let own = own.map(|own| format!("{}{own}", row_in_words(&field.names, language.lang())));
            let (sentence, help) = said.map_or_else(
                || (own.unwrap_or(field.message.clone()), vec![]),
                |said| (said.sentence, said.help),
            );
            lines.push(format!("  - {}: {sentence}", field.field));
            lines.extend(help.into_iter().map(|help| format!("      {help}")));
        }
        lines.extend(known.help.into_iter().map(|help| format!("  怎么办: {help}")));
        if !known.whole {
            lines.push(format!("  原文: {}", self.message));
            lines.extend(self.help.iter().map(|help| format!("        {help}")));
        }
        lines.join("\n")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "error[{code}]: {}", self.message)?,
            None => write!(f, "error: {}", self.message)?,
        }
        for detail in &self.details {
            write!(f, "\n  - {detail}")?;
        }
        for field in self.fields.iter() {
            write!(f, "\n  - {field}")?;
            let said = told(&field.code, &field.names, Language::En.lang());
            for help in said.into_iter().flat_map(|said| said.help) {
                write!(f, "\n      {help}")?;
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::Faults } else { Exit::Failed };
        Self::of(exit, "YZ0519", &error)
    }
}
