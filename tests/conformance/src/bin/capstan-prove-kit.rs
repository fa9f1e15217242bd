//! The whole kit at its full size (100,000 keys, 5 GiB) for the plugins of the house, each against its real peer. Run by
//! `cargo xtask prove kit [PLUGIN...]`.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, bail};
use capstan_conformance::host::built;
use capstan_conformance::report::Report;
use capstan_conformance::size::Size;
use capstan_conformance::target_file::TargetFile;
use capstan_conformance::{azure, check, dssd, gcs, nfs, s3, shown, smb, swift, zadara};
use capstan_test_servers::{Azurite, CephDrives, Ganesha, Gcs, Rgw, Samba, Swift, Vpsa};
use serde_json::json;

const PLUGINS: [&str; 11] = ["memory", "posix", "nvme", "s3", "azure", "gcs", "swift", "nfs", "smb", "dssd", "zadara"];
/// More than that only makes a server on two cores slower.
const JOBS: usize = 4;
/// As a connector has them, not as small as in tests.
const PART_BYTES: u64 = 64 << 20;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.is_empty() {
        wanted = PLUGINS.map(str::to_owned).to_vec();
    }
    let mut broken = Vec::new();
    for plugin in wanted {
        let start = Instant::now();
        let report = prove(&plugin).await.with_context(|| plugin.clone())?;
        say(&format!("{}\n{plugin}: {:.0} s", shown::summary(&report), start.elapsed().as_secs_f64()));
        if !report.holds() {
            broken.push(plugin);
        }
    }
    anyhow::ensure!(broken.is_empty(), "the contract is not kept by {}", broken.join(", "));
    Ok(())
}

async fn prove(plugin: &str) -> anyhow::Result<Report> {
    let parts = json!({ "part-bytes": PART_BYTES });
    match plugin {
        "memory" => run(plugin, TargetFile::plain(json!({ "locations": ["main"] }), "main")).await,
        "posix" => {
            // Not under /tmp, which is often memory.
            let directory = tempfile::tempdir_in(std::env::current_dir()?.join("target"))?;
            let path = directory.path().to_str().context("a path that is text")?;
            run(plugin, TargetFile::plain(json!({ "path": path }), "root")).await
        }
        "nvme" => {
            let directory = tempfile::tempdir_in(std::env::current_dir()?.join("target"))?;
            let path = directory.path().to_str().context("a path that is text")?;
            run(plugin, TargetFile::plain(json!({ "path": path }), "drives")).await
        }
        "s3" => run(plugin, s3::ceph(&Rgw::get()?.s3, parts)).await,
        "azure" => run(plugin, azure::target(&Azurite::start()?.blob, parts)).await,
        "gcs" => run(plugin, gcs::target(&Gcs::start()?, gcs::Way::Account, parts)).await,
        "swift" => run(plugin, swift::target(&Swift::get()?.tester(), parts)).await,
        "nfs" => run(plugin, nfs::target(&Ganesha::start()?)).await,
        "smb" => run(plugin, smb::target(&Samba::start()?, "share", json!({}))).await,
        "dssd" => run(plugin, dssd::target(&CephDrives::get()?, json!({}))).await,
        "zadara" => run(plugin, zadara::target(&Vpsa::start()?, json!({}))).await,
        other => bail!("no proof is written for {other}; there are {}", PLUGINS.join(", ")),
    }
}

async fn run(plugin: &str, file: TargetFile) -> anyhow::Result<Report> {
    let kit = check::load(&built(plugin), file, Size::Full).await?;
    check::run(&kit, &[], JOBS).await
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
