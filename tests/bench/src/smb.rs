//! Files to an SMB share and back through the mover and the sandboxed plugin, beside smbclient on the same server, in turns.
//!
//! The plugin asks the server to flush every file; smbclient never asks for any. So it is also measured on a server that syncs what it writes
//! (`sync always`), where both are sure of each file.

use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use capstan_domain::grant::Power;
use capstan_domain::ids::TargetId;
use capstan_domain::secret::SecretText;
use capstan_grants::Granted;
use capstan_runtime::TargetSettings;
use capstan_test_servers::{SAMBA_PASSWORD, Samba};
use serde_json::json;

use crate::measure::{has, option};
use crate::share::{Lane, Share, plant, swept, synced};
use crate::{rivals, table};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let quick = has(arguments, "--quick");
    let rounds = option(arguments, "--rounds")?.unwrap_or(if quick { 1 } else { 3 });
    let mebibytes = option(arguments, "--mebibytes")?.unwrap_or(if quick { 128 } else { 1024 });
    let files = option(arguments, "--files")?.unwrap_or(if quick { 500 } else { 10_000 });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The server's disk and ours are the same one.
    let room = tempfile::Builder::new().prefix("capstan-bench-").tempdir_in("/var/tmp")?;
    let (large, small) = (room.path().join("large"), room.path().join("small"));
    plant(&large, &small, mebibytes << 20, files)?;
    let mut rows = Vec::new();
    let mut notes = vec![format!(
        "Samba on the same disk, {rounds} rounds in turns, median (spread). smbclient's clock includes one sync of all that it wrote; or, where \
         each write is synced, it talks to a server with `sync always`, as it cannot ask for a file to be flushed. Capstan flushes each file."
    )];
    for (encryption, how) in [("off", "signed"), ("required", "encrypted")] {
        let server = Samba::start()?;
        let syncing = Samba::start_with(" sync always = yes")?;
        let share = Share::open("smb.wasm", "share", &runtime, |plugin| settings(plugin, &server, encryption))?;
        for (title, from, unit, amount) in [
            (format!("1 file of {mebibytes} MiB"), &large, "MiB/s", mebibytes as f64),
            (format!("{files} files of 4 KiB"), &small, "files/s", files as f64),
        ] {
            let (mut ours, mut theirs, mut sure) = (Lane::default(), Lane::default(), Lane::default());
            for _ in 0..rounds {
                swept(&server.share("share"))?;
                share.round(&runtime, from, room.path(), amount, &mut ours)?;
                swept(&server.share("share"))?;
                rival(&server, encryption, from, room.path(), amount, &mut theirs)?;
                swept(&syncing.share("share"))?;
                rival(&syncing, encryption, from, room.path(), amount, &mut sure)?;
            }
            let mut row = vec![format!("{title}, {how} ({unit})")];
            row.push(ours.up.text());
            for theirs in [&theirs.up, &sure.up] {
                row.extend([theirs.text(), ours.up.against(theirs)]);
            }
            row.extend([ours.down.text(), theirs.down.text(), ours.down.against(&theirs.down)]);
            rows.push(row);
            if unit == "files/s" {
                notes.push(format!("{how}: {}", ours.burden.note()));
            }
        }
    }
    let head =
        ["", "Capstan up", "smbclient up", "", "smbclient up, each write synced", "", "Capstan down", "smbclient down", ""];
    table::print("SMB", &notes, &head, &rows)
}

fn settings(plugin: String, server: &Samba, encryption: &str) -> TargetSettings {
    TargetSettings {
        id: TargetId::new(),
        name: "bench".into(),
        plugin,
        pinned: None,
        configuration: json!({
            "host": "127.0.0.1", "port": server.port, "share": "share", "user": server.user, "encryption": encryption,
        }),
        secrets: vec![("password".into(), SecretText::new(SAMBA_PASSWORD))],
        grants: vec![Granted { power: Power::Connect { host: "127.0.0.1".into(), port: server.port }, configured: true }],
    }
}

fn rival(server: &Samba, encryption: &str, from: &Path, room: &Path, amount: f64, lane: &mut Lane) -> anyhow::Result<()> {
    let client = |commands: String| -> anyhow::Result<Command> {
        let mut command = server.client("share", &format!("prompt; recurse; {commands}"))?;
        command.arg(format!("--client-protection={}", if encryption == "off" { "sign" } else { "encrypt" }));
        Ok(command)
    };
    let took = rivals::run(client(format!("lcd {}; mput *", from.display()))?)?;
    lane.up.push(amount / (took + synced(&server.share("share"))?).as_secs_f64());
    let to = tempfile::Builder::new().prefix("to-").tempdir_in(room)?;
    let took = rivals::run(client(format!("lcd {}; mget *", to.path().display()))?)?;
    lane.down.push(amount / (took + synced(to.path())?).as_secs_f64());
    let (arrived, sent) = (std::fs::read_dir(to.path())?.count(), std::fs::read_dir(from)?.count());
    ensure!(arrived == sent, "smbclient brought {arrived} of {sent} files");
    Ok(())
}
