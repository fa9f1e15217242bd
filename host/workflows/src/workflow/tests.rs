use serde_json::{Value, json};

use super::*;
use crate::discovery::{DiscoveryKind, DiscoveryOptions};
use crate::limits::{MOST_FIELDS, MOST_RULES, MOST_STEPS};

fn plain() -> Value {
    json!({
        "name": "archive",
        "label": "Archive old projects",
        "icon_classes": ["fa fa-archive"],
        "discovery": "snapdiff",
        "discovery_options": {"skip_old_ctimes": true, "condense_moves": false},
        "enabled": true,
        "visible": false,
        "external_only": true,
        "schedule_only": true,
        "preferred_queue": "slow-1",
        "fields": [
            {"name": "level", "label": "Level", "type": "choice", "required": false, "choices": ["partial", "none"], "default": "none"},
            {"name": "site", "label": "site", "type": "string", "required": true, "description": "Where to"},
        ],
        "filter_rules": [
            {"type": "file", "state": "created", "include": ["*.mov"], "exclude": ["tmp/*"], "action": [
                {"name": "dynamo.tasks.migrate", "lock_level": "*level"},
                {"name": "dynamo.tasks.reverse_stub", "site": "*site"},
            ]},
            {"type": "all", "state": "default", "action": [{"name": "dynamo.tasks.migrate", "premigrate": true}]},
        ],
    })
}

fn with(change: &Value) -> Value {
    let mut whole = plain();
    for (name, value) in change.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

/// The paths of what is wrong, sorted.
fn wrong(document: &Value) -> Vec<String> {
    let errors = Workflow::read(document).err().unwrap_or_default();
    let mut paths: Vec<_> = errors.iter().map(|error| error.path.to_string()).collect();
    paths.sort();
    paths
}

#[test]
fn a_workflow_is_written_as_it_is_read() {
    let workflow = Workflow::read(&plain()).unwrap();
    assert_eq!(workflow.to_json(), plain());
    let options = DiscoveryOptions { skip_missing: false, skip_old_ctimes: true, condense_moves: false };
    assert_eq!(workflow.discovery, Some(Discovery { kind: DiscoveryKind::Snapdiff, options }));
}

#[test]
fn name_and_label_are_enough() {
    let workflow = Workflow::read(&json!({"id": 7, "name": "x", "label": "X", "discovery": null, "fields": null})).unwrap();
    assert!(workflow.enabled && workflow.visible && !workflow.external_only && !workflow.schedule_only);
    assert_eq!((workflow.discovery, workflow.preferred_queue), (None, None));
    assert_eq!(wrong(&json!({})), ["label", "name"]);
    assert_eq!(wrong(&json!([])), [""]);
}

#[test]
fn each_wrong_member_is_named() {
    for (change, paths) in [
        (json!({"name": "two words"}), vec!["name"]),
        (json!({"name": "x".repeat(101)}), vec!["name"]),
        (json!({"label": ""}), vec!["label"]),
        (json!({"icon_classes": ["a", 1]}), vec!["icon_classes.1"]),
        (json!({"icon_classes": "a"}), vec!["icon_classes"]),
        (json!({"enabled": "yes"}), vec!["enabled"]),
        (json!({"discovery": "guess"}), vec!["discovery"]),
        (json!({"discovery": "recursive"}), vec!["discovery_options.condense_moves", "discovery_options.skip_old_ctimes"]),
        (json!({"discovery": null}), vec!["discovery_options"]),
        (json!({"discovery_options": {"condense_moves": 1}}), vec!["discovery_options.condense_moves"]),
        (json!({"preferred_queue": "a b"}), vec!["preferred_queue"]),
        (json!({"filter_rule": []}), vec!["filter_rule"]),
    ] {
        assert_eq!(wrong(&with(&change)), paths, "{change}");
    }
}

#[test]
fn a_wrong_rule_is_named_down_to_the_argument() {
    let step = json!({"name": "dynamo.tasks.migrate", "overwrite": "*level", "colour": 1});
    let rules = json!([
        {"type": "file", "state": "all", "action": [{"name": "migrate"}, step]},
        {"type": "socket", "state": "", "action": []},
        {"type": "all", "state": "all", "action": [{"name": "explode"}], "include": ["ok", "["], "unknown": 1},
        {},
    ]);
    let expected = [
        "filter_rules.0.action.1.colour",
        "filter_rules.0.action.1.overwrite",
        "filter_rules.1.action",
        "filter_rules.1.state",
        "filter_rules.1.type",
        "filter_rules.2.action.0.name",
        "filter_rules.2.include.1",
        "filter_rules.2.unknown",
        "filter_rules.3.action",
        "filter_rules.3.state",
        "filter_rules.3.type",
    ];
    assert_eq!(wrong(&with(&json!({"filter_rules": rules}))), expected);
}

#[test]
fn a_wrong_field_is_named() {
    let fields = json!([
        {"name": "level", "type": "enum", "choices": [{"value": "none", "label": "None"}, "partial"], "default": "full"},
        {"name": "site", "type": "string", "choices": ["a"]},
        {"name": "site", "type": "float"},
        {"name": "a b", "type": "choice"},
        {"name": "site", "type": "int", "default": "1"},
        7,
    ]);
    let expected = [
        "fields.0.default",
        "fields.1.choices",
        "fields.2.type",
        "fields.3.choices",
        "fields.3.name",
        "fields.4.default",
        "fields.4.name",
        "fields.5",
    ];
    assert_eq!(wrong(&with(&json!({"fields": fields}))), expected);
}

/// Pointers to every value in it.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    let members: Vec<_> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), member)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    members.iter().for_each(|(name, member)| pointers(member, &format!("{at}/{name}"), into));
}

