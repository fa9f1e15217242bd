//! Entering the export: the port of the mount service, the root, the sizes the server works with.

use std::rc::Rc;

use capstan_nfs3::mount;
use capstan_nfs3::mount::{AUTH_SYS, Exports, Mount, MountStatus, Mounted};
use capstan_nfs3::portmap::{self, GetPort};
use capstan_nfs3::procedures::{self, FileSystemInfo, Handle};
use capstan_sdk::failure::{unauthenticated, unavailable};
use capstan_sdk::{Failure, Outcome, Retry};

use crate::config::Config;
use crate::failures::unmounted;
use crate::link::{Link, done};

/// Bytes of one READ and of one WRITE at most, whatever the server takes. Larger ones gain nothing; a READ lies in the plugin's memory.
const READ_BYTES: u32 = 512 << 10;
const WRITE_BYTES: u32 = 1 << 20;
/// Bytes of one page of a directory: at least, and at most. What a server prefers is often small; one that has less room answers less.
const DIRECTORY_BYTES: (u32, u32) = (64 << 10, 128 << 10);
/// The least a server must take; less would be no server for files.
const LEAST_BYTES: u32 = 512;

/// What is known of the export as long as its root is good.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) root: Handle,
    pub(crate) read: u32,
    pub(crate) write: u32,
    pub(crate) directory: u32,
    pub(crate) largest_file: u64,
    /// Whether a file may have a second name.
    pub(crate) links: bool,
}

impl Session {
    /// Answers the connection too, which is as good as new.
    pub(crate) async fn enter(config: &Config) -> Outcome<(Rc<Self>, Link)> {
        let root = root(config).await?;
        let mut link = Link::open(config, config.port.unwrap_or(procedures::PORT)).await?;
        let info = done(link.ask(&FileSystemInfo { root: root.clone() }).await?, &config.export)?;
        if info.read < LEAST_BYTES || info.write < LEAST_BYTES {
            return Err(unavailable("the server takes and gives no usable number of bytes at once").retry(Retry::Never));
        }
        let session = Self {
            root,
            read: info.read.min(READ_BYTES),
            // In units of four, so that only the end of a file is filled up.
            write: info.write.min(WRITE_BYTES) & !3,
            directory: info.directory.clamp(DIRECTORY_BYTES.0, DIRECTORY_BYTES.1),
            largest_file: info.largest_file,
            links: info.links,
        };
        Ok((Rc::new(session), link))
    }
}

async fn root(config: &Config) -> Outcome<Handle> {
    let port = match config.mount_port {
        Some(port) => port,
        None => mount_port(config).await?,
    };
    let mut link = Link::open(config, port).await.map_err(|failure| of_the_mount_service(failure, port))?;
    match link.ask(&Mount { path: &config.export }).await? {
        Ok(Mounted { root, flavours }) => {
            if flavours.is_empty() || flavours.contains(&AUTH_SYS) {
                return Ok(root);
            }
            Err(unauthenticated(format!("the server gives {} only to users it knows by Kerberos", config.export))
                .code("AUTH_TOOWEAK")
                .detail(format!("flavours {flavours:?}"))
                .next_step("export it with sec=sys as well"))
        }
        Err(status) => {
            let refused = matches!(status, MountStatus::ACCES | MountStatus::PERM);
            let known = if refused { is_listed(&mut link, &config.export).await } else { None };
            Err(unmounted(status, &config.export, known))
        }
    }
}

/// Whether the server lists an export that leads to this path. None: it does not say.
async fn is_listed(link: &mut Link, export: &str) -> Option<bool> {
    let listed = link.ask(&Exports).await.ok().filter(|listed| !listed.is_empty())?;
    let leads = |path: &[u8]| {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        export.as_bytes().strip_prefix(path).is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
    };
    Some(listed.iter().any(|path| leads(path)))
}

async fn mount_port(config: &Config) -> Outcome<u16> {
    let mut link = Link::open(config, portmap::PORT).await.map_err(|failure| match failure {
        // The host says itself which grant is missing.
        Failure::Denied(_) => failure,
        other => other.next_step("let the server's port mapper be reached, or set `mount-port`"),
    })?;
    let port = link.ask(&GetPort { program: mount::PROGRAM, version: mount::VERSION }).await?;
    port.ok_or_else(|| {
        unavailable("the server has no mount service for NFS version 3")
            .code("PROG_UNAVAIL")
            .retry(Retry::Never)
            .next_step("enable NFS version 3 on the server")
    })
}

fn of_the_mount_service(mut failure: Failure, port: u16) -> Failure {
    let fault = failure.fault_mut();
    fault.message = format!("the mount service is at port {port}: {}", fault.message);
    failure
}
