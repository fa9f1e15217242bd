//! A cloud connector as the configuration of a plugin, and back.
//!
//! Members of the configuration that this dialect has no word for stay as another door set them. Of the mount options, which are s3fs's,
//! those that have a counterpart in the plugin take effect; the rest is kept and shown.

use capstan_api_nodeum::{CloudConnector, CloudConnectorInput, Provider};
use capstan_domain::secret::SecretText;
use capstan_domain::target::Target;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::providers::{AZURE, GCS, SWIFT, fields, likely, plugin, usual_endpoint};
use super::{attributes, azure, google, openstack};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) provider: Option<Provider>,
    /// As it was given; none where the provider's usual endpoint is meant.
    pub(super) url: Option<String>,
    pub(super) options: Option<String>,
}

/// What a connector comes to.
pub(super) struct Settings {
    pub(super) plugin: &'static str,
    pub(super) kept: Kept,
    pub(super) configuration: Value,
    pub(super) secrets: Vec<(String, SecretText)>,
}

/// What is given laid over what there was.
pub(super) fn settings(input: CloudConnectorInput, old: Option<&Target>) -> Settings {
    let mut kept: Kept = old.map(kept_of).unwrap_or_default();
    if input.provider.is_some() {
        kept.provider = input.provider;
    }
    let provider = kept.provider.unwrap_or(Provider::GenericS3);
    let plugin = plugin(provider);
    let fields = fields(plugin);
    // Another plugin's members would be strangers to this one.
    let same = old.filter(|target| target.plugin == plugin);
    let mut configuration = match same.map(|target| &target.configuration) {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    if let Some(url) = input.url {
        kept.url = Some(url).filter(|url| !url.is_empty());
    }
    if !fields.region.is_empty() {
        set(&mut configuration, fields.region, input.region);
    }
    set(&mut configuration, "proxy", input.url_proxy);
    // What the address says of a user may change with it.
    let in_project = (plugin == SWIFT)
        .then(|| input.access_key.clone().or_else(|| same.and_then(|target| openstack::user(&target.configuration))));
    let secret = match (plugin, fields.access_key, fields.secret_key) {
        (AZURE, _, _) => azure::lay(&mut configuration, input.access_key, input.secret_key.as_ref()),
        (GCS, _, _) => google::lay(&mut configuration, input.access_key, input.secret_key.as_ref()),
        (_, [access_key, ..], [secret_key, ..]) => {
            set(&mut configuration, access_key, input.access_key);
            input.secret_key.map(|secret| ((*secret_key).to_owned(), SecretText::new(secret.reveal())))
        }
        _ => None,
    };
    if let Some(options) = input.options {
        for (name, _) in translated(kept.options.as_deref().unwrap_or_default()) {
            configuration.remove(name);
        }
        let meant = translated(&options).into_iter().filter(|(name, _)| fields.options.contains(name));
        configuration.extend(meant.map(|(name, value)| (name.to_owned(), value)));
        kept.options = Some(options);
    }
    let mut secrets: Vec<(String, SecretText)> = secret.into_iter().collect();
    // Who logs in another way now does not leave the other way's secret behind; empty, it is forgotten.
    if let (Some(given), Some(old)) = (secrets.first().map(|(name, _)| name.clone()), old) {
        let others = fields.secret_key.iter().filter(|name| **name != given && old.secrets.iter().any(|kept| kept == *name));
        secrets.extend(others.map(|name| ((*name).to_owned(), SecretText::new(""))));
    }
    let text = |name: &str| configuration.get(name).and_then(Value::as_str);
    let account = fields.access_key.first().and_then(|name| text(name));
    if let Some(endpoint) = kept.url.clone().or_else(|| usual_endpoint(provider, text(fields.region), account)) {
        configuration.insert(fields.endpoint.to_owned(), Value::from(endpoint));
    }
    if let Some(user) = in_project.flatten() {
        openstack::lay(&mut configuration, &user);
    }
    Settings { plugin, kept, configuration: Value::Object(configuration), secrets }
}

/// Text that is given is set, and empty text takes the member away.
fn set(configuration: &mut Map<String, Value>, name: &str, given: Option<String>) {
    match given {
        None => {}
        Some(text) if text.is_empty() => drop(configuration.remove(name)),
        Some(text) => drop(configuration.insert(name.to_owned(), Value::from(text))),
    }
}

/// The options of s3fs that the plugin has a setting for.
fn translated(options: &str) -> Vec<(&'static str, Value)> {
    let option = |option: &str| {
        let (name, value) = option.trim().split_once('=').unwrap_or((option.trim(), ""));
        Some(match name {
            "use_path_request_style" => ("addressing", Value::from("path")),
            "no_check_certificate" => ("tls-insecure", Value::from(true)),
            "storage_class" if !value.is_empty() => ("storage-class", Value::from(value.to_uppercase())),
            // Megabytes there, bytes here.
            "multipart_size" => ("part-bytes", Value::from(value.parse::<u64>().ok()?.saturating_mul(1_048_576))),
            _ => return None,
        })
    };
    options.split(',').filter_map(option).collect()
}

fn kept_of(target: &Target) -> Kept {
    let mut kept: Kept = attributes::read(&target.attributes);
    let endpoint = target.configuration.get(fields(&target.plugin).endpoint).and_then(Value::as_str).unwrap_or_default();
    if kept.provider.is_none() {
        kept.provider = Some(likely(&target.plugin, endpoint));
        kept.url = Some(endpoint.to_owned());
    }
    kept
}

pub(super) fn connector(target: &Target, secret: Option<SecretText>) -> CloudConnector {
    let kept = kept_of(target);
    let text = |name: &str| target.configuration.get(name).and_then(Value::as_str).map(str::to_owned);
    let fields = fields(&target.plugin);
    CloudConnector {
        id: target.number,
        name: target.name.clone(),
        url: kept.url.or_else(|| text(fields.endpoint)),
        url_proxy: text("proxy"),
        provider: kept.provider.unwrap_or(Provider::GenericS3),
        region: text(fields.region),
        access_key: match target.plugin.as_str() {
            AZURE => azure::access_key(&target.configuration),
            SWIFT => openstack::user(&target.configuration),
            _ => fields.access_key.iter().find_map(|field| text(field)),
        },
        secret_key: secret.map(|secret| secret.reveal().to_owned()),
        options: kept.options,
    }
}

#[cfg(test)]
mod tests {
    use capstan_api_http::Secret;
    use capstan_domain::ids::TargetId;
    use capstan_domain::time::Timestamp;

    use super::*;

    fn target(settings: Settings) -> Target {
        Target {
            id: TargetId::new(),
            number: 7,
            name: "a".into(),
            plugin: settings.plugin.into(),
            pinned: None,
            configuration: settings.configuration,
            attributes: attributes::write(&Value::Null, &settings.kept).unwrap(),
            secrets: vec![],
            owner: None,
            server: None,
            server_number: None,
            created: Timestamp(0),
            updated: Timestamp(0),
        }
    }

    fn given() -> CloudConnectorInput {
        CloudConnectorInput {
            name: Some("a".into()),
            url: Some("http://10.0.0.5:9000".into()),
            provider: Some(Provider::ScalityRing),
            access_key: Some("key".into()),
            secret_key: Some(Secret::new("hush")),
            options: Some("use_path_request_style,multipart_size=64,kernel_cache".into()),
            ..CloudConnectorInput::default()
        }
    }

    #[test]
    fn a_connector_becomes_a_configuration_with_the_secret_apart() {
        let settings = settings(given(), None);
        assert_eq!(settings.plugin, "s3");
        assert_eq!(
            settings.configuration,
            serde_json::json!({ "endpoint": "http://10.0.0.5:9000", "access-key": "key", "addressing": "path", "part-bytes": 67_108_864 })
        );
        assert_eq!(settings.secrets.len(), 1);
    }

    #[test]
    fn a_connector_to_azure_is_an_account_and_its_key() {
        let azure = CloudConnectorInput { url: None, region: Some("west".into()), provider: Some(Provider::Azure), ..given() };
        let first = settings(azure, None);
        assert_eq!((first.plugin, first.secrets[0].0.as_str()), ("azure", "account-key"));
        assert_eq!(
            first.configuration,
            serde_json::json!({ "endpoint": "https://key.blob.core.windows.net", "account": "key", "part-bytes": 67_108_864 })
        );
        let first = target(first);
        let shown = connector(&first, None);
        assert_eq!((shown.access_key.as_deref(), shown.region), (Some("key"), None));
        // Without an address of its own the connector follows its account.
        let moved = CloudConnectorInput { access_key: Some("other".into()), ..CloudConnectorInput::default() };
        assert_eq!(settings(moved, Some(&first)).configuration["endpoint"], "https://other.blob.core.windows.net");
        let emulated = CloudConnectorInput { url: Some("http://10.0.0.5:10000/key".into()), ..CloudConnectorInput::default() };
        assert_eq!(settings(emulated, Some(&first)).configuration["endpoint"], "http://10.0.0.5:10000/key");
    }

    #[test]
    fn one_way_to_log_in_to_azure_replaces_the_other_with_its_secret() {
        let azure = CloudConnectorInput { provider: Some(Provider::Azure), ..given() };
        let mut first = target(settings(azure, None));
        first.secrets = vec!["account-key".into()];
        let change = |access_key: Option<&str>, secret: &str, old: &Target| {
            let change = CloudConnectorInput {
                access_key: access_key.map(str::to_owned),
                secret_key: Some(Secret::new(secret)),
                ..CloudConnectorInput::default()
            };
            let new = settings(change, Some(old));
            let secrets: Vec<_> = new.secrets.iter().map(|(name, secret)| (name.clone(), secret.reveal().to_owned())).collect();
            (new, secrets)
        };
        let pair = |name: &str, secret: &str| (name.to_owned(), secret.to_owned());
        let (signed, secrets) = change(None, "sv=1&sig=a", &first);
        assert_eq!(secrets, [pair("sas", "sv=1&sig=a"), pair("account-key", "")]);
        let mut signed = target(signed);
        signed.secrets = vec!["sas".into()];
        let (application, secrets) = change(Some("key:tenant:client"), "hush", &signed);
        assert_eq!(secrets, [pair("client-secret", "hush"), pair("sas", "")]);
        assert_eq!(application.configuration["account"], "key");
        assert_eq!(connector(&target(application), None).access_key.as_deref(), Some("key:tenant:client"));
    }

    #[test]
    fn a_connector_to_google_has_the_fields_of_its_plugin() {
        let google = CloudConnectorInput {
            url: None,
            region: Some("EU".into()),
            provider: Some(Provider::GoogleCloudStorage),
            access_key: Some("a@p.iam.gserviceaccount.com".into()),
            ..given()
        };
        let settings = settings(google, None);
        assert_eq!((settings.plugin, settings.secrets[0].0.as_str()), ("gcs", "private-key"));
        assert_eq!(
            settings.configuration,
            serde_json::json!({
                "endpoint": "https://storage.googleapis.com", "token-endpoint": "https://oauth2.googleapis.com/token",
                "client-email": "a@p.iam.gserviceaccount.com", "location": "EU", "part-bytes": 67_108_864
            })
        );
        let mut before = target(settings);
        before.secrets = vec!["private-key".into()];
        let shown = connector(&before, None);
        assert_eq!((shown.region.as_deref(), shown.access_key.as_deref()), (Some("EU"), Some("a@p.iam.gserviceaccount.com")));
        let hmac = CloudConnectorInput {
            access_key: Some("GOOG1E".into()),
            secret_key: Some(Secret::new("hush")),
            ..CloudConnectorInput::default()
        };
        let after = super::settings(hmac, Some(&before)).secrets;
        let after: Vec<_> = after.iter().map(|(name, secret)| (name.as_str(), secret.reveal())).collect();
        assert_eq!(after, [("secret-key", "hush"), ("private-key", "")]);
    }

    #[test]
    fn what_is_shown_is_what_was_given() {
        let shown = connector(&target(settings(given(), None)), None);
        assert_eq!(shown.provider, Provider::ScalityRing);
        assert_eq!(shown.url.as_deref(), Some("http://10.0.0.5:9000"));
        assert_eq!(shown.options.as_deref(), Some("use_path_request_style,multipart_size=64,kernel_cache"));
        assert_eq!(shown.secret_key, None);
    }

    #[test]
    fn an_update_changes_only_what_is_given_and_empty_text_clears() {
        let old = target(settings(given(), None));
        let change = CloudConnectorInput {
            access_key: Some(String::new()),
            options: Some(String::new()),
            ..CloudConnectorInput::default()
        };
        let new = settings(change, Some(&old));
        assert_eq!(new.configuration, serde_json::json!({ "endpoint": "http://10.0.0.5:9000" }));
        assert!(new.secrets.is_empty());
        assert_eq!(new.kept.provider, Some(Provider::ScalityRing));
    }

    #[test]
    fn openstack_has_its_own_words_and_shows_what_was_given() {
        let openstack = CloudConnectorInput {
            url: Some("http://cloud:5000/v3".into()),
            provider: Some(Provider::OpenstackSwift),
            region: Some("one".into()),
            access_key: Some("cargo:loader".into()),
            secret_key: Some(Secret::new("hush")),
            options: Some("use_path_request_style,multipart_size=64".into()),
            ..CloudConnectorInput::default()
        };
        let first = settings(openstack, None);
        assert_eq!((first.plugin, first.secrets[0].0.as_str()), ("swift", "password"));
        assert_eq!(
            first.configuration,
            serde_json::json!({
                "auth-url": "http://cloud:5000/v3", "project": "cargo", "user": "loader", "region": "one", "part-bytes": 67_108_864,
            })
        );
        let first = target(first);
        let shown = connector(&first, None);
        assert_eq!((shown.url.as_deref(), shown.access_key.as_deref()), (Some("http://cloud:5000/v3"), Some("cargo:loader")));
        // With the other version of the authentication the same words are one user.
        let moved = CloudConnectorInput { url: Some("http://h:8080/auth/v1.0".into()), ..CloudConnectorInput::default() };
        let moved = settings(moved, Some(&first));
        assert_eq!((&moved.configuration["user"], moved.configuration.get("project")), (&Value::from("cargo:loader"), None));
    }

    #[test]
    fn a_connector_that_changes_its_plugin_keeps_nothing_of_the_other() {
        let old = target(settings(given(), None));
        let change = CloudConnectorInput {
            provider: Some(Provider::OpenstackSwift),
            url: Some("http://h/auth/1.0".into()),
            access_key: Some("test:tester".into()),
            ..CloudConnectorInput::default()
        };
        let new = settings(change, Some(&old));
        assert_eq!(new.configuration, serde_json::json!({ "auth-url": "http://h/auth/1.0", "user": "test:tester" }));
    }

    #[test]
    fn amazon_without_an_address_follows_its_region() {
        let amazon = CloudConnectorInput {
            provider: Some(Provider::AmazonAwsS3),
            region: Some("eu-west-3".into()),
            ..CloudConnectorInput::default()
        };
        let first = target(settings(amazon, None));
        assert_eq!(first.configuration["endpoint"], "https://s3.eu-west-3.amazonaws.com");
        let moved = CloudConnectorInput { region: Some("eu-north-1".into()), ..CloudConnectorInput::default() };
        assert_eq!(settings(moved, Some(&first)).configuration["endpoint"], "https://s3.eu-north-1.amazonaws.com");
    }

    #[test]
    fn a_target_of_another_door_is_shown_and_keeps_what_this_one_does_not_know() {
        let mut old = target(settings(given(), None));
        old.attributes = Value::Null;
        old.configuration = serde_json::json!({ "endpoint": "https://s3.eu-west-1.amazonaws.com", "checksum": "md5" });
        assert_eq!(connector(&old, None).provider, Provider::AmazonAwsS3);
        let new =
            settings(CloudConnectorInput { region: Some("eu-west-1".into()), ..CloudConnectorInput::default() }, Some(&old));
        assert_eq!(new.configuration["checksum"], "md5");
        assert_eq!(new.configuration["endpoint"], "https://s3.eu-west-1.amazonaws.com");
    }
}
