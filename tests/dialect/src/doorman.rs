//! Who may what, told by the credentials themselves.

use async_trait::async_trait;
use capstan_api_http::{Authenticator, Caller, Credentials, NotAuthenticated, Scope};

/// `admin:pw` may everything and `guest:pw` nothing; a key is its own list of scopes, such as `key:pools/index+pools/show`. The key
/// `busy` and the key `down` stand for a host that cannot look now.
pub struct Doorman;

#[async_trait]
impl Authenticator for Doorman {
    async fn authenticate(&self, credentials: Credentials) -> Result<Caller, NotAuthenticated> {
        let caller = |everything: bool, scopes| {
            let rights = if everything { |_: &str, _: &str| true } else { |_: &str, _: &str| false };
            Caller { id: "1".into(), name: "admin".into(), role: "role".into(), rights, scopes }
        };
        match credentials {
            Credentials::Basic { user, password } if user == "admin" && password.reveal() == "pw" => Ok(caller(true, None)),
            Credentials::Basic { user, password } if user == "guest" && password.reveal() == "pw" => Ok(caller(false, None)),
            Credentials::Basic { .. } => Err(NotAuthenticated::Wrong),
            Credentials::Bearer(key) | Credentials::ApiKey(key) | Credentials::Key(key) => match key.reveal() {
                "busy" => Err(NotAuthenticated::Busy),
                "down" => Err(NotAuthenticated::Unavailable("The catalogue cannot be read".into())),
                text => {
                    let scopes = text.strip_prefix("key:").ok_or(NotAuthenticated::Wrong)?;
                    let scopes = scopes.split('+').filter_map(|scope| scope.split_once('/'));
                    let scopes = scopes.map(|(noun, verb)| Scope { noun: noun.into(), verb: verb.into() }).collect();
                    Ok(caller(true, Some(scopes)))
                }
            },
        }
    }
}
