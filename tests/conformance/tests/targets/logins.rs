//! Logins that hang, never end, close, break off, answer garbage, lie or refuse: Azure's and Google's token endpoints, Keystone,
//! and version 1 of Swift's authentication. Whatever they do, a call fails in its own time, and says whose fault it is.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails here says where")]

use std::time::{Duration, Instant};

use capstan_conformance::host::{Host, built};
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::ports::GetOptions;
use capstan_test_servers::{GcsAccount, LoginAnswer, LoginFront, free_port};
use futures::future::join_all;
use serde_json::{Value, json};

/// Of a call whose login hangs; the host ends a call after 60 s, and its instance with it.
const LONGEST: Duration = Duration::from_secs(45);
/// What a service is sent, in a form that no word has; and as a form of HTTP carries it.
const SECRET: &str = "hush+hush/7=";
const ENCODED: &str = "hush%2Bhush%2F7%3D";
const LONG: usize = 20 << 10;

/// A way to log in, with nothing behind it but the front.
struct Login {
    name: &'static str,
    /// Of the configuration: a refusal leads to it.
    field: &'static str,
    front: LoginFront,
    host: Host,
}

impl Login {
    async fn start(
        plugin: &str,
        (name, field): (&'static str, &'static str),
        secret: (&str, &str),
        configured: impl Fn(&str) -> Value,
        more: &Value,
    ) -> Self {
        let front = LoginFront::start().unwrap();
        let mut configuration = configured(&front.url);
        configuration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let host = Host::start(&built(plugin), configuration, &[secret]).await.unwrap();
        Self { name, field, front, host }
    }

    async fn probe(&self) -> Failure {
        self.told(self.host.connection.probe().await.unwrap_err())
    }

    async fn head(&self) -> Failure {
        let port = self.host.connection.objects().unwrap();
        self.told(port.head("container", "key", GetOptions::default()).await.unwrap_err())
    }

    /// What every failure of a login is: typed, somebody's fault, and without a secret.
    fn told(&self, failure: Failure) -> Failure {
        let (name, text) = (self.name, format!("{failure:?}"));
        let secrets = [SECRET, ENCODED, GcsAccount::strangers_key().lines().nth(1).unwrap()];
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{name}: a secret in a failure");
        assert!(!failure.message.trim().is_empty() && !failure.maybe_done, "{name}: {text}");
        match failure.kind {
            Kind::Unavailable | Kind::TimedOut | Kind::Busy => assert_eq!(failure.blame, Blame::Target, "{name}: {text}"),
            // Never that an object is absent, or that the plugin is broken.
            Kind::Unauthenticated | Kind::Denied | Kind::Invalid => {
                let step = failure.next_step.as_deref().unwrap_or_default();
                assert!(failure.blame == Blame::Caller && !step.is_empty(), "{name}: {text}");
            }
            _ => panic!("{name}: {text}"),
        }
        failure
    }
}

/// All ways; the first two have a data endpoint of their own, at which nobody listens.
async fn logins(more: Value) -> Vec<Login> {
    let nobody = format!("127.0.0.1:{}", free_port().unwrap());
    let azure = |front: &str| {
        json!({
            "account": "acc",
            "endpoint": format!("https://{nobody}"),
            "client-id": "application",
            "tenant": "tenant",
            "token-endpoint": format!("{front}/tenant/oauth2/v2.0/token"),
            "checksum": "none",
        })
    };
    let gcs = |front: &str| {
        json!({
            "endpoint": format!("http://{nobody}"),
            "client-email": "mover@capstan-test.iam.gserviceaccount.com",
            "token-endpoint": format!("{front}/token"),
        })
    };
    let keystone = |front: &str| json!({ "auth-url": format!("{front}/v3"), "user": "u", "project": "p" });
    let version_1 = |front: &str| json!({ "auth-url": format!("{front}/auth/v1.0"), "user": "a:u" });
    vec![
        Login::start("azure", ("Azure", "client-secret"), ("client-secret", SECRET), azure, &more).await,
        Login::start("gcs", ("Google", "client-email"), ("private-key", GcsAccount::strangers_key()), gcs, &more).await,
        Login::start("swift", ("Keystone", "password"), ("password", SECRET), keystone, &more).await,
        Login::start("swift", ("version 1", "password"), ("password", SECRET), version_1, &more).await,
    ]
}

fn says(status: &'static str, head: &[&str], body: &str) -> LoginAnswer {
    LoginAnswer::Says { status, head: head.iter().map(|line| (*line).to_owned()).collect(), body: body.to_owned() }
}

