//! The main job from nothing: a tree of real files goes into an S3 bucket through a sandboxed plugin, over REST, and comes back
//! verified. Run by `cargo xtask demo`.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use capstan_e2e::{Cargo, Execution, Host, HostOptions, PASSWORD, Route, Shape, Tree, USER, binaries};
use capstan_test_servers::DemoS3;
use clap::Parser;

const BUCKET: &str = "demo-bucket";
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Parser)]
#[command(name = "cargo xtask demo", about = "Takes a tree of files to an S3 bucket and back, verified")]
struct Arguments {
    /// Leave host and S3 server running until Enter is pressed, to try things by hand.
    #[arg(long)]
    keep: bool,
    /// Small files in the tree.
    #[arg(long, default_value_t = 500)]
    files: usize,
    /// MiB of the one large file.
    #[arg(long, default_value_t = 64)]
    large: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let room = tempfile::Builder::new().prefix("capstan-demo-").tempdir()?;

    say("1. An S3 server of its own, on loopback");
    let server = DemoS3::start(&binaries()?.join("capstan-demo-s3"))?;
    server.s3.create_bucket(BUCKET)?;
    detail(format_args!("{} with the bucket {BUCKET}", server.s3.endpoint));

    say("2. Capstan on SQLite; the S3 plugin is a sandboxed WebAssembly component");
    let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
    detail(host.client().base());
    let cargo = Cargo::new(host.client());

    say("3. Over REST: a connector, its buckets, a pool, two containers");
    cargo.harbour("harbour", &server.s3, BUCKET)?;
    cargo.container("outbound")?;
    cargo.container("inbound")?;

    say("4. Real files in the first container");
    let source = host.container("outbound");
    Shape { files: arguments.files, small: 64 << 10, large: vec![arguments.large << 20], odd: false }.make(&source)?;
    let before = Tree::read(&source)?;
    detail(format_args!("{} files, {}", before.files.len(), size(before.bytes())));

    say("5. A task copies them into the bucket");
    let there = cargo.task("to the bucket", "copy", Route::IntoPool { path: "/outbound", pool: "harbour" })?;
    run(&cargo, there)?;
    let keys = server.s3.list(BUCKET)?;
    detail(format_args!("the server lists {} objects", keys.len()));
    anyhow::ensure!(keys.len() >= before.files.len(), "the bucket has {} objects, {} were sent", keys.len(), before.files.len());

    say("6. A task brings them back into the second container");
    let back = cargo.task("back again", "copy", Route::OutOfPool { pool: "harbour", path: "/inbound" })?;
    run(&cargo, back)?;

    say("7. Every file is compared by its BLAKE3 hash");
    let after = Tree::read(&host.container("inbound"))?;
    before.same_as(&after)?;
    detail(format_args!("{} files, {}: all came back as they were", after.files.len(), size(after.bytes())));

    if arguments.keep {
        try_it(&host, &server, &room.path().join("data"));
        say("Both servers run until you press Enter.");
        std::io::stdin().read_line(&mut String::new())?;
    }
    host.stop().context("the host did not stop cleanly")?;
    say("Done; everything was stopped and removed. How to go on:");
    detail("cargo xtask demo --keep     the same, left running, with commands to try from another terminal");
    detail("cargo xtask dist            the program and its plugins, in target/dist");
    detail("README.md                   for REST clients, for vendors, for administrators");
    Ok(())
}

fn run(cargo: &Cargo, task: i64) -> anyhow::Result<()> {
    let start = Instant::now();
    cargo.act(task, "run")?;
    let mut shown = Instant::now();
    cargo.watch(task, PATIENCE, |execution| {
        if shown.elapsed() > Duration::from_secs(1) {
            shown = Instant::now();
            detail(progress(execution));
        }
        false
    })?;
    let last = cargo.finish(task, PATIENCE)?;
    detail(format_args!("{} in {:.1} s", progress(&last), start.elapsed().as_secs_f64()));
    Ok(())
}

fn progress(execution: &Execution) -> String {
    format!(
        "{}: {} of {} files, {} of {}, {}/s",
        execution.status,
        execution.files,
        execution.all_files,
        size(execution.bytes),
        size(execution.all_bytes),
        size(execution.bandwidth)
    )
}

/// Commands that work as they are printed, while both servers run.
fn try_it(host: &Host, server: &DemoS3, data: &Path) {
    let base = host.client().base().to_owned();
    let program = binaries().unwrap_or_default().join("capstan");
    say("Try it, from another terminal:");
    for line in [
        format!("curl -u '{USER}:{PASSWORD}' {base}/api/v2/tasks"),
        format!("curl -u '{USER}:{PASSWORD}' '{base}/api/v2/task_executions?sort_by=log_time:desc&limit=1'"),
        format!("export CAPSTAN_URL={base} CAPSTAN_USER={USER} CAPSTAN_PASSWORD='{PASSWORD}'"),
        format!("{} plugin list", program.display()),
        format!("{} target probe harbour-connector", program.display()),
        format!("ls {}", data.join("spaces/inbound").display()),
        format!(
            "the S3 server: {}, access key {}, secret key {}",
            server.s3.endpoint, server.s3.access_key, server.s3.secret_key
        ),
    ] {
        detail(line);
    }
}

fn size(bytes: u64) -> String {
    if bytes < 10 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "\n{line}");
}

fn detail(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "   {line}");
}
