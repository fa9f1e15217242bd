//! A space of the Hub in full size: 20,000 files and a large one are migrated, read through the view and recalled, on Ceph RGW, on an SMB
//! share and on Azure. Run by `cargo xtask prove hub`.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

use anyhow::Context;
use capstan_e2e::hub::{HubSpace, azure_bucket, make_bucket, s3_bucket, share_as_bucket};
use capstan_e2e::{Host, Shape, there_and_back};
use capstan_test_servers::{Azurite, Rgw, Samba};
use clap::Parser;

const BUCKET: &str = "prove-hub";

#[derive(Debug, Parser)]
#[command(name = "cargo xtask prove hub", about = "Takes the files of a space to three kinds of buckets and back")]
struct Arguments {
    /// Small files, 0 to 64 KiB.
    #[arg(long, default_value_t = 20_000)]
    files: usize,
    /// MiB of the one large file.
    #[arg(long, default_value_t = 256)]
    large: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    {
        let rgw = Rgw::get()?;
        rgw.s3.create_bucket(BUCKET)?;
        walk("Ceph RGW", &arguments, |host| make_bucket(&host.client(), &s3_bucket(BUCKET, &rgw.s3)?))?;
    }
    {
        let samba = Samba::start()?;
        walk("SMB", &arguments, |host| share_as_bucket(&host.client(), &samba))?;
    }
    let azurite = Azurite::start()?;
    azurite.blob.create_container(BUCKET)?;
    walk("Azurite", &arguments, |host| make_bucket(&host.client(), &azure_bucket(BUCKET, &azurite.blob)))?;
    say("VERIFIED: on all three every file came back as it was");
    Ok(())
}

/// `bucket`: makes one on the host, and answers its id.
fn walk(name: &str, arguments: &Arguments, bucket: impl FnOnce(&Host) -> anyhow::Result<i64>) -> anyhow::Result<()> {
    let (host, _room) = Host::fresh()?;
    let space = HubSpace::over(&host, "prove", bucket(&host)?)?;
    let shape = Shape { files: arguments.files, small: 64 << 10, large: vec![arguments.large << 20], odd: true };
    let start = Instant::now();
    there_and_back(&space, &shape, &mut |what| say(format_args!("{name}, {:.0} s: {what}", start.elapsed().as_secs_f64())))
        .with_context(|| format!("{name}; the end of the host's log:\n{}", host.log_tail()))?;
    let memory = host.memory().unwrap_or_default() >> 20;
    say(format_args!("{name}: {memory} MiB resident at the end"));
    host.stop()
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