/// What is no login's answer. Headers of Swift's stand beside documents of token endpoints: each login reads its own.
fn lies() -> Vec<LoginAnswer> {
    let token = ["X-Subject-Token: t", "X-Auth-Token: t"];
    let long = "a".repeat(LONG);
    let fits_no_header = [
        format!("X-Subject-Token: {long}"),
        format!("X-Auth-Token: {long}"),
        "X-Storage-Url: http://127.0.0.1:1/v1/AUTH_a".to_owned(),
    ];
    let catalogue =
        json!([{ "type": "object-store", "endpoints": [{ "interface": "public", "url": "http://127.0.0.1:1/v1/AUTH_a" }] }]);
    let long = json!({ "access_token": long, "token_type": "Bearer", "expires_in": 3600, "token": { "catalog": catalogue } });
    vec![
        LoginAnswer::Closes,
        LoginAnswer::Breaks,
        LoginAnswer::Garbage,
        LoginAnswer::Endless,
        says("200 OK", &[], ""),
        says("200 OK", &[], "<!DOCTYPE html><html>Sign in</html>"),
        says("200 OK", &token, "{}"),
        says("200 OK", &token, "\u{1}garbage"),
        says("200 OK", &token, r#"{"access_token": 7, "token_type": "Bearer", "expires_in": 3600, "token": 7}"#),
        says("200 OK", &token, r#"{"access_token": "t", "token_type": "Bearer", "expires_in": -5, "token": "t"}"#),
        says("200 OK", &token, r#"{"access_token": "t", "token_type": "Bearer", "expires_in": 1e300, "token": 1}"#),
        says("200 OK", &fits_no_header.each_ref().map(String::as_str), &long.to_string()),
        says("500 Internal Server Error", &[], "oops"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_login_answers_instead_of_a_token_is_a_failure_that_says_whose_fault_it_is() {
    let logins = logins(json!({ "timeout-ms": 6_000 })).await;
    join_all(logins.iter().map(judged)).await;
    // A token that never ends is one; what comes after it is another matter.
    let for_ever = r#"{"access_token": "t", "token_type": "Bearer", "expires_in": 9223372036854775807}"#;
    for login in &logins[..2] {
        login.front.answer(says("200 OK", &[], for_ever));
        for _ in 0..2 {
            assert_eq!(login.probe().await.code.as_deref(), Some("unreachable"), "{}", login.name);
        }
    }
}

async fn judged(login: &Login) {
    let name = login.name;
    for answer in lies() {
        login.front.answer(answer.clone());
        let failure = login.probe().await;
        assert_eq!(failure.kind, Kind::Unavailable, "{name}, {answer:?}: {failure:?}");
    }
    // What a probe says, calls for data say.
    assert_eq!(login.head().await.kind, Kind::Unavailable, "{name}");
    let port = login.host.connection.objects().unwrap();
    match port.delete_many("container", vec!["a".to_owned(), "b".to_owned()], "delete").await {
        Err(failure) => assert_eq!(failure.kind, Kind::Unavailable, "{name}: {failure:?}"),
        Ok(outcomes) => {
            assert!(outcomes.len() == 2 && outcomes.iter().all(|outcome| outcome.result.is_err()), "{name}: {outcomes:?}");
        }
    }
    login.front.answer(LoginAnswer::Drips);
    assert_eq!(login.probe().await.kind, Kind::TimedOut, "{name}");
    login.front.answer(says("503 Service Unavailable", &["Retry-After: 7"], ""));
    let busy = login.probe().await;
    assert_eq!((busy.retry, busy.retry_after_ms), (Retry::Later, Some(7_000)), "{name}: {busy:?}");
    login.front.answer(says("302 Found", &["Location: http://192.0.2.7/"], ""));
    let elsewhere = login.probe().await;
    assert!(elsewhere.retry == Retry::Never && elsewhere.next_step.is_some(), "{name}: {elsewhere:?}");
    // What could be said of an object is said of the login.
    for status in
        ["400 Bad Request", "404 Not Found", "409 Conflict", "410 Gone", "412 Precondition Failed", "501 Not Implemented"]
    {
        login.front.answer(says(status, &[], "{}"));
        login.probe().await;
        login.head().await;
    }
    for status in ["400 Bad Request", "500 Internal Server Error", "503 Service Unavailable"] {
        login.front.answer(LoginAnswer::Repeats(status));
        login.probe().await;
    }
    for answer in [says("401 Unauthorized", &[], r#"{"error": "invalid_client"}"#), LoginAnswer::Repeats("401 Unauthorized")] {
        login.front.answer(answer);
        let refused = login.probe().await;
        assert_eq!((refused.kind, refused.retry), (Kind::Unauthenticated, Retry::Never), "{name}: {refused:?}");
        assert!(refused.next_step.as_deref().is_some_and(|step| step.contains(login.field)), "{name}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_hangs_is_given_up_long_before_the_call_must_end() {
    let logins = logins(json!({})).await;
    join_all(logins.iter().map(hung)).await;
}

async fn hung(login: &Login) {
    let (name, started) = (login.name, Instant::now());
    login.front.answer(LoginAnswer::Hangs);
    let (probed, mut failures) = tokio::join!(login.probe(), join_all((0..8).map(|_| login.head())));
    let took = started.elapsed();
    failures.push(probed);
    assert!(took < LONGEST, "{name}: it took {took:?}");
    for failure in failures {
        assert_eq!((failure.kind, failure.retry), (Kind::TimedOut, Retry::Later), "{name}: {failure:?}");
    }
    // Those who waited for it did not ask one after the other.
    assert!(login.front.asked() < 9, "{name}: it was asked {} times", login.front.asked());
    // Nothing of it stays.
    login.front.answer(says("500 Internal Server Error", &[], "oops"));
    assert_eq!(login.probe().await.kind, Kind::Unavailable, "{name}");
}
