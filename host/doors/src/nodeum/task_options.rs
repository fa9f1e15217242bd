//! Options of tasks. They are kept with the task, in the order they were given; those that say what is done to tapes are also said in the
//! host's words, and others are refused, since nothing would come of them.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Code, Error, Listing, OptionKind, Page, TaskOption, TaskOptionInput, TaskOptions};
use capstan_app::definitions::DefinitionChange;
use capstan_app::jobs::TapeOptions;
use capstan_domain::job::Definition;
use capstan_domain::listing::{Filter, Operator};
use serde_json::{Map, Value};

use super::cloud_connectors::matches;
use super::failures::error;
use super::listing::{Column, Columns, listing};
use super::words::word;
use super::{Door, attributes, tasks};

/// Options of one task; more are refused.
const OPTIONS_MAX: usize = 64;
/// Member of a definition's options.
const TAPES: &str = "tapes";

const COLUMNS: Columns = &[("id", Column::Is("id")), ("type", Column::Is("type")), ("value", Column::Is("value"))];

/// What it says, where something would come of it.
fn apply(option: &TaskOption, to: &mut TapeOptions) -> Answer<()> {
    let wrong = |message: &str| Err(Error::because("value", Code::Invalid, message));
    match option.kind {
        OptionKind::Barcodes => {
            to.barcodes = barcodes(&option.value);
            if to.barcodes.is_empty() { wrong("value has to be barcodes, with commas between them") } else { Ok(()) }
        }
        OptionKind::TapeToScratch | OptionKind::Overwrite => {
            let truth = match option.value.as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return wrong("value has to be true or false"),
            };
            let flag = if option.kind == OptionKind::Overwrite { &mut to.force } else { &mut to.to_scratch };
            *flag = truth;
            Ok(())
        }
        other => {
            let known = "tape_to_scratch, overwrite and barcodes";
            let message = format!("This host would do nothing with {}; it knows {known}", word(other));
            Err(Error::because("type", Code::Invalid, message))
        }
    }
}

fn barcodes(value: &str) -> Vec<String> {
    let apart = |letter: char| matches!(letter, ',' | '|' | ';') || letter.is_whitespace();
    value.split(apart).filter(|barcode| !barcode.is_empty()).map(str::to_owned).collect()
}

/// The definition's options, in which those of the task say the same.
fn said(old: &Value, options: &[TaskOption]) -> Answer<Value> {
    let mut tapes = TapeOptions::default();
    for option in options {
        apply(option, &mut tapes)?;
    }
    let mut all = match old {
        Value::Object(all) => all.clone(),
        _ => Map::new(),
    };
    all.insert(TAPES.to_owned(), serde_json::to_value(tapes).unwrap_or_default());
    Ok(Value::Object(all))
}

/// Numbers compare as numbers, so they stand with zeros before them.
fn fits(filter: &Filter, option: &TaskOption) -> bool {
    let padded = |number: i64| format!("{number:019}");
    let pattern = matches!(filter.operator, Operator::Like | Operator::NotLike);
    match filter.field.as_str() {
        "id" if pattern => matches(filter, &option.id.to_string()),
        "id" => {
            let values = filter.values.iter().map(|value| padded(value.parse().unwrap_or_default())).collect();
            matches(&Filter { values, ..filter.clone() }, &padded(option.id))
        }
        "type" => matches(filter, &word(option.kind)),
        _ => matches(filter, &option.value),
    }
}

fn kept(task: &Definition) -> Vec<TaskOption> {
    attributes::read::<tasks::Kept>(&task.attributes).options
}

fn one(task: &Definition, number: i64) -> Answer<TaskOption> {
    let found = kept(task).into_iter().find(|option| option.id == number);
    found.ok_or_else(|| Error::not_found("task_option_id", &number.to_string()))
}

impl Door {
    async fn keep_options(&self, caller: &Caller, task: &Definition, options: Vec<TaskOption>) -> Answer<()> {
        let said = said(&task.options, &options)?;
        let mut kept: tasks::Kept = attributes::read(&task.attributes);
        kept.options = options;
        let change = DefinitionChange {
            options: Some(said),
            attributes: Some(attributes::write(&task.attributes, &kept)?),
            ..DefinitionChange::default()
        };
        self.app.definitions.update(&self.caller(caller)?, task.id, change).await.map(|_| ()).map_err(error)
    }
}

