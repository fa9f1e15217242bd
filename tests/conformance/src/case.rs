//! A case: one rule of the contract, and the function that holds a plugin to it.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;

use crate::Check;
use crate::clause::Clause;
use crate::stand::Stand;

/// What a plugin, its target or the kit must have for a case to say anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Objects,
    Uploads,
    Files,
    Drives,
    Media,
    /// Objects or files: what the case does, both can.
    Store,
    /// A capability with this value. `conditional-put` = `if-absent` is also held by a plugin that says `true`.
    Capability(&'static str, &'static str),
    /// A capability, with whatever value.
    Claimed(&'static str),
    /// The plugin does not claim this capability.
    Without(&'static str),
    /// Data lives in the target, not in the instance.
    Durable,
    /// Several instances may serve the target at once.
    Shared,
    /// The kit may make locations in the target.
    Locations,
    /// The target is configured with secrets.
    Secrets,
    /// The target file names credentials that must be refused.
    WrongCredentials,
    /// A front that reads HTTP can stand between plugin and server.
    Http,
    /// A front of bytes can stand between plugin and server.
    Wire,
    /// A whole host, not only a port of one.
    Host,
}

/// Where a case belongs in the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Facet {
    Target,
    Objects,
    Uploads,
    Files,
    Drives,
    Media,
    /// Calls of any store: attempts, deadlines, cancellation, many at once.
    Calls,
    /// Faults put between plugin and server.
    Faults,
}

/// Whether the case does more at the full size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The same at every size.
    Fixed,
    /// Counts or bytes come from the size of the run.
    Scaled,
}

type Run = Arc<dyn for<'a> Fn(&'a Stand<'a>) -> BoxFuture<'a, Check> + Send + Sync>;

#[derive(Clone)]
pub struct Case {
    /// `FACET/WHAT-MUST-HOLD`, for ever: reports and expectations name it.
    pub id: String,
    /// The rule, as a sentence.
    pub rule: String,
    pub clause: Clause,
    pub wants: Vec<Want>,
    pub weight: Weight,
    run: Run,
}

impl Case {
    pub fn new<F>(id: impl Into<String>, clause: Clause, wants: &[Want], rule: impl Into<String>, run: F) -> Self
    where
        F: for<'a> Fn(&'a Stand<'a>) -> BoxFuture<'a, Check> + Send + Sync + 'static,
    {
        Self { id: id.into(), rule: rule.into(), clause, wants: wants.to_vec(), weight: Weight::Fixed, run: Arc::new(run) }
    }

    #[must_use]
    pub fn scaled(mut self) -> Self {
        self.weight = Weight::Scaled;
        self
    }

    pub fn facet(&self) -> Facet {
        match self.id.split('/').next() {
            Some("objects") => Facet::Objects,
            Some("uploads") => Facet::Uploads,
            Some("files") => Facet::Files,
            Some("drives") => Facet::Drives,
            Some("media") => Facet::Media,
            Some("calls") => Facet::Calls,
            Some("faults") => Facet::Faults,
            _ => Facet::Target,
        }
    }

    pub async fn run<'a>(&self, stand: &'a Stand<'a>) -> Check {
        (self.run)(stand).await
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .field("clause", &self.clause)
            .field("wants", &self.wants)
            .finish_non_exhaustive()
    }
}

/// The cases of one group: id below the group, clause, what it wants, its rule, and a function of the stand.
#[macro_export]
macro_rules! group {
    ($group:literal; $($id:literal, $clause:expr, [$($want:expr),*], $rule:literal, $run:path $(, $more:ident)?;)*) => {
        vec![$(
            $crate::case::Case::new(concat!($group, "/", $id), $clause, &[$($want),*], $rule, |stand| Box::pin($run(stand)))$(.$more())?
        ),*]
    };
}
