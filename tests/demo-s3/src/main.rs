//! An S3 server for the demo and for tests: the crates `s3s` and `s3s-fs` in a program of their own.
//!
//! It checks signatures and keeps objects as files below one directory. It is not strict and not for anybody's data; tests that
//! need a strict server use Ceph RGW.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long open requests may take to finish after a signal.
const DRAIN: Duration = Duration::from_secs(5);

#[derive(Debug, Parser)]
#[command(about, version)]
struct Arguments {
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Directory of the objects; made if absent. A directory in it is a bucket.
    #[arg(long)]
    root: PathBuf,
    /// Bucket to make at the start; may be given several times.
    #[arg(long)]
    bucket: Vec<String>,
    #[arg(long, env = "CAPSTAN_DEMO_S3_ACCESS_KEY")]
    access_key: String,
    #[arg(long, env = "CAPSTAN_DEMO_S3_SECRET_KEY", hide_env_values = true)]
    secret_key: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.root).with_context(|| format!("cannot make {}", arguments.root.display()))?;
    for bucket in &arguments.bucket {
        std::fs::create_dir_all(arguments.root.join(bucket))?;
    }
    let store = FileSystem::new(&arguments.root).map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let mut service = S3ServiceBuilder::new(store);
    service.set_auth(SimpleAuth::from_single(arguments.access_key, arguments.secret_key));
    let service = service.build();

    let listener = TcpListener::bind(arguments.listen).await.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;

    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    let open = GracefulShutdown::new();
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.context("accept")?.0,
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
        };
        stream.set_nodelay(true)?;
        let connection = open.watch(server.serve_connection(TokioIo::new(stream), service.clone()).into_owned());
        tokio::spawn(connection);
    }
    let _ = tokio::time::timeout(DRAIN, open.shutdown()).await;
    Ok(())
}
