//! `capstan:target/uploads`: objects in parts.

pub mod begin;
pub mod complete;
pub mod parts;

use anyhow::Context;
use capstan_domain::content::Content;
use capstan_domain::ports::{Object, Part, PutOptions, Upload};

use crate::case::Case;
use crate::content::counting;
use crate::stand::Stand;
use crate::told;

/// What a begin is told the object will have; `Uploading::bytes` is what it gets.
const ANNOUNCED: u64 = 30 << 20;

pub fn all() -> Vec<Case> {
    [begin::all(), parts::all(), complete::all()].into_iter().flatten().collect()
}

/// An upload under way, of counting content: whole parts, and a short last one.
pub(crate) struct Uploading {
    pub key: String,
    pub upload: Upload,
    pub bytes: u64,
    content: Content,
}

impl Uploading {
    pub(crate) async fn begin(stand: &Stand<'_>, name: &str, whole_parts: u64) -> anyhow::Result<Self> {
        let key = stand.key(name);
        let upload = stand.begin(&key, ANNOUNCED, &format!("begin {name}"), options()).await?;
        let bytes = whole_parts * upload.part_size + 12_345;
        Ok(Self { key, upload, bytes, content: counting(bytes) })
    }

    pub(crate) fn numbers(&self) -> std::ops::RangeInclusive<u32> {
        1..=u32::try_from(self.bytes.div_ceil(self.upload.part_size)).unwrap_or(u32::MAX)
    }

    pub(crate) fn range(&self, number: u32) -> (u64, u64) {
        let offset = u64::from(number.saturating_sub(1)) * self.upload.part_size;
        (offset, self.upload.part_size.min(self.bytes.saturating_sub(offset)))
    }

    pub(crate) async fn put(&self, stand: &Stand<'_>, number: u32) -> anyhow::Result<Part> {
        let content = Content::clone(&self.content);
        let put =
            stand.uploads()?.put_part(stand.location, &self.key, &self.upload.id, number, content, self.range(number)).await;
        put.map_err(told).with_context(|| format!("part {number}"))
    }

    pub(crate) async fn put_all(&self, stand: &Stand<'_>) -> anyhow::Result<Vec<Part>> {
        let mut parts = Vec::new();
        for number in self.numbers() {
            parts.push(self.put(stand, number).await?);
        }
        Ok(parts)
    }

    pub(crate) async fn complete(&self, stand: &Stand<'_>, parts: Vec<Part>) -> capstan_domain::Outcome<Object> {
        let port = stand.uploads().map_err(|gone| capstan_domain::Failure::host("no uploads", gone))?;
        port.complete(stand.location, &self.key, &self.upload.id, parts, "complete", options()).await
    }
}

pub(crate) fn options() -> PutOptions {
    PutOptions { metadata: vec![("part".to_owned(), "yes".to_owned())], ..PutOptions::default() }
}
