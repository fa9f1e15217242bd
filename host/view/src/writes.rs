//! What a view asks of the floor above when something is changed through it. That floor knows what else has to learn of a change.

use async_trait::async_trait;
use capstan_domain::Outcome;
use capstan_mover::{Item, NewAttributes};

/// The changes of one tree. Each is durable when it answers.
#[async_trait]
pub trait Writes: Send + Sync + 'static {
    /// The file `name` of the spool becomes the file at `path`, whole, with its mode and modification time; what stands there is
    /// replaced.
    async fn store(&self, name: &str, path: &str) -> Outcome<()>;

    async fn make_folder(&self, folder: &Item) -> Outcome<()>;

    /// `to` as in `ItemKind::Link`.
    async fn make_link(&self, path: &str, to: &str) -> Outcome<()>;

    /// A file or a link.
    async fn remove(&self, item: &Item) -> Outcome<()>;

    async fn remove_folder(&self, path: &str) -> Outcome<()>;

    /// False: not at once; whoever asked has to copy and remove.
    async fn rename(&self, from: &Item, to: &str, replace: bool) -> Outcome<bool>;

    async fn set_attributes(&self, path: &str, attributes: NewAttributes) -> Outcome<()>;
}
