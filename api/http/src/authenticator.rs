//! The one question a door asks about credentials. The host answers it for all dialects.

use async_trait::async_trait;

use crate::caller::Caller;
use crate::credentials::Credentials;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAuthenticated {
    /// Unknown user or key, or a wrong password; which of them is not said.
    Wrong,
    /// Too many attempts are being checked; ask again later.
    Busy,
    /// It cannot be found out now. The message is for the caller.
    Unavailable(String),
}

#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    async fn authenticate(&self, credentials: Credentials) -> Result<Caller, NotAuthenticated>;
}
