//! `capstan:target/drives`.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_bindings::latest::{attachment, drives as wit};
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{
    Attachment, ByteRange, CloneSource, DriveInfo, DriveLimits, DrivePage, Drives, ExtentPage, LocationInfo, NamedValues,
    SnapshotInfo, SnapshotPage,
};

use super::{Handle, claims};

#[async_trait]
impl Drives for Handle {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(self.ask::<wit::ListLocations, _>(()).await?.into_iter().map(Into::into).collect())
    }

    async fn limits(&self, location: &str) -> Outcome<DriveLimits> {
        let (limits, by) = self.answered::<wit::Limits, _>((location.to_owned(),)).await?;
        let limits = DriveLimits::from(limits);
        by.claim::<wit::Limits, _>(claims::limits(&limits))?;
        Ok(limits)
    }

    async fn get(&self, location: &str, name: &str) -> Outcome<DriveInfo> {
        Ok(self.ask::<wit::Get, _>((location.to_owned(), name.to_owned())).await?.into())
    }

    async fn list(&self, location: &str, after: Option<&str>, limit: u32) -> Outcome<DrivePage> {
        let parameters = (location.to_owned(), after.map(str::to_owned), limit);
        let (page, by) = self.answered::<wit::List, _>(parameters).await?;
        let page = DrivePage::from(page);
        by.claim::<wit::List, _>(claims::page(after, page.next.as_deref(), page.drives.len(), limit))?;
        Ok(page)
    }

    async fn create(&self, location: &str, name: &str, size: u64, attempt: &str, extras: NamedValues) -> Outcome<DriveInfo> {
        let extras = extras.into_iter().map(Into::into).collect();
        let parameters = (location.to_owned(), name.to_owned(), size, attempt.to_owned(), extras);
        let (drive, by) = self.changed::<wit::Create, _>(parameters, 0).await?;
        by.claim::<wit::Create, _>(claims::sized(size, drive.size))?;
        Ok(drive.into())
    }

    async fn resize(&self, location: &str, name: &str, size: u64, attempt: &str) -> Outcome<DriveInfo> {
        let parameters = (location.to_owned(), name.to_owned(), size, attempt.to_owned());
        let (drive, by) = self.changed::<wit::Resize, _>(parameters, 0).await?;
        by.claim::<wit::Resize, _>(claims::sized(size, drive.size))?;
        Ok(drive.into())
    }

    async fn clone_drive(
        &self,
        location: &str,
        source: CloneSource<'_>,
        to: &str,
        attempt: &str,
        extras: NamedValues,
    ) -> Outcome<DriveInfo> {
        let extras = extras.into_iter().map(Into::into).collect();
        let (name, snapshot) = (source.name.to_owned(), source.snapshot.map(str::to_owned));
        let parameters = (location.to_owned(), name, snapshot, to.to_owned(), attempt.to_owned(), extras);
        let (drive, by) = self.changed::<wit::CloneDrive, _>(parameters, source.size).await?;
        by.claim::<wit::CloneDrive, _>(claims::sized(source.size, drive.size))?;
        Ok(drive.into())
    }

    async fn delete(&self, location: &str, name: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::Delete, _>((location.to_owned(), name.to_owned(), attempt.to_owned())).await
    }

    async fn take_snapshot(&self, location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<SnapshotInfo> {
        let parameters = (location.to_owned(), name.to_owned(), snapshot.to_owned(), attempt.to_owned());
        Ok(self.change::<wit::TakeSnapshot, _>(parameters).await?.into())
    }

    async fn list_snapshots(&self, location: &str, name: &str, after: Option<&str>, limit: u32) -> Outcome<SnapshotPage> {
        let parameters = (location.to_owned(), name.to_owned(), after.map(str::to_owned), limit);
        let (page, by) = self.answered::<wit::ListSnapshots, _>(parameters).await?;
        let page = SnapshotPage::from(page);
        by.claim::<wit::ListSnapshots, _>(claims::page(after, page.next.as_deref(), page.snapshots.len(), limit))?;
        Ok(page)
    }

    async fn restore_snapshot(&self, location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<DriveInfo> {
        let parameters = (location.to_owned(), name.to_owned(), snapshot.to_owned(), attempt.to_owned());
        Ok(self.change::<wit::RestoreSnapshot, _>(parameters).await?.into())
    }

    async fn delete_snapshot(&self, location: &str, name: &str, snapshot: &str, attempt: &str) -> Outcome<()> {
        let parameters = (location.to_owned(), name.to_owned(), snapshot.to_owned(), attempt.to_owned());
        self.change::<wit::DeleteSnapshot, _>(parameters).await
    }

    async fn read(&self, location: &str, name: &str, offset: u64, length: u64) -> Outcome<(DriveInfo, Body)> {
        let range = ByteRange { offset, length: Some(length) };
        let parameters = (location.to_owned(), name.to_owned(), offset, length);
        let (drive, body) = self.download::<wit::Read, _>(Some(range), parameters, |drive| drive.size).await?;
        Ok((drive.into(), body))
    }

    async fn write(&self, location: &str, name: &str, offset: u64, content: Content, attempt: &str) -> Outcome<()> {
        let (location, name, attempt) = (location.to_owned(), name.to_owned(), attempt.to_owned());
        let size = content.size();
        let make = move |lent| (location, name, offset, lent, attempt);
        self.upload::<wit::Write, _>(Arc::clone(&content), size, make).await.map(|((), _)| ())
    }

    async fn discard(&self, location: &str, name: &str, offset: u64, length: u64, attempt: &str) -> Outcome<()> {
        self.change::<wit::Discard, _>((location.to_owned(), name.to_owned(), offset, length, attempt.to_owned())).await
    }

    async fn flush(&self, location: &str, name: &str) -> Outcome<()> {
        self.change::<wit::Flush, _>((location.to_owned(), name.to_owned())).await
    }

    async fn extents(&self, location: &str, name: &str, offset: u64, length: u64, limit: u32) -> Outcome<ExtentPage> {
        let parameters = (location.to_owned(), name.to_owned(), offset, length, limit);
        let (page, by) = self.answered::<wit::Extents, _>(parameters).await?;
        let page = ExtentPage::from(page);
        by.claim::<wit::Extents, _>(claims::extents((offset, length), &page, limit))?;
        Ok(page)
    }

    async fn attach(&self, location: &str, name: &str, read_only: bool, attempt: &str) -> Outcome<Attachment> {
        let parameters = (location.to_owned(), name.to_owned(), read_only, attempt.to_owned());
        let (answer, by) = self.changed::<wit::Attach, _>(parameters, 0).await?;
        by.claim::<wit::Attach, _>(attachment(answer))
    }

    async fn detach(&self, location: &str, name: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::Detach, _>((location.to_owned(), name.to_owned(), attempt.to_owned())).await
    }
}
