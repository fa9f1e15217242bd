//! Who may what, told by the credentials themselves.

use std::sync::Arc;

use async_trait::async_trait;
use capstan_api_http::{Authenticator, Caller, Credentials, NotAuthenticated};

/// `admin:pw` may everything and `guest:pw` nothing; a key is its own list of scopes, such as `key:pools/index+pools/show`. The key
/// `busy` and the key `down` stand for a host that cannot look now.
pub struct Doorman;

#[async_trait]
impl Authenticator for Doorman {
    async fn authenticate(&self, credentials: Credentials) -> Result<Caller, NotAuthenticated> {
        let caller = |scopes: Option<Vec<(String, String)>>| {
            let within = move |noun: &str, verb: &str| {
                scopes
                    .as_ref()
                    .is_none_or(|scopes| scopes.iter().any(|scope| (scope.0.as_str(), scope.1.as_str()) == (noun, verb)))
            };
            Caller { name: "admin".into(), rights: Arc::new(within) }
        };
        match credentials {
            Credentials::Basic { user, password } if user == "admin" && password.reveal() == "pw" => Ok(caller(None)),
            Credentials::Basic { user, password } if user == "guest" && password.reveal() == "pw" => Ok(caller(Some(Vec::new()))),
            Credentials::Basic { .. } => Err(NotAuthenticated::Wrong),
            Credentials::Bearer(key) | Credentials::ApiKey(key) | Credentials::Key(key) => match key.reveal() {
                "busy" => Err(NotAuthenticated::Busy),
                "down" => Err(NotAuthenticated::Unavailable("The catalogue cannot be read".into())),
                text => {
                    let scopes = text.strip_prefix("key:").ok_or(NotAuthenticated::Wrong)?;
                    let scopes = scopes.split('+').filter_map(|scope| scope.split_once('/'));
                    Ok(caller(Some(scopes.map(|(noun, verb)| (noun.into(), verb.into())).collect())))
                }
            },
        }
    }
}
