//! What a plugin asks for, in templates over its configuration.
//!
//! - `http {/endpoint}`: connect to the host and port of a URL
//! - `http *.{/endpoint}`: to any name below that host (buckets as host names)
//! - `connect {/host}:{/port}`: to a host and port; the port may be a number
//! - `files NAME {/path}` or `files NAME {/path} read-only`: a directory under the name NAME
//! - `scsi {/device}`: a SCSI device of the host by its path; each one, where the field is a list
//! - `insecure-tls {/endpoint}` or `insecure-tls {/host}:{/port}`: skip the certificate check of that host
//!
//! A template ending in ` if {/flag}` counts only where the flag is `true`, one ending in ` unless {/field}` only where that field is left out.
//! A pointer (RFC 6901) to nothing makes no request. In place of a pointer a constant may stand, or one with pointers in it
//! (`https://{/account}.example.com`); no administrator configured that, so it always needs a grant of its own.
//! Only the port of a configured host may be a constant: who names a server means its services.

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure};
use capstan_domain::grant::Power;
use serde_json::Value;
use url::Url;

use crate::device::device_path;
use crate::host::HostName;

/// A power a plugin asks for under a given configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    pub power: Power,
    /// It stands wholly in the configuration, so the configuration of an administrator grants it.
    pub configured: bool,
}

