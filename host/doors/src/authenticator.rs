//! Proof of who calls, for all doors: the use cases decide, this only carries the question and the answer across.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_api_http::{Authenticator, Caller, Credentials, NotAuthenticated, Rights, Scope};
use capstan_app::App;
use capstan_domain::identity::Role;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome, identity};

pub(crate) struct Proof {
    pub(crate) app: Arc<App>,
}

#[async_trait]
impl Authenticator for Proof {
    async fn authenticate(&self, credentials: Credentials) -> Result<Caller, NotAuthenticated> {
        let identity = &self.app.identity;
        let proved = match &credentials {
            Credentials::Basic { user, password } => identity.verify_basic(user, &SecretText::new(password.reveal())).await,
            Credentials::Bearer(key) | Credentials::ApiKey(key) | Credentials::Key(key) => {
                identity.verify_key(&SecretText::new(key.reveal())).await
            }
        };
        let caller = proved.map_err(refusal)?;
        let scope = |scope: identity::Scope| Scope { noun: scope.noun, verb: scope.verb };
        Ok(Caller {
            id: caller.user.to_string(),
            name: caller.name,
            role: word(caller.role),
            rights: rights(caller.role),
            scopes: caller.scopes.map(|scopes| scopes.into_iter().map(scope).collect()),
        })
    }
}

const ROLES: [Role; 3] = [Role::Administrator, Role::Operator, Role::Reader];

fn word(role: Role) -> String {
    match role {
        Role::Administrator => "administrator",
        Role::Operator => "operator",
        Role::Reader => "reader",
    }
    .to_owned()
}

fn rights(role: Role) -> Rights {
    match role {
        Role::Administrator => |noun, verb| Role::Administrator.may(noun, verb),
        Role::Operator => |noun, verb| Role::Operator.may(noun, verb),
        Role::Reader => |noun, verb| Role::Reader.may(noun, verb),
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
    let scope = |scope: &Scope| identity::Scope { noun: scope.noun.clone(), verb: scope.verb.clone() };
    Ok(identity::Caller {
        user: caller.id.parse().map_err(|error| Failure::host("The caller has no identity", error))?,
        name: caller.name.clone(),
        role: ROLES
            .into_iter()
            .find(|role| word(*role) == caller.role)
            .ok_or_else(|| Failure::host("The caller has no role", &caller.role))?,
        scopes: caller.scopes.as_ref().map(|scopes| scopes.iter().map(scope).collect()),
    })
}
