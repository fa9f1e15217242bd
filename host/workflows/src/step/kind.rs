//! The kinds of steps, how they are spelled, and which arguments they take.

use serde_json::{Value, json};

use crate::field::FieldKind;
use crate::limits::LONGEST_VALUE;

/// Before the name of a step, on the wire.
const PREFIX: &str = "dynamo.tasks.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    Migrate,
    Recall,
    ReverseStub,
    Delete,
    Move,
}

/// What an argument holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgumentKind {
    Truth,
    /// Bytes.
    Size,
    Text,
    /// A number of a user or a group, also as a text of digits.
    Owner,
    Word(&'static [&'static str]),
}

use ArgumentKind::{Owner, Size, Text, Truth, Word};

const LOCK_LEVELS: ArgumentKind = Word(&["partial", "implicit", "none"]);
const PREFERENCES: ArgumentKind = Word(&["newest", "local", "ignore"]);

impl StepKind {
    pub const ALL: [Self; 5] = [Self::Migrate, Self::Recall, Self::ReverseStub, Self::Delete, Self::Move];

    /// The short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Recall => "recall",
            Self::ReverseStub => "reverse_stub",
            Self::Delete => "delete",
            Self::Move => "move",
        }
    }

    /// As it is written back.
    pub fn wire_name(self) -> String {
        format!("{PREFIX}{}", self.name())
    }

    /// From a long or a short name; true: with `premigrate`, which has a name of its own.
    pub(super) fn named(name: &str) -> Option<(Self, bool)> {
        match name.strip_prefix(PREFIX).unwrap_or(name) {
            "migrate" => Some((Self::Migrate, false)),
            "premigrate" => Some((Self::Migrate, true)),
            "recall" => Some((Self::Recall, false)),
            "reverse_stub" => Some((Self::ReverseStub, false)),
            "delete" | "delete_paths_from_gpfs" => Some((Self::Delete, false)),
            "move" | "move_paths_on_gpfs" => Some((Self::Move, false)),
            _ => None,
        }
    }

    pub(super) fn argument(self, name: &str) -> Option<ArgumentKind> {
        self.arguments().iter().find(|(argument, _)| *argument == name).map(|(_, kind)| *kind)
    }

    pub(super) fn arguments(self) -> &'static [(&'static str, ArgumentKind)] {
        match self {
            Self::Migrate => &[
                ("premigrate", Truth),
                ("stub_size", Size),
                ("overwrite", Truth),
                ("fail_on_mismatch", Truth),
                ("lock_level", LOCK_LEVELS),
                ("endpoint", Text),
                ("abort_missing", Truth),
                ("migrate_offline_files", Truth),
            ],
            Self::Recall => &[
                ("skip_hash", Truth),
                ("endpoint", Text),
                ("lock_level", LOCK_LEVELS),
                ("default_uid", Owner),
                ("default_gid", Owner),
                ("update_atime", Truth),
                ("update_mtime", Truth),
                ("delete_remote", Truth),
            ],
            Self::ReverseStub => &[
                ("hydrate", Truth),
                ("overwrite", Truth),
                ("skip_hash", Truth),
                ("endpoint", Text),
                ("lock_level", LOCK_LEVELS),
                ("default_uid", Owner),
                ("default_gid", Owner),
                ("conflict_preference", PREFERENCES),
            ],
            Self::Delete => &[("recursive", Truth)],
            Self::Move => &[("overwrite", Truth)],
        }
    }
}

impl ArgumentKind {
    /// The value as the step takes it.
    ///
    /// # Errors
    /// Why it is none of this kind.
    pub(super) fn accept(self, value: &Value) -> Result<Value, String> {
        match (self, value) {
            (Truth, Value::Bool(_)) => Ok(value.clone()),
            (Truth, _) => Err("Must be true or false.".to_owned()),
            (Size, value) if value.is_u64() => Ok(value.clone()),
            (Size, _) => Err("A number of bytes, zero or more, is required.".to_owned()),
            (Text, Value::String(text)) if text.is_empty() || text.chars().count() > LONGEST_VALUE => {
                Err(format!("A text of 1 to {LONGEST_VALUE} characters is required."))
            }
            (Text, Value::String(_)) => Ok(value.clone()),
            (Text, _) => Err("Not a valid string.".to_owned()),
            (Owner, value) => {
                let digits = value.as_str().and_then(|text| text.parse::<u32>().ok());
                let number = digits.or(value.as_u64().and_then(|number| u32::try_from(number).ok()));
                number.map(|number| json!(number)).ok_or_else(|| "A uid or gid is required.".to_owned())
            }
            (Word(words), Value::String(word)) if words.contains(&word.as_str()) => Ok(value.clone()),
            (Word(words), _) => Err(format!("{value} is not a valid choice: {}.", words.join(", "))),
        }
    }

    /// Why no value of such a field could ever do; none if one could.
    pub(super) fn objection_to(self, field: &FieldKind) -> Option<String> {
        let fits = match (self, field) {
            (Truth, FieldKind::Bool) | (Size | Owner, FieldKind::Int) => true,
            (Text | Owner | Word(_), FieldKind::String) => true,
            (Text, FieldKind::Choice(_)) => true,
            (Owner, FieldKind::Choice(choices)) => choices.iter().all(|choice| choice.parse::<u32>().is_ok()),
            (Word(words), FieldKind::Choice(choices)) => choices.iter().all(|choice| words.contains(&choice.as_str())),
            _ => false,
        };
        (!fits).then(|| format!("A field of type {} does not fit here.", field.name()))
    }
}
