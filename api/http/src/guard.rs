//! The check that stands before every handler: who calls, and may they. A route without a rule is closed to everybody.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;

use crate::authenticator::{Authenticator, NotAuthenticated};
use crate::body::settle;
use crate::caller::Caller;
use crate::credentials::Credentials;
use crate::operation::Access;
use crate::problem::{Problem, Unproven};

/// Rules by full path template and method.
pub(crate) type Rules = HashMap<String, Vec<(Method, Access)>>;

pub(crate) struct Guard {
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) rules: Rules,
}

/// Middleware. `E` is the dialect's error.
pub(crate) async fn guard<E>(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response
where
    E: From<Problem> + IntoResponse + Send,
{
    if let Err(problem) = settle(&mut request).await {
        return E::from(problem).into_response();
    }
    let access = guard.access(&request);
    if access == Some(Access::Public) {
        return next.run(request).await;
    }
    let credentials = Credentials::of(request.headers());
    match guard.admit(credentials, access).await {
        Ok(caller) => {
            request.extensions_mut().insert(Arc::new(caller));
            next.run(request).await
        }
        Err(problem) => E::from(problem).into_response(),
    }
}

impl Guard {
    async fn admit(&self, credentials: Option<Credentials>, access: Option<Access>) -> Result<Caller, Problem> {
        let credentials = credentials.ok_or(Problem::Unauthenticated(Unproven::Missing))?;
        let scheme = credentials.scheme();
        let caller = self.authenticator.authenticate(credentials).await.map_err(|why| match why {
            NotAuthenticated::Wrong => Problem::Unauthenticated(Unproven::Refused(scheme)),
            NotAuthenticated::Busy => Problem::Busy,
            NotAuthenticated::Unavailable(message) => Problem::Unavailable(message),
        })?;
        match access {
            None => Err(Problem::NotFound),
            Some(Access::Anyone | Access::Public) => Ok(caller),
            Some(Access::Scope(noun, verb)) if caller.is_let_in(noun, verb) => Ok(caller),
            Some(Access::Scope(noun, verb)) => Err(Problem::Forbidden { noun, verb }),
        }
    }

    fn access(&self, request: &Request) -> Option<Access> {
        let matched = request.extensions().get::<MatchedPath>()?;
        // HEAD is served by the handler of GET.
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let rules = self.rules.get(matched.as_str())?;
        rules.iter().find(|(allowed, _)| allowed == method).map(|(_, access)| *access)
    }
}
