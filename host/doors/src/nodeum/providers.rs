//! Providers of the dialect and the plugins that speak to them.

use capstan_api_nodeum::Provider;

/// The plugin that serves a provider.
pub(super) fn plugin(provider: Provider) -> &'static str {
    match provider {
        Provider::GenericS3
        | Provider::AmazonAwsS3
        | Provider::CloudianHyperstore
        | Provider::ScalityRing
        | Provider::DellEmcEcs
        | Provider::Wasabi
        | Provider::QuantumActivescale
        | Provider::DatacoreSwarm => S3,
        Provider::Azure => AZURE,
        Provider::GoogleCloudStorage => GCS,
        Provider::OpenstackSwift => SWIFT,
    }
}

pub(super) const S3: &str = "s3";
pub(super) const AZURE: &str = "azure";
pub(super) const GCS: &str = "gcs";
pub(super) const SWIFT: &str = "swift";

/// Plugins whose targets this dialect shows as cloud connectors; those of other plugins it has no word for.
pub(super) const CLOUD_PLUGINS: [&str; 4] = [S3, AZURE, GCS, SWIFT];

/// The fields of a plugin's configuration that a connector's words mean; of several, the one that is set.
pub(super) struct Fields {
    pub(super) endpoint: &'static str,
    /// Empty: the plugin knows no regions.
    pub(super) region: &'static str,
    pub(super) access_key: &'static [&'static str],
    pub(super) secret_key: &'static [&'static str],
    /// Those that mount options may set.
    pub(super) options: &'static [&'static str],
}

const USUAL_FIELDS: Fields = Fields {
    endpoint: "endpoint",
    region: "region",
    access_key: &["access-key"],
    secret_key: &["secret-key"],
    options: &["tls-insecure", "storage-class", "part-bytes"],
};

pub(super) fn fields(plugin: &str) -> Fields {
    match plugin {
        AZURE => {
            Fields { region: "", access_key: &["account"], secret_key: &["account-key", "sas", "client-secret"], ..USUAL_FIELDS }
        }
        GCS => Fields {
            region: "location",
            access_key: &["client-email", "access-key"],
            secret_key: &["private-key", "secret-key"],
            ..USUAL_FIELDS
        },
        SWIFT => Fields {
            endpoint: "auth-url",
            access_key: &["user"],
            secret_key: &["password"],
            options: &["tls-insecure", "part-bytes"],
            ..USUAL_FIELDS
        },
        _ => Fields { options: &["addressing", "tls-insecure", "storage-class", "part-bytes"], ..USUAL_FIELDS },
    }
}

/// The provider of a target that another door made.
pub(super) fn likely(plugin: &str, endpoint: &str) -> Provider {
    match plugin {
        AZURE => Provider::Azure,
        GCS => Provider::GoogleCloudStorage,
        SWIFT => Provider::OpenstackSwift,
        _ if endpoint.contains(".amazonaws.com") => Provider::AmazonAwsS3,
        _ if endpoint.contains(".wasabisys.com") => Provider::Wasabi,
        _ => Provider::GenericS3,
    }
}

/// The region that is meant when none is given.
const USUAL_REGION: &str = "us-east-1";

/// Where a provider is reached when no address is given. `account`: the connector's access key.
pub(super) fn usual_endpoint(provider: Provider, region: Option<&str>, account: Option<&str>) -> Option<String> {
    let region = region.filter(|region| !region.is_empty()).unwrap_or(USUAL_REGION);
    match provider {
        Provider::AmazonAwsS3 => Some(format!("https://s3.{region}.amazonaws.com")),
        Provider::Azure => account.map(|account| format!("https://{account}.blob.core.windows.net")),
        Provider::GoogleCloudStorage => Some("https://storage.googleapis.com".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_that_speak_s3_are_served_by_its_plugin() {
        assert_eq!(plugin(Provider::ScalityRing), "s3");
        assert_eq!(plugin(Provider::Azure), "azure");
        assert!(CLOUD_PLUGINS.contains(&plugin(Provider::OpenstackSwift)));
    }

    #[test]
    fn amazon_has_an_endpoint_of_its_own_in_each_region() {
        assert_eq!(
            usual_endpoint(Provider::AmazonAwsS3, Some("eu-west-1"), None).as_deref(),
            Some("https://s3.eu-west-1.amazonaws.com")
        );
        assert_eq!(usual_endpoint(Provider::AmazonAwsS3, Some(""), None).as_deref(), Some("https://s3.us-east-1.amazonaws.com"));
        assert_eq!(usual_endpoint(Provider::GenericS3, None, Some("key")), None);
        assert_eq!(
            usual_endpoint(Provider::GoogleCloudStorage, Some("EU"), None).as_deref(),
            Some("https://storage.googleapis.com")
        );
    }

    #[test]
    fn an_azure_account_has_a_host_of_its_own() {
        let url = usual_endpoint(Provider::Azure, None, Some("cargo"));
        assert_eq!(url.as_deref(), Some("https://cargo.blob.core.windows.net"));
        assert_eq!(usual_endpoint(Provider::Azure, None, None), None);
    }
}
