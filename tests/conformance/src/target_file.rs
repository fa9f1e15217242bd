//! The target file: what a plugin under test is configured with, and what is known of the server it is tested on.
//!
//! ```toml
//! location = "kit-test"            # a location the kit may use, or:
//! create-location = true           # one is made for the run and removed after it
//!
//! [configuration]                  # the plugin's own, secrets left out
//! endpoint = "http://127.0.0.1:9000"
//! access-key = "test"
//!
//! [secrets]                        # in the file, in the environment, in another file
//! secret-key = "env:S3_SECRET"
//!
//! [front]                          # only where the plugin's grant templates do not tell it
//! url = "/endpoint"                # or: host = "/host", port = "/port"
//!
//! [[wrong-credentials]]            # beside those the kit makes: each secret changed, each left out
//! name = "a user nobody knows"
//! configuration = { access-key = "nobody" }
//!
//! [[peer.limits]]                  # what this server is known not to do; the cases run, and their failure is expected
//! name = "no conditional put"
//! reason = "the gateway ignores If-Match before release 19"
//! cases = ["objects/put-if-match*"]
//! sometimes = false                # true: the cases may pass as well
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use capstan_domain::secret::SecretText;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TargetFile {
    #[serde(default)]
    pub location: Option<String>,
    #[serde(default)]
    pub create_location: bool,
    /// What the location to make is called; else a name no other run has. Some servers want names of a certain form.
    #[serde(default)]
    pub location_prefix: Option<String>,
    #[serde(default = "empty")]
    pub configuration: Value,
    #[serde(default, deserialize_with = "sealed")]
    secrets: BTreeMap<String, SecretText>,
    #[serde(default)]
    pub front: Option<Fields>,
    #[serde(default)]
    pub wrong_credentials: Vec<WrongCredentials>,
    #[serde(default)]
    pub peer: Peer,
}

/// The fields of the configuration, as JSON pointers, that lead to the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fields {
    pub url: Option<String>,
    pub host: Option<String>,
    pub port: Option<String>,
}

/// Credentials that must be refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WrongCredentials {
    pub name: String,
    #[serde(default = "empty")]
    pub configuration: Value,
    #[serde(default, deserialize_with = "sealed")]
    secrets: BTreeMap<String, SecretText>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Peer {
    #[serde(default)]
    pub limits: Vec<PeerLimit>,
}

/// A thing the server is known not to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PeerLimit {
    pub name: String,
    pub reason: String,
    /// Ids of cases, `*` for any run of characters.
    pub cases: Vec<String>,
    /// A race: the cases may pass as well, and then nothing is wrong with the limit.
    #[serde(default)]
    pub sometimes: bool,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

impl TargetFile {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: Self = toml::from_str(text)?;
        file.check()?;
        Ok(file)
    }

    /// A target without secrets, for tests.
    pub fn plain(configuration: Value, location: &str) -> Self {
        Self { configuration, location: Some(location.to_owned()), ..Self::default() }
    }

    /// One in which the kit makes a location of its own.
    pub fn making(configuration: Value) -> Self {
        Self { configuration, create_location: true, ..Self::default() }
    }

    #[must_use]
    pub fn with_secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), SecretText::new(value));
        self
    }

    #[must_use]
    pub fn with_limit(mut self, name: &str, reason: &str, cases: &[&str]) -> Self {
        let cases = cases.iter().map(|case| (*case).to_owned()).collect();
        self.peer.limits.push(PeerLimit { name: name.to_owned(), reason: reason.to_owned(), cases, sometimes: false });
        self
    }

    /// A limit that shows only now and then.
    #[must_use]
    pub fn with_race(self, name: &str, reason: &str, cases: &[&str]) -> Self {
        let mut file = self.with_limit(name, reason, cases);
        file.peer.limits.iter_mut().filter(|limit| limit.name == name).for_each(|limit| limit.sometimes = true);
        file
    }

    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(self.configuration.is_object(), "configuration is a table");
        ensure!(
            self.location.is_some() != self.create_location,
            "one of both: a location the kit may use, or create-location = true"
        );
        for limit in &self.peer.limits {
            ensure!(
                !limit.name.trim().is_empty() && !limit.reason.trim().is_empty(),
                "a limit of the peer has a name and a reason"
            );
            ensure!(!limit.cases.is_empty(), "the limit {:?} names the cases that it explains", limit.name);
        }
        Ok(())
    }

    /// The secrets, fetched from where they lie.
    pub fn secrets(&self) -> anyhow::Result<Vec<(String, SecretText)>> {
        all(&self.secrets)
    }
}

impl WrongCredentials {
    pub fn secrets(&self) -> anyhow::Result<Vec<(String, SecretText)>> {
        all(&self.secrets)
    }
}

/// As text in the file, as something that cannot be printed from here on.
fn sealed<'de, D: Deserializer<'de>>(given: D) -> Result<BTreeMap<String, SecretText>, D::Error> {
    let plain = BTreeMap::<String, String>::deserialize(given)?;
    Ok(plain.into_iter().map(|(name, text)| (name, SecretText::new(text))).collect())
}

fn all(said: &BTreeMap<String, SecretText>) -> anyhow::Result<Vec<(String, SecretText)>> {
    said.iter().map(|(name, said)| Ok((name.clone(), SecretText::new(fetch(name, said.reveal())?)))).collect()
}

fn fetch(name: &str, said: &str) -> anyhow::Result<String> {
    if let Some(variable) = said.strip_prefix("env:") {
        return match std::env::var(variable) {
            Ok(value) => Ok(value),
            Err(_) => bail!("the secret {name} is to come from ${variable}, which is not set"),
        };
    }
    if let Some(path) = said.strip_prefix("file:") {
        let text = std::fs::read_to_string(path).with_context(|| format!("the secret {name} is to come from {path}"))?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    Ok(said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_file_is_read_whole_or_refused() {
        let file =
            TargetFile::parse("location = \"a\"\n[configuration]\nendpoint = \"http://x\"\n[secrets]\nkey = \"plain\"").unwrap();
        assert_eq!(file.configuration["endpoint"], "http://x");
        assert_eq!(file.secrets().unwrap().len(), 1);
        for wrong in [
            "",
            "location = \"a\"\ncreate-location = true",
            "location = \"a\"\nlokation = \"b\"",
            "location = \"a\"\n[[peer.limits]]\nname = \"x\"\nreason = \" \"\ncases = [\"*\"]",
            "location = \"a\"\n[[peer.limits]]\nname = \"x\"\nreason = \"y\"\ncases = []",
        ] {
            assert!(TargetFile::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_comes_from_where_it_lies() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        assert_eq!(fetch("a", &format!("file:{}", path.display())).unwrap(), "s3cret");
        assert_eq!(fetch("a", "as it stands").unwrap(), "as it stands");
        assert!(fetch("a", "env:CAPSTAN_NO_SUCH_VARIABLE").is_err());
    }
}
