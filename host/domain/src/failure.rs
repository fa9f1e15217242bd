//! The failure that every layer speaks: what kind, may I ask again, whose fault, what to do next.
//!
//! The kinds are those of `capstan:host/types.failure`; a dialect turns them into its own shape and status at its door, so no
//! protocol code stands here. `message` is for the user and never holds a secret; `detail` is for the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What went wrong, as few words as a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    NotFound,
    AlreadyExists,
    /// The request itself is wrong: a name, a range, a size, a configuration.
    Invalid,
    Unauthenticated,
    Denied,
    /// A precondition or a version did not match.
    Conflict,
    /// Throttled, locked, or a bounded queue is full.
    Busy,
    Unavailable,
    TimedOut,
    NoSpace,
    /// A checksum, a size or the medium says that the data is not what was stored.
    Corrupt,
    /// The data exists but must be restored, mounted or moved first.
    Offline,
    Unsupported,
    Cancelled,
    /// The plugin trapped, overran a limit or broke the contract.
    PluginFault,
    /// A fault of the host itself, or a kind registered in `wit/ERRORS.md`; `code` names it.
    Other,
}

/// May the caller ask again?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    Never,
    AtOnce,
    Later,
}

/// Whose fault it is, and so who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    Caller,
    Target,
    Plugin,
    Host,
}

/// Where a failure arose; filled in by the floors it passes on its way up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub plugin: Option<String>,
    pub version: Option<String>,
    pub digest: Option<String>,
    pub function: Option<String>,
    pub target: Option<String>,
    pub job: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: Kind,
    pub retry: Retry,
    pub blame: Blame,
    pub message: String,
    pub detail: Option<String>,
    /// The target's own code, or the registered name of an `Other`.
    pub code: Option<String>,
    /// What the reader can do about it.
    pub next_step: Option<String>,
    pub retry_after_ms: Option<u64>,
    /// True when the change may have been made although the answer was lost.
    pub maybe_done: bool,
    pub origin: Box<Origin>,
}

/// The result of nearly everything.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure of this kind with the retry and the blame that usually go with it.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let (retry, blame) = kind.usual();
        Self {
            kind,
            retry,
            blame,
            message: message.into(),
            detail: None,
            code: None,
            next_step: None,
            retry_after_ms: None,
            maybe_done: false,
            origin: Box::default(),
        }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    /// A fault of the host: the user gets `message`, the log gets the cause.
    pub fn host(message: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self::new(Kind::Other, message).with_code("host-fault").with_blame(Blame::Host).with_detail(cause.to_string())
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    #[must_use]
    pub fn with_next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }

    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    #[must_use]
    pub fn with_blame(mut self, blame: Blame) -> Self {
        self.blame = blame;
        self
    }

    #[must_use]
    pub fn with_maybe_done(mut self) -> Self {
        self.maybe_done = true;
        self
    }

    /// Lets a floor say what it knows of the origin without losing what is known already.
    #[must_use]
    pub fn at(mut self, fill: impl FnOnce(&mut Origin)) -> Self {
        fill(&mut self.origin);
        self
    }

    pub fn may_retry(&self) -> bool {
        self.retry != Retry::Never
    }
}

impl Kind {
    fn usual(self) -> (Retry, Blame) {
        match self {
            Self::NotFound | Self::AlreadyExists | Self::Invalid | Self::Unauthenticated | Self::Denied | Self::Conflict => {
                (Retry::Never, Blame::Caller)
            }
            Self::Busy | Self::Unavailable | Self::TimedOut | Self::Offline => (Retry::Later, Blame::Target),
            Self::NoSpace | Self::Corrupt => (Retry::Never, Blame::Target),
            Self::Unsupported | Self::Cancelled => (Retry::Never, Blame::Caller),
            Self::PluginFault => (Retry::AtOnce, Blame::Plugin),
            Self::Other => (Retry::Never, Blame::Host),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "not-found",
            Self::AlreadyExists => "already-exists",
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed-out",
            Self::NoSpace => "no-space",
            Self::Corrupt => "corrupt",
            Self::Offline => "offline",
            Self::Unsupported => "unsupported",
            Self::Cancelled => "cancelled",
            Self::PluginFault => "plugin-fault",
            Self::Other => "other",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(target) = &self.origin.target {
            write!(f, "target {target}: ")?;
        }
        if let Some(plugin) = &self.origin.plugin {
            write!(f, "plugin {plugin}")?;
            if let Some(version) = &self.origin.version {
                write!(f, " {version}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
