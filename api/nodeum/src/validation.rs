//! Checks of what a body asks for; all that is wrong is said in one answer.

use crate::answer::Answer;
use crate::errors::{Code, Error};

/// Characters of a name, and of a longer text.
pub(crate) const NAME_LIMIT: usize = 255;
pub(crate) const TEXT_LIMIT: usize = 4_096;
/// Bytes of a host's name, by the name system.
const HOST_LIMIT: usize = 253;

/// Whether what is left out is missing or stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Create,
    Update,
}

pub(crate) struct Check {
    purpose: For,
    wrong: Vec<Error>,
}

impl Check {
    pub(crate) fn new(purpose: For) -> Self {
        Self { purpose, wrong: Vec::new() }
    }

    pub(crate) fn finish(self) -> Answer<()> {
        Error::all(self.wrong)
    }

    pub(crate) fn refuse(&mut self, attribute: &str, code: Code) {
        self.wrong.push(Error::attribute(attribute, code));
    }

    pub(crate) fn explain(&mut self, attribute: &str, code: Code, message: &str) {
        self.wrong.push(Error::because(attribute, code, message));
    }

    /// Must be given on create.
    pub(crate) fn required<T>(&mut self, attribute: &str, value: Option<&T>) {
        if value.is_none() && self.purpose == For::Create {
            self.refuse(attribute, Code::Blank);
        }
    }

    /// A name: not blank, not too long, and without characters that cannot be seen.
    pub(crate) fn name(&mut self, attribute: &str, value: Option<&str>) {
        self.required(attribute, value.as_ref());
        let Some(name) = value else { return };
        if name.trim().is_empty() {
            self.refuse(attribute, Code::Blank);
        } else if name.chars().any(char::is_control) {
            self.explain(attribute, Code::Invalid, &format!("{attribute} must not hold control characters"));
        } else if name != name.trim() {
            self.explain(attribute, Code::Invalid, &format!("{attribute} must not begin or end with white space"));
        } else if name.starts_with('{') && name.ends_with('}') {
            self.explain(attribute, Code::Invalid, &format!("{attribute} must not stand in braces, no path could name it"));
        }
        self.at_most(attribute, value, NAME_LIMIT);
    }

    /// An optional text.
    pub(crate) fn text(&mut self, attribute: &str, value: Option<&str>) {
        self.at_most(attribute, value, TEXT_LIMIT);
        if value.is_some_and(|text| text.contains('\0')) {
            self.refuse(attribute, Code::Invalid);
        }
    }

    fn at_most(&mut self, attribute: &str, value: Option<&str>, limit: usize) {
        if value.is_some_and(|text| text.chars().count() > limit) {
            self.bound(attribute, Code::TooLong, limit);
        }
    }

    pub(crate) fn bound(&mut self, attribute: &str, code: Code, count: usize) {
        let whole = Error { body: Box::default(), ..Error::attribute(attribute, code) };
        self.wrong.push(whole.and(attribute, code, None, i64::try_from(count).ok()));
    }

    /// An absolute http or https address without user, query or fragment.
    pub(crate) fn address(&mut self, attribute: &str, value: Option<&str>) {
        self.text(attribute, value);
        let Some(text) = value.filter(|text| !text.is_empty()) else { return };
        let good = text.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.query().is_none()
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty())
        });
        if !good || text.contains('#') {
            self.explain(
                attribute,
                Code::Invalid,
                &format!("{attribute} has to be an address such as https://storage.example:9000"),
            );
        }
    }

    /// The name or address of a machine, nothing else.
    pub(crate) fn host(&mut self, attribute: &str, value: Option<&str>) {
        self.required(attribute, value.as_ref());
        let Some(host) = value else { return };
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            self.refuse(attribute, Code::Blank);
        } else if host.len() > HOST_LIMIT {
            self.bound(attribute, Code::TooLong, HOST_LIMIT);
        } else if !host.chars().all(name) && bare.parse::<std::net::Ipv6Addr>().is_err() {
            self.explain(
                attribute,
                Code::Invalid,
                &format!("{attribute} has to be a name such as nas.example, or an address, without a port"),
            );
        }
    }

    /// Exactly one of these is given; on update, none is no change.
    pub(crate) fn one_of(&mut self, ways: &[(&str, bool)]) {
        let given: Vec<_> = ways.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
        let names = ways.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        match given.as_slice() {
            [] if self.purpose == For::Create => {
                if let Some((first, _)) = ways.first() {
                    self.explain(first, Code::Blank, &format!("One of these must be given: {names}"));
                }
            }
            [_, second, ..] => self.explain(second, Code::Invalid, &format!("Only one of these can be given: {names}")),
            _ => {}
        }
    }

    /// A path from the name of a container or pool on, without steps that leave it.
    pub(crate) fn path(&mut self, attribute: &str, value: Option<&str>) {
        self.text(attribute, value);
        if value.is_some_and(|path| !path.starts_with('/') || path.split('/').any(|step| matches!(step, "." | ".."))) {
            self.explain(
                attribute,
                Code::Invalid,
                &format!("{attribute} has to be such as /my-container/folder, without . and .."),
            );
        }
    }

    /// Not negative.
    pub(crate) fn amount(&mut self, attribute: &str, value: Option<i64>) {
        if value.is_some_and(|amount| amount < 0) {
            self.bound(attribute, Code::GreaterThanOrEqualTo, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(check: Check) -> Vec<(String, Code)> {
        check.finish().err().map_or_else(Vec::new, |error| {
            error
                .body
                .details
                .into_iter()
                .flat_map(|(name, found)| found.into_iter().map(move |one| (name.clone(), one.error)))
                .collect()
        })
    }

    #[test]
    fn names_are_visible_and_bounded() {
        let long = "x".repeat(256);
        for (name, code) in [
            ("", Code::Blank),
            (" ", Code::Blank),
            ("a\nb", Code::Invalid),
            ("{a}", Code::Invalid),
            (long.as_str(), Code::TooLong),
        ] {
            let mut check = Check::new(For::Create);
            check.name("name", Some(name));
            assert_eq!(codes(check), [("name".to_owned(), code)], "{name:?}");
        }
        let mut check = Check::new(For::Create);
        check.name("name", Some("Größe 1 é"));
        check.name("other", Some(&"é".repeat(255)));
        assert_eq!(codes(check), []);
    }

    #[test]
    fn what_is_left_out_is_missing_only_on_create() {
        let mut check = Check::new(For::Update);
        check.name("name", None);
        assert_eq!(codes(check), []);
        let mut check = Check::new(For::Create);
        check.name("name", None);
        assert_eq!(codes(check), [("name".to_owned(), Code::Blank)]);
    }

    #[test]
    fn addresses_are_absolute_and_hold_no_password() {
        for bad in ["ftp://x", "x", "http://", "http://u:p@x", "http://x/?a=b", "http://x/#a", "http://x y", "/x"] {
            let mut check = Check::new(For::Update);
            check.address("url", Some(bad));
            assert_eq!(codes(check), [("url".to_owned(), Code::Invalid)], "{bad}");
        }
        for good in ["", "http://10.0.0.1:9000", "https://s3.example/base", "http://[::1]:9000"] {
            let mut check = Check::new(For::Update);
            check.address("url", Some(good));
            assert_eq!(codes(check), [], "{good}");
        }
    }
}