#[async_trait]
impl TaskOptions for Door {
    async fn index(&self, _: &Caller, at: &Reference, given: Listing) -> Answer<Page<TaskOption>> {
        let asked = listing(&given, COLUMNS)?;
        let mut options = kept(&self.task(at).await?);
        options.retain(|option| asked.filters.iter().all(|filter| fits(filter, option)));
        // A sort keeps what is alike in its order, so the first field is the last one that is sorted by.
        for sort in asked.sort.iter().rev() {
            options.sort_by(|one, other| {
                let order = match sort.field.as_str() {
                    "id" => one.id.cmp(&other.id),
                    "type" => word(one.kind).cmp(&word(other.kind)),
                    _ => one.value.cmp(&other.value),
                };
                if sort.descending { order.reverse() } else { order }
            });
        }
        let count = u64::try_from(options.len()).unwrap_or(u64::MAX);
        let skipped = usize::try_from(asked.offset).unwrap_or(usize::MAX);
        let window = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        Ok(Page { count, items: options.into_iter().skip(skipped).take(window).collect() })
    }

    async fn create(&self, caller: &Caller, at: &Reference, input: TaskOptionInput) -> Answer<TaskOption> {
        let task = self.task(at).await?;
        let mut options = kept(&task);
        let Some(kind) = input.kind else { return Err(Error::attribute("type", Code::Blank)) };
        if options.iter().any(|option| option.kind == kind) {
            return Err(Error::because("type", Code::Taken, format!("The task has an option {} already", word(kind))));
        }
        if options.len() >= OPTIONS_MAX {
            return Err(Error::refused(Code::TooLong, format!("A task has at most {OPTIONS_MAX} options")));
        }
        let id = options.iter().map(|option| option.id).max().unwrap_or_default() + 1;
        let option = TaskOption { id, kind, value: input.value.unwrap_or_default() };
        options.push(option.clone());
        self.keep_options(caller, &task, options).await?;
        Ok(option)
    }

    async fn show(&self, _: &Caller, at: &Reference, number: i64) -> Answer<TaskOption> {
        one(&self.task(at).await?, number)
    }

    async fn update(&self, caller: &Caller, at: &Reference, number: i64, input: TaskOptionInput) -> Answer<TaskOption> {
        let task = self.task(at).await?;
        let old = one(&task, number)?;
        let new = TaskOption { id: number, kind: input.kind.unwrap_or(old.kind), value: input.value.unwrap_or(old.value) };
        let mut options = kept(&task);
        if options.iter().any(|option| option.id != number && option.kind == new.kind) {
            return Err(Error::because("type", Code::Taken, format!("The task has an option {} already", word(new.kind))));
        }
        for option in options.iter_mut().filter(|option| option.id == number) {
            option.clone_from(&new);
        }
        self.keep_options(caller, &task, options).await?;
        Ok(new)
    }

    async fn destroy(&self, caller: &Caller, at: &Reference, number: i64) -> Answer<()> {
        let task = self.task(at).await?;
        one(&task, number)?;
        let options = kept(&task).into_iter().filter(|option| option.id != number).collect();
        self.keep_options(caller, &task, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(kind: OptionKind, value: &str) -> TaskOption {
        TaskOption { id: 1, kind, value: value.to_owned() }
    }

    #[test]
    fn options_of_tapes_are_said_in_the_hosts_words_and_others_are_left_as_they_are() {
        let options = [
            option(OptionKind::TapeToScratch, "true"),
            option(OptionKind::Overwrite, "0"),
            option(OptionKind::Barcodes, "CAP001L6, CAP002L6|CAP003L6"),
        ];
        let said = said(&serde_json::json!({ "priority": 7 }), &options).unwrap();
        assert_eq!(
            said,
            serde_json::json!({
                "priority": 7,
                "tapes": { "barcodes": ["CAP001L6", "CAP002L6", "CAP003L6"], "to_scratch": true, "force": false },
            })
        );
    }

    #[test]
    fn an_option_that_nothing_would_come_of_is_refused() {
        let refused = |kind, value| said(&Value::Null, &[option(kind, value)]).unwrap_err().body.details;
        assert_eq!(refused(OptionKind::SoftErase, "true")["type"][0].error, Code::Invalid);
        assert_eq!(refused(OptionKind::Overwrite, "maybe")["value"][0].error, Code::Invalid);
        assert_eq!(refused(OptionKind::Barcodes, " , ")["value"][0].error, Code::Invalid);
    }
}
