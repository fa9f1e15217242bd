//! Rules: which of the files that were discovered go down which chain of steps.
//!
//! On the wire `{"type", "state", "action": [steps], "include"?, "exclude"?}`. Types are `file`, `directory`, `symlink` and `all`;
//! `folder` and `link` are taken for the second and the third.

use capstan_domain::entry::EntryKind;
use serde_json::{Map, Value, json};

use crate::field::Field;
use crate::field_error::{FieldErrors, FieldPath};
use crate::glob;
use crate::limits::{LONGEST_NAME, LONGEST_STATE, MOST_RULES, MOST_STEPS};
use crate::members::{Members, REQUIRED};
use crate::step::StepTemplate;

/// None: any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleKind(pub Option<EntryKind>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// Every path, also one without a state.
    All,
    /// What no other rule caught.
    Default,
    /// What was discovered so: "created", "updated", "moved", "deleted", or a word of the caller.
    Is(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub kind: RuleKind,
    pub state: RuleState,
    /// Taken one after the other with what succeeded before; never empty.
    pub chain: Vec<StepTemplate>,
    /// Only paths that one of these matches; all, if there are none.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

impl RuleKind {
    fn named(name: &str) -> Option<Self> {
        match name {
            "all" => Some(Self(None)),
            "file" => Some(Self(Some(EntryKind::File))),
            "directory" | "folder" => Some(Self(Some(EntryKind::Folder))),
            "symlink" | "link" => Some(Self(Some(EntryKind::Link))),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self.0 {
            None => "all",
            Some(EntryKind::File) => "file",
            Some(EntryKind::Folder) => "directory",
            Some(EntryKind::Link) => "symlink",
        }
    }

    pub fn takes(self, kind: EntryKind) -> bool {
        self.0.is_none_or(|only| only == kind)
    }
}

impl RuleState {
    pub fn name(&self) -> &str {
        match self {
            Self::All => "all",
            Self::Default => "default",
            Self::Is(state) => state,
        }
    }
}

impl Rule {
    /// The member `filter_rules`; `fields` are those its steps may name.
    pub(crate) fn read_all(members: &Members<'_>, fields: &[Field], errors: &mut FieldErrors) -> Vec<Self> {
        let at = members.at("filter_rules");
        let items = members.list("filter_rules", MOST_RULES, errors).iter().enumerate();
        items.filter_map(|(index, item)| Self::read(item, at.then(index), fields, errors)).collect()
    }

    fn read(value: &Value, at: FieldPath, fields: &[Field], errors: &mut FieldErrors) -> Option<Self> {
        let members = Members::of(value, at, errors)?;
        members.refuse_others(&["type", "state", "action", "include", "exclude"], errors);
        let kind = members.required_text("type", LONGEST_NAME, errors);
        let named = RuleKind::named(&kind);
        if named.is_none() && !kind.is_empty() {
            let message = format!("{kind:?} is not a valid choice: file, directory, symlink, all.");
            errors.add(&members.at("type"), message);
        }
        let state = match members.required_text("state", LONGEST_STATE, errors) {
            state if state == "all" => RuleState::All,
            state if state == "default" => RuleState::Default,
            state => RuleState::Is(state),
        };
        let at = members.at("action");
        if members.get("action").is_none() {
            errors.add(&at, REQUIRED);
        } else if members.get("action").and_then(Value::as_array).is_some_and(Vec::is_empty) {
            errors.add(&at, "A rule needs a step.");
        }
        let steps = members.list("action", MOST_STEPS, errors).iter().enumerate();
        let chain = steps.filter_map(|(index, step)| StepTemplate::read(step, at.then(index), fields, errors)).collect();
        let include = glob::read(&members, "include", errors);
        let exclude = glob::read(&members, "exclude", errors);
        Some(Self { kind: named?, state, chain, include, exclude })
    }

    pub fn to_json(&self) -> Value {
        let mut members = Map::from_iter([
            ("type".to_owned(), json!(self.kind.name())),
            ("state".to_owned(), json!(self.state.name())),
            ("action".to_owned(), self.chain.iter().map(StepTemplate::to_json).collect()),
        ]);
        for (name, globs) in [("include", &self.include), ("exclude", &self.exclude)] {
            if !globs.is_empty() {
                members.insert(name.to_owned(), json!(globs));
            }
        }
        Value::Object(members)
    }
}