/// What the templates ask for under this configuration.
pub fn requested(templates: &[String], configuration: &Value) -> Outcome<Vec<Requested>> {
    let mut all = Vec::new();
    for template in templates {
        for one in evaluate(template, configuration)? {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    Ok(all)
}

fn evaluate(template: &str, configuration: &Value) -> Outcome<Vec<Requested>> {
    let words: Vec<&str> = template.split_whitespace().collect();
    let words = match words.as_slice() {
        [before @ .., "if", flag] => {
            let on = pointer(flag).and_then(|pointer| configuration.pointer(pointer)).is_some_and(|value| value == true);
            if !on {
                return Ok(Vec::new());
            }
            before
        }
        [before @ .., "unless", field] => {
            if pointer(field).is_some_and(|pointer| resolve_at(pointer, configuration).is_some()) {
                return Ok(Vec::new());
            }
            before
        }
        all => all,
    };
    let value = |word: &str| resolve(word, configuration);
    let request = match words {
        ["http", word] => {
            let (below, word) = word.strip_prefix("*.").map_or((false, *word), |rest| (true, rest));
            value(word).map(|(text, configured)| url_power(&text, configured, below)).transpose()?.flatten()
        }
        ["insecure-tls", word] => {
            let place = match host_and_port(word) {
                Some((host, port)) => connect_power(host, port, configuration)?,
                None => value(word).map(|(text, configured)| url_power(&text, configured, false)).transpose()?.flatten(),
            };
            place.map(|Requested { power, configured }| match power {
                Power::Connect { host, port } => Requested { power: Power::InsecureTls { host, port }, configured },
                power => Requested { power, configured },
            })
        }
        ["connect", word] => {
            let (host, port) = host_and_port(word).ok_or_else(|| unknown(template))?;
            connect_power(host, port, configuration)?
        }
        ["files", root, word] => value(word).map(|(path, configured)| directory(root, &path, true, configured)).transpose()?,
        ["files", root, word, "read-only"] => {
            value(word).map(|(path, configured)| directory(root, &path, false, configured)).transpose()?
        }
        ["scsi", word] => return devices(word, configuration),
        _ => return Err(unknown(template)),
    };
    Ok(request.into_iter().collect())
}

fn unknown(template: &str) -> Failure {
    invalid(format!("The plugin asks for \"{}\", which this host does not know.", template.escape_default()))
        .with_blame(Blame::Plugin)
        .with_code("grant-template-unknown")
        .with_next_step("Use a newer host, or ask the plugin's vendor for a version made for this one.")
}

/// The two words of "{/host}:{/port}", "{/host}:111" and "[::1]:111".
fn host_and_port(word: &str) -> Option<(&str, &str)> {
    match word.split_once("}:") {
        Some((host, port)) if host.starts_with('{') => Some((word.get(..=host.len())?, port)),
        _ if word.starts_with('{') || word.contains("//") => None,
        _ => word.rsplit_once(':'),
    }
}

fn connect_power(host: &str, port: &str, configuration: &Value) -> Outcome<Option<Requested>> {
    let (Some((host, configured)), Some((port, _))) = (resolve(host, configuration), resolve(port, configuration)) else {
        return Ok(None);
    };
    let host = HostName::parse(&host)?.to_string();
    let number = port.parse().ok().filter(|port| *port != 0);
    let port = number.ok_or_else(|| invalid(format!("\"{}\" is no port.", port.escape_default())))?;
    Ok(Some(Requested { power: Power::Connect { host, port }, configured }))
}

/// The pointer in "{/a/b}".
fn pointer(word: &str) -> Option<&str> {
    word.strip_prefix('{')?.strip_suffix('}')
}

/// The text a word stands for, and whether it comes from the configuration alone.
fn resolve(word: &str, configuration: &Value) -> Option<(String, bool)> {
    match pointer(word).filter(|pointer| !pointer.contains('{')) {
        Some(pointer) => resolve_at(pointer, configuration).map(|text| (text, true)),
        None => filled(word, configuration).map(|text| (text, false)),
    }
}

fn resolve_at(pointer: &str, configuration: &Value) -> Option<String> {
    match configuration.pointer(pointer)? {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A constant with the pointers in it filled in; none if one of them points to nothing.
fn filled(word: &str, configuration: &Value) -> Option<String> {
    let (mut text, mut rest) = (String::new(), word);
    while let Some((before, behind)) = rest.split_once("{/") {
        let (pointer, after) = behind.split_once('}')?;
        text.push_str(before);
        text.push_str(&resolve_at(&format!("/{pointer}"), configuration)?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn url_power(text: &str, configured: bool, below: bool) -> Outcome<Option<Requested>> {
    let wrong = |why: &str| invalid(format!("\"{}\" is no usable URL: {why}.", text.escape_default())).with_code("url-invalid");
    // "host:9000" parses as scheme "host"; an endpoint is often written so.
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
    let url = url.map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("its scheme is neither http nor https"));
    }
    let host = HostName::parse(url.host_str().ok_or_else(|| wrong("it has no host"))?)?;
    let port = url.port_or_known_default().ok_or_else(|| wrong("it has no port"))?;
    let host = match (below, host) {
        // There is nothing below an address.
        (true, HostName::Address(_)) => return Ok(None),
        (true, HostName::Name(name)) => format!("*.{name}"),
        (false, host) => host.to_string(),
    };
    Ok(Some(Requested { power: Power::Connect { host, port }, configured }))
}

fn directory(root: &str, path: &str, write: bool, configured: bool) -> Outcome<Requested> {
    let clean = path.starts_with('/') && !path.contains('\0') && path.split('/').all(|part| part != "..");
    if !clean {
        return Err(
            invalid(format!("\"{}\" is no absolute path without \"..\".", path.escape_default())).with_code("path-invalid")
        );
    }
    Ok(Requested { power: Power::Directory { root: root.to_owned(), path: path.to_owned(), write }, configured })
}

/// One device, or each of a list.
fn devices(word: &str, configuration: &Value) -> Outcome<Vec<Requested>> {
    let listed = match pointer(word).and_then(|pointer| configuration.pointer(pointer)) {
        Some(Value::Array(values)) => values.iter().filter_map(|value| Some((value.as_str()?.to_owned(), true))).collect(),
        _ => Vec::from_iter(resolve(word, configuration)),
    };
    let asked = |(path, configured): (String, bool)| {
        Ok(Requested { power: Power::ScsiDevice { path: device_path(&path)?.to_owned() }, configured })
    };
    listed.into_iter().map(asked).collect()
}

fn invalid(message: String) -> Failure {
    Failure::invalid(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(template: &str, configuration: Value) -> Requested {
        let mut all = requested(&[template.to_owned()], &configuration).unwrap();
        assert_eq!(all.len(), 1, "{template}");
        all.remove(0)
    }

    fn connect(host: &str, port: u16) -> Power {
        Power::Connect { host: host.to_owned(), port }
    }

    #[test]
    fn a_url_in_the_configuration_asks_for_its_host_and_port() {
        for (endpoint, host, port) in [
            ("https://s3.example.com", "s3.example.com", 443),
            ("http://s3.example.com", "s3.example.com", 80),
            ("http://S3.Example.com.:9000/path", "s3.example.com", 9000),
            ("http://0x7f.1:8080", "127.0.0.1", 8080),
            ("http://2130706433", "127.0.0.1", 80),
            ("http://[::ffff:10.0.0.1]:81", "10.0.0.1", 81),
            ("http://[::1]:81", "::1", 81),
            ("http://good.example@evil.example/", "evil.example", 80),
            ("minio:9000", "minio", 9000),
        ] {
            let request = one("http {/endpoint}", json!({ "endpoint": endpoint }));
            assert_eq!(request, Requested { power: connect(host, port), configured: true }, "{endpoint}");
        }
    }

    #[test]
    fn what_is_not_configured_is_not_asked_for_or_not_granted_by_configuring() {
        let none = requested(&["http {/endpoint}".to_owned()], &json!({})).unwrap();
        assert!(none.is_empty());
        let constant = one("http https://sts.example.com", json!({}));
        assert!(!constant.configured);
        let half = one("connect evil.example:{/port}", json!({ "port": 445 }));
        assert!(!half.configured);
        // A pointer inside of a longer word is a constant, not a configured host.
        assert!(
            requested(&["http https://evil.example/{/x}".to_owned()], &json!({ "x": "y" }))
                .unwrap()
                .iter()
                .all(|one| !one.configured)
        );
    }

    #[test]
    fn a_host_and_port_are_asked_for_as_they_are_configured() {
        let nas = json!({ "host": "NAS.example.", "port": 2049, "text": "445", "six": "::1" });
        for (template, host, port) in [
            ("connect {/host}:{/port}", "nas.example", 2049),
            ("connect {/host}:{/text}", "nas.example", 445),
            ("connect {/host}:111", "nas.example", 111),
            ("connect {/six}:{/port}", "::1", 2049),
        ] {
            assert_eq!(one(template, nas.clone()), Requested { power: connect(host, port), configured: true }, "{template}");
        }
        for (template, host) in
            [("connect 10.0.0.1:22", "10.0.0.1"), ("connect [::1]:22", "::1"), ("connect a.example:22", "a.example")]
        {
            let constant = Requested { power: connect(host, 22), configured: false };
            assert_eq!(one(template, nas.clone()), constant, "{template}");
        }
        let insecure = Power::InsecureTls { host: "nas.example".to_owned(), port: 2049 };
        assert_eq!(one("insecure-tls {/host}:{/port}", nas.clone()).power, insecure);
        assert!(requested(&["connect {/none}:{/port}".to_owned()], &nas).unwrap().is_empty());
        assert!(requested(&["connect {/host}:{/none}".to_owned()], &nas).unwrap().is_empty());
        for template in
            ["connect {/host}", "connect {/host}:{/host}", "connect {/host}:0", "connect {/host}:65536", "connect {/host}:"]
        {
            assert!(requested(&[template.to_owned()], &nas).is_err(), "{template}");
        }
    }

    #[test]
    fn what_stands_in_for_a_field_is_asked_for_only_where_the_field_is_left_out() {
        let template = "connect {/host}:2049 unless {/port}".to_owned();
        for (port, asked) in [(json!(null), 1), (json!(""), 1), (json!(20490), 0)] {
            let nas = json!({ "host": "nas.example", "port": port });
            assert_eq!(requested(std::slice::from_ref(&template), &nas).unwrap().len(), asked, "{nas}");
        }
    }

    #[test]
    fn names_below_an_endpoint_are_asked_for_only_below_names() {
        let endpoint = json!({ "endpoint": "https://s3.example.com" });
        assert_eq!(one("http *.{/endpoint}", endpoint).power, connect("*.s3.example.com", 443));
        let address = json!({ "endpoint": "https://10.0.0.1" });
        assert!(requested(&["http *.{/endpoint}".to_owned()], &address).unwrap().is_empty());
    }

    #[test]
    fn a_flag_switches_a_template() {
        let template = "insecure-tls {/endpoint} if {/insecure}".to_owned();
        let off = json!({ "endpoint": "https://a", "insecure": false });
        assert!(requested(std::slice::from_ref(&template), &off).unwrap().is_empty());
        let on = json!({ "endpoint": "https://a", "insecure": true });
        assert_eq!(one(&template, on).power, Power::InsecureTls { host: "a".to_owned(), port: 443 });
    }

    #[test]
    fn a_constant_may_hold_fields_and_counts_only_where_its_place_was_not_configured() {
        let template = "http https://{/account}.blob.example.com unless {/endpoint}";
        let usual = one(template, json!({ "account": "acc", "endpoint": "" }));
        assert_eq!(usual, Requested { power: connect("acc.blob.example.com", 443), configured: false });
        for configuration in [json!({ "account": "acc", "endpoint": "http://h" }), json!({})] {
            assert!(requested(&[template.to_owned()], &configuration).unwrap().is_empty(), "{configuration}");
        }
        // However it is spelled, such a host is granted by nobody's configuration.
        let bent = one(template, json!({ "account": "evil.example/" }));
        assert_eq!(bent, Requested { power: connect("evil.example", 443), configured: false });
    }

    #[test]
    fn directories_are_absolute_and_do_not_climb() {
        assert_eq!(
            one("files data {/path} read-only", json!({ "path": "/srv/x" })).power,
            Power::Directory { root: "data".to_owned(), path: "/srv/x".to_owned(), write: false }
        );
        for path in ["srv", "/srv/../etc", "/a\0b"] {
            assert!(requested(&["files data {/path}".to_owned()], &json!({ "path": path })).is_err(), "{path:?}");
        }
    }

    #[test]
    fn every_device_of_a_list_is_asked_for_by_its_path() {
        let device = |path: &str| Requested { power: Power::ScsiDevice { path: path.to_owned() }, configured: true };
        assert_eq!(one("scsi {/device}", json!({ "device": "/dev/sg3" })), device("/dev/sg3"));
        let templates = ["scsi {/devices}".to_owned()];
        let both = requested(&templates, &json!({ "devices": ["/dev/sg3", "/dev/sg4", "/dev/sg3"] })).unwrap();
        assert_eq!(both, [device("/dev/sg3"), device("/dev/sg4")]);
        for none in [json!({}), json!({ "devices": [] }), json!({ "devices": "" })] {
            assert!(requested(&templates, &none).unwrap().is_empty(), "{none}");
        }
        for path in ["sg3", "/etc/passwd", "/dev/../etc/passwd", "/dev/", "/dev/a//b", "/dev/a\u{0}"] {
            assert!(requested(&templates, &json!({ "devices": [path] })).is_err(), "{path:?}");
        }
    }

    #[test]
    fn an_unknown_template_is_refused_with_the_plugin_to_blame() {
        let failure = requested(&["pigeon {/loft}".to_owned()], &json!({})).unwrap_err();
        assert_eq!(failure.blame, Blame::Plugin);
    }
}
