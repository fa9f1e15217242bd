//! The instance's connections: opened when they are needed, shared by the calls under way, replaced when they break.

use std::cell::{Cell, RefCell};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;
use std::time::{Duration, Instant};

use capstan_sdk::failure::{Failure, cancelled, denied};
use capstan_sdk::{Kept, Outcome, clock, job};

use crate::chain::{Answers, Chain};
use crate::cipher::HostCiphers;
use crate::config::Config;
use crate::error;
use crate::executor::Executor;
use crate::link::Link;

/// Calls a connection has before another is opened.
const CALLS_PER_LINK: usize = 4;
/// How long a call waits for another that is opening the first connection, and how often it looks.
const LOOK_MS: u64 = 5;
/// How long a refused sign-in is not tried again: many calls at once must not lock the account.
const REFUSED: Duration = Duration::from_secs(10);

thread_local! {
    static LINKS: Kept<Links> = const { Kept::new() };
}

pub(crate) struct Links {
    pub(crate) config: Config,
    open: RefCell<Vec<Rc<Link>>>,
    dialling: Cell<usize>,
    refused: RefCell<Option<(Instant, Failure)>>,
    /// The share makes no hard links.
    pub(crate) linkless: Cell<bool>,
}

/// A connection in use by a call.
pub(crate) struct Lease(Rc<Link>);

impl Lease {
    fn new(link: Rc<Link>) -> Self {
        link.load.set(link.load.get() + 1);
        Self(link)
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        Self::new(Rc::clone(&self.0))
    }
}

impl Deref for Lease {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.load.set(self.0.load.get().saturating_sub(1));
    }
}

/// The connections of this instance.
pub(crate) fn links() -> Outcome<Rc<Links>> {
    LINKS.with(|kept| {
        kept.get(|| {
            // The first one stays, and there is one a process: an instance.
            smb2::runtime::install(Executor);
            smb2::crypto::provider::install(HostCiphers);
            let config = capstan_sdk::config::load()?;
            Ok(Links {
                config,
                open: RefCell::default(),
                dialling: Cell::new(0),
                refused: RefCell::default(),
                linkless: Cell::new(false),
            })
        })
    })
}

impl Links {
    /// For what changes something.
    pub(crate) fn writable(&self) -> Outcome<()> {
        if self.config.read_only {
            return Err(denied("the target is configured to be read only").code("read-only"));
        }
        Ok(())
    }

    /// The connection with the least to do; another one where all have much and there may be more.
    pub(crate) async fn lease(&self) -> Outcome<Lease> {
        loop {
            let (least, open) = self.least();
            let dialling = self.dialling.get();
            match least {
                Some(link) if link.load.get() < CALLS_PER_LINK || open + dialling >= self.config.connections => {
                    return Ok(Lease::new(link));
                }
                // Then no wait lasts, and waiting for another call's connection would be a spin.
                None if dialling > 0 && job::cancelled() => return Err(cancelled("the job was cancelled")),
                None if dialling > 0 => clock::wait(LOOK_MS).await,
                _ => return self.dial().await,
            }
        }
    }

    /// The connection for what must be the first of its name on a share without hard links. Samba looks whether the name is free before it
    /// renames, and has a process for each connection: of two that rename to one name at once both may be told that they were the first,
    /// unless both go over one.
    pub(crate) async fn lease_for(&self, name: &str) -> Outcome<Lease> {
        let lease = self.lease().await?;
        let open = self.open.borrow();
        Ok(open.get(place_of(name, open.len())).filter(|link| link.is_usable()).map_or(lease, |link| Lease::new(Rc::clone(link))))
    }

    fn least(&self) -> (Option<Rc<Link>>, usize) {
        let mut open = self.open.borrow_mut();
        open.retain(|link| link.is_usable());
        (open.iter().min_by_key(|link| link.load.get()).cloned(), open.len())
    }

    async fn dial(&self) -> Outcome<Lease> {
        if let Some((since, failure)) = &*self.refused.borrow()
            && since.elapsed() < REFUSED
        {
            return Err(failure.clone());
        }
        let _dialling = Dialling::begin(&self.dialling);
        let link = Link::dial(&self.config).await.inspect_err(|failure| {
            if matches!(failure, Failure::Unauthenticated(_)) {
                *self.refused.borrow_mut() = Some((Instant::now(), failure.clone()));
            }
        })?;
        let link = Rc::new(link);
        self.open.borrow_mut().push(Rc::clone(&link));
        Ok(Lease::new(link))
    }

    /// A chain that may go out twice: it only looks, or doing it again changes nothing. A connection that broke is replaced once.
    pub(crate) async fn ask(&self, chain: &Chain, subject: &str) -> Outcome<Answers> {
        match self.once(chain).await? {
            Ok(answers) => Ok(answers),
            Err(error) if error::is_lost(&error) => self.once(chain).await?.map_err(|error| error::failure(&error, subject)),
            Err(error) => Err(error::failure(&error, subject)),
        }
    }

    /// A chain that changes something: what is not known to have been refused may have been done.
    pub(crate) async fn change(&self, chain: &Chain, subject: &str) -> Outcome<Answers> {
        match self.once(chain).await? {
            Ok(answers) => Ok(answers),
            Err(error) if error::was_refused(&error) => self.once(chain).await?.map_err(|error| unclear(&error, subject)),
            Err(error) => Err(unclear(&error, subject)),
        }
    }

    async fn once(&self, chain: &Chain) -> Outcome<smb2::Result<Answers>> {
        let lease = self.lease().await?;
        Ok(lease.run(chain).await)
    }
}

/// The same of so many for the same name; the other case of it is the same one.
fn place_of(name: &str, many: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    name.to_lowercase().hash(&mut hasher);
    usize::try_from(hasher.finish() % many.max(1) as u64).unwrap_or_default()
}

pub(crate) fn unclear(error: &smb2::Error, subject: &str) -> Failure {
    let failure = error::failure(error, subject);
    if error::is_lost(error) && !error::was_refused(error) { failure.maybe_done() } else { failure }
}

/// Counts a connection that is being opened.
struct Dialling<'a>(&'a Cell<usize>);

impl<'a> Dialling<'a> {
    fn begin(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_goes_one_way_and_many_go_every_way() {
        for many in [0, 1] {
            assert_eq!(place_of("a", many), 0);
        }
        let mut used = [0; 3];
        for number in 0..300 {
            let name = format!("Folder/{number}");
            let place = place_of(&name, 3);
            assert_eq!(place, place_of(&name.to_uppercase(), 3));
            used[place] += 1;
        }
        assert!(used.iter().all(|names| *names > 50), "{used:?}");
    }
}
