//! Where a session leads, as whom, and how the plugin's user knows the target.

use capstan_iscsi::{Algorithm, Chap, Isid, Settings};

use crate::digests::Digests;

#[derive(Debug)]
pub struct Login {
    pub host: String,
    pub port: u16,
    /// iSCSI names (RFC 7143, section 4.2.7).
    pub target: String,
    pub initiator: String,
    pub digests: Digests,
    /// CHAP user and secret; none: nobody is asked who he is.
    pub chap: Option<(String, Secret)>,
    pub patience: Patience,
    pub words: Words,
}

/// What a login by CHAP proves to have.
#[derive(Clone)]
pub enum Secret {
    /// A secret of the configuration, by its name; it stays in the host.
    Configured(&'static str),
    /// One that the plugin was told by somebody else.
    Told(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Configured(name) => f.debug_tuple("Configured").field(name).finish(),
            Self::Told(_) => f.write_str("Told(…)"),
        }
    }
}

/// What is done about a target that owes an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Commands are quick and are given again: a connection is left where the target is silent, or asks to be left.
    Short,
    /// Commands take their time and may be done once only: a silent target is asked whether it is still there, and one that asks to be left is
    /// left when they have ended.
    Long,
}

/// The plugin's words for failures.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// What is at the other end, as in "NAME closed the connection".
    pub peer: &'static str,
    /// What to do where name or secret are not accepted.
    pub secrets: &'static str,
    /// What to do where this host may not use the target.
    pub admission: &'static str,
    /// What to do where the target does not take the login otherwise, if its name is configured: trying again does not help then.
    pub target: Option<&'static str>,
}

impl Login {
    /// The settings of a session; `random` names it among those of this initiator.
    pub(crate) fn settings(&self, random: [u8; 8]) -> Settings {
        // A name of its own: with that of a session which somebody else has, its end would come.
        let [a, b, c, d, e, ..] = random;
        let isid = Isid::random([a, b, c], u16::from_be_bytes([d, e]));
        let mut settings = Settings::new(self.initiator.as_str(), self.target.as_str(), isid);
        settings.header_digest = self.digests.into();
        settings.data_digest = self.digests.into();
        settings.chap = self.chap.as_ref().map(|(user, _)| Chap {
            name: user.clone(),
            // Not SHA-256: some targets take its number for something else, and nobody needs it.
            algorithms: vec![Algorithm::Sha1, Algorithm::Md5],
        });
        settings
    }

    pub fn leads_to(&self, host: &str, port: u16, target: &str) -> bool {
        self.host == host && self.port == port && self.target == target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::Told("open sesame".to_owned())), "Told(…)");
    }
}
