//! What a task is to do, as its record says it: `{"name": "discovery", "discovery": …}`, or the step with its arguments, and with `half` for
//! a half of a move.

use capstan_domain::{Failure, Outcome};
use capstan_workflows::{Discovery, Step};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Kind of the task that finds the paths of a job.
pub(crate) const DISCOVERY: &str = "discovery";
const HALF: &str = "half";

/// Which half of a move. One of many at once is taken in two: first all that goes is taken aside, then all is put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Half {
    Aside,
    Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TaskStep {
    /// None: the call brought the paths.
    Discovery(Option<Discovery>),
    /// `half` of a move; none: the whole.
    Step { step: Step, half: Option<Half> },
}

impl TaskStep {
    pub(crate) fn to_json(&self) -> Outcome<Value> {
        match self {
            Self::Discovery(discovery) => Ok(json!({"name": DISCOVERY, "discovery": discovery})),
            Self::Step { step, half } => {
                let mut value = serde_json::to_value(step).map_err(|cause| Failure::host("a step cannot be written", cause))?;
                if let (Some(half), Value::Object(members)) = (half, &mut value) {
                    members.insert(HALF.to_owned(), json!(half));
                }
                Ok(value)
            }
        }
    }

    pub(crate) fn read(value: &Value) -> Outcome<Self> {
        let unreadable = |cause: serde_json::Error| Failure::host("what the task is to do cannot be read", cause);
        if value.get("name").and_then(Value::as_str) == Some(DISCOVERY) {
            let discovery = value.get("discovery").cloned().unwrap_or_default();
            return serde_json::from_value(discovery).map(Self::Discovery).map_err(unreadable);
        }
        let mut value = value.clone();
        let half = value.as_object_mut().and_then(|members| members.remove(HALF)).unwrap_or_default();
        Ok(Self::Step {
            half: serde_json::from_value(half).map_err(unreadable)?,
            step: serde_json::from_value(value).map_err(unreadable)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use capstan_workflows::{DiscoveryKind, DiscoveryOptions, Migrate, Move};

    use super::*;

    #[test]
    fn what_a_task_is_to_do_is_read_as_it_was_written() {
        let discovery = Discovery { kind: DiscoveryKind::Snapdiff, options: DiscoveryOptions::default() };
        let moved = |half| TaskStep::Step { step: Step::Move(Move { overwrite: true }), half };
        for step in [
            TaskStep::Discovery(None),
            TaskStep::Discovery(Some(discovery)),
            TaskStep::Step { step: Step::Migrate(Migrate { stub_size: 7, ..Migrate::default() }), half: None },
            moved(None),
            moved(Some(Half::Aside)),
            moved(Some(Half::Place)),
        ] {
            assert_eq!(TaskStep::read(&step.to_json().unwrap()), Ok(step));
        }
        assert!(TaskStep::read(&json!({"name": "explode"})).is_err());
    }
}
