//! Secrets at rest: sealed with XChaCha20-Poly1305 under a key that lies in a file of its own.
//!
//! The catalogue keeps only what `seal` returns, so a copy of the database without the key file tells nothing. Each secret is bound
//! to its owner and its name as associated data: a row moved to another target does not open. The key file is made at first start, 0600,
//! and is never part of a backup; a host that finds sealed rows but no key must be given the old file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Outcome};
use chacha20poly1305::aead::{Aead, Key, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Name of the key file in the data directory.
pub(crate) const KEY_FILE: &str = "secrets.key";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// First byte of everything sealed; another value is another format.
const FORMAT: u8 = 1;

/// Seals and opens. Holds the key in memory for as long as the host runs.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    /// Keyed hashes of things that must be looked up but not read back: API keys, cached credentials.
    hash_key: Zeroizing<[u8; KEY_BYTES]>,
}

impl Sealer {
    /// Opens the key file under `data`, or makes it.
    pub(crate) fn open(data: &Path) -> Outcome<Self> {
        match Self::read(data)? {
            Some(sealer) => Ok(sealer),
            None => Self::of(&make_key(data, &data.join(KEY_FILE))?, data),
        }
    }

    /// Opens a key file that was put under `data`: that of another process of the same catalogue.
    pub(crate) fn given(data: &Path) -> Outcome<Self> {
        Self::read(data)?.ok_or_else(|| {
            Failure::invalid(format!("there is no {KEY_FILE} in {}", data.display()))
                .with_code("no-key")
                .with_next_step("Copy it from the data directory of the host: it opens the secrets of the targets.")
        })
    }

    /// None where there is no key file.
    fn read(data: &Path) -> Outcome<Option<Self>> {
        match File::open(data.join(KEY_FILE)) {
            Ok(mut file) => {
                let mut key = Zeroizing::new(Vec::new());
                Read::by_ref(&mut file)
                    .take(KEY_BYTES as u64 + 1)
                    .read_to_end(&mut key)
                    .map_err(|error| Failure::host("the key file cannot be read", error))?;
                Self::of(&key, data).map(Some)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::host("the key file cannot be opened", error)),
        }
    }

    fn of(key: &[u8], data: &Path) -> Outcome<Self> {
        let key: Zeroizing<[u8; KEY_BYTES]> = key.try_into().map(Zeroizing::new).map_err(|_| {
            Failure::host(format!("{} is not a key of {KEY_BYTES} bytes", data.join(KEY_FILE).display()), "wrong length")
        })?;
        Ok(Self::with_key(&key))
    }

    fn with_key(key: &[u8; KEY_BYTES]) -> Self {
        let hash_key = Zeroizing::new(blake3::derive_key("capstan 2026 keyed hashes of credentials", key));
        Self { cipher: XChaCha20Poly1305::new(&Key::<XChaCha20Poly1305>::from(*key)), hash_key }
    }

    /// `owner` and `name` must be given again to open.
    pub(crate) fn seal(&self, owner: &str, name: &str, secret: &SecretText) -> Outcome<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce)?;
        let bound = binding(owner, name);
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: secret.reveal().as_bytes(), aad: &bound })
            .map_err(|_| Failure::host("a secret could not be sealed", "cipher refused"))?;
        let mut out = Vec::with_capacity(1 + NONCE_BYTES + sealed.len());
        out.push(FORMAT);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    pub(crate) fn open_sealed(&self, owner: &str, name: &str, sealed: &[u8]) -> Outcome<SecretText> {
        let broken = || {
            Failure::host(format!("the secret '{name}' cannot be opened"), "sealed under another key, or damaged")
                .with_next_step(format!("put the {KEY_FILE} that belongs to this catalogue back, or set the secret again"))
        };
        let rest = sealed.strip_prefix(&[FORMAT]).ok_or_else(broken)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>().ok_or_else(broken)?;
        let bound = binding(owner, name);
        let clear = self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: body, aad: &bound }).map_err(|_| broken())?;
        String::from_utf8(clear).map(SecretText::new).map_err(|_| broken())
    }

    /// A hash only this host can make; for looking up what must not be stored.
    pub(crate) fn keyed_hash(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        // In one piece: a hasher for streams is two kilobytes to set up.
        let whole = [&(purpose.len() as u64).to_le_bytes()[..], purpose.as_bytes(), text].concat();
        *blake3::keyed_hash(&self.hash_key, &whole).as_bytes()
    }
}

/// Fills `out` from the operating system.
pub(crate) fn random(out: &mut [u8]) -> Outcome<()> {
    getrandom::fill(out).map_err(|error| Failure::host("the operating system gave no random bytes", error))
}

/// Letters and digits that are easy to copy, `length` of them, 5 bits each.
pub(crate) fn random_text(length: usize) -> Outcome<SecretText> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = Zeroizing::new(vec![0; length]);
    random(&mut bytes)?;
    Ok(SecretText::new(
        bytes
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)))
            .map(|letter| char::from(*letter))
            .collect::<String>(),
    ))
}

/// Unambiguous whatever the parts contain.
fn binding(owner: &str, name: &str) -> Vec<u8> {
    let mut out = (owner.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(owner.as_bytes());
    out.extend_from_slice(name.as_bytes());
    out
}

/// Written under another name and renamed, so that a crash leaves no short key.
fn make_key(data: &Path, path: &Path) -> Outcome<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
    random(&mut key)?;
    let temporary = data.join(format!("{KEY_FILE}.new"));
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(data)?.sync_all()
    };
    write().map_err(|error| Failure::host("the key file cannot be made", error))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_for_its_owner_and_name_and_key() {
        let sealer = Sealer::with_key(&[7; 32]);
        let sealed = sealer.seal("target", "secret-key", &SecretText::new("hunter2")).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(sealer.open_sealed("target", "secret-key", &sealed).unwrap().reveal(), "hunter2");
        assert!(sealer.open_sealed("target2", "secret-key", &sealed).is_err());
        assert!(sealer.open_sealed("targe", "tsecret-key", &sealed).is_err());
        assert!(sealer.open_sealed("target", "other", &sealed).is_err());
        assert!(Sealer::with_key(&[8; 32]).open_sealed("target", "secret-key", &sealed).is_err());
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(sealer.open_sealed("target", "secret-key", &damaged).is_err());
        assert!(sealer.open_sealed("target", "secret-key", &[]).is_err());
    }

    #[test]
    fn the_key_file_is_made_once_and_only_the_owner_may_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let sealed = Sealer::open(directory.path()).unwrap().seal("a", "b", &SecretText::new("c")).unwrap();
        let mode = std::fs::metadata(directory.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Sealer::open(directory.path()).unwrap().open_sealed("a", "b", &sealed).unwrap().reveal(), "c");
    }

    #[test]
    fn a_short_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(KEY_FILE), b"short").unwrap();
        assert!(Sealer::open(directory.path()).is_err());
    }
}
