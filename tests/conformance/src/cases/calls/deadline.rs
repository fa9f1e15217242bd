//! Calls that overrun their deadline: cut by the host, and nothing left of them.

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;

use crate::case::{Case, Want};
use crate::content::{counting, hanging, same};
use crate::kit::{IMPATIENT_CALL, Opened};
use crate::stand::Stand;
use crate::{Check, clause, fails_as, group, told};

pub(super) fn all() -> Vec<Case> {
    use Want::{Host, Store};
    group! { "calls";
        "deadline-put", clause::DEADLINES, [Host, Store], "a put whose source hangs is cut at its deadline, leaves nothing, and can be made again", put;
        "deadline-keeps", clause::DEADLINES, [Host, Store, Want::Durable], "a put that is cut leaves what was there as it was", keeps;
    }
}

/// A target on the impatient host, with the location in it.
async fn target(stand: &Stand<'_>) -> anyhow::Result<Opened> {
    let target = stand.kit()?.impatient(|_| ())?;
    // Where data lives in the instance, so do locations.
    if stand.says("durability", "none")
        && let Some(objects) = &target.objects
    {
        objects.create_location(stand.location, "create", Vec::new()).await.map_err(told)?;
    }
    Ok(target)
}

async fn cut(stand: &Stand<'_>, target: &Opened, key: &str) -> Check {
    let start = std::time::Instant::now();
    // The rest of what a call of these bytes may take at the slowest.
    let put = target.store()?.put(stand.location, key, hanging(1 << 20, 512 << 10), "hangs", PutOptions::default()).await;
    fails_as(put, &[Kind::TimedOut, Kind::PluginFault], "a put whose source hangs")?;
    let most = IMPATIENT_CALL + std::time::Duration::from_secs(40);
    ensure!(start.elapsed() < most, "it was cut after {} s", start.elapsed().as_secs());
    Ok(())
}

/// The target serves again: a lost instance is replaced.
async fn serves(stand: &Stand<'_>, target: &Opened) -> Check {
    let mut last = None;
    for _ in 0..10 {
        match target.connection.probe().await {
            Ok(_) => return Ok(()),
            Err(failure) => last = Some(failure),
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    let _ = stand;
    Err(last.map_or_else(|| anyhow::anyhow!("it does not serve"), told)).context("after a call that was cut")
}

async fn put(stand: &Stand<'_>) -> Check {
    let (target, key) = (target(stand).await?, stand.key("hangs"));
    cut(stand, &target, &key).await?;
    serves(stand, &target).await?;
    if stand.says("durability", "none") {
        return Ok(());
    }
    ensure!(stand.store()?.is_there(stand.location, &key).await?.is_none(), "something was put");
    again(stand, &target, &key, 1 << 20).await
}

/// The same attempt, with a source that does not hang: what the first one left is taken up, or taken away.
async fn again(stand: &Stand<'_>, target: &Opened, key: &str, size: u64) -> Check {
    let put = target.store()?.put(stand.location, key, counting(size), "hangs", PutOptions::default()).await;
    ensure!(put.map_err(told).context("the same attempt again")? == size, "another size is told");
    let (_, body) = target.store()?.get(stand.location, key, None).await.map_err(told)?;
    same(body, 0, size).await
}

async fn keeps(stand: &Stand<'_>) -> Check {
    let (target, key) = (target(stand).await?, stand.key("kept"));
    stand.put(&key, counting(1234)).await?;
    cut(stand, &target, &key).await?;
    serves(stand, &target).await?;
    let (size, body) = target.store()?.get(stand.location, &key, None).await.map_err(told)?;
    ensure!(size == 1234, "{size} bytes are there");
    same(body, 0, 1234).await?;
    again(stand, &target, &key, 1 << 20).await
}
