//! `capstan:target/media`.

use async_trait::async_trait;
use capstan_bindings::latest::{media as wit, types};
use capstan_domain::Outcome;
use capstan_domain::content::{Body, Content};
use capstan_domain::ports::{
    ElementInfo, ElementPage, Laying, LibraryInfo, LocationInfo, Media, MediaHealth, MediumInfo, NamedValues, Spacing,
    TapeDriveInfo, TapePlace, Written,
};

use super::{Accused, Handle, claims};
use crate::call::Download;
use crate::cancelled;

#[async_trait]
impl Media for Handle {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(self.ask::<wit::ListLocations, _>(()).await?.into_iter().map(Into::into).collect())
    }

    async fn list_libraries(&self) -> Outcome<Vec<LibraryInfo>> {
        Ok(self.ask::<wit::ListLibraries, _>(()).await?.into_iter().map(Into::into).collect())
    }

    async fn list_elements(&self, library: &str, after: Option<&str>, limit: u32) -> Outcome<ElementPage> {
        let parameters = (library.to_owned(), after.map(str::to_owned), limit);
        let (page, by) = self.answered::<wit::ListElements, _>(parameters).await?;
        let page = ElementPage::from(page);
        by.claim::<wit::ListElements, _>(claims::page(after, page.next.as_deref(), page.elements.len(), limit))?;
        by.claim::<wit::ListElements, _>(claims::elements(&page))?;
        Ok(page)
    }

    async fn list_drives(&self) -> Outcome<Vec<TapeDriveInfo>> {
        Ok(self.ask::<wit::ListDrives, _>(()).await?.into_iter().map(Into::into).collect())
    }

    async fn take_inventory(&self, library: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::TakeInventory, _>((library.to_owned(), attempt.to_owned())).await
    }

    async fn move_cartridge(&self, library: &str, cartridge: &str, to: u32, attempt: &str) -> Outcome<ElementInfo> {
        let parameters = (library.to_owned(), cartridge.to_owned(), to, attempt.to_owned());
        Ok(self.change::<wit::MoveCartridge, _>(parameters).await?.into())
    }

    async fn eject_cartridge(&self, library: &str, cartridge: &str, attempt: &str) -> Outcome<ElementInfo> {
        let parameters = (library.to_owned(), cartridge.to_owned(), attempt.to_owned());
        Ok(self.change::<wit::EjectCartridge, _>(parameters).await?.into())
    }

    async fn admit_cartridge(&self, library: &str, mail_slot: u32, attempt: &str) -> Outcome<ElementInfo> {
        Ok(self.change::<wit::AdmitCartridge, _>((library.to_owned(), mail_slot, attempt.to_owned())).await?.into())
    }

    async fn load(&self, cartridge: &str, drive: Option<&str>, attempt: &str) -> Outcome<TapeDriveInfo> {
        let parameters = (cartridge.to_owned(), drive.map(str::to_owned), attempt.to_owned());
        Ok(self.change::<wit::Load, _>(parameters).await?.into())
    }

    async fn unload(&self, drive: &str, attempt: &str) -> Outcome<()> {
        self.change::<wit::Unload, _>((drive.to_owned(), attempt.to_owned())).await
    }

    async fn inspect(&self, drive: &str) -> Outcome<MediumInfo> {
        let (medium, by) = self.answered::<wit::Inspect, _>((drive.to_owned(),)).await?;
        let medium = MediumInfo::from(medium);
        by.claim::<wit::Inspect, _>(claims::medium(&medium))?;
        Ok(medium)
    }

    async fn examine(&self, name: &str) -> Outcome<MediaHealth> {
        Ok(self.ask::<wit::Examine, _>((name.to_owned(),)).await?.into())
    }

    async fn plan_reading(&self, cartridge: &str, paths: &[String]) -> Outcome<Vec<u32>> {
        let (order, by) = self.answered::<wit::PlanReading, _>((cartridge.to_owned(), paths.to_vec())).await?;
        by.claim::<wit::PlanReading, _>(claims::order(paths.len(), &order))?;
        Ok(order)
    }

    async fn position(&self, drive: &str) -> Outcome<TapePlace> {
        Ok(self.ask::<wit::Position, _>((drive.to_owned(),)).await?.into())
    }

    async fn locate(&self, drive: &str, partition: u32, object: u64) -> Outcome<TapePlace> {
        let (place, by) = self.answered::<wit::Locate, _>((drive.to_owned(), partition, object)).await?;
        let place = TapePlace::from(place);
        by.claim::<wit::Locate, _>(claims::stands((partition, object), &place))?;
        Ok(place)
    }

    async fn space(&self, drive: &str, by: Spacing, count: i64) -> Outcome<TapePlace> {
        Ok(self.ask::<wit::Space, _>((drive.to_owned(), types::Spacing::from(by), count)).await?.into())
    }

    async fn read(&self, drive: &str, partition: u32, object: u64, length: u64) -> Outcome<(TapePlace, Body)> {
        let call = Download::<wit::Read>::new((drive.to_owned(), partition, object, length));
        let ((place, downloaded), by) = self.slot.call(call, self.how(length, false)).await?;
        let place = TapePlace::from(place);
        by.claim::<wit::Read, _>(claims::stands((partition, object), &place))?;
        let body = cancelled::body(downloaded.body, self.job.as_ref());
        Ok((place, claims::body_up_to(body, length, Accused::<wit::Read>::new(by))))
    }

    async fn write(&self, drive: &str, laying: Laying, content: Content, attempt: &str) -> Outcome<Written> {
        let Laying { partition, object, truncate, block, filemarks } = laying;
        let (drive, attempt) = (drive.to_owned(), attempt.to_owned());
        let size = content.size();
        let make = move |lent| (drive, partition, object, truncate, lent, block, filemarks, attempt);
        let (written, by) = self.upload::<wit::Write, _>(content, size, make).await?;
        let written = Written::from(written);
        by.claim::<wit::Write, _>(claims::written(size, laying, &written))?;
        Ok(written)
    }

    async fn synchronize(&self, drive: &str) -> Outcome<TapePlace> {
        Ok(self.change::<wit::Synchronize, _>((drive.to_owned(),)).await?.into())
    }

    async fn format(&self, drive: &str, label: &str, attempt: &str, extras: NamedValues) -> Outcome<MediumInfo> {
        let extras = extras.into_iter().map(Into::into).collect();
        let parameters = (drive.to_owned(), label.to_owned(), attempt.to_owned(), extras);
        let (medium, by) = self.changed::<wit::Format, _>(parameters, 0).await?;
        let medium = MediumInfo::from(medium);
        by.claim::<wit::Format, _>(claims::medium(&medium))?;
        Ok(medium)
    }
}
