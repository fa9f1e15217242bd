//! Workflows.

use async_trait::async_trait;
use capstan_api_http::{Caller, Given};
use capstan_api_hub as api;
use capstan_api_hub::{Answer, Discovery, Page, Window, WorkflowInput, Workflows};
use capstan_domain::listing::Listing;
use capstan_domain::workflow::WorkflowRecord;
use serde_json::{Map, Value};

use super::Door;
use super::failures::{error, missing};
use super::listing::{page, window};
use super::refusals::refused;

pub(super) fn discovery(word: &str) -> Option<Discovery> {
    match word {
        "recursive" => Some(Discovery::Recursive),
        "snapdiff" => Some(Discovery::Snapdiff),
        _ => None,
    }
}

pub(super) fn word_of_discovery(discovery: Discovery) -> &'static str {
    match discovery {
        Discovery::Recursive => "recursive",
        Discovery::Snapdiff => "snapdiff",
    }
}

fn workflow(record: WorkflowRecord) -> api::Workflow {
    let member = |name: &str| record.definition.get(name);
    let text = |name: &str| member(name).and_then(Value::as_str).map(str::to_owned);
    let flag = |name: &str, usual: bool| member(name).and_then(Value::as_bool).unwrap_or(usual);
    let objects = |name: &str| {
        let items = member(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_object).cloned().collect::<Vec<_>>()
    };
    let icon_classes = member("icon_classes").and_then(Value::as_array).into_iter().flatten();
    api::Workflow {
        id: record.number,
        label: text("label").unwrap_or_default(),
        icon_classes: icon_classes.filter_map(|class| class.as_str().map(str::to_owned)).collect(),
        discovery: text("discovery").and_then(|word| discovery(&word)),
        discovery_options: member("discovery_options").and_then(Value::as_object).cloned(),
        fields: objects("fields"),
        filter_rules: objects("filter_rules"),
        enabled: flag("enabled", true),
        visible: flag("visible", true),
        external_only: flag("external_only", false),
        schedule_only: flag("schedule_only", false),
        preferred_queue: text("preferred_queue"),
        name: record.name,
    }
}

/// The members that were given.
fn given(input: WorkflowInput) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    let objects = |list: Vec<Map<String, Value>>| Value::Array(list.into_iter().map(Value::Object).collect());
    put("name", input.name.map(Value::from));
    put("label", input.label.map(Value::from));
    put("icon_classes", input.icon_classes.map(Value::from));
    put("discovery", nullable(input.discovery, |discovery| word_of_discovery(discovery).into()));
    put("discovery_options", nullable(input.discovery_options, Value::Object));
    put("fields", input.fields.map(objects));
    put("filter_rules", input.filter_rules.map(objects));
    put("enabled", input.enabled.map(Value::from));
    put("visible", input.visible.map(Value::from));
    put("external_only", input.external_only.map(Value::from));
    put("schedule_only", input.schedule_only.map(Value::from));
    put("preferred_queue", nullable(input.preferred_queue, Value::from));
    Value::Object(members)
}

fn nullable<T>(given: Given<T>, value: impl FnOnce(T) -> Value) -> Option<Value> {
    given.change().map(|given| given.map_or(Value::Null, value))
}

#[async_trait]
impl Workflows for Door {
    async fn list(&self, caller: &Caller, asked: Window) -> Answer<Page<api::Workflow>> {
        self.caller(caller)?;
        let found = window(asked, Listing::first(0), |listing| self.app.workflows.list(listing)).await?;
        Ok(page(found, workflow))
    }

    async fn create(&self, caller: &Caller, input: WorkflowInput) -> Answer<api::Workflow> {
        let made = self.app.workflows.create(&self.caller(caller)?, &given(input)).await;
        made.map(workflow).map_err(refused("workflow"))
    }

    async fn show(&self, caller: &Caller, number: i64) -> Answer<api::Workflow> {
        self.caller(caller)?;
        self.app.workflows.get(number).await.map(workflow).map_err(missing("workflow"))
    }

    async fn update(&self, caller: &Caller, number: i64, input: WorkflowInput) -> Answer<api::Workflow> {
        let changed = self.app.workflows.update(&self.caller(caller)?, number, &given(input)).await;
        changed.map(workflow).map_err(refused("workflow"))
    }

    async fn delete(&self, caller: &Caller, number: i64) -> Answer<()> {
        let caller = self.caller(caller)?;
        self.app.workflows.get(number).await.map_err(missing("workflow"))?;
        self.app.workflows.delete(&caller, number).await.map_err(error)
    }
}
