//! Keystone: a token for a password or an application credential, and the service catalogue that comes with it (Identity API v3,
//! "Authentication and token management").

use std::time::Duration;

use capstan_sdk::failure::{Failure, denied, invalid, malformed, unauthenticated};
use capstan_sdk::http::{Body, Headers, Reply, header};
use capstan_sdk::{Outcome, retry, time};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, LOGIN};
use crate::config::{APPLICATION_SECRET, Config, PASSWORD};
use crate::error::Refusal;
use crate::session::{Admission, Token, secret};
use crate::url::Url;

/// The type of service that holds objects.
const OBJECT_STORE: &str = "object-store";

pub(crate) async fn admission(client: &Client) -> Outcome<Admission> {
    let url = client.config.token_url()?.to_string();
    retry::with(LOGIN, || async {
        let name = if client.config.application_credential().is_some() { APPLICATION_SECRET } else { PASSWORD };
        let secret = secret(name)?;
        let request = request(&client.config, secret.reveal());
        let headers: Headers =
            ["content-type", "accept"].map(|name| (name.to_owned(), "application/json".to_owned())).into_iter().collect();
        let reply = client.authenticate("POST", url.clone(), headers, Body::Bytes(request.to_string().into_bytes())).await;
        // It may repeat what it was sent.
        reply.and_then(|reply| read(&client.config, &reply)).map_err(|failure| failure.without(secret.reveal()))
    })
    .await
}

