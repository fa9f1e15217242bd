//! Where the account's blob service is, and where the account stands: in the host name or at the head of the path.

use capstan_sdk::Outcome;
use capstan_sdk::endpoint::Endpoint as Url;
use capstan_sdk::text::percent;

use crate::call::Call;

/// The suffix of the public cloud.
const PUBLIC: &str = "blob.core.windows.net";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) scheme: String,
    pub(crate) authority: String,
    /// What stands before the container in every path: "", or "/account" where the host is an address.
    base: String,
}

impl Endpoint {
    /// No URL: the public cloud's. An address, or the machine itself, without a path gets the account as its path, since no host
    /// name can say it there.
    pub(crate) fn parse(url: Option<&str>, account: &str) -> Outcome<Self> {
        let Some(url) = url.filter(|url| !url.is_empty()) else {
            return Self::parse(Some(&format!("https://{account}.{PUBLIC}")), account);
        };
        let url = Url::parse(url)?;
        let nameless = url.is_address() || url.host() == "localhost";
        let base = if url.base.is_empty() && nameless { format!("/{account}") } else { url.base };
        Ok(Self { scheme: url.scheme, authority: url.authority, base })
    }

    /// One of Microsoft's clouds, whatever its suffix.
    pub(crate) fn is_azure(&self) -> bool {
        let host = self.authority.split(':').next().unwrap_or_default();
        [".blob.core.windows.net", ".blob.core.chinacloudapi.cn", ".blob.core.usgovcloudapi.net", ".blob.storage.azure.net"]
            .iter()
            .any(|suffix| host.ends_with(suffix))
    }

    /// The path of what is asked for, encoded as it is sent.
    pub(crate) fn path(&self, call: &Call<'_>) -> String {
        let mut path = self.base.clone();
        path.push('/');
        if let Some(container) = call.container {
            percent(container, false, &mut path);
        }
        if let Some(blob) = call.blob {
            path.push('/');
            percent(blob, true, &mut path);
        }
        path
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_stands_in_the_host_name_or_in_the_path() {
        let url = |url, call: &Call<'_>| {
            let endpoint = Endpoint::parse(url, "acc").unwrap();
            endpoint.url(&endpoint.path(call))
        };
        let blob = Call::blob("GET", ("c", "a//b c/ü%"));
        assert_eq!(url(None, &blob), "https://acc.blob.core.windows.net/c/a//b%20c/%C3%BC%25");
        assert_eq!(url(Some("http://127.0.0.1:10000"), &blob), "http://127.0.0.1:10000/acc/c/a//b%20c/%C3%BC%25");
        assert_eq!(url(Some("http://127.0.0.1:10000/acc/"), &Call::container("GET", "c")), "http://127.0.0.1:10000/acc/c");
        assert_eq!(url(Some("http://localhost:1"), &Call::service("GET")), "http://localhost:1/acc/");
        assert_eq!(url(Some("https://files.example.com"), &Call::service("GET")), "https://files.example.com/");
        assert!(Endpoint::parse(Some("ftp://x"), "acc").is_err());
    }
}
