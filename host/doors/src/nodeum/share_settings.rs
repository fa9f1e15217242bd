//! A NAS share as the configuration of a plugin, and back.
//!
//! What the dialect says of a share is kept in its words, and the configuration is made anew from them and from the NAS at every
//! change. Of the mount options those take effect that the plugin has a setting for; the rest is kept and shown.

use capstan_api_nodeum::{Answer, CENSORED, Code, Error, NasShare, NasShareInput};
use capstan_domain::location::Location;
use capstan_domain::secret::SecretText;
use capstan_domain::target::Target;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::attributes;
use super::protocols::{NFS, SMB};
use super::words::count;

/// The name of the plugin's secret.
const PASSWORD: &str = "password";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) path: Option<String>,
    pub(super) options: Option<String>,
    pub(super) username: Option<String>,
}

/// What a share comes to.
pub(super) struct Settings {
    pub(super) kept: Kept,
    pub(super) configuration: Value,
    pub(super) secrets: Vec<(String, SecretText)>,
}

/// The dialect's words for a share; those of a target that another door made are read from its configuration.
pub(super) fn kept(target: &Target) -> Kept {
    let kept: Kept = attributes::read(&target.attributes);
    if kept != Kept::default() {
        return kept;
    }
    let text = |name: &str| target.configuration.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let path = match (text("export"), text("share"), text("root")) {
        (Some(export), _, _) => Some(export.to_owned()),
        (None, Some(share), Some(root)) => Some(format!("{share}/{root}")),
        (None, share, _) => share.map(str::to_owned),
    };
    let username = text("user").map(|user| text("domain").map_or_else(|| user.to_owned(), |domain| format!("{domain}\\{user}")));
    Kept { path, options: None, username }
}

pub(super) fn share(location: &Location, target: &Target) -> NasShare {
    let kept = kept(target);
    NasShare {
        id: location.number,
        nas_id: target.server_number,
        pool_id: location.pool_number,
        name: location.name.clone(),
        path: kept.path,
        options: kept.options,
        username: kept.username,
        password: target.secrets.iter().any(|name| name == PASSWORD).then(|| CENSORED.to_owned()),
        file_count: count(location.file_count),
        file_size_sum: count(location.file_bytes),
    }
}

/// What is given laid over what there was. `name`: of the location, which the configuration says.
pub(super) fn settings(plugin: &str, host: &str, name: &str, input: NasShareInput, old: Option<Kept>) -> Answer<Settings> {
    let old = old.unwrap_or_default();
    let text = |given: Option<String>, old: Option<String>| given.or(old).filter(|text| !text.is_empty());
    let kept = Kept {
        path: text(input.path, old.path),
        options: text(input.options, old.options),
        username: text(input.username, old.username),
    };
    let password = input.password.filter(|password| password.reveal() != CENSORED);
    let mut configuration = Map::new();
    configuration.insert("host".to_owned(), Value::from(host.trim_start_matches('[').trim_end_matches(']')));
    configuration.insert("location".to_owned(), Value::from(name));
    for (name, value) in translated(plugin, kept.options.as_deref().unwrap_or_default())? {
        configuration.insert(name.to_owned(), value);
    }
    let path = kept.path.as_deref().unwrap_or_default();
    match plugin {
        NFS => {
            if password.as_ref().is_some_and(|password| !password.reveal().is_empty()) {
                let why = "NFS 3 knows no passwords: the server goes by the address of this host, and by the options uid and gid";
                return Err(Error::because("password", Code::Invalid, why));
            }
            if !path.starts_with('/') {
                return Err(Error::because("path", Code::Invalid, "path has to be the export, such as /export/data"));
            }
            configuration.insert("export".to_owned(), Value::from(path));
        }
        _ => {
            let (share, root) = share_and_root(host, path)?;
            configuration.insert("share".to_owned(), Value::from(share));
            if !root.is_empty() {
                configuration.insert("root".to_owned(), Value::from(root));
            }
            if let Some(user) = kept.username.as_deref() {
                let (domain, user) = user.split_once('\\').map_or((None, user), |(domain, user)| (Some(domain), user));
                configuration.insert("user".to_owned(), Value::from(user));
                if let Some(domain) = domain.filter(|domain| !domain.is_empty()) {
                    configuration.insert("domain".to_owned(), Value::from(domain));
                }
            }
        }
    }
    let secrets = password.filter(|_| plugin == SMB).map(|password| (PASSWORD.to_owned(), SecretText::new(password.reveal())));
    Ok(Settings { kept, configuration: Value::Object(configuration), secrets: secrets.into_iter().collect() })
}

/// `share`, `/share/folder`, `//server/share/folder`, with slashes of either kind.
fn share_and_root(host: &str, path: &str) -> Answer<(String, String)> {
    let path = path.replace('\\', "/");
    let wrong = |why: String| Error::because("path", Code::Invalid, why);
    let inner = match path.strip_prefix("//") {
        None => path.trim_start_matches('/'),
        Some(rest) => {
            let (server, inner) = rest.split_once('/').unwrap_or((rest, ""));
            if !server.eq_ignore_ascii_case(host) {
                return Err(wrong(format!("path names the server {server}, but the NAS is {host}")));
            }
            inner
        }
    };
    let mut parts = inner.split('/').filter(|part| !part.is_empty());
    let share = parts.next().ok_or_else(|| wrong("path has to name a share, such as media or media/folder".to_owned()))?;
    Ok((share.to_owned(), parts.collect::<Vec<_>>().join("/")))
}

