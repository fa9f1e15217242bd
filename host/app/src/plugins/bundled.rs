//! Plugins that come with the host: files of a directory, passed through the same gate as any other.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use capstan_domain::audit::Verdict;
use capstan_domain::plugin::VersionState;
use capstan_domain::{Failure, Outcome};
use capstan_runtime::SIGNATURE_BYTES;
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::{Plugins, digest};

impl Plugins {
    /// Installs what comes with the host. A newer one takes over from an older one that also came with the host; what an administrator
    /// activated stays.
    pub(crate) async fn install_bundled(&self) -> Outcome<()> {
        for file in self.bundled().await {
            if let Err(failure) = self.install_file(&file).await {
                tracing::error!(file = %file.display(), %failure, detail = failure.detail, "a plugin that comes with the host is not installed");
            }
        }
        Ok(())
    }

    /// For a process that installs nothing: gives the runtime the components that were installed elsewhere, so that they can be adopted.
    /// What did not come with the host has to be laid beside what did.
    pub(crate) async fn supply_bundled(&self) -> Outcome<()> {
        let known: HashSet<String> = self.catalogue.plugin_versions(None).await?.into_iter().map(|known| known.digest).collect();
        for file in self.bundled().await {
            if let Err(failure) = self.supply_file(&file, &known).await {
                tracing::error!(file = %file.display(), %failure, detail = failure.detail, "a plugin cannot be taken in");
            }
        }
        Ok(())
    }

    async fn supply_file(&self, file: &Path, known: &HashSet<String>) -> Outcome<()> {
        let bytes = self.component(file).await?;
        let digest = digest(&bytes);
        if !known.contains(&digest) || self.runtime.holds(&digest) {
            return Ok(());
        }
        self.runtime.supply(bytes, signature_beside(file).await?).await
    }

    /// Components in the directory of those that come with the host, by name.
    async fn bundled(&self) -> Vec<PathBuf> {
        let Some(directory) = self.settings.bundled.clone().or_else(beside_program) else { return Vec::new() };
        let Ok(mut entries) = tokio::fs::read_dir(&directory).await else {
            tracing::info!(directory = %directory.display(), "no plugins come with the host");
            return Vec::new();
        };
        let mut files = Vec::new();
        while let Ok(Some(entry)) = entries.next_entry().await {
            if entry.path().extension().is_some_and(|extension| extension == "wasm") {
                files.push(entry.path());
            }
        }
        files.sort();
        files
    }

    async fn component(&self, file: &Path) -> Outcome<Bytes> {
        let size = tokio::fs::metadata(file).await.map_err(|error| Failure::host("the file cannot be read", error))?.len();
        if size > self.bytes_max {
            return Err(self.too_large());
        }
        tokio::fs::read(file).await.map(Bytes::from).map_err(|error| Failure::host("the file cannot be read", error))
    }

    async fn install_file(&self, file: &Path) -> Outcome<()> {
        let bytes = self.component(file).await?;
        // One that was installed but cannot run goes through the gate again: it may have got the signature that it lacked.
        if self.runtime.holds(&digest(&bytes)) {
            return Ok(());
        }
        let version = self.pass(bytes, signature_beside(file).await?, None).await?;
        tracing::info!(plugin = version.plugin, version = version.version, "installed a plugin that comes with the host");
        let detail = json!({ "version": version.version, "digest": version.digest });
        self.audit.host("install", "plugin", &version.plugin, Verdict::Done, detail).await;
        let active = self.versions(&version.plugin).await?.into_iter().find(|known| known.state == VersionState::Active);
        let replaces = active.is_some_and(|active| {
            active.installed_by.is_none() && active.digest != version.digest && newer_or_same(&version.version, &active.version)
        });
        if replaces {
            let activation = self.runtime.activate(&version.plugin, &version.version).await?;
            self.remember_active(&version.plugin, &activation.to).await?;
        }
        Ok(())
    }
}

/// The detached signature of `NAME.wasm` lies in `NAME.wasm.minisig`.
async fn signature_beside(component: &Path) -> Outcome<Option<Bytes>> {
    let mut name = component.as_os_str().to_owned();
    name.push(".minisig");
    let fault = |error| Failure::host("the signature cannot be read", error);
    let file = match tokio::fs::File::open(&name).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
    };
    let mut signature = Vec::new();
    // One that is cut off there is too long, and does not hold.
    file.take(SIGNATURE_BYTES as u64 + 1).read_to_end(&mut signature).await.map_err(fault)?;
    Ok(Some(Bytes::from(signature)))
}

fn beside_program() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.join("plugins"))
}

/// A rebuilt plugin of the same version takes over too.
fn newer_or_same(one: &str, other: &str) -> bool {
    match (semver::Version::parse(one), semver::Version::parse(other)) {
        (Ok(one), Ok(other)) => one >= other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_semantic_versions() {
        assert!(newer_or_same("0.10.0", "0.9.0"));
        assert!(newer_or_same("1.0.0", "1.0.0"));
        assert!(!newer_or_same("1.0.0-rc.1", "1.0.0"));
        assert!(!newer_or_same("nonsense", "0.1.0"));
    }
}
