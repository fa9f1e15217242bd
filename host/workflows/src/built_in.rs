//! The workflows that are there from the beginning: they can be looked at and run, never changed or deleted.
//!
//! They are written as anybody would write them and read by the same code. What `send` and `site_sync` do at the destination is a
//! step with a `site` that a field gives.

use serde_json::{Value, json};

use crate::field_error::FieldErrors;
use crate::workflow::Workflow;

/// Their names.
pub const BUILT_IN: [&str; 5] = ["migrate", "premigrate", "recall", "send", "site_sync"];

pub fn is_protected(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

/// All of them, in the order of `BUILT_IN`.
///
/// # Errors
/// None for what is written here; the reader's type says that there could be.
pub fn built_in() -> Result<Vec<Workflow>, FieldErrors> {
    [migrate(), premigrate(), recall(), send(), site_sync()].iter().map(Workflow::read).collect()
}

fn migrate() -> Value {
    json!({
        "name": "migrate",
        "label": "Migrate",
        "icon_classes": ["fa fa-cloud-upload"],
        "discovery": "recursive",
        "fields": [lock_level("partial")],
        "filter_rules": [all(&json!([{"name": "dynamo.tasks.migrate", "lock_level": "*lock_level"}]))],
    })
}

fn premigrate() -> Value {
    json!({
        "name": "premigrate",
        "label": "Premigrate",
        "icon_classes": ["fa fa-clone"],
        "discovery": "recursive",
        "fields": [lock_level("implicit")],
        "filter_rules": [all(&json!([{"name": "dynamo.tasks.migrate", "premigrate": true, "lock_level": "*lock_level"}]))],
    })
}

fn recall() -> Value {
    json!({
        "name": "recall",
        "label": "Recall",
        "icon_classes": ["fa fa-cloud-download"],
        "discovery": "recursive",
        "fields": [lock_level("implicit")],
        "filter_rules": [all(&json!([{"name": "dynamo.tasks.recall", "lock_level": "*lock_level"}]))],
    })
}

fn send() -> Value {
    let hydrate = json!({"name": "hydrate", "label": "Hydrate at the destination", "type": "bool", "default": false});
    let at_destination = at_destination("reverse_stub", &json!({"hydrate": "*hydrate"}));
    json!({
        "name": "send",
        "label": "Send",
        "icon_classes": ["fa fa-paper-plane"],
        "discovery": "recursive",
        "fields": [destination_site(), destination_queue(), hydrate],
        "filter_rules": [all(&json!([{"name": "dynamo.tasks.migrate", "premigrate": true}, at_destination]))],
    })
}

fn site_sync() -> Value {
    let preference = json!({
        "name": "sync_preference", "label": "Which file stays where both sites changed it", "type": "choice",
        "choices": ["newest", "local", "ignore"], "default": "newest",
    });
    let store = json!({"name": "dynamo.tasks.migrate", "premigrate": true, "overwrite": true, "abort_missing": true});
    let make = at_destination("reverse_stub", &json!({"overwrite": true, "conflict_preference": "*sync_preference"}));
    let rule = |state: &str, action: Value| json!({"type": "all", "state": state, "action": action});
    json!({
        "name": "site_sync",
        "label": "Site sync",
        "icon_classes": ["fa fa-refresh"],
        "discovery": "snapdiff",
        "fields": [destination_site(), destination_queue(), preference],
        "filter_rules": [
            rule("created", json!([store, make])),
            rule("updated", json!([store, make])),
            rule("moved", json!([at_destination("move", &json!({}))])),
            rule("deleted", json!([at_destination("delete", &json!({}))])),
        ],
    })
}

fn all(action: &Value) -> Value {
    json!({"type": "all", "state": "all", "action": action})
}

fn at_destination(step: &str, arguments: &Value) -> Value {
    let mut whole = json!({"name": format!("dynamo.tasks.{step}"), "site": "*destinationsite", "queue": "*destinationqueue"});
    if let (Value::Object(whole), Value::Object(arguments)) = (&mut whole, arguments) {
        whole.extend(arguments.clone());
    }
    whole
}

fn lock_level(default: &str) -> Value {
    json!({
        "name": "lock_level", "label": "Lock level", "type": "choice",
        "choices": ["partial", "implicit", "none"], "default": default,
    })
}

fn destination_site() -> Value {
    json!({"name": "destinationsite", "label": "Destination site", "type": "string", "required": true})
}

fn destination_queue() -> Value {
    json!({"name": "destinationqueue", "label": "Queue at the destination", "type": "string"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_error::FieldPath;
    use crate::field_value::FieldValues;
    use crate::step::{BoundStep, ConflictPreference, LockLevel, Migrate, ReverseStub, Step};

    fn chain(workflow: &str, state: &str, given: &Value) -> Vec<BoundStep> {
        let workflow = built_in().unwrap().into_iter().find(|built_in| built_in.name == workflow).unwrap();
        let values = FieldValues::read(&workflow.fields, given).unwrap();
        let rule = workflow.rules.iter().find(|rule| rule.state.name() == state).unwrap();
        rule.chain.iter().map(|step| step.bind(&values, &FieldPath::root()).unwrap()).collect()
    }

    #[test]
    fn the_built_in_workflows_are_valid_and_protected() {
        let names: Vec<_> = built_in().unwrap().into_iter().map(|workflow| workflow.name).collect();
        assert_eq!(names, BUILT_IN);
        assert!(names.iter().all(|name| is_protected(name)) && !is_protected("mine"));
        for workflow in built_in().unwrap() {
            assert_eq!(Workflow::read(&workflow.to_json()).as_ref(), Ok(&workflow));
        }
    }

    #[test]
    fn lock_levels_default_as_documented() {
        for (workflow, level) in
            [("migrate", LockLevel::Partial), ("premigrate", LockLevel::Implicit), ("recall", LockLevel::Implicit)]
        {
            let level_of = |step: &Step| match step {
                Step::Migrate(migrate) => migrate.lock_level,
                Step::Recall(recall) => recall.lock_level,
                other => panic!("{other:?}"),
            };
            assert_eq!(level_of(&chain(workflow, "all", &json!({}))[0].step), level, "{workflow}");
        }
    }

    #[test]
    fn send_stores_here_and_makes_the_file_there() {
        let steps = chain("send", "all", &json!({"destinationsite": "paris", "hydrate": true}));
        let store = Step::Migrate(Migrate { premigrate: true, ..Migrate::default() });
        assert_eq!(steps[0], BoundStep { step: store, site: None, queue: None });
        let make = Step::ReverseStub(ReverseStub { hydrate: true, ..ReverseStub::default() });
        assert_eq!(steps[1], BoundStep { step: make, site: Some("paris".into()), queue: None });
    }

    #[test]
    fn site_sync_acts_at_the_destination_by_what_changed() {
        let given = json!({"destinationsite": "paris", "destinationqueue": "slow", "sync_preference": "ignore"});
        for state in ["created", "updated"] {
            let steps = chain("site_sync", state, &given);
            let store = Migrate { premigrate: true, overwrite: true, abort_missing: true, ..Migrate::default() };
            assert_eq!(steps[0].step, Step::Migrate(store));
            let preference = Some(ConflictPreference::Ignore);
            let make = ReverseStub { overwrite: true, conflict_preference: preference, ..ReverseStub::default() };
            assert_eq!(steps[1].step, Step::ReverseStub(make));
        }
        for (state, task_type) in [("moved", "move"), ("deleted", "delete")] {
            let steps = chain("site_sync", state, &given);
            assert_eq!((steps.len(), steps[0].step.task_type()), (1, task_type));
            assert_eq!((steps[0].site.as_deref(), steps[0].queue.as_deref()), (Some("paris"), Some("slow")));
        }
    }

    #[test]
    fn a_destination_must_be_named() {
        let send = built_in().unwrap().into_iter().find(|workflow| workflow.name == "send").unwrap();
        let errors = FieldValues::read(&send.fields, &json!({})).unwrap_err();
        assert_eq!(errors.nested(), json!({"fields": {"destinationsite": ["This field is required."]}}));
    }
}