/// The mount options that the plugin has a setting for.
fn translated(plugin: &str, options: &str) -> Answer<Vec<(&'static str, Value)>> {
    let mut found = Vec::new();
    for option in options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let number = |most: u64| match value.parse::<u64>() {
            Ok(number) if number <= most => Ok(Value::from(number)),
            _ => Err(Error::because("options", Code::Invalid, format!("the option {name} has to be a number up to {most}"))),
        };
        const PORT_MAX: u64 = 65_535;
        const ID_MAX: u64 = 4_294_967_294;
        let one = match (plugin, name) {
            // A password among the options would be shown to everybody who may list shares.
            (_, "password" | "pass" | "credentials" | "cred") => {
                return Err(Error::because("options", Code::Invalid, format!("{name} is no option here; give it as password")));
            }
            (_, "username" | "user") => {
                return Err(Error::because("options", Code::Invalid, format!("{name} is no option here; give it as username")));
            }
            (_, "port") => ("port", number(PORT_MAX)?),
            (_, "ro") => ("read-only", Value::from(true)),
            (_, "rw") => ("read-only", Value::from(false)),
            (NFS, "mountport") => ("mount-port", number(PORT_MAX)?),
            (NFS, "uid") => ("uid", number(ID_MAX)?),
            (NFS, "gid") => ("gid", number(ID_MAX)?),
            (NFS, "resvport") => ("privileged-port", Value::from(true)),
            (NFS, "noresvport") => ("privileged-port", Value::from(false)),
            (SMB, "domain" | "dom" | "workgroup") if !value.is_empty() => ("domain", Value::from(value)),
            (SMB, "seal") => ("encryption", Value::from(true)),
            (SMB, "prefixpath") => ("root", Value::from(value.replace('\\', "/").trim_matches('/'))),
            _ => continue,
        };
        found.push(one);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use capstan_api_http::Secret;
    use serde_json::json;

    use super::*;

    fn given(path: &str, options: &str) -> NasShareInput {
        NasShareInput { path: Some(path.into()), options: Some(options.into()), ..NasShareInput::default() }
    }

    #[test]
    fn an_export_with_its_options_becomes_a_configuration() {
        let made =
            settings(NFS, "nas", "data", given("/export/data", "vers=3,port=20049,mountport=20048,resvport,uid=7,ro"), None);
        let wanted = json!({
            "host": "nas", "location": "data", "export": "/export/data", "port": 20049, "mount-port": 20048,
            "privileged-port": true, "uid": 7, "read-only": true,
        });
        assert_eq!(made.ok().unwrap().configuration, wanted);
    }

    #[test]
    fn a_share_is_named_in_every_way_that_people_name_it() {
        for path in ["media/in", "/media/in/", "//NAS/media/in", "\\\\nas\\media\\in"] {
            let made = settings(SMB, "nas", "m", given(path, "seal"), None).ok().unwrap();
            let wanted = json!({ "host": "nas", "location": "m", "share": "media", "root": "in", "encryption": true });
            assert_eq!(made.configuration, wanted, "{path}");
        }
        for path in ["", "/", "//other/media"] {
            assert!(settings(SMB, "nas", "m", given(path, ""), None).is_err(), "{path}");
        }
    }

    #[test]
    fn a_password_is_a_secret_and_its_censored_form_means_the_one_that_is_set() {
        let login = |password: &str| NasShareInput {
            username: Some("CORP\\ada".into()),
            password: Some(Secret::new(password)),
            ..given("media", "")
        };
        let made = settings(SMB, "nas", "m", login("hush"), None).ok().unwrap();
        assert_eq!((&made.configuration["user"], &made.configuration["domain"]), (&json!("ada"), &json!("CORP")));
        assert_eq!(made.secrets.len(), 1);
        assert!(!made.configuration.to_string().contains("hush"));
        assert!(settings(SMB, "nas", "m", login(CENSORED), None).ok().unwrap().secrets.is_empty());
        assert!(
            settings(NFS, "nas", "m", NasShareInput { password: Some(Secret::new("hush")), ..given("/e", "") }, None).is_err()
        );
        assert!(settings(SMB, "nas", "m", given("media", "username=u,password=hush"), None).is_err());
    }

    #[test]
    fn what_is_left_out_stays() {
        let first = settings(SMB, "nas", "m", given("media", "seal"), None).ok().unwrap();
        let change = NasShareInput { username: Some("ada".into()), ..NasShareInput::default() };
        let second = settings(SMB, "other", "m", change, Some(first.kept)).ok().unwrap();
        let wanted = json!({ "host": "other", "location": "m", "share": "media", "encryption": true, "user": "ada" });
        assert_eq!(second.configuration, wanted);
    }
}
