//! `capstan:target/files`.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_bindings::latest::files as wit;
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{Attributes, ByteRange, Files, LocationInfo, Node, NodePage, PutOptions};

use super::{Handle, claims};

#[async_trait]
impl Files for Handle {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(self.ask::<wit::ListLocations, _>(()).await?.into_iter().map(Into::into).collect())
    }

    async fn stat(&self, location: &str, path: &str) -> Outcome<Node> {
        Ok(self.ask::<wit::Stat, _>((location.to_owned(), path.to_owned())).await?.into())
    }

    async fn read_directory(&self, location: &str, path: &str, after: Option<&str>, limit: u32) -> Outcome<NodePage> {
        let parameters = (location.to_owned(), path.to_owned(), after.map(str::to_owned), limit);
        let (page, by) = self.answered::<wit::ReadDirectory, _>(parameters).await?;
        let page = NodePage::from(page);
        by.claim::<wit::ReadDirectory, _>(claims::page(after, page.next.as_deref(), page.nodes.len(), limit))?;
        Ok(page)
    }

    async fn read(&self, location: &str, path: &str, range: Option<ByteRange>) -> Outcome<(Node, Body)> {
        let parameters = (location.to_owned(), path.to_owned(), range.map(Into::into));
        let (node, body) = self.download::<wit::Read, _>(range, parameters, |node| node.size).await?;
        Ok((node.into(), body))
    }

    async fn write(&self, location: &str, path: &str, content: Content, attempt: &str, options: PutOptions) -> Outcome<Node> {
        let (location, path, attempt) = (location.to_owned(), path.to_owned(), attempt.to_owned());
        let size = content.size();
        let range = range_of(&options, size);
        let make = move |lent| (location, path, lent, attempt, options.into());
        let (node, by) = self.upload::<wit::Write, _>(Arc::clone(&content), size, make).await?;
        by.claim::<wit::Write, _>(match range {
            None => claims::stored(&content, size, &[], true, node.size),
            Some(end) => claims::reaches(end, node.size),
        })?;
        Ok(node.into())
    }

    async fn make_directory(&self, location: &str, path: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::MakeDirectory, _>((location.to_owned(), path.to_owned(), attempt.to_owned())).await
    }

    async fn remove(&self, location: &str, path: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::Remove, _>((location.to_owned(), path.to_owned(), attempt.to_owned())).await
    }

    async fn rename(&self, location: &str, path: &str, to: &str, replace: bool, attempt: &str) -> Outcome<()> {
        self.change::<wit::Rename, _>((location.to_owned(), path.to_owned(), to.to_owned(), replace, attempt.to_owned())).await
    }

    async fn set_attributes(&self, location: &str, path: &str, attributes: Attributes, attempt: &str) -> Outcome<Node> {
        let parameters = (location.to_owned(), path.to_owned(), attributes.into(), attempt.to_owned());
        Ok(self.change::<wit::SetAttributes, _>(parameters).await?.into())
    }

    async fn make_link(&self, location: &str, path: &str, target: &str, attempt: &str) -> Outcome<Node> {
        let parameters = (location.to_owned(), path.to_owned(), target.to_owned(), attempt.to_owned());
        Ok(self.change::<wit::MakeLink, _>(parameters).await?.into())
    }

    async fn get_xattrs(&self, location: &str, path: &str) -> Outcome<Vec<(String, Vec<u8>)>> {
        self.ask::<wit::GetXattrs, _>((location.to_owned(), path.to_owned())).await
    }

    async fn set_xattr(&self, location: &str, path: &str, name: &str, value: Option<Vec<u8>>, attempt: &str) -> Outcome<()> {
        let parameters = (location.to_owned(), path.to_owned(), name.to_owned(), value, attempt.to_owned());
        self.change::<wit::SetXattr, _>(parameters).await
    }

    async fn get_acl(&self, location: &str, path: &str) -> Outcome<String> {
        self.ask::<wit::GetAcl, _>((location.to_owned(), path.to_owned())).await
    }

    async fn set_acl(&self, location: &str, path: &str, acl: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::SetAcl, _>((location.to_owned(), path.to_owned(), acl.to_owned(), attempt.to_owned())).await
    }

    async fn sync(&self, location: &str, path: &str) -> Outcome<()> {
        self.change::<wit::Sync, _>((location.to_owned(), path.to_owned())).await
    }
}

/// Where a ranged write ends in its file; none: the content is the whole file.
fn range_of(options: &PutOptions, size: u64) -> Option<u64> {
    let offset = options.extras.iter().find(|(name, _)| name == "offset")?.1.parse::<u64>().ok()?;
    Some(offset.saturating_add(size))
}
