//! The content-addressed directory: components under their digest, compiled code under digest and engine fingerprint.
//!
//! A file stands there whole or not at all (written aside, synced, renamed), so a component is never run from an upload's path and a
//! half-written one is never loaded. Its directory is the service user's alone: compiled code is trusted when it comes from here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use capstan_domain::Outcome;
use capstan_domain::failure::Failure;
use sha2::{Digest, Sha256};

/// Of the hash before compiled code.
const HASH_BYTES: usize = 32;

#[derive(Debug)]
pub(crate) struct Vault {
    components: PathBuf,
    compiled: PathBuf,
    fingerprint: String,
    next: AtomicU64,
}

/// SHA-256, hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Vault {
    pub(crate) fn open(directory: &Path, fingerprint: String) -> Outcome<Self> {
        let components = directory.join("components");
        let compiled = directory.join("compiled");
        for path in [&components, &compiled] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|error| Failure::host("The plugin directory cannot be made.", format!("{}: {error}", path.display())))?;
        }
        Ok(Self { components, compiled, fingerprint, next: AtomicU64::new(0) })
    }

    fn component(&self, digest: &str) -> PathBuf {
        self.components.join(format!("{digest}.wasm"))
    }

    fn compiled(&self, digest: &str) -> PathBuf {
        self.compiled.join(format!("{digest}-{}.cwasm", self.fingerprint))
    }

    /// Keeps a component; one that is there already is the same.
    pub(crate) fn keep(&self, digest: &str, bytes: &[u8]) -> Outcome<()> {
        let path = self.component(digest);
        if path.exists() && self.read(digest).is_ok() {
            return Ok(());
        }
        self.write(&path, bytes).map_err(|error| Failure::host("The component cannot be stored.", error))
    }

    /// The component's bytes, which must still have the digest they are filed under.
    pub(crate) fn read(&self, wanted: &str) -> Outcome<Vec<u8>> {
        let bytes = fs::read(self.component(wanted)).map_err(|error| {
            Failure::not_found("The component's file is gone from the plugin directory.")
                .with_detail(error.to_string())
                .with_next_step("Install the plugin again.")
        })?;
        if digest(&bytes) == wanted {
            return Ok(bytes);
        }
        Err(Failure::new(capstan_domain::Kind::Corrupt, "The component's file is not what was installed.")
            .with_next_step("Install the plugin again."))
    }

    fn signature(&self, digest: &str) -> PathBuf {
        self.components.join(format!("{digest}.minisig"))
    }

    /// Keeps the signature a component came with; a later one replaces it.
    pub(crate) fn keep_signature(&self, digest: &str, signature: &[u8]) -> Outcome<()> {
        self.write(&self.signature(digest), signature).map_err(|error| Failure::host("The signature cannot be stored.", error))
    }

    pub(crate) fn read_signature(&self, digest: &str) -> Option<Vec<u8>> {
        fs::read(self.signature(digest)).ok()
    }

    /// Keeps compiled code behind its own hash: the engine looks at a header only, and would run what a bad disk made of the rest.
    pub(crate) fn keep_compiled(&self, digest: &str, code: &[u8]) -> io::Result<()> {
        let mut file = Sha256::digest(code).to_vec();
        file.extend_from_slice(code);
        self.write(&self.compiled(digest), &file)
    }

    /// The code kept, if there is any and it is whole.
    pub(crate) fn read_compiled(&self, digest: &str) -> Option<Vec<u8>> {
        let mut file = fs::read(self.compiled(digest)).ok()?;
        if file.len() < HASH_BYTES {
            return None;
        }
        let code = file.split_off(HASH_BYTES);
        (Sha256::digest(&code).as_slice() == file).then_some(code)
    }

    /// Forgets a component and its code.
    pub(crate) fn remove(&self, digest: &str) -> Outcome<()> {
        let _ = fs::remove_file(self.compiled(digest));
        let _ = fs::remove_file(self.signature(digest));
        match fs::remove_file(self.component(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::host("The component cannot be removed.", error))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let aside = path.with_extension(format!("part-{}-{}", std::process::id(), self.next.fetch_add(1, Ordering::Relaxed)));
        let result = (|| {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&aside, path)?;
            path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
        })();
        if result.is_err() {
            let _ = fs::remove_file(&aside);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_comes_back_whole_and_a_changed_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::open(directory.path(), "f".to_owned()).unwrap();
        let name = digest(b"component");
        vault.keep(&name, b"component").unwrap();
        assert_eq!(vault.read(&name).unwrap(), b"component");
        fs::write(vault.component(&name), b"other").unwrap();
        assert_eq!(vault.read(&name).unwrap_err().kind, capstan_domain::Kind::Corrupt);
        vault.keep(&name, b"component").unwrap();
        assert_eq!(vault.read(&name).unwrap(), b"component");
        vault.remove(&name).unwrap();
        assert_eq!(vault.read(&name).unwrap_err().kind, capstan_domain::Kind::NotFound);
        let left: Vec<_> = fs::read_dir(directory.path().join("components")).unwrap().collect();
        assert!(left.is_empty());
    }
}
