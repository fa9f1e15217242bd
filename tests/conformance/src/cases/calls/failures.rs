//! What every failure says: kind, retry, blame, and words for people.

use anyhow::{Context, ensure};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::{ByteRange, PutOptions};

use crate::case::{Case, Want};
use crate::cases::objects::locations::ABSENT;
use crate::content::counting;
use crate::stand::Stand;
use crate::{Check, clause, group, told};

pub(super) fn all() -> Vec<Case> {
    use Want::{Host, Store};
    group! { "calls";
        "failure-words", clause::FAULT, [Store], "a failure has one sentence for people, without a stack", words;
        "failure-of-the-caller", clause::KINDS, [Store], "what is absent or wrong is the caller's to mend, and asking again does not help", callers;
        "failure-is-certain", clause::MAYBE_DONE, [Store], "a failure that is certain is not said to be perhaps done", certain;
        "failure-is-no-trap", clause::TRAP, [Host, Store], "no failure of a caller costs an instance", no_trap;
        "failure-tells-more", clause::TWO_THAT_FIT, [Store], "a location that is missing is not-found, not denied", tells_more;
    }
}

/// Failures that any store can be brought to.
async fn failures(stand: &Stand<'_>) -> anyhow::Result<Vec<(&'static str, Failure)>> {
    let (store, location) = (stand.store()?, stand.location);
    stand.put(&stand.key("there"), counting(100)).await?;
    let beyond = Some(ByteRange { offset: 1000, length: None });
    let put = |location, key: String| async move { store.put(location, &key, counting(5), "put", PutOptions::default()).await };
    Ok(vec![
        ("a look at an absent key", store.look(location, &stand.key("absent")).await.err().context("it is there")?),
        ("a get of an absent key", store.get(location, &stand.key("absent"), None).await.err().context("it is there")?),
        ("a range beyond the end", store.get(location, &stand.key("there"), beyond).await.err().context("it is a range")?),
        ("a look in an absent location", store.look(ABSENT, &stand.key("x")).await.err().context("it is there")?),
        ("a put into an absent location", put(ABSENT, stand.key("x")).await.err().context("it was put")?),
        ("a listing of an absent location", store.page(ABSENT, "x/", None, 10).await.err().context("it was listed")?),
        ("a put under an empty name", put(location, String::new()).await.err().context("it was put")?),
    ])
}

async fn words(stand: &Stand<'_>) -> Check {
    for (what, failure) in failures(stand).await? {
        let message = &failure.message;
        ensure!(!message.trim().is_empty() && message.len() <= 2000, "{what}: {message:?}");
        let stack = message.contains("panicked at") || message.contains("\n   ") || message.contains("wasm backtrace");
        ensure!(!stack, "{what} shows a stack: {message:?}");
    }
    Ok(())
}

async fn callers(stand: &Stand<'_>) -> Check {
    for (what, failure) in failures(stand).await? {
        ensure!(matches!(failure.kind, Kind::NotFound | Kind::Invalid), "{what}: {:#}", told(failure));
        ensure!(
            failure.retry == Retry::Never && failure.blame == Blame::Caller,
            "{what}: retry {:?}, blame {:?}",
            failure.retry,
            failure.blame
        );
    }
    Ok(())
}

async fn certain(stand: &Stand<'_>) -> Check {
    for (what, failure) in failures(stand).await? {
        ensure!(!failure.maybe_done, "{what} may be done: {:#}", told(failure));
    }
    Ok(())
}

async fn no_trap(stand: &Stand<'_>) -> Check {
    for _ in 0..3 {
        for (what, failure) in failures(stand).await? {
            ensure!(failure.kind != Kind::PluginFault, "{what}: {:#}", told(failure));
        }
    }
    Ok(())
}

async fn tells_more(stand: &Stand<'_>) -> Check {
    for (what, failure) in failures(stand).await?.into_iter().filter(|(what, _)| what.contains("location")) {
        ensure!(failure.kind == Kind::NotFound, "{what}: {:#}", told(failure));
    }
    Ok(())
}
