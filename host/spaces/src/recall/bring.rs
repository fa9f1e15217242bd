//! The pieces of a file, several at a time, each from the first copy that gives what was stored.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use capstan_domain::failure::{Blame, Kind};
use capstan_domain::{Failure, Outcome};
use capstan_mover::backoff;
use capstan_mover::throttle::Throttle;
use capstan_space_view::Bringing;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::sources::{Copies, Source};
use super::{Begun, ended};
use crate::Inner;
use crate::on_disk::on_disk;
use crate::points::{Point, reached};

/// Chunks of a piece between the network and the disk.
const CHUNKS: usize = 4;

/// Until the file is data, or a stub again; then the catalogue is told.
pub(super) async fn bring(inner: &Arc<Inner>, begun: &Begun, bringing: Bringing, copies: Copies) {
    if begun.is_large {
        ended::coming(inner, begun).await;
    }
    reached(Point::Begun);
    let bringing = Arc::new(bringing);
    let brought = pieces(inner, begun, &bringing, &Arc::new(copies)).await;
    reached(Point::Filled);
    let finished = match Arc::into_inner(bringing) {
        None => Err(Failure::host("A recall could not be ended", "somebody still brings a piece")),
        Some(bringing) => on_disk(move || match brought {
            Ok(()) => bringing.finish(),
            Err(failure) => {
                bringing.fail(failure.clone());
                Err(failure)
            }
        })
        .await
        .flatten(),
    };
    reached(Point::Whole);
    ended::told(inner, begun, finished).await;
}

async fn pieces(inner: &Arc<Inner>, begun: &Begun, bringing: &Arc<Bringing>, copies: &Arc<Copies>) -> Outcome<()> {
    let limits = &inner.settings.limits;
    let bandwidth = inner.catalogue.site(capstan_domain::ids::Reference::Number(inner.settings.site)).await;
    let throttle = begun.space.pace.throttle(bandwidth.ok().and_then(|site| site.settings.bandwidth));
    let (mut going, mut numbers) = (FuturesUnordered::new(), HashSet::new());
    let mut first = Ok(());
    loop {
        while first.is_ok() && going.len() < limits.pieces.max(1) {
            match bringing.next() {
                Some(number) if numbers.insert(number) => {
                    let (bringing, copies, throttle) = (Arc::clone(bringing), Arc::clone(copies), Arc::clone(&throttle));
                    let (tries, small) = (limits.tries.max(1), limits.small_file);
                    going.push(async move { (number, piece(bringing, number, &copies, &throttle, tries, small).await) });
                }
                _ => break,
            }
        }
        let Some((number, brought)) = going.next().await else { return first };
        numbers.remove(&number);
        match brought {
            Ok(()) => bringing.arrived(),
            // The others come to their end: whoever brings must not be there when the file is a stub again.
            Err(failure) => first = first.and(Err(failure)),
        }
    }
}

async fn piece(bringing: Arc<Bringing>, number: u64, copies: &Copies, throttle: &Throttle, most: u32, small: u64) -> Outcome<()> {
    let mut tries = 1;
    loop {
        let mut last = no_copies();
        for source in copies.sources() {
            match from(&bringing, number, source, throttle, small).await {
                Ok(()) => return Ok(()),
                // Of the disk here: no other copy helps.
                Err(failure) if failure.blame == Blame::Host => return Err(failure),
                Err(failure) => last = failure,
            }
        }
        match backoff::wait_after(&last, tries, most) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(last),
        }
        tries += 1;
    }
}

async fn from(bringing: &Arc<Bringing>, number: u64, source: &Source, throttle: &Throttle, small: u64) -> Outcome<()> {
    let range = bringing.filling().range(number);
    let length = range.end - range.start;
    if bringing.filling().content().size <= small {
        throttle.take(length).await;
        let bytes = source.whole(small).await?;
        let bringing = Arc::clone(bringing);
        return on_disk(move || {
            let Some(mut piece) = bringing.filling().piece(number)? else { return Ok(()) };
            piece.write(&bytes)?;
            piece.finish()
        })
        .await?;
    }
    let opened = source.opened().await?;
    let (send, mut receive) = mpsc::channel::<Outcome<Bytes>>(CHUNKS);
    let write = on_disk({
        let bringing = Arc::clone(bringing);
        move || {
            let Some(mut piece) = bringing.filling().piece(number)? else { return Ok(()) };
            while let Some(chunk) = receive.blocking_recv() {
                piece.write(&chunk?)?;
            }
            piece.finish()
        }
    });
    let read = async move {
        let mut body = opened.content.open(range.start, length);
        while let Some(chunk) = body.next().await {
            if let Ok(chunk) = &chunk {
                throttle.take(chunk.len() as u64).await;
            }
            let is_last = chunk.is_err();
            if send.send(chunk).await.is_err() || is_last {
                break;
            }
        }
    };
    let (written, ()) = futures::join!(write, read);
    written?
}

pub(crate) fn no_copies() -> Failure {
    Failure::new(Kind::Corrupt, "Nobody knows a copy of the content")
        .with_code("no-copies")
        .with_next_step("Look into the catalogue's backup and into the buckets for it.")
}
