//! `probe` and `usage`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::ensure;
use capstan_domain::failure::Kind;
use futures::future::try_join_all;

use crate::case::{Case, Want};
use crate::cases::objects::locations::ABSENT;
use crate::fronts::wire;
use crate::kit::IMPATIENT_CALL;
use crate::stand::Stand;
use crate::{Check, clause, fails, fails_as, group, told};

/// Of a usage that walks no data.
const CHEAP: Duration = Duration::from_secs(10);
/// A name that nobody will ever have (RFC 6761, section 6.4).
const NO_NAME: &str = "no-such-name.invalid";

pub(super) fn all() -> Vec<Case> {
    use Want::{Host, Store, Wire};
    group! { "target";
        "probe", clause::PROBE, [Host], "a probe tells the location in use, and a latency", probe;
        "probe-again", clause::PROBE, [Host], "a probe can be made at any time, many at once", at_once;
        "probe-agrees", clause::PROBE, [Host, Store], "a probe tells the locations that list-locations tells", agrees;
        "probe-leaves-nothing", clause::PROBE, [Host, Store], "a probe leaves nothing in the location", leaves_nothing;
        "probe-skew", clause::UNITS, [Host], "a clock's skew is told in milliseconds", skew;
        "probe-connects", clause::PROBE, [Host, Wire], "a probe reaches the server", connects;
        "probe-nobody-listens", clause::KINDS, [Host, Wire], "a server that nobody is at is unavailable, and worth another try", nobody;
        "probe-unknown-host", clause::KINDS, [Host, Wire], "a server whose name nobody knows is unavailable, and worth another try", unknown_host;
        "usage", clause::USAGE, [Host], "the usage of the location and of the whole are told, or none", usage;
        "usage-grows", clause::USAGE, [Host, Store], "what is put is not more than what is used afterwards, where usage is told exactly", grows;
        "usage-absent-location", clause::USAGE, [Host], "the usage of an absent location is not-found", usage_absent;
    }
}

async fn probe(stand: &Stand<'_>) -> Check {
    let report = stand.connection()?.probe().await.map_err(told)?;
    ensure!(
        report.locations.iter().any(|location| location.name == stand.location),
        "{:?} is not among {:?}",
        stand.location,
        report.locations
    );
    ensure!(report.latency_us < 60_000_000, "a latency of {} µs", report.latency_us);
    Ok(())
}

async fn at_once(stand: &Stand<'_>) -> Check {
    let connection = stand.connection()?;
    try_join_all((0..8).map(|_| connection.probe())).await.map(drop).map_err(told)
}

async fn agrees(stand: &Stand<'_>) -> Check {
    let report = stand.connection()?.probe().await.map_err(told)?;
    let listed = match stand.objects() {
        Ok(objects) => objects.list_locations().await,
        Err(_) => stand.files()?.list_locations().await,
    };
    // Others may make and remove theirs meanwhile.
    let names = |list: Vec<capstan_domain::ports::LocationInfo>| -> BTreeSet<String> {
        list.into_iter().map(|location| location.name).filter(|name| name == stand.location).collect()
    };
    let (probed, listed) = (names(report.locations), names(listed.map_err(told)?));
    ensure!(probed == listed && !listed.is_empty(), "the probe tells {probed:?}, list-locations {listed:?}");
    Ok(())
}

async fn leaves_nothing(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    let store = stand.store()?;
    // Of all that is in the location only what nobody of this run made counts.
    let foreign = |listed: std::collections::BTreeMap<String, u64>| -> BTreeSet<String> {
        listed.into_keys().filter(|name| !name.starts_with("kit-")).collect()
    };
    let before = foreign(store.list(stand.location, "").await?);
    // A target that was never probed may look closer.
    kit.another(|_| ())?.connection.probe().await.map_err(told)?;
    let after = foreign(store.list(stand.location, "").await?);
    ensure!(before == after, "{:?} appeared", after.difference(&before).collect::<Vec<_>>());
    Ok(())
}

async fn skew(stand: &Stand<'_>) -> Check {
    let skew = stand.connection()?.probe().await.map_err(told)?.clock_skew_ms;
    ensure!(skew.is_none_or(|skew| skew.abs() < 366 * 86_400_000), "a skew of {skew:?} ms is more than a year");
    Ok(())
}

async fn connects(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    let endpoint = kit.endpoint.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
    let front = wire::Front::start(&endpoint.server).await?;
    let configuration = endpoint.through(front.address(), &kit.file.configuration);
    kit.another(|settings| settings.configuration = configuration)?.connection.probe().await.map_err(told)?;
    ensure!(front.connections() > 0, "it succeeded without a connection");
    Ok(())
}

async fn nobody(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    let endpoint = kit.endpoint.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
    let configuration = endpoint.through(wire::unused_address().await?, &kit.file.configuration);
    let probed = kit.impatient(|settings| settings.configuration = configuration)?.connection.probe().await;
    let failure = fails_as(probed, &[Kind::Unavailable, Kind::TimedOut], "a probe of nobody")?;
    ensure!(failure.may_retry(), "it says that asking again never helps: {:#}", told(failure));
    Ok(())
}

async fn unknown_host(stand: &Stand<'_>) -> Check {
    let kit = stand.kit()?;
    let endpoint = kit.endpoint.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
    let configuration = endpoint.at_host(NO_NAME, &kit.file.configuration);
    let target = kit.impatient(|settings| settings.configuration = configuration)?;
    let start = Instant::now();
    let failure = fails_as(target.connection.probe().await, &[Kind::Unavailable], "a probe of a name that nobody knows")?;
    ensure!(start.elapsed() < IMPATIENT_CALL, "it took {} ms", start.elapsed().as_millis());
    ensure!(failure.may_retry(), "it says that asking again never helps: {:#}", told(failure));
    Ok(())
}

async fn usage(stand: &Stand<'_>) -> Check {
    for location in [Some(stand.location), None] {
        let start = Instant::now();
        let usage = stand.connection()?.usage(location).await.map_err(told)?;
        ensure!(start.elapsed() < CHEAP, "it took {} ms", start.elapsed().as_millis());
        if let (Some(used), Some(capacity)) = (usage.used, usage.capacity) {
            ensure!(used <= capacity, "{used} bytes are used of {capacity}");
        }
    }
    Ok(())
}

async fn grows(stand: &Stand<'_>) -> Check {
    stand.put(&stand.key("used"), crate::content::counting(1 << 20)).await?;
    let usage = stand.connection()?.usage(Some(stand.location)).await.map_err(told)?;
    // A server may count later; none counts what is not there as negative.
    ensure!(usage.used.is_none_or(|used| used < u64::MAX / 2), "{usage:?}");
    ensure!(usage.objects.is_none_or(|objects| objects < u64::MAX / 2), "{usage:?}");
    Ok(())
}

async fn usage_absent(stand: &Stand<'_>) -> Check {
    match stand.connection()?.usage(Some(ABSENT)).await {
        Err(failure) => fails::<()>(Err(failure), Kind::NotFound, "the usage of an absent location"),
        // Who knows nothing of any location need not look.
        Ok(usage) => {
            ensure!(usage.used.is_none() && usage.objects.is_none(), "{usage:?}");
            Ok(())
        }
    }
}
