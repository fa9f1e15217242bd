//! A bucket of this dialect as the configuration of a plugin, and back.
//!
//! Each type of storage has members of the configuration that its words mean; whatever else the configuration holds is the bucket's
//! advanced settings, which are shown and taken as they are, so that all that a plugin can do can be said. Secrets are never among
//! them: the host takes those out of a configuration before it keeps it.

use capstan_api_http::{Given, Secret};
use capstan_api_hub::{Answer, BucketInput, Error, Protocol, SecretJson, StorageType};
use capstan_domain::secret::SecretText;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(super) const S3: &str = "s3";
pub(super) const AZURE: &str = "azure";
pub(super) const GCS: &str = "gcs";
pub(super) const POSIX: &str = "posix";

/// Plugins whose locations this dialect shows as buckets: those that a type of storage stands for, and shares.
pub(super) const BUCKET_PLUGINS: [&str; 6] = [S3, AZURE, GCS, POSIX, "nfs", "smb"];

/// The one location of a directory.
const WHOLE_DIRECTORY: &str = "root";
/// The region that is meant when none is given.
const USUAL_REGION: &str = "us-east-1";
const GOOGLE: &str = "https://storage.googleapis.com";
const GOOGLE_TOKENS: &str = "https://oauth2.googleapis.com/token";

/// What is kept beside a bucket to be shown as it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) port: Option<u16>,
    pub(super) plain_http: Option<bool>,
}

/// What a bucket comes to.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) configuration: Value,
    pub(super) secrets: Vec<(String, SecretText)>,
    pub(super) container: String,
    pub(super) endpoint: Option<String>,
    pub(super) kept: Kept,
}

/// What there was.
pub(super) struct Old<'a> {
    pub(super) name: &'a str,
    pub(super) configuration: &'a Value,
    pub(super) endpoint: Option<&'a str>,
    pub(super) kept: Kept,
}

/// What is in the file of a service account, as far as it is of use.
#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: String,
    #[serde(default)]
    project_id: String,
    #[serde(default)]
    token_uri: String,
}

pub(super) fn plugin(storage_type: StorageType) -> &'static str {
    match storage_type {
        StorageType::S3 | StorageType::AmazonS3 => S3,
        StorageType::Azure => AZURE,
        StorageType::GoogleCloudStorage => GCS,
        StorageType::Fs => POSIX,
    }
}

pub(super) fn word(storage_type: StorageType) -> &'static str {
    match storage_type {
        StorageType::S3 => "S3",
        StorageType::AmazonS3 => "AmazonS3",
        StorageType::Azure => "Azure",
        StorageType::GoogleCloudStorage => "GoogleCloudStorage",
        StorageType::Fs => "FS",
    }
}

/// As it was given, or as a location of another door is told from its plugin and its address.
pub(super) fn storage_type(given: Option<&str>, plugin: &str, configuration: &Value) -> StorageType {
    if let Some(known) = given.and_then(|word| StorageType::try_from(word.to_owned()).ok()) {
        return known;
    }
    match plugin {
        S3 if text(configuration, "endpoint").is_some_and(|url| url.contains(".amazonaws.com")) => StorageType::AmazonS3,
        S3 => StorageType::S3,
        AZURE => StorageType::Azure,
        GCS => StorageType::GoogleCloudStorage,
        _ => StorageType::Fs,
    }
}

/// Members of the configuration that the words of the dialect mean.
fn own_members(plugin: &str) -> &'static [&'static str] {
    match plugin {
        S3 => &["endpoint", "region", "access-key", "buckets", "tls-insecure"],
        AZURE => &["endpoint", "account", "containers", "tls-insecure"],
        GCS => &["endpoint", "location", "project", "client-email", "token-endpoint", "access-key", "buckets", "tls-insecure"],
        _ => &["path", "shares"],
    }
}

/// All the other members.
pub(super) fn advanced(plugin: &str, configuration: &Value) -> Map<String, Value> {
    let own = own_members(plugin);
    let others = configuration.as_object().into_iter().flatten().filter(|(name, _)| !own.contains(&name.as_str()));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(super) fn text<'v>(configuration: &'v Value, name: &str) -> Option<&'v str> {
    configuration.get(name).and_then(Value::as_str)
}