#[test]
fn whatever_stands_anywhere_is_read_or_named() {
    let mut all = Vec::new();
    pointers(&plain(), "", &mut all);
    let long = "x".repeat(10_000);
    for pointer in &all {
        for junk in
            [json!(null), json!(-1), json!(1e300), json!(true), json!(""), json!("*"), json!(long), json!([[]]), json!({"a": 1})]
        {
            let mut document = plain();
            *document.pointer_mut(pointer).unwrap() = junk.clone();
            match Workflow::read(&document) {
                Ok(workflow) => assert_eq!(Workflow::read(&workflow.to_json()), Ok(workflow), "{pointer} {junk}"),
                Err(errors) => assert!(errors.nested().as_object().is_some_and(|errors| !errors.is_empty()), "{pointer} {junk}"),
            }
        }
    }
}

#[test]
fn other_words_for_types_are_read_and_written_back_as_one() {
    for (given, written) in [("folder", "directory"), ("directory", "directory"), ("link", "symlink"), ("symlink", "symlink")] {
        let rules = json!([{"type": given, "state": "all", "action": [{"name": "recall"}]}]);
        let workflow = Workflow::read(&with(&json!({"filter_rules": rules}))).unwrap();
        assert_eq!(workflow.to_json()["filter_rules"][0]["type"], written);
    }
}

#[test]
fn every_list_is_bounded() {
    let step = json!({"name": "migrate"});
    let rule = |steps: usize| json!({"type": "all", "state": "all", "action": vec![step.clone(); steps]});
    let field = |index: usize| json!({"name": format!("f{index}"), "type": "int"});
    assert_eq!(wrong(&with(&json!({"filter_rules": vec![rule(MOST_STEPS); MOST_RULES]}))), [""; 0]);
    assert_eq!(wrong(&with(&json!({"filter_rules": vec![rule(1); MOST_RULES + 1]}))), ["filter_rules"]);
    assert_eq!(wrong(&with(&json!({"filter_rules": [rule(MOST_STEPS + 1)]}))), ["filter_rules.0.action"]);
    let fields: Vec<_> = (0..=MOST_FIELDS).map(field).collect();
    assert_eq!(wrong(&with(&json!({"fields": fields, "filter_rules": []}))), ["fields"]);
}

#[test]
fn an_update_replaces_fields_and_rules_whole() {
    let workflow = Workflow::read(&plain()).unwrap();
    let rules = json!([{"type": "all", "state": "all", "action": [{"name": "dynamo.tasks.recall"}]}]);
    let updated = workflow.updated(&json!({"filter_rules": rules, "fields": [], "label": "New"})).unwrap();
    assert_eq!((updated.rules.len(), updated.fields.len(), updated.label.as_str()), (1, 0, "New"));
    assert_eq!((updated.name, updated.discovery), (workflow.name, workflow.discovery));
}

#[test]
fn an_update_leaves_no_rule_that_names_a_lost_field() {
    let workflow = Workflow::read(&plain()).unwrap();
    let errors = workflow.updated(&json!({"fields": []})).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|error| error.path.to_string()).collect();
    assert_eq!(paths, ["filter_rules.0.action.0.lock_level", "filter_rules.0.action.1.site"]);
}

#[test]
fn an_update_to_another_discovery_begins_with_its_defaults() {
    let workflow = Workflow::read(&plain()).unwrap();
    let recursive = workflow.updated(&json!({"discovery": "recursive"})).unwrap();
    assert_eq!(recursive.discovery.unwrap().options, DiscoveryOptions::default());
    assert_eq!(workflow.updated(&json!({"discovery": null})).unwrap().discovery, None);
    assert_eq!(workflow.updated(&json!({"discovery": "snapdiff"})).unwrap(), workflow);
}

#[test]
fn an_update_does_not_touch_external_only() {
    let workflow = Workflow::read(&plain()).unwrap();
    assert!(workflow.updated(&json!({"external_only": false})).unwrap().external_only);
    assert!(workflow.updated(&json!({"labl": "x"})).is_err() && workflow.updated(&json!(1)).is_err());
}
