//! A connector's two words for Google Cloud Storage, which has two ways to log in.
//!
//! An access key with an `@` in it is the e-mail address of a service account, and its secret the private key, as PEM or as the whole JSON file
//! that Google gives out. Any other access key is an HMAC key. The JSON names the account, so the access key may be left out with it.

use capstan_api_http::Secret;
use capstan_domain::secret::SecretText;
use serde::Deserialize;
use serde_json::{Map, Value};

const CLIENT_EMAIL: &str = "client-email";
const ACCESS_KEY: &str = "access-key";
const PRIVATE_KEY: &str = "private-key";
const SECRET_KEY: &str = "secret-key";
const TOKEN_ENDPOINT: &str = "token-endpoint";

/// Where tokens come from when nothing else is said. It stands in the configuration so that the connector's administrator grants it.
const USUAL_TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";

/// What is of use in the file of a service account.
#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
    #[serde(default)]
    project_id: String,
    #[serde(default)]
    token_uri: String,
}

/// Lays what is given into the configuration; answers the secret under its name there.
pub(super) fn lay(
    configuration: &mut Map<String, Value>,
    access_key: Option<String>,
    secret: Option<&Secret>,
) -> Option<(String, SecretText)> {
    let file = secret.and_then(|secret| serde_json::from_str::<ServiceAccount>(secret.reveal()).ok());
    let named = match &file {
        // The address in the file is the one its key belongs to.
        Some(file) => Some(file.client_email.clone()),
        None => access_key,
    };
    if let Some(named) = named {
        configuration.remove(CLIENT_EMAIL);
        configuration.remove(ACCESS_KEY);
        if !named.is_empty() {
            let field = if named.contains('@') { CLIENT_EMAIL } else { ACCESS_KEY };
            configuration.insert(field.to_owned(), Value::from(named));
        }
    }
    let account = configuration.contains_key(CLIENT_EMAIL);
    if account && !configuration.contains_key(TOKEN_ENDPOINT) {
        configuration.insert(TOKEN_ENDPOINT.to_owned(), Value::from(USUAL_TOKEN_ENDPOINT));
    }
    if let Some(file) = file {
        for (field, value) in [("project", &file.project_id), (TOKEN_ENDPOINT, &file.token_uri)] {
            if !value.is_empty() {
                configuration.insert(field.to_owned(), Value::from(value.as_str()));
            }
        }
        return Some((PRIVATE_KEY.to_owned(), SecretText::new(file.private_key)));
    }
    let secret = secret?.reveal();
    if !account {
        return Some((SECRET_KEY.to_owned(), SecretText::new(secret)));
    }
    // Copied out of the file, the line breaks come as they are written there.
    Some((PRIVATE_KEY.to_owned(), SecretText::new(secret.replace("\\n", "\n"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

    fn laid(before: Value, access_key: Option<&str>, secret: Option<&str>) -> (Value, Option<(String, String)>) {
        let Value::Object(mut configuration) = before else { unreachable!("a configuration is an object") };
        let secret = secret.map(Secret::new);
        let kept = lay(&mut configuration, access_key.map(str::to_owned), secret.as_ref());
        (Value::Object(configuration), kept.map(|(name, text)| (name, text.reveal().to_owned())))
    }

    fn account() -> Value {
        json!({ "client-email": "a@p.iam.gserviceaccount.com", "token-endpoint": USUAL_TOKEN_ENDPOINT })
    }

    #[test]
    fn an_address_is_a_service_account_and_its_secret_a_private_key() {
        let (configuration, secret) = laid(json!({}), Some("a@p.iam.gserviceaccount.com"), Some(PEM));
        assert_eq!((configuration, secret), (account(), Some(("private-key".to_owned(), PEM.to_owned()))));
        let (_, escaped) = laid(account(), None, Some(&PEM.replace('\n', "\\n")));
        assert_eq!(escaped, Some(("private-key".to_owned(), PEM.to_owned())));
    }

    #[test]
    fn the_whole_file_says_all_of_it() {
        let file = json!({
            "type": "service_account", "project_id": "p-1", "private_key": PEM, "client_email": "b@p-1.iam.gserviceaccount.com",
            "token_uri": "https://token.example/t", "client_id": "1"
        });
        for access_key in [None, Some(""), Some("b@p-1.iam.gserviceaccount.com")] {
            let (configuration, secret) = laid(json!({}), access_key, Some(&file.to_string()));
            assert_eq!(
                configuration,
                json!({ "client-email": "b@p-1.iam.gserviceaccount.com", "project": "p-1", "token-endpoint": "https://token.example/t" })
            );
            assert_eq!(secret, Some(("private-key".to_owned(), PEM.to_owned())));
        }
    }

    #[test]
    fn any_other_key_is_an_hmac_key_and_one_way_replaces_the_other() {
        let (configuration, secret) = laid(account(), Some("GOOG1E"), Some("hush"));
        assert_eq!(configuration, json!({ "access-key": "GOOG1E", "token-endpoint": USUAL_TOKEN_ENDPOINT }));
        assert_eq!(secret, Some(("secret-key".to_owned(), "hush".to_owned())));
        assert_eq!(laid(json!({ "access-key": "GOOG1E" }), None, None), (json!({ "access-key": "GOOG1E" }), None));
    }
}
