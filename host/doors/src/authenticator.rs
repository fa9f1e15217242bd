//! Proof of who calls, for all doors: the use cases decide, this only carries the question and the answer across.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use capstan_api_http::{Authenticator, Caller, Credentials, NotAuthenticated, Rights};
use capstan_app::App;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome, identity};

/// Calls of one door, by noun, whose handlers ask of each object whether the caller may, and narrow their lists to what the caller may
/// look at. Who has a permission on single objects only is let in there and nowhere else.
pub(crate) type AskedOfEach = &'static [(&'static str, &'static [&'static str])];

/// One a door.
pub(crate) struct Proof {
    pub(crate) app: Arc<App>,
    pub(crate) asked_of_each: AskedOfEach,
}

#[async_trait]
impl Authenticator for Proof {
    async fn authenticate(&self, credentials: Credentials) -> Result<Caller, NotAuthenticated> {
        let identity = &self.app.identity;
        let proved = match &credentials {
            Credentials::Basic { user, password } => identity.verify_basic(user, &SecretText::new(password.reveal())).await,
            Credentials::Bearer(given) => identity.verify_bearer(&SecretText::new(given.reveal())).await,
            Credentials::ApiKey(key) | Credentials::Key(key) => identity.verify_key(&SecretText::new(key.reveal())).await,
        };
        let caller = proved.map_err(refusal)?;
        Ok(Caller { name: caller.name.clone(), rights: Arc::new(Proved { caller, asked_of_each: self.asked_of_each }) })
    }
}

/// The caller as the use cases know them, on the way through the dialect.
struct Proved {
    caller: identity::Caller,
    asked_of_each: AskedOfEach,
}

impl Rights for Proved {
    fn may(&self, noun: &str, verb: &str) -> bool {
        self.caller.may(noun, verb)
    }

    fn may_some(&self, noun: &str, verb: &str) -> bool {
        let asked = self.asked_of_each.iter().any(|(known, verbs)| *known == noun && verbs.contains(&verb));
        asked && self.caller.may_some(noun, verb)
    }
}

fn refusal(failure: Failure) -> NotAuthenticated {
    match failure.kind {
        Kind::Unauthenticated | Kind::Denied | Kind::NotFound | Kind::Invalid => NotAuthenticated::Wrong,
        Kind::Busy => NotAuthenticated::Busy,
        _ => {
            tracing::error!(%failure, detail = failure.detail.as_deref(), "credentials cannot be checked");
            NotAuthenticated::Unavailable(failure.message)
        }
    }
}

/// The caller as the use cases know them.
pub(crate) fn caller_of(caller: &Caller) -> Outcome<identity::Caller> {
    let rights: &dyn Any = caller.rights.as_ref();
    let proved = rights.downcast_ref::<Proved>();
    proved.map(|proved| proved.caller.clone()).ok_or_else(|| Failure::host("The caller has no identity", &caller.name))
}
