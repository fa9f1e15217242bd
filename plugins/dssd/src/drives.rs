//! Drives as a whole: made, grown, told, listed, removed.
//!
//! | the process or the answer is lost | what is there | the next call of the attempt |
//! |---|---|---|
//! | create: before the record | nothing | begins anew |
//! | create: after the record | a half-made drive, which no call shows | makes the image; one that is there was made by it |
//! | create: the image is made | the same | finds it, looks at its size, and writes that it is made |
//! | resize: after the record says so | the drive, as it was | grows it |
//! | resize: the image has grown | the drive, larger; exports still show the size before | makes them anew |
//! | delete: exports are closed | the drive | goes on |
//! | delete: the image is out of sight, the record is there | a name without an image: no drive | forgets the record |
//! | delete: the image is gone, the record says what it hung on | the same, and a parent that nothing may hang on any more | tidies the parent, forgets the record |

use capstan_sdk::failure::{already_exists, conflict, invalid, unavailable};
use capstan_sdk::types::{Drive, DriveLimits, DrivePage};
use capstan_sdk::{Outcome, Retry, named};
use futures::stream::{StreamExt, TryStreamExt};

use crate::client::{Client, still};
use crate::error::{BUSY, EXISTS};
use crate::exports::Exports;
use crate::images::{Image, Images, meanwhile};
use crate::lane::{Subject, forget};
use crate::ledger::{self, Found};
use crate::{names, pool, tidy};

/// Bytes. Ceph takes any size; sizes that people and guests reckon with are multiples of this.
const GRANULARITY: u64 = 4096;
const MINIMUM: u64 = 1 << 20;
/// The map of an image's objects is held in memory wherever it is open: 4 MiB at this size.
const MAXIMUM: u64 = 64 << 40;
pub(crate) const BLOCK: u32 = 512;
/// Drives of one page, each of which is looked at, and how many at once.
const PAGE: u32 = 64;
const LOOKS: usize = 4;
/// How often a removal that others get in the way of is begun again.
const REMOVALS: usize = 3;

pub(crate) fn drive(name: &str, image: &Image) -> Drive {
    Drive {
        name: name.to_owned(),
        size: image.size,
        used: None,
        created: image.created(),
        extras: vec![named("engine-id", names::image(name))],
    }
}

/// A drive as its open export tells it.
pub(crate) fn told(name: &str, size: u64) -> Drive {
    Drive { name: name.to_owned(), size, used: None, created: None, extras: vec![named("engine-id", names::image(name))] }
}

pub(crate) fn check_size(size: u64) -> Outcome<()> {
    let wrong = match size {
        0..MINIMUM => ("size-too-small", format!("a drive has at least {MINIMUM} bytes, not {size}")),
        _ if size > MAXIMUM => ("size-too-large", format!("a drive has at most {MAXIMUM} bytes, not {size}")),
        _ if !size.is_multiple_of(GRANULARITY) => {
            ("size", format!("a drive's size is a multiple of {GRANULARITY} bytes; {size} is not"))
        }
        _ => return Ok(()),
    };
    Err(invalid(wrong.1).code(wrong.0))
}

pub(crate) async fn limits(client: &Client, location: &str) -> Outcome<DriveLimits> {
    let space = pool::space(client, location).await?;
    let mut extras = vec![named("clone", "constant")];
    extras.extend(space.available.map(|available| named("available", available.to_string())));
    Ok(DriveLimits { minimum: MINIMUM, maximum: MAXIMUM, granularity: GRANULARITY, block: BLOCK, extras })
}

