//! Why a plugin is not loaded, in words for the person who installed it.

use std::path::PathBuf;

/// One plugin that is not in use, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {fault}", path = path.display())]
pub struct Refusal {
    pub path: PathBuf,
    /// Known once the note could be read.
    pub plugin: Option<String>,
    #[source]
    pub fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("cannot be read: {0}")]
    Unreadable(String),
    #[error("it has no YZPLUGIN note; it is not a plugin but an ordinary file or library")]
    NotAPlugin,
    #[error("its note is damaged: {0}")]
    BadNote(String),
    #[error("it is built for {theirs}, this host is {ours}")]
    WrongArch { theirs: String, ours: &'static str },
    #[error("{plugin} needs plugin ABI {major}.{min} or later, this yizhan offers {offered}")]
    AbiTooNew { plugin: String, major: u16, min: u16, offered: String },
    #[error("{plugin} was built for plugin ABI {major}, this yizhan supports {offered}")]
    AbiTooOld { plugin: String, major: u16, offered: String },
    #[error("{plugin} requires the host service `{service}`; this yizhan offers {offered}")]
    MissingService { plugin: String, service: String, offered: String },
    #[error("it needs GLIBC_{needed}, this system has {present}")]
    GlibcTooNew { needed: String, present: String },
    #[error("a library it needs is not on this system: {0}")]
    MissingLibrary(String),
    #[error("it cannot allocate static TLS: {0}")]
    StaticTls(String),
    #[error("it does not export `{0}`")]
    MissingSymbol(String),
    #[error("it cannot be loaded: {0}")]
    LoadFailed(String),
    #[error("it does not fit its note or the ABI: {0}")]
    BadDescribe(String),
    #[error("its settings are wrong: {0}")]
    ConfigInvalid(String),
    #[error("it died while starting: {0}")]
    Crashed(String),
    #[error("{what} took longer than {limit_ms} ms")]
    Unresponsive { what: &'static str, limit_ms: u128 },
    #[error("`{id}` is already loaded from {}", .other.display())]
    Twice { id: String, other: PathBuf },
}

impl Fault {
    /// Stable for scripts and searches.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "plugin.unreadable",
            Self::NotAPlugin => "plugin.not_a_plugin",
            Self::BadNote(_) => "plugin.bad_note",
            Self::WrongArch { .. } => "plugin.wrong_arch",
            Self::AbiTooNew { .. } => "plugin.abi_too_new",
            Self::AbiTooOld { .. } => "plugin.abi_too_old",
            Self::MissingService { .. } => "plugin.missing_service",
            Self::GlibcTooNew { .. } => "plugin.glibc_too_new",
            Self::MissingLibrary(_) => "plugin.missing_library",
            Self::StaticTls(_) => "plugin.static_tls",
            Self::MissingSymbol(_) => "plugin.missing_symbol",
            Self::LoadFailed(_) => "plugin.load_failed",
            Self::BadDescribe(_) => "plugin.bad_describe",
            Self::ConfigInvalid(_) => "plugin.config_invalid",
            Self::Crashed(_) => "plugin.crashed",
            Self::Unresponsive { .. } => "plugin.unresponsive",
            Self::Twice { .. } => "plugin.twice",
        }
    }

    /// What the reader may do next.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotAPlugin => "build it with the plugin SDK, or add YZ_PLUGIN_NOTE of yz_plugin.h",
            Self::AbiTooNew { .. } | Self::MissingService { .. } => "upgrade yizhan, or use an older plugin",
            Self::AbiTooOld { .. } => "rebuild it with a current SDK",
            Self::WrongArch { .. } => "build it for this machine",
            Self::GlibcTooNew { .. } => "build it on an older distribution, or link it statically",
            Self::MissingLibrary(_) => "install the library, or link it statically",
            Self::StaticTls(_) => {
                "it links jemalloc or mimalloc: enable disable_initial_exec_tls or local_dynamic_tls there"
            }
            Self::Twice { .. } => "take one of the two files away",
            Self::ConfigInvalid(_) => "correct its table `[plugin.<id>]` in the settings",
            Self::Unreadable(_)
            | Self::BadNote(_)
            | Self::MissingSymbol(_)
            | Self::LoadFailed(_)
            | Self::BadDescribe(_)
            | Self::Crashed(_)
            | Self::Unresponsive { .. } => return None,
        })
    }
}

impl Refusal {
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }

    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        self.fault.help()
    }
}
