//! A file in one call, and the calls beside it that its answer spares: a plugin that dresses what it writes, or looks after it has read,
//! says so in the node it answers.

use capstan_domain::Outcome;
use capstan_domain::content::Content;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Attributes, Node, PutOptions};

use super::{Inner, content, item_of, while_storing};
use crate::held::gather;
use crate::item::Item;
use crate::tree::{Arrival, Small, Stored};

/// Option of a write: the moment that the file is to have, in nanoseconds since 1970.
const MODIFIED: &str = "modified";
/// What a node says that a read answers: the file still looked so when all its bytes had been read.
const STEADY: &str = "steady";

impl Inner {
    pub(super) async fn read_one(&self, item: &Item, limit: u64) -> Outcome<Small> {
        let native = self.native_of(item)?;
        let _permit = self.permit().await?;
        let (node, body) = self.files.read(&self.share, &native, None).await.map_err(content::while_reading)?;
        let steady = node.extras.iter().any(|(name, value)| name == STEADY && value == "true");
        let bytes = gather(body, &item.path, node.size, limit, content::changed).await?;
        let read = item_of(item.path.clone(), item.native.clone(), &node);
        if !steady {
            let after = self.files.stat(&self.share, &native).await.map_err(content::while_reading)?;
            // A file has no tag that would tell: it stood still if it looks the same before and after.
            if !item_of(item.path.clone(), None, &after).same_content(&read) {
                return Err(content::changed());
            }
        }
        Ok(Small { item: read, bytes })
    }

    pub(super) async fn put(&self, arrival: &Arrival, content: Content) -> Outcome<Stored> {
        let native = self.native(&arrival.path)?;
        let _permit = self.permit().await?;
        let extras = vec![(MODIFIED.to_owned(), arrival.modified.0.to_string())];
        let options = PutOptions { if_absent: !arrival.overwrite, extras, ..PutOptions::default() };
        let written = self.files.write(&self.share, &native, content, &arrival.attempt, options).await.map_err(while_storing)?;
        let node = match self.is_dressed(&written, arrival) {
            true => written,
            false => self.dress(&native, arrival).await?.unwrap_or(written),
        };
        Ok(Stored { item: item_of(arrival.path.clone(), None, &node), key: native })
    }

    /// Whether a file has its attributes already. One that tells no permission bits has none to be given.
    fn is_dressed(&self, node: &Node, arrival: &Arrival) -> bool {
        let cut = |moment: i64| moment.div_euclid(self.time_step);
        let mode = arrival.mode.map(|mode| mode & 0o1777);
        cut(node.modified) == cut(arrival.modified.0) && (mode.is_none() || node.mode.is_none() || node.mode == mode)
    }

    /// Gives a file its attributes. None: a share that keeps none keeps the bytes, which is what was asked for first.
    pub(super) async fn dress(&self, native: &str, arrival: &Arrival) -> Outcome<Option<Node>> {
        let attributes = Attributes {
            modified: Some(arrival.modified.0),
            mode: arrival.mode.map(|mode| mode & 0o1777),
            owner: None,
            group: None,
            extras: Vec::new(),
        };
        match self.files.set_attributes(&self.share, native, attributes, &arrival.attempt).await {
            Ok(node) => Ok(Some(node)),
            Err(failure) if matches!(failure.kind, Kind::Unsupported | Kind::Denied) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