impl<'a> Subject<'a> {
    pub(crate) fn images(&'a self) -> Images<'a> {
        Images::new(self.client, &self.image, &self.text)
    }

    /// The image of a drive that a call made.
    pub(crate) async fn there(&self) -> Outcome<Image> {
        self.record().await?;
        self.images().find().await?.ok_or_else(|| self.absent())
    }

    pub(crate) fn taken(&self) -> capstan_sdk::Failure {
        already_exists(format!("there is a {} already", self.text))
    }
}

pub(crate) async fn get(subject: &Subject<'_>) -> Outcome<Drive> {
    subject.there().await.map(|image| drive(subject.name, &image))
}

pub(crate) async fn list(client: &Client, location: &str, after: Option<&str>, limit: u32) -> Outcome<DrivePage> {
    pool::check(client, location)?;
    let limit = limit.min(PAGE);
    let names = ledger::names(after, limit).await?;
    let next = names.last().filter(|_| names.len() >= limit as usize).cloned();
    let looks = names.iter().map(|name| async move {
        match get(&Subject::new(client, location, name)?).await {
            Ok(drive) => Ok(Some(drive)),
            // Half made, or gone.
            Err(capstan_sdk::Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    });
    let drives =
        futures::stream::iter(looks).buffered(LOOKS).try_filter_map(|found| async move { Ok(found) }).try_collect().await?;
    Ok(DrivePage { drives, next })
}

/// What the name is to this attempt; the name is this attempt's afterwards, and no image that it did not make has it.
pub(crate) async fn claim(subject: &Subject<'_>, mark: &str) -> Outcome<Found> {
    if ledger::look(subject.name, mark).await? == Found::Nothing && subject.images().look().await?.is_some() {
        return Err(subject.taken().next_step(format!(
            "The pool has an image {:?} that this target did not make: rename or remove it.",
            subject.image
        )));
    }
    match ledger::begin(subject.name, mark).await? {
        Found::Others => Err(subject.taken()),
        found => Ok(found),
    }
}

/// The image is there as it was to be: from now on the drive is.
pub(crate) async fn made(subject: &Subject<'_>, size: u64) -> Outcome<Drive> {
    let image = subject.images().find().await?;
    let image =
        image.ok_or_else(|| unavailable(format!("{} is not there after it was made", subject.text)).retry(Retry::AtOnce))?;
    if image.size != size {
        return Err(conflict(format!("{} has {} bytes, not {size}", subject.text, image.size)));
    }
    if !ledger::change(subject.name, |record| record.made = true).await? {
        return Err(meanwhile(&subject.text));
    }
    Ok(drive(subject.name, &image))
}

pub(crate) async fn create(subject: &Subject<'_>, size: u64, attempt: &str) -> Outcome<Drive> {
    // The manager of the cluster ends at an image of no bytes.
    check_size(size)?;
    let found = claim(subject, &names::mark(attempt)?).await?;
    if found == Found::Made {
        return get(subject).await;
    }
    if let Err(refusal) = subject.images().create(size).await?
        && !refusal.is(EXISTS)
    {
        ledger::forget(subject.name).await?;
        return Err(refusal.failure(&subject.text));
    }
    made(subject, size).await
}

pub(crate) async fn resize(subject: &Subject<'_>, size: u64) -> Outcome<Drive> {
    check_size(size)?;
    let image = subject.there().await?;
    if size < image.size {
        return Err(invalid(format!("{} has {} bytes and cannot become smaller", subject.text, image.size)).code("shrink"));
    }
    let growing = subject.record().await?.growing.is_some();
    if size == image.size && !growing {
        return Ok(drive(subject.name, &image));
    }
    ledger::change(subject.name, |record| record.growing = Some(size)).await?;
    if size > image.size {
        subject.images().resize(size).await?.map_err(|refusal| refusal.failure(&subject.text))?;
    }
    Exports::of(subject.client, &subject.image).await?.renew(&subject.text).await?;
    forget(&subject.image);
    ledger::change(subject.name, |record| record.growing = None).await?;
    let image = subject.there().await?;
    if image.size < size {
        return Err(unavailable(format!("{} has {} bytes after it was to have {size}", subject.text, image.size)));
    }
    Ok(drive(subject.name, &image))
}

pub(crate) async fn delete(subject: &Subject<'_>) -> Outcome<()> {
    // What no call made is not removed either.
    let Some(record) = ledger::get(subject.name).await? else { return Ok(()) };
    for _ in 0..REMOVALS {
        let Some(image) = subject.images().find().await? else {
            if subject.images().is_going().await? {
                return Err(still(&subject.text));
            }
            // An earlier call may have been cut behind the removal.
            return gone(subject, record.parent).await;
        };
        Exports::of(subject.client, &subject.image).await?.close().await?;
        forget(&subject.image);
        if image.is_held() {
            tidy::put_out_of_sight(subject, &image).await?;
            return gone(subject, Some(names::gone_image(&image.id))).await;
        }
        let parent = tidy::note_parent(subject.client, &image).await?;
        if parent.is_some() {
            ledger::change(subject.name, |record| record.parent.clone_from(&parent)).await?;
        }
        match subject.images().remove().await? {
            Ok(()) => return gone(subject, parent).await,
            // Cloned meanwhile, or opened again by a call that began before.
            Err(refusal) if refusal.is(BUSY) => {}
            Err(refusal) => return Err(refusal.failure(&subject.text)),
        }
    }
    Err(capstan_sdk::failure::busy(format!("{} is in use by somebody else", subject.text))
        .code("errno 16")
        .after_ms(5_000)
        .next_step("Let go of it where it is used; who crashed with it lets go after half a minute."))
}

/// The end of a drive whose image is gone, or out of sight. The record goes last: a call that is cut here comes back to the rest.
async fn gone(subject: &Subject<'_>, left: Option<String>) -> Outcome<()> {
    if let Some(left) = left
        && let Err(failure) = tidy::tidy(subject.client, &left).await
    {
        if failure.may_retry() {
            return Err(failure);
        }
        // It is noted, and tried again by a later call.
        capstan_sdk::log!(warn, "what a deleted drive left could not be taken away", "why" => failure.fault().message);
    }
    ledger::forget(subject.name).await
}

pub(crate) async fn attach(subject: &Subject<'_>, read_only: bool) -> Outcome<capstan_sdk::types::Attachment> {
    use crate::exports::{Attached, attached_name};
    subject.record().await?;
    let attached = if read_only { Attached::ForReading } else { Attached::ForWriting };
    Exports::of(subject.client, &subject.image).await?.attach(attached, &subject.text).await?;
    let config = &subject.client.config;
    Ok(capstan_sdk::types::Attachment {
        peer: "nbd".to_owned(),
        parameters: vec![
            named("host", &config.nbd_host),
            named("port", config.nbd_port.to_string()),
            named("export", attached_name(&subject.image)),
        ],
    })
}

pub(crate) async fn detach(subject: &Subject<'_>) -> Outcome<()> {
    if ledger::get(subject.name).await?.is_none() {
        return Ok(());
    }
    Exports::of(subject.client, &subject.image).await?.detach().await
}

#[cfg(test)]
mod tests {
    use capstan_sdk::Failure;

    use super::*;

    #[test]
    fn a_size_is_within_the_limits_and_on_the_granularity() {
        for good in [MINIMUM, MINIMUM + GRANULARITY, MAXIMUM] {
            assert!(check_size(good).is_ok(), "{good}");
        }
        let code = |size: u64| match check_size(size) {
            Err(Failure::Invalid(fault)) => fault.code,
            _ => None,
        };
        for (size, told) in [
            (0, "size-too-small"),
            (MINIMUM - GRANULARITY, "size-too-small"),
            (MAXIMUM + 1, "size-too-large"),
            (MINIMUM + 1, "size"),
        ] {
            assert_eq!(code(size).as_deref(), Some(told), "{size}");
        }
    }
}
