//! Wrong credentials: each secret changed, each left out, and what the target file adds.

use anyhow::{Context, ensure};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::PutOptions;
use capstan_domain::secret::SecretText;
use serde_json::Value;

use crate::case::{Case, Want};
use crate::content::counting;
use crate::kit::Opened;
use crate::stand::Stand;
use crate::{Check, clause, group, said, told};

/// What somebody answers who is not let in; `invalid` where a secret is not even of the right form.
const NOT_LET_IN: [Kind; 3] = [Kind::Unauthenticated, Kind::Denied, Kind::Invalid];

pub(super) fn all() -> Vec<Case> {
    use Want::{Host, Secrets, Store, WrongCredentials};
    group! { "target";
        "credentials-changed", clause::KINDS, [Host, Secrets], "a probe with any secret changed is refused, for who configured it to mend", changed_probe;
        "credentials-changed-data", clause::PROBE, [Host, Secrets, Store], "data calls with any secret changed fail as the probe does", changed_data;
        "credentials-left-out", clause::KINDS, [Host, Secrets], "a probe with any secret left out is refused, and traps nothing", left_out;
        "credentials-named", clause::KINDS, [Host, WrongCredentials], "the wrong credentials that the target file names are refused", named;
        "credentials-not-told", clause::FAULT, [Host, Secrets, Store], "no failure tells a secret", not_told;
        "credentials-mended", clause::INSTANCES, [Host, Secrets, Store], "wrong credentials beside right ones harm nobody", mended;
    }
}

/// Another secret of the same form: one character in the middle is another of its kind.
fn changed(secret: &str) -> String {
    let mut characters: Vec<char> = secret.chars().collect();
    let letters: Vec<usize> =
        characters.iter().enumerate().filter(|(_, c)| c.is_ascii_alphanumeric()).map(|(at, _)| at).collect();
    match letters.get(letters.len() / 2).and_then(|at| characters.get_mut(*at)) {
        Some(c) => {
            *c = if c.is_ascii_digit() {
                if *c == '7' { '3' } else { '7' }
            } else if *c == 'k' || *c == 'K' {
                'x'
            } else {
                'k'
            }
        }
        None => characters.push('x'),
    }
    characters.into_iter().collect()
}

fn is_refusal(failure: Failure, what: &str) -> Check {
    ensure!(NOT_LET_IN.contains(&failure.kind), "{what}: expected unauthenticated or denied: {:#}", told(failure));
    ensure!(failure.retry == Retry::Never, "{what}: asking again is said to help: {:#}", told(failure));
    ensure!(failure.blame == Blame::Caller, "{what}: {:?} is to blame: {:#}", failure.blame, said(&failure));
    Ok(())
}

async fn probe(target: Opened, what: &str) -> Check {
    match target.connection.probe().await {
        Ok(_) => anyhow::bail!("{what}: the probe is a success"),
        Err(failure) => is_refusal(failure, what),
    }
}

/// A target with one secret as `make` wants it.
fn with_secret(stand: &Stand<'_>, index: usize, make: impl Fn(&str) -> Option<String>) -> anyhow::Result<Opened> {
    stand.kit()?.another(|settings| {
        let Some((name, secret)) = settings.secrets.get(index).cloned() else { return };
        settings.secrets.remove(index);
        if let Some(other) = make(secret.reveal()) {
            settings.secrets.push((name, SecretText::new(other)));
        }
    })
}

fn secrets(stand: &Stand<'_>) -> anyhow::Result<Vec<(usize, String)>> {
    Ok(stand.kit()?.secrets.iter().enumerate().map(|(index, (name, _))| (index, name.clone())).collect())
}

async fn changed_probe(stand: &Stand<'_>) -> Check {
    for (index, name) in secrets(stand)? {
        probe(with_secret(stand, index, |secret| Some(changed(secret)))?, &format!("{name} changed")).await?;
    }
    Ok(())
}

async fn changed_data(stand: &Stand<'_>) -> Check {
    stand.put(&stand.key("there"), counting(10)).await?;
    for (index, name) in secrets(stand)? {
        let target = with_secret(stand, index, |secret| Some(changed(secret)))?;
        let store = target.store()?;
        let what = |function: &str| format!("{function} with {name} changed");
        let looked = store.look(stand.location, &stand.key("there")).await;
        is_refusal(looked.err().context("a look is a success")?, &what("a look"))?;
        let got = store.get(stand.location, &stand.key("there"), None).await;
        is_refusal(got.err().context("a get is a success")?, &what("a get"))?;
        let listed = store.page(stand.location, &stand.prefix, None, 10).await;
        is_refusal(listed.err().context("a list is a success")?, &what("a list"))?;
        let put = store.put(stand.location, &stand.key("new"), counting(10), "put", PutOptions::default()).await;
        is_refusal(put.err().context("a put is a success")?, &what("a put"))?;
        let removed = store.remove(stand.location, &stand.key("there"), "remove").await;
        is_refusal(removed.err().context("a removal is a success")?, &what("a removal"))?;
    }
    let store = stand.store()?;
    ensure!(store.is_there(stand.location, &stand.key("there")).await? == Some(10), "what was there was changed");
    ensure!(store.is_there(stand.location, &stand.key("new")).await?.is_none(), "something was put");
    Ok(())
}

async fn left_out(stand: &Stand<'_>) -> Check {
    for (index, name) in secrets(stand)? {
        probe(with_secret(stand, index, |_| None)?, &format!("{name} left out")).await?;
        probe(with_secret(stand, index, |_| Some(String::new()))?, &format!("{name} empty")).await?;
    }
    Ok(())
}

fn merge(into: &mut Value, more: &Value) {
    if let (Some(into), Some(more)) = (into.as_object_mut(), more.as_object()) {
        into.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
}

async fn named(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    for wrong in &kit.file.wrong_credentials {
        let others = wrong.secrets()?;
        let target = kit.another(|settings| {
            merge(&mut settings.configuration, &wrong.configuration);
            settings.secrets.retain(|(name, _)| !others.iter().any(|(other, _)| other == name));
            settings.secrets.extend(others);
        })?;
        probe(target, &wrong.name).await?;
    }
    Ok(())
}

async fn not_told(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    for (index, name) in secrets(stand)? {
        let target = with_secret(stand, index, |secret| Some(changed(secret)))?;
        let told_secrets: Vec<String> =
            kit.secrets.iter().flat_map(|(_, secret)| [secret.reveal().to_owned(), changed(secret.reveal())]).collect();
        let failures = [target.connection.probe().await.err(), target.store()?.look(stand.location, "x").await.err()];
        for failure in failures.into_iter().flatten() {
            let text = format!("{} {:?} {:?} {:?}", failure.message, failure.detail, failure.next_step, failure.code);
            let leaks = told_secrets.iter().any(|secret| secret.len() >= 4 && text.contains(secret.as_str()));
            ensure!(!leaks, "the failure with {name} changed tells a secret");
            ensure!(!failure.message.trim().is_empty(), "a failure says nothing");
        }
    }
    Ok(())
}

async fn mended(stand: &Stand<'_>) -> Check {
    let wrong = with_secret(stand, 0, |secret| Some(changed(secret)))?;
    for round in 0..3 {
        ensure!(wrong.connection.probe().await.is_err(), "a changed secret is let in");
        stand.put(&stand.key(&format!("round {round}")), counting(10)).await?;
    }
    Ok(())
}