/// What is given laid over what there was.
pub(super) fn settings(storage_type: StorageType, input: &BucketInput, old: Option<&Old<'_>>) -> Answer<Settings> {
    if matches!(&input.credentials_file, Given::Value(file) if !file.is_empty()) {
        let message = "Files of a site are not read for credentials; give them as credentials_json.";
        return Err(Error::field("credentials_file", message));
    }
    let plugin = plugin(storage_type);
    let none = json!({});
    let before = old.map_or(&none, |old| old.configuration);
    let mut configuration = match &input.advanced_settings {
        Some(given) => given.clone(),
        None => advanced(plugin, before),
    };
    if let Some(own) = own_members(plugin).iter().find(|name| configuration.contains_key(**name)) {
        return Err(Error::field("advanced_settings", format!("{own} is said by a member of its own.")));
    }
    for name in own_members(plugin) {
        if let Some(value) = before.get(*name) {
            configuration.insert((*name).to_owned(), value.clone());
        }
    }
    let kept = Kept {
        port: input.port.change().unwrap_or(old.and_then(|old| old.kept.port)),
        plain_http: match input.scheme {
            Given::Absent => old.and_then(|old| old.kept.plain_http),
            Given::Null => None,
            Given::Value(scheme) => Some(scheme == Protocol::Http),
        },
    };
    let endpoint = match &input.endpoint {
        Given::Absent => old.and_then(|old| old.endpoint.map(str::to_owned)),
        Given::Null => None,
        Given::Value(endpoint) => Some(endpoint.clone()).filter(|endpoint| !endpoint.is_empty()),
    };
    let name = input.name.as_deref().or(old.map(|old| old.name)).unwrap_or_default().to_owned();
    let mut settings = Settings { configuration: Value::Null, secrets: Vec::new(), container: name, endpoint, kept };
    match storage_type {
        StorageType::S3 | StorageType::AmazonS3 => s3(storage_type, input, &mut configuration, &mut settings),
        StorageType::Azure => azure(input, &mut configuration, &mut settings),
        StorageType::GoogleCloudStorage => google(input, &mut configuration, &mut settings)?,
        StorageType::Fs => {
            set(&mut configuration, "path", &input.migration_target_folder);
            settings.container = WHOLE_DIRECTORY.to_owned();
        }
    }
    if plugin != POSIX {
        if let Some(verify) = input.ssl_verify {
            configuration.insert("tls-insecure".to_owned(), json!(!verify));
        }
        // Nothing else of the store is this bucket's business.
        let list = if plugin == AZURE { "containers" } else { "buckets" };
        configuration.insert(list.to_owned(), json!([settings.container]));
    }
    settings.configuration = Value::Object(configuration);
    Ok(settings)
}

fn s3(storage_type: StorageType, input: &BucketInput, configuration: &mut Map<String, Value>, settings: &mut Settings) {
    set(configuration, "region", &input.region);
    set_plain(configuration, "access-key", &input.access_key_id);
    keep(&mut settings.secrets, "secret-key", &input.secret_access_key);
    let region = configuration.get("region").and_then(Value::as_str).unwrap_or(USUAL_REGION).to_owned();
    let usual = (storage_type == StorageType::AmazonS3).then(|| format!("https://s3.{region}.amazonaws.com"));
    put_endpoint(configuration, settings, usual);
}

fn azure(input: &BucketInput, configuration: &mut Map<String, Value>, settings: &mut Settings) {
    set(configuration, "account", &input.storage_account);
    keep(&mut settings.secrets, "account-key", &input.access_key);
    let known = configuration.get("containers").and_then(|list| list.get(0)).and_then(Value::as_str);
    let named = match &input.container {
        Given::Value(container) if !container.is_empty() => Some(container.clone()),
        Given::Absent if input.name.is_none() => known.map(str::to_owned),
        _ => None,
    };
    if let Some(container) = named {
        settings.container = container;
    }
    let account = configuration.get("account").and_then(Value::as_str);
    let usual = account.map(|account| format!("https://{account}.blob.core.windows.net"));
    put_endpoint(configuration, settings, usual);
}