/// A name, or what is an id: "default", which every Keystone has, or 32 hexadecimal digits.
fn named(text: &str) -> (&'static str, &str) {
    let id = text == "default" || (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (if id { "id" } else { "name" }, text)
}

fn domain(text: &str) -> Value {
    let (how, text) = named(text);
    json!({ how: text })
}

fn request(config: &Config, secret: &str) -> Value {
    if let Some(id) = config.application_credential() {
        // It is bound to its project; a scope beside it is refused.
        let identity = json!({ "methods": ["application_credential"], "application_credential": { "id": id, "secret": secret } });
        return json!({ "auth": { "identity": identity } });
    }
    let user = json!({ "name": config.user, "domain": domain(&config.user_domain), "password": secret });
    let project = match named(&config.project) {
        ("id", id) => json!({ "id": id }),
        (_, name) => json!({ "name": name, "domain": domain(config.project_domain()) }),
    };
    json!({ "auth": {
        "identity": { "methods": ["password"], "password": { "user": user } },
        "scope": { "project": project },
    } })
}

#[derive(Deserialize)]
struct Answer {
    token: Issued,
}

#[derive(Deserialize)]
struct Issued {
    #[serde(default)]
    expires_at: Option<String>,
    #[serde(default)]
    issued_at: Option<String>,
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    interface: String,
    #[serde(default)]
    region_id: Option<String>,
    #[serde(default)]
    region: Option<String>,
    url: String,
}

impl Place {
    fn region(&self) -> &str {
        self.region_id.as_deref().or(self.region.as_deref()).unwrap_or_default()
    }
}

fn read(config: &Config, reply: &Reply) -> Outcome<Admission> {
    if !(200..300).contains(&reply.status) {
        return Err(refusal(config, &Refusal::new(reply.status, &reply.headers, &reply.body)));
    }
    let missing = |what: &str| {
        malformed(format!("the authentication answered no {what}"), format!("status {}", reply.status))
            .next_step("Check that \"auth-url\" is Keystone's.")
    };
    let token = header(&reply.headers, "x-subject-token").filter(|token| !token.is_empty()).ok_or_else(|| missing("token"))?;
    let answer: Answer = serde_json::from_slice(&reply.body).map_err(|_| missing("document of a token"))?;
    let storage = match config.storage_url()?.filter(|url| !url.path.is_empty()) {
        Some(url) => url,
        None => storage(config, &answer.token.catalog)?,
    };
    let ends = moment(answer.token.expires_at.as_deref()).map(|moment| moment.div_euclid(1_000_000_000));
    Ok(Admission { token: Token::told(token)?, life: life(&answer.token), ends, storage })
}

/// Nanoseconds since 1970.
fn moment(text: Option<&str>) -> Option<i64> {
    text.and_then(time::iso)
}

/// By the service's own two moments, so that clocks that differ do not matter.
fn life(token: &Issued) -> Option<Duration> {
    let nanoseconds = moment(token.expires_at.as_deref())?.checked_sub(moment(token.issued_at.as_deref())?)?;
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}

/// The object store's endpoint of the wanted interface and region.
fn storage(config: &Config, catalogue: &[Service]) -> Outcome<Url> {
    let wanted = |text: String, step: &str| {
        invalid(text).code("catalogue").next_step(format!("{step}, or set \"storage-url\" of the target."))
    };
    let mut places =
        catalogue.iter().filter(|service| service.kind == OBJECT_STORE).flat_map(|service| &service.endpoints).peekable();
    if places.peek().is_none() {
        let kinds: Vec<&str> = catalogue.iter().map(|service| service.kind.as_str()).take(20).collect();
        return Err(wanted("the service catalogue has no object store".to_owned(), "Register one at Keystone")
            .detail(format!("it has: {}", kinds.join(", "))));
    }
    let interface = config.interface.name();
    let fitting: Vec<&Place> = places
        .filter(|place| place.interface == interface && config.region().is_none_or(|region| region == place.region()))
        .collect();
    let Some(first) = fitting.first() else {
        let there = format!("the service catalogue has no object store with the interface {interface:?}");
        let region = config.region().map_or_else(String::new, |region| format!(" in the region {region:?}"));
        return Err(wanted(there + &region, "Correct \"region\" and \"interface\""));
    };
    if fitting.iter().any(|place| place.region() != first.region()) {
        let mut regions: Vec<&str> = fitting.iter().map(|place| place.region()).collect();
        regions.sort_unstable();
        regions.dedup();
        return Err(wanted(
            format!("the service catalogue has object stores in several regions: {}", regions.join(", ")),
            "Set \"region\"",
        ));
    }
    Url::told(&first.url)
}

/// Keystone says the same 401 of everything that is wrong with the credentials, so that nobody can find out what exists.
fn refusal(config: &Config, refusal: &Refusal) -> Failure {
    match refusal.status {
        401 if config.application_credential().is_some() => refusal.dress(
            unauthenticated("the target does not accept the application credential")
                .next_step("Correct \"application-credential-id\" and \"application-credential-secret\" of the target."),
        ),
        401 => refusal.dress(unauthenticated("the target does not accept the user, its password, its domain or its project").next_step(
            "Correct \"user\", \"password\", \"user-domain\", \"project\" and \"project-domain\" of the target: it does not say which one is wrong.",
        )),
        403 => refusal.dress(denied("the user may not have a token for the project").next_step("Give the user a role in the project.")),
        300 | 404 | 405 => refusal
            .dress(invalid("there is no Keystone of version 3 at this URL").next_step("Correct \"auth-url\", or \"auth-version\", of the target.")),
        _ => refusal.of_login(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Config {
        capstan_sdk::config::parse(&format!(r#"{{"auth-url": "http://k:5000/v3", "user": "u", "project": "p"{more}}}"#)).unwrap()
    }

    fn answer(body: &str) -> Reply {
        let headers = vec![("X-Subject-Token".to_owned(), "gAAAA1".to_owned())];
        Reply { status: 201, headers, body: body.as_bytes().to_vec() }
    }

    const CATALOGUE: &str = r#"{"token": {"issued_at": "2026-11-21T20:00:00.000000Z", "expires_at": "2026-11-21T21:00:00.000000Z", "catalog": [
        {"type": "identity", "endpoints": []},
        {"type": "object-store", "name": "swift", "endpoints": [
            {"interface": "public", "region_id": "one", "region": "one", "url": "http://p1:8080/v1/AUTH_1"},
            {"interface": "internal", "region_id": "one", "url": "http://i1:8080/v1/AUTH_1"},
            {"interface": "public", "region_id": "two", "url": "http://p2:8080/v1/AUTH_1"}]}]}}"#;

    #[test]
    fn a_password_is_scoped_to_its_project_with_domains_by_name_or_id() {
        let body = request(&config(r#", "user-domain": "People", "project-domain": "default""#), "hush");
        let user = &body["auth"]["identity"]["password"]["user"];
        assert_eq!((&user["name"], &user["domain"]["name"], &user["password"]), (&json!("u"), &json!("People"), &json!("hush")));
        assert_eq!(body["auth"]["scope"]["project"], json!({ "name": "p", "domain": { "id": "default" } }));
        let by_id = request(&config(r#", "project-domain": """#), "hush");
        assert_eq!(by_id["auth"]["scope"]["project"]["domain"], json!({ "id": "default" }));
    }

    #[test]
    fn a_project_of_32_hexadecimal_digits_is_an_id_and_has_no_domain() {
        let id = "0123456789abcdef0123456789abcdef";
        let config: Config =
            capstan_sdk::config::parse(&format!(r#"{{"auth-url": "http://k/v3", "user": "u", "project": "{id}"}}"#)).unwrap();
        assert_eq!(request(&config, "s")["auth"]["scope"], json!({ "project": { "id": id } }));
    }

    #[test]
    fn an_application_credential_goes_without_scope_and_user() {
        let body = request(&config(r#", "application-credential-id": "ac""#), "hush");
        assert_eq!(
            body,
            json!({ "auth": { "identity": { "methods": ["application_credential"], "application_credential": { "id": "ac", "secret": "hush" } } } })
        );
    }

    #[test]
    fn the_endpoint_is_found_by_interface_and_region() {
        let storage = |more: &str| read(&config(more), &answer(CATALOGUE)).map(|admission| admission.storage.to_string());
        assert_eq!(storage(r#", "region": "two""#).unwrap(), "http://p2:8080/v1/AUTH_1");
        assert_eq!(storage(r#", "interface": "internal""#).unwrap(), "http://i1:8080/v1/AUTH_1");
        let several = storage("").unwrap_err();
        assert!(several.fault().message.contains("one, two"), "{several:?}");
        for nowhere in [r#", "region": "three""#, r#", "interface": "admin""#] {
            assert!(matches!(storage(nowhere), Err(Failure::Invalid(_))), "{nowhere}");
        }
        // Named by hand, the catalogue is not asked.
        assert_eq!(storage(r#", "storage-url": "https://s/v1/AUTH_x""#).unwrap(), "https://s/v1/AUTH_x");
    }

    #[test]
    fn a_catalogue_without_object_store_is_told_and_is_no_missing_object() {
        let body = r#"{"token": {"catalog": [{"type": "identity", "endpoints": []}]}}"#;
        let failure = read(&config(""), &answer(body)).unwrap_err();
        assert!(matches!(failure, Failure::Invalid(_)), "{failure:?}");
        assert!(failure.fault().message.contains("no object store"));
        // A token without a project has no catalogue at all.
        assert!(read(&config(""), &answer(r#"{"token": {}}"#)).is_err());
    }

    #[test]
    fn a_tokens_life_is_the_time_between_its_two_moments() {
        let admission = read(&config(r#", "region": "one""#), &answer(CATALOGUE)).unwrap();
        assert_eq!((admission.life, admission.token.reveal()), (Some(Duration::from_secs(3600)), "gAAAA1"));
        assert_eq!(admission.ends, Some(1_795_294_800));
        let between = |issued: &str, expires: &str| {
            life(&Issued { expires_at: Some(expires.to_owned()), issued_at: Some(issued.to_owned()), catalog: Vec::new() })
        };
        for (issued, expires) in [
            ("2026-11-21T20:00:00Z", "2026-11-21T19:00:00Z"),
            ("2026-11-21T20:00:00Z", "soon"),
            ("2026-11-21T20:00:00Z", "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(between(issued, expires), None, "{expires}");
        }
        assert_eq!(life(&Issued { expires_at: None, issued_at: None, catalog: Vec::new() }), None);
    }

    #[test]
    fn what_is_no_keystone_is_told_from_wrong_credentials() {
        let status = |status: u16| read(&config(""), &Reply { status, headers: Vec::new(), body: Vec::new() }).unwrap_err();
        assert!(matches!(status(401), Failure::Unauthenticated(_)));
        assert!(matches!(status(403), Failure::Denied(_)));
        assert!(matches!(status(404), Failure::Invalid(_)) && matches!(status(300), Failure::Invalid(_)));
        assert!(status(500).may_retry() && status(503).may_retry());
        // What is gone is the authentication: nobody asked for an object yet.
        for other in [400, 409, 410, 411, 412, 413, 416, 418, 422, 501, 507] {
            assert!(matches!(status(other), Failure::Invalid(_) | Failure::Unavailable(_)), "{other}");
        }
        let garbage = read(&config(""), &answer("<html>")).unwrap_err();
        assert_eq!(garbage.fault().code.as_deref(), Some("malformed-answer"));
    }
}
