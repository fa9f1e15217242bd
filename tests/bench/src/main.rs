//! `capstan-bench NAME`: measurements beside what they are compared to.
//!
//! Every number here stands next to another one that was taken in the same run, in turns, so that a busy or slow machine slows both.
//! Medians are printed with their spread, and what it ran against; a comparison whose other side cannot be had says so and is left out.

mod api;
mod azure;
mod catalogue;
mod cloud;
mod drives;
mod gcs;
mod hsm;
mod latency;
mod local;
mod measure;
mod memory;
mod nfs;
mod plugin;
mod primary_scan;
mod rivals;
mod s3;
mod sandbox;
mod scan;
mod served;
mod server;
mod share;
mod smb;
mod start;
mod swap;
mod swift;
mod table;
mod tape;

use std::process::ExitCode;

/// Takes the arguments behind its name, prints what it found.
type Bench = fn(&[String]) -> anyhow::Result<()>;

/// Name, what it measures, how.
const BENCHES: [(&str, &str, Bench); 18] = [
    ("sandbox", "bytes through the S3 plugin against the same client without a plugin", sandbox::run),
    ("latency", "a call into a plugin: through the pool, with a store of its own", latency::run),
    ("s3", "trees into a bucket and back over REST, against rclone and s5cmd", s3::run),
    ("gcs", "objects to the simulator of Google Cloud Storage, against Google's client for Python (--mib N --files N)", gcs::run),
    ("azure", "blobs into Azurite and back, against Microsoft's client for Python (--mib N --files N)", azure::run),
    ("swift", "objects into OpenStack Swift and back, against OpenStack's client for Python (--mib N --files N)", swift::run),
    ("api", "GET with authentication, 64 connections, against bare axum", api::run),
    ("start", "start of a host with ten compiled components", start::run),
    ("swap", "a plugin exchanged under 32 workers", swap::run),
    ("local", "directory to directory, every byte read back, against rclone and rsync", local::run),
    ("catalogue", "a million rows against raw sqlite3, and pages out of ten million (--rows N)", catalogue::run),
    ("memory", "what is held while a million files are copied, against rclone (--files N)", memory::run),
    ("nfs", "files to an NFS export and back, against libnfs's nfs-cp (--mebibytes N, --files N)", nfs::run),
    ("smb", "files to an SMB share and back, against smbclient (--mebibytes N, --files N)", smb::run),
    (
        "drives",
        "drives over REST, against cp, qemu-img and qemu-storage-daemon (create list clone nbd dssd across peer; --gib N --data-mib N)",
        drives::run,
    ),
    (
        "hsm",
        "a space: its view against a plain directory, migrating and recalling against rclone (--view --small --large)",
        hsm::run,
    ),
    (
        "tape",
        "recalls and streams on a tape library's simulator, and tgt's library against a native client (recall stream loopback; --files N \
         --mebibytes N)",
        tape::run,
    ),
    ("scan", "a tree into the catalogue, against find -printf; a primary pool on NFS, against nfs-ls -R", scan::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What went wrong on the way, and what it cost, is nothing that a table shows.
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).with_writer(std::io::stderr).init();
    let (name, rest) = arguments.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
    // Not measurements: the other side of some, as processes of their own.
    let result = match name {
        "serve-sink" => server::sink(),
        "serve-hello" => server::hello(),
        _ => match BENCHES.iter().find(|(known, _, _)| *known == name) {
            Some((_, _, run)) => run(rest),
            None => {
                eprintln!("capstan-bench NAME [--quick]\n");
                for (known, about, _) in BENCHES {
                    eprintln!("  {known:<10} {about}");
                }
                return ExitCode::from(2);
            }
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("capstan-bench {name}: {failure:#}");
            ExitCode::FAILURE
        }
    }
}
