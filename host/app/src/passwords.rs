//! Passwords: argon2id, computed off the request path and a few at a time.
//!
//! One verification costs about 19 MiB and tens of milliseconds on purpose. A semaphore keeps a burst of wrong passwords from eating the
//! machine: callers wait their turn, and beyond `WAITING_MAX` they are refused as busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use tokio::sync::Semaphore;

/// Verifications at the same time; more wait.
const AT_ONCE: usize = 2;
/// Callers waiting for a verification; more are refused as busy.
const WAITING_MAX: usize = 256;
/// Bytes of a password; longer is refused.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;

/// Characters of a password that somebody chooses; fewer are refused.
const PASSWORD_LENGTH_MIN: usize = 8;

/// What a password that somebody chooses has to be: long enough, not digits alone, and not the user's name. `Invalid` "password".
pub(crate) fn check_strength(name: &str, password: &SecretText) -> Outcome<()> {
    let text = password.reveal();
    let why = if text.is_empty() {
        return Err(Failure::invalid("a password cannot be empty").with_code("blank"));
    } else if text.chars().count() < PASSWORD_LENGTH_MIN {
        format!("a password has at least {PASSWORD_LENGTH_MIN} characters")
    } else if text.chars().all(|c| c.is_ascii_digit()) {
        "a password is not digits alone".to_owned()
    } else if text.eq_ignore_ascii_case(name) {
        "a password is not the user's name".to_owned()
    } else {
        return Ok(());
    };
    Err(Failure::invalid(why).with_code("password"))
}

#[derive(Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Verified in place of a user's hash when there is no such user, so that both take the same time.
    decoy: Arc<str>,
}

impl Passwords {
    pub(crate) async fn new() -> Outcome<Self> {
        let mut passwords =
            Self { turns: Arc::new(Semaphore::new(AT_ONCE)), waiting: Arc::new(AtomicUsize::new(0)), decoy: Arc::from("") };
        let decoy = passwords.hash(crate::sealing::random_text(24)?).await?;
        passwords.decoy = Arc::from(decoy);
        Ok(passwords)
    }

    /// A PHC string to store.
    pub(crate) async fn hash(&self, password: SecretText) -> Outcome<String> {
        if password.reveal().len() > PASSWORD_BYTES_MAX {
            return Err(Failure::invalid(format!("a password has at most {PASSWORD_BYTES_MAX} bytes")).with_code("too-long"));
        }
        self.turn(move || {
            argon2()
                .hash_password(password.reveal().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Failure::host("a password could not be hashed", error))
        })
        .await
    }

    /// Whether the password is the one hashed; `None` for a user that does not exist is always no, and as slow as a yes.
    pub(crate) async fn verify(&self, password: SecretText, hash: Option<String>) -> Outcome<bool> {
        if password.reveal().len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let matches = self
            .turn(move || {
                let parsed =
                    PasswordHash::new(&hash).map_err(|error| Failure::host("a stored password hash is damaged", error))?;
                Ok(argon2().verify_password(password.reveal().as_bytes(), &parsed).is_ok())
            })
            .await?;
        Ok(matches && known)
    }

    async fn turn<T: Send + 'static>(&self, work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
        let _waiting = Waiting::enter(&self.waiting)?;
        let _turn = self.turns.acquire().await.map_err(|error| Failure::host("the host is shutting down", error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Failure::host("a password check was interrupted", error))?
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Outcome<Self> {
        let guard = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            return Err(Failure::new(Kind::Busy, "too many logins at once").with_blame(capstan_domain::failure::Blame::Host));
        }
        Ok(guard)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_hash_and_nothing_else() {
        let passwords = Passwords::new().await.unwrap();
        let hash = passwords.hash(SecretText::new("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify(SecretText::new("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(SecretText::new("battery staple"), Some(hash)).await.unwrap());
        assert!(!passwords.verify(SecretText::new("correct horse"), None).await.unwrap());
    }

    #[test]
    fn a_chosen_password_is_long_and_neither_digits_nor_the_name() {
        let judged = |password: &str| check_strength("adalovelace", &SecretText::new(password));
        judged("correct horse").unwrap();
        for weak in ["", "short", "1234567890", "AdaLovelace"] {
            assert!(judged(weak).is_err(), "{weak}");
        }
    }

    #[tokio::test]
    async fn an_over_long_password_is_refused_without_hashing_it() {
        let passwords = Passwords::new().await.unwrap();
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        assert!(passwords.hash(SecretText::new(long.clone())).await.is_err());
        assert!(!passwords.verify(SecretText::new(long), None).await.unwrap());
    }
}
