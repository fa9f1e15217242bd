//! Attachments: a drive's bytes exported over NBD, for machines and tools, as long as somebody wants it.
//!
//! The target tells where the bytes are: in a file of a granted directory, behind an NBD server that it may connect to, or behind
//! its own calls alone. The first two are reached by the host itself, within the target's grants, and no guest is called for a
//! block. A drive that is attached is mounted: it is neither deleted nor given other bytes. One grant less ends the attachments
//! that rest on it.
//!
//! | dies or fails | is there then | becomes |
//! |---|---|---|
//! | before the attachment is recorded | a socket, of which nobody was told | removed at the next start |
//! | after it, before the target is asked | the record | the process lives: removed; died: cleared at the next start |
//! | the target attached, its answer lost or of no use | the target's own peer, which no client was told of | detached at once; died: at the next start, or when it is attached again |
//! | while clients are served | what they flushed is durable, as on a disk that lost its power | their connections end; cleared at the next start |
//! | detach: clients cut, the target does not answer | the target's peer | the record goes all the same; the target is asked again when the drive is attached or deleted |
//!
//! Whatever was left, attaching begins with detaching, so that the peer is one of this attachment, of the drive's size now.

mod peer;
mod place;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use capstan_catalogue::Catalogue;
use capstan_domain::drive::{Drive, DriveAttachment};
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, TargetId, Uuid};
use capstan_domain::ports;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_nbd::{Address, Bound, Export, Server, Tls};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::audit::Audit;
use crate::drives::Drives;
use crate::targets::Targets;
use peer::Rest;

/// Attachments that stand at a time; more are refused.
const ATTACHMENTS_MAX: usize = 1024;
/// What a target may take to let go of a drive when nobody waits for it.
const LET_GO: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct Attachments {
    catalogue: Catalogue,
    audit: Audit,
    targets: Targets,
    drives: Drives,
    /// Sockets that nobody chose a place for.
    directory: PathBuf,
    tls: Option<Tls>,
    /// Where connections are served.
    work: Handle,
    standing: Arc<Mutex<HashMap<DriveId, Standing>>>,
    /// Held while a drive that the process before left attached is let go of: no drive is that was just attached anew.
    clearing: Arc<Mutex<()>>,
}

/// How a drive is to be attached.
#[derive(Clone, Debug, Default)]
pub struct AttachWish {
    /// "unix:/path" or "tcp:ADDRESS:PORT"; none: a socket in the data directory.
    pub address: Option<String>,
    pub read_only: bool,
}

enum Standing {
    /// It is being attached, or detached.
    Changing,
    Served {
        server: Server,
        rest: Rest,
        target: TargetId,
    },
}

impl Attachments {
    /// To be called on the runtime that is to serve connections.
    pub(crate) fn new(
        catalogue: Catalogue,
        audit: Audit,
        targets: Targets,
        drives: Drives,
        data: &Path,
        tls: Option<Tls>,
    ) -> Outcome<Self> {
        let directory = place::prepared(data)?;
        Ok(Self {
            catalogue,
            audit,
            targets,
            drives,
            directory,
            tls,
            work: Handle::current(),
            standing: Arc::default(),
            clearing: Arc::default(),
        })
    }

    /// Of the process before this one.
    pub(crate) async fn clear_left(&self) -> Outcome<()> {
        let left = self.catalogue.attachments().await?;
        self.catalogue.clear_attachments().await?;
        if left.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        self.work.spawn(async move {
            for attachment in left {
                let _clearing = this.clearing.lock().await;
                // Whoever attaches it again meanwhile detaches it first.
                if this.standing.lock().await.contains_key(&attachment.drive) {
                    continue;
                }
                if let Ok(drive) = this.catalogue.drive(attachment.drive).await {
                    this.let_go(&drive).await;
                }
            }
        });
        Ok(())
    }

    /// `Conflict` "mounted" where it is attached or a machine has it, "state" where it is not ready. An address may be chosen by
    /// administrators alone.
    pub async fn attach(&self, caller: &Caller, id: DriveId, wish: AttachWish) -> Outcome<DriveAttachment> {
        let drive = self.drives.get(caller, id).await?;
        let address = match &wish.address {
            None => place::of(&self.directory, &drive)?,
            Some(_) if !caller.is_administrator() => {
                return Err(Failure::new(Kind::Denied, "only an administrator chooses where a drive is listened for"));
            }
            Some(address) => address.parse()?,
        };
        let (this, read_only) = (self.clone(), wish.read_only);
        // To its end, whether the one who asked waits for it or not.
        let told = drive.clone();
        let attaching = self.work.spawn(async move { this.put_up(&drive, address, read_only).await });
        let made = attaching.await.map_err(|cause| Failure::host("attaching a drive broke off", cause))??;
        let detail = json!({ "number": told.number, "id": told.id, "address": made.address, "read_only": made.read_only });
        self.audit.done(caller, "attach", "drive", &told.name, detail).await?;
        Ok(made)
    }

    /// Clients are cut off. A drive that is not attached is a success.
    pub async fn detach(&self, caller: &Caller, id: DriveId) -> Outcome<()> {
        let drive = self.drives.get(caller, id).await?;
        let this = self.clone();
        let told = drive.clone();
        let detaching = self.work.spawn(async move { this.take_down(&drive).await });
        if detaching.await.map_err(|cause| Failure::host("detaching a drive broke off", cause))?? {
            self.audit.done(caller, "detach", "drive", &told.name, json!({ "number": told.number, "id": told.id })).await?;
        }
        Ok(())
    }