fn google(input: &BucketInput, configuration: &mut Map<String, Value>, settings: &mut Settings) -> Answer<()> {
    set(configuration, "location", &input.region);
    set_plain(configuration, "access-key", &input.access_key_id);
    keep(&mut settings.secrets, "secret-key", &input.secret_access_key);
    match &input.credentials_json {
        Given::Absent => {}
        Given::Null => {
            for name in ["client-email", "project", "token-endpoint"] {
                configuration.remove(name);
            }
            settings.secrets.push(("private-key".to_owned(), SecretText::new("")));
        }
        Given::Value(SecretJson(document)) => {
            // What is wrong with it is not repeated: it may be half a secret.
            let account: ServiceAccount = serde_json::from_str(document.reveal()).map_err(|_| {
                Error::field("credentials_json", "A service account has client_email and private_key, both texts.")
            })?;
            let token_endpoint = if account.token_uri.is_empty() { GOOGLE_TOKENS.to_owned() } else { account.token_uri };
            configuration.insert("client-email".to_owned(), json!(account.client_email));
            configuration.insert("token-endpoint".to_owned(), json!(token_endpoint));
            if !account.project_id.is_empty() {
                configuration.insert("project".to_owned(), json!(account.project_id));
            }
            settings.secrets.push(("private-key".to_owned(), SecretText::new(account.private_key)));
        }
    }
    put_endpoint(configuration, settings, Some(GOOGLE.to_owned()));
    Ok(())
}

/// The address of the store: what was given, or else the usual one.
fn put_endpoint(configuration: &mut Map<String, Value>, settings: &Settings, usual: Option<String>) {
    let given = settings.endpoint.as_deref().map(|endpoint| address(endpoint, settings.kept));
    match given.or(usual) {
        Some(address) => drop(configuration.insert("endpoint".to_owned(), json!(address))),
        None => drop(configuration.remove("endpoint")),
    }
}

/// A host, perhaps with a path behind it, made an address; one that is an address already stays as it is.
fn address(endpoint: &str, kept: Kept) -> String {
    if endpoint.contains("://") {
        return endpoint.to_owned();
    }
    let scheme = if kept.plain_http == Some(true) { "http" } else { "https" };
    let (host, path) = endpoint.split_once('/').map_or((endpoint, None), |(host, path)| (host, Some(path)));
    let port = kept.port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    format!("{scheme}://{host}{port}{path}")
}

/// Text that is given is set; null and empty text take the member away.
fn set(configuration: &mut Map<String, Value>, name: &str, given: &Given<String>) {
    match given {
        Given::Absent => {}
        Given::Value(text) if !text.is_empty() => drop(configuration.insert(name.to_owned(), json!(text))),
        Given::Null | Given::Value(_) => drop(configuration.remove(name)),
    }
}

/// An id that goes with a secret: this dialect hides it, the plugin does not ask for it.
fn set_plain(configuration: &mut Map<String, Value>, name: &str, given: &Given<Secret>) {
    let text = match given {
        Given::Absent => Given::Absent,
        Given::Null => Given::Null,
        Given::Value(secret) => Given::Value(secret.reveal().to_owned()),
    };
    set(configuration, name, &text);
}

