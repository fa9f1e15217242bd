//! How resident files are read and written: by the kernel itself, at the raw file, or by this process.

use std::os::fd::AsFd;

use capstan_stub::RawTree;
use fuser::{BackingId, InitFlags, KernelConfig, Session};
use rustix::fs::{Mode, OFlags};

use crate::inner::Inner;
use crate::system::System;

/// File systems that may be stacked on each other below the kernel's bound: a raw tree that is stacked itself is read by this process,
/// so that others may stack on the view.
const STACKED: u32 = 1;

/// Decided when the view is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passthrough {
    /// At the speed of the raw file.
    Kernel,
    /// Each read and write takes a way through this process.
    Plain { why: String },
}

impl Inner {
    pub(crate) fn ask_for_passthrough(&self, config: &mut KernelConfig) {
        let decided = if !self.settings.passthrough {
            Some("it is switched off")
        } else if config.set_max_stack_depth(STACKED).is_err() || config.add_capabilities(InitFlags::FUSE_PASSTHROUGH).is_err() {
            Some("the kernel has no FUSE passthrough (Linux 6.9)")
        } else {
            None
        };
        if let Some(why) = decided {
            let _ = self.passthrough.set(Passthrough::Plain { why: why.to_owned() });
        }
    }
}

/// Tries it with a file that has no name. The kernel keeps that for as long as the view is mounted.
pub(crate) fn decide(inner: &Inner, session: &Session<System>) -> Passthrough {
    inner.passthrough.get_or_init(|| match tried(&inner.tree, session) {
        Ok(()) => Passthrough::Kernel,
        Err(error) => Passthrough::Plain { why: format!("the kernel refuses it (it takes CAP_SYS_ADMIN): {error}") },
    });
    let plain = || Passthrough::Plain { why: "it was not tried".to_owned() };
    inner.passthrough.get().cloned().unwrap_or_else(plain)
}

fn tried(tree: &RawTree, session: impl AsFd) -> std::io::Result<()> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::openat(tree, ".", flags, Mode::RUSR | Mode::WUSR)?;
    BackingId::create_raw(session, file).map(drop)
}
