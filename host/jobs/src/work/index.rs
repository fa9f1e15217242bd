//! Reading an index: what is on a cartridge is walked through and counted; its content is not read.
//!
//! What cannot be read is told, and the cartridge is marked for somebody to look at.

use async_trait::async_trait;
use capstan_catalogue::Record;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::failure::Retry;
use capstan_domain::job::{Job, Place};
use capstan_domain::ports::Media;
use capstan_domain::{Failure, Outcome};
use capstan_mover::{Found, ItemKind};
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::places::Plot;
use crate::work::cartridges::{Deed, done};

/// Lists of found items between the walk and the count; the walk waits.
const QUEUE: usize = 4;

pub(super) struct Reading<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Job,
}

#[derive(Default)]
struct Count {
    bytes: u64,
    unread: u64,
    first: Option<Failure>,
}

#[async_trait]
impl Deed for Reading<'_> {
    async fn on(&self, cartridge: &Cartridge, _: &dyn Media) -> Outcome<()> {
        let place = Place::Location { location: cartridge.location, path: String::new() };
        let ground = self.engine.places.source(&place).await?;
        let mut count = Count::default();
        for plot in &ground.plots {
            walk(plot, &mut count).await?;
        }
        let catalogue = &self.engine.catalogue;
        catalogue.record_check(cartridge.location, count.unread == 0).await?;
        match count.first {
            Some(failure) => {
                let message = format!("{} paths of tape {} cannot be read: {}", count.unread, cartridge.barcode, failure.message);
                Err(Failure { message, retry: Retry::Never, ..failure })
            }
            None => {
                let outcomes = vec![done(self.job, cartridge, count.bytes)];
                catalogue.record(Record { outcomes, ..Record::default() }).await
            }
        }
    }
}

async fn walk(plot: &Plot, count: &mut Count) -> Outcome<()> {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let (tree, start) = (plot.tree.clone(), plot.path.clone());
    let walk = tokio::spawn(async move { tree.walk(&start, sender).await });
    while let Some(found) = receiver.recv().await {
        for found in found {
            match found {
                Found::Item(item) if item.kind == ItemKind::File => count.bytes = count.bytes.saturating_add(item.size),
                Found::Item(_) => {}
                Found::Failed { failure, .. } => {
                    count.unread += 1;
                    count.first.get_or_insert(failure);
                }
            }
        }
    }
    walk.await.map_err(|cause| Failure::host("the walk broke off", cause))?
}
