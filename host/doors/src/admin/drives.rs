//! Drives, in this dialect.

use async_trait::async_trait;
use axum::body::Body;
use capstan_api_admin::drives::{Attachment, Drive, Drives, Image, NewAttachment, Part, Span, Upload, Usage};
use capstan_api_admin::{AdminError, Page, Window};
use capstan_api_http::Caller;
use capstan_app::attachments::AttachWish;
use capstan_app::drives::{DrivePicture, DriveUsage};
use capstan_domain::drive::{Drive as Record, DriveAttachment, DriveUpload};
use capstan_domain::{Failure, Kind, identity};
use futures::StreamExt;

use super::AdminDoor;
use super::words::{error, instant, listing, word};
use crate::authenticator::caller_of;

#[async_trait]
impl Drives for AdminDoor {
    async fn list_drives(&self, caller: &Caller, window: Window) -> Result<Page<Drive>, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let page = self.app.drives.list(&caller, listing(window)).await.map_err(error)?;
        let pictures = self.app.drives.picture(&caller, &page.items).await.map_err(error)?;
        Ok(Page { count: page.count, items: pictures.into_iter().map(wire).collect() })
    }

    async fn show_drive(&self, caller: &Caller, drive: &str) -> Result<Drive, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        let pictures = self.app.drives.picture(&caller, &[drive]).await.map_err(error)?;
        let gone = || error(Failure::not_found("there is no such drive"));
        pictures.into_iter().next().map(wire).ok_or_else(gone)
    }

    async fn show_usage(&self, caller: &Caller, drive: &str) -> Result<Usage, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        let DriveUsage { size, used, snapshots, snapshots_used } =
            self.app.drives.usage(&caller, drive.id).await.map_err(error)?;
        Ok(Usage { size, used, snapshots: snapshots as u64, snapshots_used })
    }

    async fn attach_drive(&self, caller: &Caller, drive: &str, attachment: NewAttachment) -> Result<Attachment, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        let wish = AttachWish { address: attachment.address, read_only: attachment.read_only };
        self.app.attachments.attach(&caller, drive.id, wish).await.map(place).map_err(error)
    }

    async fn detach_drive(&self, caller: &Caller, drive: &str) -> Result<(), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        self.app.attachments.detach(&caller, drive.id).await.map_err(error)
    }

    async fn read_image(&self, caller: &Caller, drive: &str, span: Option<Span>) -> Result<Image, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        let within = span.map_or(Some((0, drive.size)), |span| span.within(drive.size));
        let nothing = || error(Failure::invalid(format!("the drive has {} bytes", drive.size)).with_code("range"));
        let (offset, length) = within.ok_or_else(nothing)?;
        let bytes = self.app.images.read(&caller, drive.id, offset, length).await.map_err(error)?;
        Ok(Image { name: drive.name, size: drive.size, offset, length, bytes: Body::from_stream(bytes) })
    }

    async fn write_image(&self, caller: &Caller, drive: &str, part: Part, bytes: Body) -> Result<Upload, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        let bytes = bytes.into_data_stream().map(|chunk| {
            chunk.map_err(|cause| Failure::new(Kind::Invalid, "the image broke off on its way").with_detail(cause.to_string()))
        });
        self.app
            .images
            .write(&caller, drive.id, part.offset, part.total, bytes.boxed())
            .await
            .map(|upload| come(&upload, upload.received == upload.size))
            .map_err(error)
    }

    async fn show_upload(&self, caller: &Caller, drive: &str) -> Result<Upload, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let drive = self.drive(&caller, drive).await?;
        self.app.images.progress(&caller, drive.id).await.map(|upload| come(&upload, false)).map_err(error)
    }
}

impl AdminDoor {
    pub(super) async fn drive(&self, caller: &identity::Caller, reference: &str) -> Result<Record, AdminError> {
        self.app.drives.find(caller, reference).await.map_err(error)
    }
}

fn wire(picture: DrivePicture) -> Drive {
    let mounted = picture.mounted();
    let drive = picture.drive;
    Drive {
        id: drive.id.to_string(),
        number: drive.number,
        name: drive.name,
        owner: drive.owner.to_string(),
        size: drive.size,
        storage_type: drive.storage_type,
        state: word(&drive.state),
        mounted,
        attachment: picture.attachment.map(place),
        failure: drive.failure.map(error),
        created: instant(drive.created),
    }
}

fn place(attachment: DriveAttachment) -> Attachment {
    let uri = match attachment.address.split_once(':') {
        Some(("unix", path)) => format!("nbd+unix:///?socket={path}"),
        Some((_, address)) => format!("nbd://{address}"),
        None => String::new(),
    };
    Attachment { uri, address: attachment.address, read_only: attachment.read_only, created: instant(attachment.created) }
}

/// An upload that is still known has not made its drive ready.
fn come(upload: &DriveUpload, complete: bool) -> Upload {
    Upload { size: upload.size, received: upload.received, complete }
}
