//! Azurite, Microsoft's own emulator of Azure Storage: it enforces keys, signatures, leases and conditions.
//!
//! What it does not do: wait (a rehydration is done at once), throttle, check a CRC64. A front of ours does, in `blob_front`.
//!
//! On disk it has fifty places for bodies that are being written, and a body that has broken off before it is read keeps its
//! place for ever: after enough of them every write waits. In memory there are no such places.

use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::find;
use crate::tls_front::Identity;
use crate::{Blob, npm};

/// The version the tests were written against.
const VERSION: &str = "3.35.0";
const SCRIPT: &str = "dist/src/blob/main.js";
/// The account every Azure tool knows, with the key that is published with it.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[derive(Debug)]
pub struct Azurite {
    pub blob: Blob,
    /// PEM of the authority that vouches for it, where it speaks TLS.
    pub authority: Option<String>,
    _process: Keeper,
    _data: TempDir,
}

impl Azurite {
    /// Over plain HTTP: keys and signatures.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(false, false)
    }

    /// The same, with its blobs in memory: for what breaks off many bodies.
    pub fn in_memory() -> anyhow::Result<Self> {
        Self::start_with(false, true)
    }

    /// Over TLS: tokens as well. It looks at what a token says, not at who signed it.
    pub fn with_tokens() -> anyhow::Result<Self> {
        Self::start_with(true, false)
    }

    fn start_with(tokens: bool, in_memory: bool) -> anyhow::Result<Self> {
        let script = npm::script("azurite", VERSION, SCRIPT)?;
        let node = find("node", &[], "apt-get install nodejs")?;
        let data = TempDir::with_prefix("capstan-azurite-")?;
        let port = free_port()?;
        let mut arguments = vec![script.display().to_string(), "--blobHost".into(), "127.0.0.1".into()];
        arguments.extend(["--blobPort".into(), port.to_string()]);
        arguments.extend(match in_memory {
            true => vec!["--inMemoryPersistence".into()],
            false => vec!["--location".into(), data.path().display().to_string()],
        });
        arguments.extend(["--disableTelemetry", "--skipApiVersionCheck", "--silent"].map(str::to_owned));
        let mut authority = None;
        if tokens {
            let identity = Identity::of_loopback()?;
            let (certificate, key) = (data.path().join("certificate.pem"), data.path().join("key.pem"));
            std::fs::write(&certificate, &identity.certificate)?;
            std::fs::write(&key, &identity.key)?;
            arguments.extend(["--oauth".into(), "basic".into(), "--cert".into(), certificate.display().to_string()]);
            arguments.extend(["--key".into(), key.display().to_string()]);
            authority = Some(identity.authority);
        }
        let process = Keeper::start(data.path(), "azurite", &node.display().to_string(), arguments)?;
        process.wait_until(Duration::from_secs(60), || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        let scheme = if tokens { "https" } else { "http" };
        let blob =
            Blob { endpoint: format!("{scheme}://127.0.0.1:{port}/{ACCOUNT}"), account: ACCOUNT.to_owned(), key: KEY.to_owned() };
        Ok(Self { blob, authority, _process: process, _data: data })
    }
}
