//! A tape library in a process of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use capstan_tape_simulator::devices::Devices;
use capstan_tape_simulator::iscsi::{Chap, Target};
use capstan_tape_simulator::shim::Nodes;
use capstan_tape_simulator::{Library, Plan, control};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

#[derive(Debug, Parser)]
#[command(about, version)]
struct Arguments {
    /// What the library has: a JSON file.
    #[arg(long)]
    plan: PathBuf,
    /// Directory of what is on the cartridges; made if absent.
    #[arg(long)]
    media: PathBuf,
    /// Address and port of the iSCSI portal; port 0 takes a free one.
    #[arg(long)]
    listen: SocketAddr,
    /// iSCSI name of the target.
    #[arg(long, default_value = "iqn.2026-11.test.capstan:tape-simulator")]
    target: String,
    /// Who may log in, USER:SECRET; without it everyone may.
    #[arg(long, env = "CAPSTAN_TAPE_SIMULATOR_CHAP", hide_env_values = true)]
    chap: Option<Chap>,
    /// Directory of the sockets that stand for SCSI generic devices; made if absent.
    #[arg(long)]
    devices: Option<PathBuf>,
    /// Unix socket that orders are taken at.
    #[arg(long)]
    control: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { plan, media, listen, target, chap, devices, control } = Arguments::parse();
    let text = std::fs::read(&plan).with_context(|| format!("cannot read {}", plan.display()))?;
    let plan: Plan = serde_json::from_slice(&text).with_context(|| format!("{} is no plan", plan.display()))?;
    std::fs::create_dir_all(&media).with_context(|| format!("cannot make {}", media.display()))?;
    let library = Library::open(&plan, &media).map(Arc::new).map_err(anyhow::Error::msg).context("cannot open the library")?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut serving = JoinSet::new();
    let portal = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let all: Arc<dyn Devices> = Arc::clone(&library) as Arc<dyn Devices>;
    serving.spawn(Arc::new(Target::new(target, chap, Arc::clone(&all))).serve(portal));
    if let Some(directory) = devices {
        let nodes = Nodes::listen(all, &directory).await;
        serving.spawn(nodes.with_context(|| format!("cannot listen in {}", directory.display()))?.serve());
    }
    // Last: who can give orders knows that all listen.
    if let Some(path) = control {
        let socket = control::listen(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
        serving.spawn(control::serve(socket, move |order| library.control(order)));
    }
    writeln!(std::io::stdout(), "ready")?;

    tokio::select! {
        Some(ended) = serving.join_next() => match ended {
            Ok(Ok(())) => bail!("a listener ended"),
            Ok(Err(failure)) => Err(failure).context("a listener failed"),
            Err(failure) => Err(failure).context("a listener panicked"),
        },
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
