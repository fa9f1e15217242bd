//! A NAS share as the configuration of a plugin, and back.
//!
//! What the dialect says of a share is kept in its words, and what it has a word for is made anew from them and from the NAS at every
//! change; other members stay as another door set them. Of the mount options those take effect that the plugin has a setting for;
//! the rest is kept and shown.

use capstan_api_nodeum::{Answer, CENSORED, Code, Error, NasProtocol, NasShare, NasShareInput};
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

/// Of the NAS, how it is spoken to.
#[derive(Clone, Copy)]
pub(super) struct Spoken<'a> {
    pub(super) plugin: &'a str,
    /// None of a share that has no NAS.
    pub(super) protocol: Option<NasProtocol>,
    pub(super) host: &'a str,
}

/// What is given laid over what there was. `name`: of the location, which the configuration says.
pub(super) fn settings(spoken: Spoken<'_>, name: &str, input: NasShareInput, target: Option<&Target>) -> Answer<Settings> {
    let Spoken { plugin, protocol, host } = spoken;
    let old = target.map(kept).unwrap_or_default();
    let mut configuration = match target.filter(|target| target.plugin == plugin).map(|target| &target.configuration) {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    for name in ["export", "share", "root", "user", "domain"] {
        configuration.remove(name);
    }
    for (name, _) in translated(plugin, old.options.as_deref().unwrap_or_default()).unwrap_or_default() {
        configuration.remove(name);
    }
    let text = |given: Option<String>, old: Option<String>| given.or(old).filter(|text| !text.is_empty());
    let kept = Kept {
        path: text(input.path, old.path),
        options: text(input.options, old.options),
        username: text(input.username, old.username),
    };
    let password = input.password.filter(|password| password.reveal() != CENSORED);
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
            match protocol {
                Some(NasProtocol::SmbV3) => drop(configuration.insert("minimum-dialect".to_owned(), Value::from("3.0"))),
                Some(_) => drop(configuration.remove("minimum-dialect")),
                None => {}
            }
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
            (SMB, "seal") => ("encryption", Value::from("required")),
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
    use capstan_domain::ids::TargetId;
    use capstan_domain::time::Timestamp;
    use serde_json::json;

    use super::*;

    const OVER_NFS: Spoken<'_> = Spoken { plugin: NFS, protocol: Some(NasProtocol::NfsV3), host: "nas" };
    const OVER_SMB: Spoken<'_> = Spoken { plugin: SMB, protocol: Some(NasProtocol::SmbV2_1), host: "nas" };

    fn given(path: &str, options: &str) -> NasShareInput {
        NasShareInput { path: Some(path.into()), options: Some(options.into()), ..NasShareInput::default() }
    }

    fn target(plugin: &str, settings: Settings) -> Target {
        Target {
            id: TargetId::new(),
            number: 7,
            name: "nas:m".into(),
            plugin: plugin.into(),
            pinned: None,
            configuration: settings.configuration,
            attributes: attributes::write(&Value::Null, &settings.kept).unwrap(),
            secrets: Vec::new(),
            owner: None,
            server: None,
            server_number: None,
            created: Timestamp(0),
            updated: Timestamp(0),
        }
    }

    #[test]
    fn an_export_with_its_options_becomes_a_configuration() {
        let made = settings(OVER_NFS, "data", given("/export/data", "vers=3,port=20049,mountport=20048,resvport,uid=7,ro"), None);
        let wanted = json!({
            "host": "nas", "location": "data", "export": "/export/data", "port": 20049, "mount-port": 20048,
            "privileged-port": true, "uid": 7, "read-only": true,
        });
        assert_eq!(made.ok().unwrap().configuration, wanted);
    }

    #[test]
    fn a_share_is_named_in_every_way_that_people_name_it() {
        for path in ["media/in", "/media/in/", "//NAS/media/in", "\\\\nas\\media\\in"] {
            let made = settings(OVER_SMB, "m", given(path, "seal"), None).ok().unwrap();
            let wanted = json!({ "host": "nas", "location": "m", "share": "media", "root": "in", "encryption": "required" });
            assert_eq!(made.configuration, wanted, "{path}");
        }
        for path in ["", "/", "//other/media"] {
            assert!(settings(OVER_SMB, "m", given(path, ""), None).is_err(), "{path}");
        }
    }

    #[test]
    fn a_nas_of_smb_3_is_not_spoken_to_in_smb_2() {
        let spoken = Spoken { protocol: Some(NasProtocol::SmbV3), ..OVER_SMB };
        let made = settings(spoken, "m", given("media", ""), None).ok().unwrap();
        assert_eq!(made.configuration["minimum-dialect"], "3.0");
        let back = settings(OVER_SMB, "m", NasShareInput::default(), Some(&target(SMB, made))).ok().unwrap();
        assert!(back.configuration.get("minimum-dialect").is_none());
    }

    #[test]
    fn a_password_is_a_secret_and_its_censored_form_means_the_one_that_is_set() {
        let login = |password: &str| NasShareInput {
            username: Some("CORP\\ada".into()),
            password: Some(Secret::new(password)),
            ..given("media", "")
        };
        let made = settings(OVER_SMB, "m", login("hush"), None).ok().unwrap();
        assert_eq!((&made.configuration["user"], &made.configuration["domain"]), (&json!("ada"), &json!("CORP")));
        assert_eq!(made.secrets.len(), 1);
        assert!(!made.configuration.to_string().contains("hush"));
        assert!(settings(OVER_SMB, "m", login(CENSORED), None).ok().unwrap().secrets.is_empty());
        assert!(settings(OVER_NFS, "m", NasShareInput { password: Some(Secret::new("hush")), ..given("/e", "") }, None).is_err());
        assert!(settings(OVER_SMB, "m", given("media", "username=u,password=hush"), None).is_err());
    }

    #[test]
    fn what_is_left_out_stays_also_what_another_door_set() {
        let mut first = settings(OVER_SMB, "m", given("media", "seal,port=1445"), None).ok().unwrap();
        first.configuration["timeout-ms"] = json!(5000);
        let target = target(SMB, first);
        let change = NasShareInput { username: Some("ada".into()), ..NasShareInput::default() };
        let second = settings(Spoken { host: "other", ..OVER_SMB }, "m", change, Some(&target)).ok().unwrap();
        let wanted = json!({
            "host": "other", "location": "m", "share": "media", "encryption": "required", "port": 1445, "user": "ada",
            "timeout-ms": 5000,
        });
        assert_eq!(second.configuration, wanted);
        let plain = NasShareInput { options: Some(String::new()), ..NasShareInput::default() };
        let third = settings(OVER_SMB, "m", plain, Some(&target)).ok().unwrap();
        assert_eq!(third.configuration, json!({ "host": "nas", "location": "m", "share": "media", "timeout-ms": 5000 }));
    }
}
