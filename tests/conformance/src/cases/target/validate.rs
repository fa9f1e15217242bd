//! `validate`, together with the schema: the host asks both.

use anyhow::{Context, ensure};
use capstan_domain::Outcome;
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::plugin::Problem;
use serde_json::{Value, json};

use super::describe::refused_by_schema;
use crate::case::{Case, Want};
use crate::fronts::wire;
use crate::stand::Stand;
use crate::{Check, clause, group, told};

pub(super) fn all() -> Vec<Case> {
    use Want::{Host, Wire};
    group! { "target";
        "validate-good", clause::VALIDATE, [Host], "a good configuration has no problems", good;
        "validate-unknown-field", clause::VALIDATE, [Host], "a field that nobody knows is refused", unknown;
        "validate-wrong-types", clause::VALIDATE, [Host], "every field with a value of another type is refused", wrong_types;
        "validate-missing-fields", clause::VALIDATE, [Host], "every required field that is left out is refused", missing;
        "validate-no-object", clause::VALIDATE, [Host], "a document that is no object is refused, and traps nothing", no_object;
        "validate-nonsense", clause::VALIDATE, [Host], "text that is nonsense in every field traps nothing, and problems point at fields", nonsense;
        "validate-reaches-nothing", clause::VALIDATE, [Host, Wire], "validate connects to nobody", reaches_nothing;
    }
}

async fn problems(stand: &Stand<'_>, document: &Value) -> anyhow::Result<Outcome<Vec<Problem>>> {
    let kit = stand.kit()?;
    let mut settings = kit.settings(kit.file.configuration.clone())?;
    // What it asks for is not the question here.
    settings.configuration = document.clone();
    settings.grants = capstan_grants::requested(&kit.description().grants, document)
        .unwrap_or_default()
        .into_iter()
        .map(|asked| capstan_grants::Granted { power: asked.power, configured: asked.configured })
        .collect();
    Ok(kit.patient.runtime.problems(&settings).await)
}

/// The schema or the plugin refuses it; a problem's pointer is one.
async fn refused(stand: &Stand<'_>, document: &Value) -> Check {
    let schema = &stand.kit()?.description().configuration;
    let by_schema = refused_by_schema(schema, document)?.is_some();
    match problems(stand, document).await? {
        Ok(problems) => {
            check_pointers(&problems)?;
            ensure!(by_schema || !problems.is_empty(), "{document} is taken by the schema and by validate");
        }
        Err(failure) => is_refusal(failure)?,
    }
    Ok(())
}

fn check_pointers(problems: &[Problem]) -> Check {
    for problem in problems {
        ensure!(problem.pointer.is_empty() || problem.pointer.starts_with('/'), "{:?} is no pointer", problem.pointer);
        ensure!(!problem.message.trim().is_empty(), "the problem at {:?} says nothing", problem.pointer);
    }
    Ok(())
}

fn is_refusal(failure: Failure) -> Check {
    ensure!(failure.kind == Kind::Invalid, told(failure));
    Ok(())
}

fn with(stand: &Stand<'_>, name: &str, value: Option<Value>) -> anyhow::Result<Value> {
    let mut document = stand.kit()?.file.configuration.clone();
    let fields = document.as_object_mut().context("the configuration is a table")?;
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
    Ok(document)
}

async fn good(stand: &Stand<'_>) -> Check {
    let problems = problems(stand, &stand.kit()?.file.configuration).await?.map_err(told)?;
    ensure!(problems.is_empty(), "{problems:?}");
    Ok(())
}

async fn unknown(stand: &Stand<'_>) -> Check {
    refused(stand, &with(stand, "acme-nobody-knows-this", Some(json!(1)))?).await
}

fn fields(stand: &Stand<'_>) -> anyhow::Result<Vec<(String, Value)>> {
    let schema = &stand.kit()?.description().configuration;
    let all = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    Ok(all.into_iter().filter(|(_, field)| field.get("x-capstan-secret").is_none()).collect())
}

async fn wrong_types(stand: &Stand<'_>) -> Check {
    for (name, field) in fields(stand)? {
        if field.get("type").is_none() && field.get("enum").is_none() {
            continue;
        }
        for wrong in [json!({ "a": 1 }), json!([[1]]), Value::Null] {
            refused(stand, &with(stand, &name, Some(wrong))?).await.with_context(|| name.clone())?;
        }
    }
    Ok(())
}

async fn missing(stand: &Stand<'_>) -> Check {
    let required = stand.kit()?.description().configuration.get("required").cloned().unwrap_or_default();
    for name in required.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if stand.kit()?.secrets.iter().any(|(secret, _)| secret == name) {
            continue;
        }
        refused(stand, &with(stand, name, None)?).await.with_context(|| name.to_owned())?;
    }
    Ok(())
}

async fn no_object(stand: &Stand<'_>) -> Check {
    for document in [json!([]), json!("text"), json!(7), Value::Null, json!(true)] {
        refused(stand, &document).await?;
    }
    Ok(())
}

async fn nonsense(stand: &Stand<'_>) -> Check {
    for (name, _) in fields(stand)? {
        for text in ["", " ", "\u{0}", "http://", "http://[::1", "💥://x", "../..", &"x".repeat(10_000)] {
            match problems(stand, &with(stand, &name, Some(text.into()))?).await? {
                Ok(problems) => check_pointers(&problems)?,
                // A host that asks for no grant of it refuses it as well.
                Err(failure) => ensure!(matches!(failure.kind, Kind::Invalid | Kind::Denied), told(failure)),
            }
        }
    }
    Ok(())
}

async fn reaches_nothing(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    let endpoint = kit.endpoint.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
    let front = wire::Front::start(&endpoint.server).await?;
    let configuration = endpoint.through(front.address(), &kit.file.configuration);
    let problems = problems(stand, &configuration).await?.map_err(told)?;
    ensure!(problems.is_empty(), "{problems:?}");
    ensure!(front.connections() == 0, "{} connections were made", front.connections());
    Ok(())
}
