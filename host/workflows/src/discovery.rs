//! How a workflow finds the files it works on.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::field_error::{FieldErrors, FieldPath};
use crate::members::Members;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiscoveryKind {
    /// Everything under the given paths.
    Recursive,
    /// What changed since the last time.
    Snapdiff,
}

impl DiscoveryKind {
    pub const ALL: [Self; 2] = [Self::Recursive, Self::Snapdiff];

    pub fn name(self) -> &'static str {
        match self {
            Self::Recursive => "recursive",
            Self::Snapdiff => "snapdiff",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Recursive => &["skip_missing"],
            Self::Snapdiff => &["skip_old_ctimes", "condense_moves"],
        }
    }
}

/// Of both kinds together; a kind looks only at its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscoveryOptions {
    /// Recursive: a given path that is not there is passed over; else it is an error.
    pub skip_missing: bool,
    /// Snapdiff: what is new or changed is passed over if its ctime lies before the last look.
    pub skip_old_ctimes: bool,
    /// Snapdiff: a directory that was moved is one move; else each file in it is one as well.
    pub condense_moves: bool,
}

impl Default for DiscoveryOptions {
    fn default() -> Self {
        Self { skip_missing: false, skip_old_ctimes: false, condense_moves: true }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    pub kind: DiscoveryKind,
    pub options: DiscoveryOptions,
}

impl Discovery {
    /// From the members `discovery` (a name; absent, null, "" or "none" for none) and `discovery_options`.
    pub(crate) fn read(members: &Members<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let name = members.text("discovery", 100, errors).unwrap_or_default();
        let options = members.get("discovery_options");
        if matches!(name, "" | "none") {
            if options.is_some_and(|options| options.as_object().is_none_or(|options| !options.is_empty())) {
                errors.add(&members.at("discovery_options"), "A workflow without discovery has no options for it.");
            }
            return None;
        }
        let Some(kind) = DiscoveryKind::named(name) else {
            errors.add(&members.at("discovery"), format!("{name:?} is not a valid choice: recursive, snapdiff or null."));
            return None;
        };
        let options = options.map(|options| read_options(kind, options, members.at("discovery_options"), errors));
        Some(Self { kind, options: options.unwrap_or_default() })
    }

    pub(crate) fn options_json(&self) -> Value {
        let options = self.options;
        match self.kind {
            DiscoveryKind::Recursive => json!({"skip_missing": options.skip_missing}),
            DiscoveryKind::Snapdiff => {
                json!({"skip_old_ctimes": options.skip_old_ctimes, "condense_moves": options.condense_moves})
            }
        }
    }
}

fn read_options(kind: DiscoveryKind, value: &Value, at: FieldPath, errors: &mut FieldErrors) -> DiscoveryOptions {
    let default = DiscoveryOptions::default();
    let Some(members) = Members::of(value, at, errors) else { return default };
    members.refuse_others(kind.options(), errors);
    DiscoveryOptions {
        skip_missing: members.truth("skip_missing", default.skip_missing, errors),
        skip_old_ctimes: members.truth("skip_old_ctimes", default.skip_old_ctimes, errors),
        condense_moves: members.truth("condense_moves", default.condense_moves, errors),
    }
}
