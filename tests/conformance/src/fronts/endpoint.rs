//! Which fields of the configuration lead to the server, and how a front takes its place.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use url::Url;

use crate::target_file::Fields;

/// Where the plugin connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    place: Place,
    /// `host:port` of the server.
    pub server: String,
    http: bool,
    tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Url(String),
    Pair { host: String, port: String },
}

impl Endpoint {
    /// From the target file, else from the first grant template that this configuration fills: `http {/endpoint}`,
    /// `connect {/host}:{/port}`, `tcp {/host} {/port}`.
    pub fn find(grants: &[String], said: Option<&Fields>, configuration: &Value) -> Result<Self, String> {
        if let Some(said) = said {
            let place = match said {
                Fields { url: Some(url), host: None, port: None } => Place::Url(url.clone()),
                Fields { url: None, host: Some(host), port: Some(port) } => {
                    Place::Pair { host: host.clone(), port: port.clone() }
                }
                _ => return Err("[front] names either url, or host and port".to_owned()),
            };
            return Self::at(place, configuration)
                .ok_or_else(|| "the fields that [front] names are not in the configuration".to_owned());
        }
        grants
            .iter()
            .filter_map(|template| place(template))
            .find_map(|place| Self::at(place, configuration))
            .ok_or_else(|| "the plugin asks for no connection whose host and port stand in the configuration".to_owned())
    }

    fn at(place: Place, configuration: &Value) -> Option<Self> {
        match &place {
            Place::Url(pointer) => {
                let text = configuration.pointer(pointer)?.as_str().filter(|text| !text.is_empty())?;
                let url = parse(text)?;
                let server = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
                Some(Self { place, server, http: true, tls: url.scheme() == "https" })
            }
            Place::Pair { host, port } => {
                let host = configuration.pointer(host)?.as_str().filter(|text| !text.is_empty())?;
                let port = match configuration.pointer(port)? {
                    Value::Number(number) => number.to_string(),
                    Value::String(text) => text.clone(),
                    _ => return None,
                };
                let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
                let server = format!("{host}:{port}");
                Some(Self { place, server, http: false, tls: false })
            }
        }
    }

    /// Why no such front can stand here.
    pub fn refuses(&self, http: bool) -> Option<String> {
        if self.tls {
            return Some("the endpoint is https: no front can read or stand in it".to_owned());
        }
        (http && !self.http).then(|| "the plugin does not speak HTTP to its server".to_owned())
    }

    /// The same configuration, leading to `address`.
    #[must_use]
    pub fn through(&self, address: SocketAddr, configuration: &Value) -> Value {
        self.leading(&address.ip().to_string(), Some(address.port()), configuration)
    }

    /// The same configuration, leading to another host at the same port.
    #[must_use]
    pub fn at_host(&self, host: &str, configuration: &Value) -> Value {
        self.leading(host, None, configuration)
    }

    fn leading(&self, host: &str, port: Option<u16>, configuration: &Value) -> Value {
        let mut changed = configuration.clone();
        let mut set = |pointer: &str, value: Value| {
            if let Some(slot) = changed.pointer_mut(pointer) {
                *slot = value;
            }
        };
        match &self.place {
            Place::Url(pointer) => {
                let text = configuration.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                if let Some(mut url) = parse(text) {
                    // A host and a port always fit into an http URL.
                    let _ = match host.parse::<IpAddr>() {
                        Ok(address) => url.set_ip_host(address),
                        Err(_) => url.set_host(Some(host)).map_err(drop),
                    };
                    if let Some(port) = port {
                        let _ = url.set_port(Some(port));
                    }
                    let written = url.to_string();
                    let written = if text.ends_with('/') { written } else { written.trim_end_matches('/').to_owned() };
                    set(pointer, written.into());
                }
            }
            Place::Pair { host: host_at, port: port_at } => {
                set(host_at, host.into());
                if let Some(port) = port {
                    let as_text = configuration.pointer(port_at).is_some_and(Value::is_string);
                    set(port_at, if as_text { port.to_string().into() } else { port.into() });
                }
            }
        }
        changed
    }
}

fn parse(text: &str) -> Option<Url> {
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    url.ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

fn pointer(word: &str) -> Option<String> {
    word.strip_prefix('{')?.strip_suffix('}').map(str::to_owned)
}

fn place(template: &str) -> Option<Place> {
    let words: Vec<&str> = template.split_whitespace().collect();
    match words.as_slice() {
        ["http", word] => pointer(word).map(Place::Url),
        ["tcp", host, port] => Some(Place::Pair { host: pointer(host)?, port: pointer(port)? }),
        ["connect", pair] => {
            let (host, port) = pair.split_once("}:{")?;
            Some(Place::Pair { host: host.strip_prefix('{')?.to_owned(), port: port.strip_suffix('}')?.to_owned() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grants(templates: &[&str]) -> Vec<String> {
        templates.iter().map(|template| (*template).to_owned()).collect()
    }

    #[test]
    fn the_endpoint_stands_in_the_grant_templates() {
        let address: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        let configuration = json!({ "endpoint": "http://store.example:9000/base", "proxy": "" });
        let found =
            Endpoint::find(&grants(&["http *.{/endpoint}", "http {/proxy}", "http {/endpoint}"]), None, &configuration).unwrap();
        assert_eq!(found.server, "store.example:9000");
        assert_eq!(found.through(address, &configuration)["endpoint"], "http://127.0.0.1:4000/base");
        assert_eq!(found.at_host("other.example", &configuration)["endpoint"], "http://other.example:9000/base");
        assert_eq!(found.refuses(true), None);

        let configuration = json!({ "host": "nas", "port": 2049 });
        for template in ["connect {/host}:{/port}", "tcp {/host} {/port}"] {
            let found = Endpoint::find(&grants(&[template]), None, &configuration).unwrap();
            assert_eq!(found.server, "nas:2049");
            assert_eq!(found.through(address, &configuration), json!({ "host": "127.0.0.1", "port": 4000 }));
            assert_eq!(found.at_host("other.example", &configuration), json!({ "host": "other.example", "port": 2049 }));
            assert!(found.refuses(true).is_some() && found.refuses(false).is_none());
        }
    }

    #[test]
    fn what_no_front_can_stand_in_says_why() {
        let https = json!({ "endpoint": "https://store.example" });
        assert!(Endpoint::find(&grants(&["http {/endpoint}"]), None, &https).unwrap().refuses(false).is_some());
        assert!(Endpoint::find(&grants(&["files root {/path}"]), None, &json!({ "path": "/x" })).is_err());
        let said = Fields { url: Some("/a/b".to_owned()), host: None, port: None };
        let configuration = json!({ "a": { "b": "localhost:80" } });
        assert_eq!(Endpoint::find(&[], Some(&said), &configuration).unwrap().server, "localhost:80");
    }
}
