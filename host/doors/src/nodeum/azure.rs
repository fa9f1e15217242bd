//! A connector's two words for Azure Blob Storage, which has three ways to log in.
//!
//! The access key is the account, and its secret one of the account's keys or a shared access signature. That is a query with a `sig`
//! among its parameters; a key is base64, which has no `&`. An application of a directory stands behind the account, as
//! `account:tenant:client-id`, and the secret is its client secret then: none of the three has a colon in its name.

use capstan_api_http::Secret;
use capstan_domain::secret::SecretText;
use serde_json::{Map, Value};

const ACCOUNT: &str = "account";
const TENANT: &str = "tenant";
const CLIENT_ID: &str = "client-id";
const TOKEN_ENDPOINT: &str = "token-endpoint";

const ACCOUNT_KEY: &str = "account-key";
const SIGNATURE: &str = "sas";
const CLIENT_SECRET: &str = "client-secret";

/// Lays what is given into the configuration; answers the secret under its name there.
pub(super) fn lay(
    configuration: &mut Map<String, Value>,
    access_key: Option<String>,
    secret: Option<&Secret>,
) -> Option<(String, SecretText)> {
    if let Some(given) = access_key {
        match application(&given) {
            Some((account, tenant, client)) => {
                if !tenant.is_empty() && text(configuration, TENANT) != Some(tenant) {
                    // It stands in the configuration so that the connector's administrator grants it.
                    set(configuration, TOKEN_ENDPOINT, &usual_token_endpoint(tenant));
                }
                for (name, value) in [(ACCOUNT, account), (TENANT, tenant), (CLIENT_ID, client)] {
                    set(configuration, name, value);
                }
            }
            None => {
                set(configuration, ACCOUNT, &given);
                for name in [TENANT, CLIENT_ID, TOKEN_ENDPOINT] {
                    configuration.remove(name);
                }
            }
        }
    }
    let secret = secret?.reveal();
    let name = match text(configuration, CLIENT_ID) {
        Some(_) => CLIENT_SECRET,
        None if is_signature(secret) => SIGNATURE,
        None => ACCOUNT_KEY,
    };
    Some((name.to_owned(), SecretText::new(secret)))
}

/// The access key, as it was given.
pub(super) fn access_key(configuration: &Value) -> Option<String> {
    let text = |name: &str| configuration.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let account = text(ACCOUNT)?;
    Some(match text(CLIENT_ID) {
        Some(client) => format!("{account}:{}:{client}", text(TENANT).unwrap_or_default()),
        None => account.to_owned(),
    })
}

/// Account, tenant, client id. Without a tenant, tokens come from wherever another door said.
fn application(given: &str) -> Option<(&str, &str, &str)> {
    let (account, rest) = given.split_once(':')?;
    let (tenant, client) = rest.split_once(':')?;
    (!account.is_empty() && !client.is_empty() && !client.contains(':')).then_some((account, tenant, client))
}

/// As it was copied: with or without the question mark, or the URL before it.
fn is_signature(secret: &str) -> bool {
    let secret = secret.trim();
    let query = secret.rsplit_once('?').map_or(secret, |(_, query)| query);
    query.contains('&') && query.split('&').any(|parameter| parameter.starts_with("sig="))
}

fn usual_token_endpoint(tenant: &str) -> String {
    format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")
}

fn text<'a>(configuration: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    configuration.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Empty text takes the member away.
fn set(configuration: &mut Map<String, Value>, name: &str, text: &str) {
    match text.is_empty() {
        true => drop(configuration.remove(name)),
        false => drop(configuration.insert(name.to_owned(), Value::from(text))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn laid(before: Value, access_key: Option<&str>, secret: Option<&str>) -> (Value, Option<(String, String)>) {
        let Value::Object(mut configuration) = before else { unreachable!("a configuration is an object") };
        let secret = secret.map(Secret::new);
        let kept = lay(&mut configuration, access_key.map(str::to_owned), secret.as_ref());
        (Value::Object(configuration), kept.map(|(name, text)| (name, text.reveal().to_owned())))
    }

    fn named(secret: &str) -> String {
        laid(json!({}), Some("acc"), Some(secret)).1.unwrap().0
    }

    #[test]
    fn a_signature_is_told_from_a_key() {
        let signature = "sv=2021-12-02&ss=b&srt=sco&sp=rl&se=2026-11-21T09:12:17Z&sig=a%2Bb%3D";
        for given in [
            signature.to_owned(),
            format!("?{signature}"),
            format!(" https://acc.blob.core.windows.net/?{signature}\n"),
            "sig=a%2Bb%3D&sv=1".to_owned(),
        ] {
            assert_eq!(named(&given), "sas", "{given}");
        }
        // What base64 may look like, and what is neither is refused as the key that it is not.
        for given in ["Eby8vdM02xNOcqFlqUwJ+/AAAAsig==", "AAAAsig=", "sig=", "hush", ""] {
            assert_eq!(named(given), "account-key", "{given}");
        }
    }

    #[test]
    fn an_application_stands_behind_its_account() {
        let (configuration, secret) = laid(json!({}), Some("acc:t.example:11-22"), Some("s3cr~t?a&sig=b"));
        let usual = "https://login.microsoftonline.com/t.example/oauth2/v2.0/token";
        let whole = json!({ "account": "acc", "tenant": "t.example", "client-id": "11-22", "token-endpoint": usual });
        assert_eq!((&configuration, secret.unwrap().0.as_str()), (&whole, "client-secret"));
        assert_eq!(access_key(&configuration).as_deref(), Some("acc:t.example:11-22"));
        // The secret alone is the application's as well.
        assert_eq!(laid(whole.clone(), None, Some("new")).1.unwrap().0, "client-secret");
        // Another place for tokens, which another door set, stays with its tenant and no longer.
        let mut elsewhere = whole;
        elsewhere["token-endpoint"] = json!("https://login.example/token");
        assert_eq!(laid(elsewhere.clone(), Some("acc:t.example:33"), None).0["token-endpoint"], "https://login.example/token");
        assert_eq!(
            laid(elsewhere.clone(), Some("acc:other:33"), None).0["token-endpoint"],
            json!(usual.replace("t.example", "other"))
        );
        // An account alone is none.
        let (alone, secret) = laid(elsewhere, Some("acc"), Some("a2V5"));
        assert_eq!((alone, secret.unwrap().0.as_str()), (json!({ "account": "acc" }), "account-key"));
    }

    #[test]
    fn what_is_given_is_shown_and_what_is_no_application_is_an_account() {
        for given in ["acc", "acc:t:c", "acc::c", "acc:t", "acc:t:c:d", ":t:c", "acc:t:"] {
            assert_eq!(access_key(&laid(json!({}), Some(given), None).0).as_deref(), Some(given));
        }
        for given in ["acc:t", "acc:t:c:d", ":t:c", "acc:t:"] {
            // Its name is refused by whoever knows which names there are.
            assert_eq!(laid(json!({}), Some(given), None).0, json!({ "account": given }));
        }
        assert_eq!(laid(json!({ "account": "acc" }), Some(""), None).0, json!({}));
        assert_eq!((access_key(&json!({})), laid(json!({}), None, None).1), (None, None));
    }
}
