//! Changes that come through a view, handed to whoever makes them as a job would.

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_jobs::ByHand;
use capstan_mover::{Item, NewAttributes};
use capstan_view::Writes;

pub(super) struct ThroughView(pub(super) ByHand);

#[async_trait]
impl Writes for ThroughView {
    async fn store(&self, name: &str, path: &str) -> Outcome<()> {
        self.0.store(name, path).await
    }

    async fn make_folder(&self, folder: &Item) -> Outcome<()> {
        self.0.make_folder(folder).await
    }

    async fn make_link(&self, path: &str, to: &str) -> Outcome<()> {
        self.0.make_link(path, to).await
    }

    async fn remove(&self, item: &Item) -> Outcome<()> {
        self.0.remove(item).await
    }

    async fn remove_folder(&self, path: &str) -> Outcome<()> {
        self.0.remove_folder(path).await
    }

    async fn rename(&self, from: &Item, to: &str, replace: bool) -> Outcome<bool> {
        self.0.rename(from, to, replace).await
    }

    async fn set_attributes(&self, path: &str, attributes: NewAttributes) -> Outcome<()> {
        self.0.set_attributes(path, attributes).await
    }
}
