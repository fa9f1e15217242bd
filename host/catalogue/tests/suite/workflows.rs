//! Definitions of workflows: seeded, made, changed, found.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::workflow::WorkflowRecord;
use serde_json::{Value, json};

use crate::database::{Base, on_both};

on_both! {
    seeded_workflows_are_brought_up_to_date_and_stay_as_they_are => seeded,
    a_users_workflow_is_changed_found_and_deleted => own,
}

pub(crate) fn definition(name: &str, label: &str) -> Value {
    json!({"name": name, "label": label, "discovery": "recursive", "enabled": true, "visible": true, "schedule_only": false,
           "external_only": false, "fields": [], "filter_rules": []})
}

pub(crate) async fn workflow(catalogue: &Catalogue, name: &str) -> WorkflowRecord {
    catalogue.create_workflow(&definition(name, "W")).await.unwrap()
}

async fn seeded(catalogue: &Catalogue, _: &Base) {
    let mine = workflow(catalogue, "recall").await;
    let seeds = |label: &str| [definition("migrate", label), definition("recall", label)];
    catalogue.seed_workflows(&seeds("old")).await.unwrap();
    let first = catalogue.workflow("migrate").await.unwrap();
    assert!(first.protected);
    catalogue.seed_workflows(&seeds("old")).await.unwrap();
    assert_eq!(catalogue.workflow("migrate").await.unwrap().updated, first.updated, "nothing changed");
    catalogue.seed_workflows(&seeds("new")).await.unwrap();
    let now = catalogue.workflow("migrate").await.unwrap();
    assert_eq!((now.number, &now.definition["label"]), (first.number, &json!("new")));
    assert_eq!(catalogue.workflow("recall").await.unwrap().definition, mine.definition, "a user's own stays");
    for refused in
        [catalogue.update_workflow(now.id, &definition("x", "x")).await.map(|_| ()), catalogue.delete_workflow(now.id).await]
    {
        let failure = refused.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Denied, Some("protected")));
    }
    assert_eq!(catalogue.create_workflow(&definition("migrate", "x")).await.unwrap_err().kind, Kind::AlreadyExists);
}

async fn own(catalogue: &Catalogue, _: &Base) {
    let made = workflow(catalogue, "mine").await;
    workflow(catalogue, "other").await;
    let mut change = definition("yours", "Y");
    (change["schedule_only"], change["discovery"]) = (json!(true), Value::Null);
    let written = catalogue.update_workflow(made.id, &change).await.unwrap();
    assert_eq!((written.name.as_str(), written.number, &written.definition), ("yours", made.number, &change));
    let names = async |field: &str, value: &str| {
        let page = catalogue.workflows(&Listing::first(9).with(field, Operator::Equal, value)).await.unwrap();
        page.items.into_iter().map(|workflow| workflow.name).collect::<Vec<_>>()
    };
    assert_eq!(names("schedule_only", "true").await, ["yours"]);
    assert_eq!(names("discovery", "recursive").await, ["other"]);
    assert_eq!(names("definition/label", "Y").await, ["yours"]);
    catalogue.delete_workflow(made.id).await.unwrap();
    assert_eq!(catalogue.delete_workflow(made.id).await.unwrap_err().kind, Kind::NotFound);
}
