//! A connection as a plugin asks for it, read once.

use std::time::Duration;

use capstan_domain::failure::Blame;
use capstan_domain::ports::NamedValues;
use capstan_domain::{Failure, Outcome};

use crate::dial::{Route, Source};
use crate::limits;

#[derive(Debug)]
pub(super) struct Wanted {
    pub route: Route,
    /// Of name resolution, TCP and TLS together; none: the host's own limit.
    pub timeout: Option<Duration>,
    /// Of each read.
    pub silence: Option<Duration>,
}

impl Wanted {
    pub(super) fn read(host: &str, port: u16, extras: &NamedValues) -> Outcome<Self> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let mut route = Route { tls: false, host, port, proxy: None, authority: None, insecure: false, source: Source::Any };
        let (mut timeout, mut silence) = (None, None);
        for (name, value) in extras {
            match (name.as_str(), value.as_str()) {
                ("timeout-ms", value) => timeout = Some(duration(name, value)?),
                ("read-timeout-ms", value) => silence = Some(duration(name, value)?),
                ("tls", value) => route.tls = value == "true",
                ("tls-ca", value) => route.authority = Some(value.to_owned()).filter(|pem| !pem.trim().is_empty()),
                ("tls-insecure", value) => route.insecure = value == "true",
                ("source-port", "privileged") => route.source = Source::Privileged,
                ("source-port", _) => return Err(wrong("the only source-port that can be asked for is `privileged`")),
                (other, _) => return Err(wrong(format!("`{other}` is no extra of a connection that this host knows"))),
            }
        }
        if !route.tls && (route.authority.is_some() || route.insecure) {
            return Err(wrong("tls-ca and tls-insecure go with `tls` = `true`"));
        }
        Ok(Self { route, timeout, silence })
    }
}

fn duration(name: &str, millis: &str) -> Outcome<Duration> {
    let millis: u64 = millis.parse().map_err(|_| wrong(format!("{name} is a number of milliseconds")))?;
    Ok(Duration::from_millis(millis.max(1)).min(limits::LONGEST_TIMEOUT))
}

/// The plugin asked for something that is not there.
fn wrong(message: impl Into<String>) -> Failure {
    Failure::invalid(message).with_blame(Blame::Plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extras: &[(&str, &str)]) -> Outcome<Wanted> {
        let extras = extras.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Wanted::read("[FE80::1]", 445, &extras)
    }

    #[test]
    fn extras_say_how_and_what_is_not_understood_is_refused() {
        let wanted = read(&[("tls", "true"), ("tls-ca", "PEM"), ("timeout-ms", "5"), ("source-port", "privileged")]).unwrap();
        assert_eq!(wanted.timeout, Some(Duration::from_millis(5)));
        assert_eq!((wanted.route.host.as_str(), wanted.route.tls, wanted.route.source), ("fe80::1", true, Source::Privileged));
        for extras in [
            [("tls-insecure", "true")],
            [("tls-ca", "PEM")],
            [("source-port", "80")],
            [("timeout-ms", "soon")],
            [("proxy", "http://p")],
        ] {
            let failure = read(&extras).map(|wanted| wanted.route).unwrap_err();
            assert_eq!((failure.kind, failure.blame), (capstan_domain::Kind::Invalid, Blame::Plugin), "{extras:?}");
        }
    }
}
