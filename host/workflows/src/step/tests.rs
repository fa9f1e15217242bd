use serde_json::{Value, json};

use super::*;
use crate::field::{Field, FieldKind};
use crate::field_error::{FieldErrors, FieldPath};
use crate::field_value::FieldValues;

fn field(name: &str, kind: FieldKind) -> Field {
    let (label, description) = (name.to_owned(), String::new());
    Field { name: name.to_owned(), label, description, kind, required: false, default: None }
}

fn fields() -> Vec<Field> {
    let words = |words: &[&str]| FieldKind::Choice(words.iter().map(|&word| word.to_owned()).collect());
    vec![
        field("text", FieldKind::String),
        field("number", FieldKind::Int),
        field("truth", FieldKind::Bool),
        field("lock", words(&["partial", "none"])),
        field("color", words(&["red", "none"])),
    ]
}

fn read(step: &Value) -> Result<StepTemplate, FieldErrors> {
    let mut errors = FieldErrors::default();
    let template = StepTemplate::read(step, FieldPath::root(), &fields(), &mut errors);
    errors.unless_any(()).map(|()| template.unwrap())
}

fn bind(step: &Value, given: &Value) -> Result<BoundStep, FieldErrors> {
    read(step).unwrap().bind(&FieldValues::read(&fields(), given).unwrap(), &FieldPath::root())
}

fn path_of(errors: &FieldErrors) -> String {
    errors.iter().map(|error| error.path.to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_step_without_arguments_has_the_documented_defaults() {
    for (name, step) in [
        ("dynamo.tasks.migrate", Step::Migrate(Migrate::default())),
        ("migrate", Step::Migrate(Migrate::default())),
        ("premigrate", Step::Migrate(Migrate { premigrate: true, ..Migrate::default() })),
        ("dynamo.tasks.recall", Step::Recall(Recall::default())),
        ("dynamo.tasks.reverse_stub", Step::ReverseStub(ReverseStub::default())),
        ("dynamo.tasks.delete_paths_from_gpfs", Step::Delete(Delete::default())),
        ("move", Step::Move(Move::default())),
    ] {
        assert_eq!(bind(&json!({"name": name}), &json!({})), Ok(BoundStep { step, site: None, queue: None }));
    }
    assert_eq!((Migrate::default().lock_level, Recall::default().lock_level), (LockLevel::Implicit, LockLevel::Partial));
}

#[test]
fn every_argument_reaches_its_typed_step() {
    for kind in StepKind::ALL {
        for (name, argument) in kind.arguments() {
            let value = match argument {
                kind::ArgumentKind::Truth => json!(true),
                kind::ArgumentKind::Size | kind::ArgumentKind::Owner => json!(7),
                kind::ArgumentKind::Text => json!("x"),
                kind::ArgumentKind::Word(words) => json!(words.last()),
            };
            let step = bind(&json!({"name": kind.name(), *name: value}), &json!({})).unwrap().step;
            assert_eq!(serde_json::to_value(step).unwrap()[name], value, "{kind:?} {name}");
        }
    }
}

#[test]
fn an_unknown_step_or_argument_is_an_error_at_its_place() {
    assert_eq!(path_of(&read(&json!({"name": "dynamo.custom.scan"})).unwrap_err()), "name");
    assert_eq!(path_of(&read(&json!({})).unwrap_err()), "name");
    assert_eq!(path_of(&read(&json!({"name": "migrate", "hydrate": true})).unwrap_err()), "hydrate");
    assert_eq!(path_of(&read(&json!({"name": "premigrate", "premigrate": false})).unwrap_err()), "premigrate");
    assert!(read(&json!("migrate")).is_err());
}

#[test]
fn an_argument_of_the_wrong_kind_is_an_error_at_its_place() {
    for (argument, value) in [
        ("premigrate", json!("yes")),
        ("stub_size", json!(-1)),
        ("stub_size", json!("1")),
        ("lock_level", json!("full")),
        ("endpoint", json!(1)),
        ("endpoint", json!("")),
        ("site", json!(true)),
    ] {
        let errors = read(&json!({"name": "migrate", argument: value})).unwrap_err();
        assert_eq!(path_of(&errors), argument, "{value}");
    }
}

#[test]
fn fields_are_put_into_arguments_and_places() {
    let step = json!({
        "name": "dynamo.tasks.reverse_stub", "hydrate": "*truth", "lock_level": "*lock", "default_uid": "*number",
        "site": "*text", "queue": "*text", "endpoint": "**text",
    });
    let bound = bind(&step, &json!({"truth": true, "lock": "none", "number": 1000, "text": "london"})).unwrap();
    let expected = ReverseStub {
        hydrate: true,
        lock_level: LockLevel::None,
        default_uid: Some(1000),
        endpoint: Some("*text".to_owned()),
        ..ReverseStub::default()
    };
    assert_eq!(bound.step, Step::ReverseStub(expected));
    assert_eq!((bound.site.as_deref(), bound.queue.as_deref()), (Some("london"), Some("london")));
}

#[test]
fn a_field_without_a_value_leaves_the_default() {
    let bound = bind(&json!({"name": "migrate", "lock_level": "*lock", "queue": "*text"}), &json!({})).unwrap();
    assert_eq!(bound, BoundStep { step: Step::Migrate(Migrate::default()), site: None, queue: None });
}

#[test]
fn a_value_that_the_argument_does_not_take_names_its_field() {
    let step = json!({"name": "recall", "lock_level": "*text", "default_uid": "*number"});
    let errors = bind(&step, &json!({"text": "full", "number": -5})).unwrap_err();
    assert_eq!(path_of(&errors), "default_uid lock_level");
    let messages: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
    assert!(messages[0].starts_with("Field number: ") && messages[1].starts_with("Field text: "), "{messages:?}");
}

#[test]
fn a_field_that_never_fits_is_refused_with_the_workflow() {
    for (argument, field) in [
        ("premigrate", "*text"),
        ("stub_size", "*truth"),
        ("endpoint", "*number"),
        ("lock_level", "*color"),
        ("endpoint", "*nobody"),
        ("endpoint", "*"),
    ] {
        assert_eq!(path_of(&read(&json!({"name": "migrate", argument: field})).unwrap_err()), argument, "{field}");
    }
}

#[test]
fn a_template_is_written_as_it_is_read() {
    let step = json!({"name": "dynamo.tasks.migrate", "premigrate": true, "endpoint": "**x", "site": "*text", "stub_size": 4096});
    assert_eq!(read(&step).unwrap().to_json(), step);
    assert_eq!(read(&json!({"name": "premigrate"})).unwrap().to_json()["name"], "dynamo.tasks.migrate");
}

#[test]
fn a_bound_step_is_stored_and_taken_up_again() {
    let bound = bind(&json!({"name": "premigrate", "site": "a"}), &json!({})).unwrap();
    let stored = serde_json::to_string(&bound).unwrap();
    assert_eq!(serde_json::from_str::<BoundStep>(&stored).unwrap(), bound);
    assert_eq!(bound.step.task_type(), "premigrate");
}
