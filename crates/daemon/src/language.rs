//! Whose words a command speaks: the caller's, by `--lang` or the locale.

use serde::Deserialize;
use yizhan_workflow::problem::Lang;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    Zh,
    En,
}

impl Language {
    /// By the first of the variables that says anything, as POSIX orders them.
    pub(crate) fn of_environment() -> Self {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .map_or(Self::En, |locale| match Lang::of_locale(&locale) {
                Lang::Zh => Self::Zh,
                Lang::En => Self::En,
            })
    }

    /// What the command line says, before clap has read it: its help already speaks that language.
    pub(crate) fn of_arguments<I: IntoIterator<Item = String>>(arguments: I) -> Option<Self> {
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let value = match argument.strip_prefix("--lang") {
                Some("") => arguments.next(),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            match value.as_deref() {
                Some("zh") => return Some(Self::Zh),
                Some("en") => return Some(Self::En),
                Some(_) | None => {}
            }
        }
        None
    }

    pub(crate) fn lang(self) -> Lang {
        match self {
            Self::Zh => Lang::Zh,
            Self::En => Lang::En,
        }
    }

    /// The tag of the API: `?lang=zh`.
    pub(crate) fn tag(self) -> &'static str {
        self.pick("zh", "en")
    }

    /// The one of two that this language wants.
    pub(crate) fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}