    /// After a target lost a grant: what rested on it ends.
    pub(crate) async fn judge_again(&self, target: TargetId) {
        let granted = self.targets.granted(target);
        let fallen: Vec<DriveId> = {
            let standing = self.standing.lock().await;
            let of_target = standing.iter().filter_map(|(drive, standing)| match standing {
                Standing::Served { rest, target: other, .. } if *other == target => Some((*drive, rest)),
                _ => None,
            });
            of_target
                .filter(|(_, rest)| !granted.as_ref().is_ok_and(|grants| rest.stands(grants)))
                .map(|(drive, _)| drive)
                .collect()
        };
        for id in fallen {
            tracing::warn!(drive = %id, "the grant that an attached drive rests on is gone; it is detached");
            let ended = match self.catalogue.drive(id).await {
                Ok(drive) => self.take_down(&drive).await.map(|_| ()),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = ended {
                tracing::error!(%failure, drive = %id, "a drive could not be detached");
            }
        }
    }

    /// All of them, at the host's end.
    pub(crate) async fn close(&self) {
        let all: Vec<DriveId> = self.standing.lock().await.keys().copied().collect();
        let ends = all.into_iter().map(|id| async move {
            match self.catalogue.drive(id).await {
                Ok(drive) => self.take_down(&drive).await.map(|_| ()),
                Err(failure) => Err(failure),
            }
        });
        for ended in futures::future::join_all(ends).await {
            if let Err(failure) = ended {
                tracing::warn!(%failure, "a drive was left attached");
            }
        }
    }

    async fn put_up(&self, drive: &Drive, address: Address, read_only: bool) -> Outcome<DriveAttachment> {
        {
            let _clearing = self.clearing.lock().await;
            let mut standing = self.standing.lock().await;
            if standing.contains_key(&drive.id) {
                return Err(Failure::new(Kind::Conflict, "the drive is attached already")
                    .with_code("mounted")
                    .with_next_step("detach it first"));
            }
            if standing.len() >= ATTACHMENTS_MAX {
                return Err(Failure::new(Kind::Busy, format!("{ATTACHMENTS_MAX} drives are attached already; no more are")));
            }
            standing.insert(drive.id, Standing::Changing);
        }
        let made = self.recorded(drive, &address, read_only).await;
        let mut standing = self.standing.lock().await;
        match made {
            Ok((attachment, server, rest)) => {
                standing.insert(drive.id, Standing::Served { server, rest, target: drive.target });
                Ok(attachment)
            }
            Err(failure) => {
                standing.remove(&drive.id);
                Err(failure)
            }
        }
    }

    async fn recorded(&self, drive: &Drive, address: &Address, read_only: bool) -> Outcome<(DriveAttachment, Server, Rest)> {
        let bound = Bound::to(address, self.tls.clone()).await?;
        let attachment =
            DriveAttachment { drive: drive.id, address: bound.address().to_string(), read_only, created: Timestamp::now() };
        let attachment = self.catalogue.add_attachment(attachment).await?;
        match self.opened(drive, read_only).await {
            Ok((export, rest)) => Ok((attachment, bound.serve(export), rest)),
            Err(failure) => {
                self.let_go(drive).await;
                self.catalogue.remove_attachment(drive.id).await?;
                Err(failure)
            }
        }
    }

    /// The target's peer of the drive, reached.
    async fn opened(&self, drive: &Drive, read_only: bool) -> Outcome<(Export, Rest)> {
        let facet = self.facet(drive).await?;
        let (location, volume) = (drive.location.as_str(), drive.volume());
        let attempt = format!("attach-{}", Uuid::now_v7());
        facet.detach(location, &volume, &format!("{attempt}-detach")).await?;
        let peer = facet.attach(location, &volume, read_only, &attempt).await?;
        let grants = self.targets.granted(drive.target)?;
        let (backend, rest) = peer::reached(&grants, facet, drive, peer, read_only).await?;
        Ok((Export::new(drive.id.to_string(), backend)?, rest))
    }

    /// False: it was not attached.
    async fn take_down(&self, drive: &Drive) -> Outcome<bool> {
        let server = {
            let mut standing = self.standing.lock().await;
            match standing.remove(&drive.id) {
                None => return Ok(false),
                Some(Standing::Changing) => {
                    standing.insert(drive.id, Standing::Changing);
                    return Err(Failure::new(Kind::Busy, "the drive is just being attached or detached").with_code("state"));
                }
                Some(Standing::Served { server, .. }) => {
                    standing.insert(drive.id, Standing::Changing);
                    server
                }
            }
        };
        let stopped = server.stop().await;
        self.let_go(drive).await;
        let removed = self.catalogue.remove_attachment(drive.id).await;
        self.standing.lock().await.remove(&drive.id);
        // The drive is detached whatever its last flush came to; whoever detaches hears of it.
        removed.and(stopped).map(|()| true)
    }

    /// Tells the target that nobody needs its peer. What fails here is made good when the drive is attached again or deleted.
    async fn let_go(&self, drive: &Drive) {
        let attempt = format!("detach-{}", Uuid::now_v7());
        let told = tokio::time::timeout(LET_GO, async {
            let facet = self.facet(drive).await?;
            facet.detach(&drive.location, &drive.volume(), &attempt).await
        });
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) if failure.kind == Kind::NotFound => {}
            Ok(Err(failure)) => tracing::warn!(%failure, drive = %drive.id, "a target does not let go of a drive"),
            Err(_) => tracing::warn!(drive = %drive.id, "a target takes too long to let go of a drive"),
        }
    }

    async fn facet(&self, drive: &Drive) -> Outcome<Arc<dyn ports::Drives>> {
        let connection = self.targets.connect(drive.target).await?;
        connection.drives().ok_or_else(|| Failure::unsupported("the plugin of the drive's target holds no drives"))
    }
}
