//! Drives over REST on a whole host: made, listed, cloned, attached; beside what does the same without one.
//!
//! Names of measurements among the arguments choose; without any, all are made. Each begins with a fresh host, those on Ceph share a
//! cluster and a host. All of it lies in `/var/tmp`: `/tmp` may be no disk.

mod across;
mod clone;
mod create;
mod dssd;
mod image;
mod list;
mod nbd;
mod peer;
mod pool;
mod qemu;
mod rig;

use anyhow::Context;
use capstan_test_servers::{CephDrives, nbd_program};

use crate::measure::has;
use crate::table;
use pool::Pool;
use rig::Rig;

type OnHost = fn(&Rig, &[String]) -> anyhow::Result<()>;
type OnCeph = fn(&Pool<'_>, &[String]) -> anyhow::Result<()>;

const ON_HOST: [(&str, OnHost); 4] = [("create", create::run), ("list", list::run), ("clone", clone::run), ("nbd", nbd::run)];
const ON_CEPH: [(&str, OnCeph); 3] = [("dssd", dssd::run), ("across", across::run), ("peer", peer::run)];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let named = |name: &str| has(arguments, name);
    let all = !(ON_HOST.iter().any(|(name, _)| named(name)) || ON_CEPH.iter().any(|(name, _)| named(name)));
    let wanted = |name: &str| all || named(name);
    for (name, measure) in ON_HOST {
        if wanted(name) {
            let rig = Rig::start()?;
            measure(&rig, arguments).context(name)?;
            rig.stop()?;
        }
    }
    let on_ceph: Vec<(&str, OnCeph)> = ON_CEPH.into_iter().filter(|(name, _)| wanted(name)).collect();
    if on_ceph.is_empty() { Ok(()) } else { with_ceph(&on_ceph, arguments) }
}

fn with_ceph(measurements: &[(&'static str, OnCeph)], arguments: &[String]) -> anyhow::Result<()> {
    let ceph = match nbd_program("qemu-img").and_then(|_| CephDrives::get()) {
        Ok(ceph) => ceph,
        Err(reason) => return table::left_out("Drives on Ceph", &reason),
    };
    let rig = Rig::start()?;
    let pool = Pool::connect(&rig, &ceph)?;
    for (name, measure) in measurements {
        measure(&pool, arguments).context(*name)?;
    }
    rig.stop()
}