/// An empty secret is forgotten.
fn keep(secrets: &mut Vec<(String, SecretText)>, name: &str, given: &Given<Secret>) {
    match given {
        Given::Absent => {}
        Given::Null => secrets.push((name.to_owned(), SecretText::new(""))),
        Given::Value(secret) => secrets.push((name.to_owned(), SecretText::new(secret.reveal()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> BucketInput {
        BucketInput { name: Some(name.to_owned()), ..BucketInput::default() }
    }

    fn given(text: &str) -> Given<String> {
        Given::Value(text.to_owned())
    }

    fn secrets(settings: &Settings) -> Vec<(&str, &str)> {
        settings.secrets.iter().map(|(name, secret)| (name.as_str(), secret.reveal())).collect()
    }

    #[test]
    fn a_bucket_of_s3_is_an_endpoint_with_its_secret_apart() {
        let input = BucketInput {
            endpoint: given("10.0.0.5"),
            port: Given::Value(9000),
            scheme: Given::Value(Protocol::Http),
            access_key_id: Given::Value(Secret::new("key")),
            secret_access_key: Given::Value(Secret::new("hush")),
            ..named("data")
        };
        let first = settings(StorageType::S3, &input, None).unwrap();
        assert_eq!(first.configuration, json!({ "endpoint": "http://10.0.0.5:9000", "access-key": "key", "buckets": ["data"] }));
        assert_eq!((secrets(&first), first.container.as_str()), (vec![("secret-key", "hush")], "data"));
        let old = Old { name: "data", configuration: &first.configuration, endpoint: Some("10.0.0.5"), kept: first.kept };
        let moved = BucketInput { port: Given::Value(9001), ..BucketInput::default() };
        let moved = settings(StorageType::S3, &moved, Some(&old)).unwrap();
        assert_eq!(text(&moved.configuration, "endpoint"), Some("http://10.0.0.5:9001"));
        assert!(moved.secrets.is_empty());
    }

    #[test]
    fn amazon_follows_its_region_and_google_has_one_address() {
        let amazon = BucketInput { region: given("eu-west-3"), ..named("data") };
        let amazon = settings(StorageType::AmazonS3, &amazon, None).unwrap();
        assert_eq!(text(&amazon.configuration, "endpoint"), Some("https://s3.eu-west-3.amazonaws.com"));
        let google = settings(StorageType::GoogleCloudStorage, &named("data"), None).unwrap();
        assert_eq!(text(&google.configuration, "endpoint"), Some(GOOGLE));
    }

    #[test]
    fn a_service_account_is_its_document() {
        let document = json!({ "client_email": "a@p", "private_key": "PEM", "project_id": "p" }).to_string();
        let input = BucketInput { credentials_json: Given::Value(SecretJson(Secret::new(document))), ..named("data") };
        let first = settings(StorageType::GoogleCloudStorage, &input, None).unwrap();
        assert_eq!(secrets(&first), [("private-key", "PEM")]);
        assert_eq!(text(&first.configuration, "token-endpoint"), Some(GOOGLE_TOKENS));
        let half =
            BucketInput { credentials_json: Given::Value(SecretJson(Secret::new("{\"private_key\":\"hush\"}"))), ..named("d") };
        let refused = settings(StorageType::GoogleCloudStorage, &half, None).unwrap_err();
        assert!(!format!("{refused:?}").contains("hush"));
    }

    #[test]
    fn a_container_of_azure_has_a_name_of_its_own_or_the_buckets() {
        let input = BucketInput {
            storage_account: given("acc"),
            endpoint: given("10.0.0.5/acc"),
            port: Given::Value(10_000),
            ..named("b")
        };
        let first = settings(StorageType::Azure, &input, None).unwrap();
        assert_eq!(
            first.configuration,
            json!({ "account": "acc", "endpoint": "https://10.0.0.5:10000/acc", "containers": ["b"] })
        );
        let inside = BucketInput { container: given("inside"), ..input };
        assert_eq!(settings(StorageType::Azure, &inside, None).unwrap().container, "inside");
    }

    #[test]
    fn whatever_else_a_plugin_can_do_is_advanced() {
        let advanced_settings = json!({ "addressing": "path" }).as_object().cloned();
        let input = BucketInput { endpoint: given("http://h"), advanced_settings: advanced_settings.clone(), ..named("data") };
        let first = settings(StorageType::S3, &input, None).unwrap();
        assert_eq!(Some(advanced(S3, &first.configuration)), advanced_settings);
        let old = Old { name: "data", configuration: &first.configuration, endpoint: Some("http://h"), kept: first.kept };
        let kept = settings(StorageType::S3, &BucketInput::default(), Some(&old)).unwrap();
        assert_eq!(kept.configuration, first.configuration);
        let other_way = BucketInput { advanced_settings: json!({ "endpoint": "x" }).as_object().cloned(), ..named("data") };
        assert!(settings(StorageType::S3, &other_way, None).is_err());
    }

    #[test]
    fn a_folder_stands_for_a_bucket_and_no_file_of_the_host_is_read() {
        let input = BucketInput { migration_target_folder: given("/srv/cold"), ..named("cold") };
        let first = settings(StorageType::Fs, &input, None).unwrap();
        assert_eq!((first.configuration, first.container.as_str()), (json!({ "path": "/srv/cold" }), "root"));
        let file = BucketInput { credentials_file: given("/etc/shadow"), ..named("cold") };
        assert!(settings(StorageType::Fs, &file, None).is_err());
    }
}
