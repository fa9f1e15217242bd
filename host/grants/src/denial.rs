//! Denials: each prints the command that would allow what was refused.

use capstan_domain::failure::{Failure, Kind};
use capstan_domain::grant::Power;

use crate::host::HostName;

/// The command that grants `power` to `target`, quoted for a shell.
pub(crate) fn command(target: &str, power: &Power) -> String {
    let target = quoted(target);
    match power {
        Power::Connect { host, port } => format!("capstan grant allow {target} connect {}", endpoint(host, *port)),
        Power::InsecureTls { host, port } => format!("capstan grant allow {target} insecure-tls {}", endpoint(host, *port)),
        Power::Directory { root, path, write } => {
            let write = if *write { " --write" } else { "" };
            format!("capstan grant allow {target} directory {} {}{write}", quoted(root), quoted(path))
        }
        Power::ScsiDevice { path } => format!("capstan grant allow {target} scsi-device {}", quoted(path)),
    }
}

pub(crate) fn denied(target: &str, code: &str, message: String, power: &Power) -> Failure {
    Failure::new(Kind::Denied, message)
        .with_code(code)
        .with_next_step(format!("If target {target} should have this, an administrator can run: {}", command(target, power)))
        .at(|origin| origin.target = Some(target.to_owned()))
}

fn endpoint(host: &str, port: u16) -> String {
    HostName::parse(host).map_or_else(|_| quoted(&format!("{host}:{port}")), |host| host.with_port(port))
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_name_cannot_smuggle_words_into_the_command() {
        let power = Power::Connect { host: "::1".to_owned(), port: 80 };
        assert_eq!(command("it's; rm -rf /", &power), r"capstan grant allow 'it'\''s; rm -rf /' connect [::1]:80");
        let power = Power::Directory { root: "data".to_owned(), path: "/srv/my data".to_owned(), write: true };
        assert_eq!(command("nas", &power), "capstan grant allow nas directory data '/srv/my data' --write");
    }
}
