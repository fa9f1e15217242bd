//! Version 1 of the authentication: two headers asked, two answered. TempAuth speaks it, and Ceph's gateway.

use std::time::Duration;

use capstan_sdk::Outcome;
use capstan_sdk::failure::{Failure, invalid, malformed, unauthenticated};
use capstan_sdk::http::{Body, Headers, Reply, header};
use capstan_sdk::retry;

use crate::client::{Client, LOGIN};
use crate::config::PASSWORD;
use crate::error::Refusal;
use crate::session::{Admission, Token, secret};
use crate::url::Url;

pub(crate) async fn admission(client: &Client) -> Outcome<Admission> {
    let url = client.config.token_url()?.to_string();
    retry::with(LOGIN, || async {
        let password = secret(PASSWORD)?;
        let headers: Headers =
            vec![("x-auth-user".to_owned(), client.config.user.clone()), ("x-auth-key".to_owned(), password.reveal().to_owned())];
        let reply = client.authenticate("GET", url.clone(), headers, Body::Empty).await;
        // It may repeat what it was sent.
        reply.and_then(|reply| read(&reply)).map_err(|failure| failure.without(password.reveal()))
    })
    .await
}

fn read(reply: &Reply) -> Outcome<Admission> {
    if !(200..300).contains(&reply.status) {
        return Err(refusal(&Refusal::new(reply.status, &reply.headers, &reply.body)));
    }
    let told = |name| header(&reply.headers, name).filter(|text| !text.is_empty());
    let missing = |name| {
        malformed(format!("the authentication answered no {name}"), format!("status {}", reply.status))
            .next_step("Check that \"auth-url\" is that of a v1 service.")
    };
    let token = told("x-auth-token").or_else(|| told("x-storage-token")).ok_or_else(|| missing("token"))?;
    let storage = Url::told(told("x-storage-url").ok_or_else(|| missing("storage URL"))?)?;
    let life = told("x-auth-token-expires").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    Ok(Admission { token: Token::told(token)?, life, ends: None, storage })
}

/// Ceph's gateway says 403 of a user it does not know, and 401 of a wrong key.
fn refusal(refusal: &Refusal) -> Failure {
    match refusal.status {
        401 | 403 => refusal.dress(
            unauthenticated("the target does not accept the user and its password")
                .next_step("Correct \"user\" (as account:user) and \"password\" of the target."),
        ),
        404 | 405 | 412 => refusal.dress(
            invalid("there is no v1 authentication at this URL")
                .next_step("Correct \"auth-url\", or \"auth-version\", of the target."),
        ),
        _ => refusal.of_login(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&str, &str)]) -> Reply {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Reply { status, headers, body: Vec::new() }
    }

    #[test]
    fn an_admission_is_read_off_the_headers() {
        let answer = reply(
            200,
            &[("X-Auth-Token", "AUTH_tk1"), ("X-Auth-Token-Expires", "86399"), ("X-Storage-Url", "http://h:9/v1/AUTH_test")],
        );
        let admission = read(&answer).unwrap();
        assert_eq!(admission.token.reveal(), "AUTH_tk1");
        assert_eq!(admission.life, Some(Duration::from_secs(86_399)));
        assert_eq!(admission.storage.to_string(), "http://h:9/v1/AUTH_test");
        let ceph = reply(204, &[("X-Storage-Token", "AUTH_rgwtk1"), ("X-Storage-Url", "http://h/swift/v1")]);
        assert_eq!(read(&ceph).unwrap().life, None);
    }

    #[test]
    fn a_refused_user_is_never_a_missing_object() {
        for status in [401, 403] {
            assert!(matches!(read(&reply(status, &[])), Err(Failure::Unauthenticated(_))), "{status}");
        }
        assert!(matches!(read(&reply(404, &[])), Err(Failure::Invalid(_))));
        assert!(read(&reply(503, &[])).unwrap_err().may_retry());
        assert_eq!(read(&reply(200, &[])).unwrap_err().fault().code.as_deref(), Some("malformed-answer"));
    }
}
