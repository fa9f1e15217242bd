//! What an `Authorization` header says, as data: no opinion here on whether it is true.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::secret::Secret;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `Basic base64(user:password)`.
    Basic { user: String, password: Secret },
    /// `Bearer KEY`: a key, or a token that says itself what it is.
    Bearer(Secret),
    /// `Api-Key KEY`.
    ApiKey(Secret),
    /// The header's whole value is a key, as some generated clients send it.
    Key(Secret),
}

/// The form that credentials came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Basic,
    Bearer,
    ApiKey,
    Key,
}

impl Credentials {
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Basic { .. } => Scheme::Basic,
            Self::Bearer(_) => Scheme::Bearer,
            Self::ApiKey(_) => Scheme::ApiKey,
            Self::Key(_) => Scheme::Key,
        }
    }

    /// None: no header, more than one, or one that no scheme explains.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next()?.to_str().ok()?.trim();
        if values.next().is_some() {
            return None;
        }
        match value.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => Self::basic(rest.trim()),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => key(rest.trim()).map(Self::Bearer),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("api-key") => key(rest.trim()).map(Self::ApiKey),
            Some(_) => None,
            None => key(value).map(Self::Key),
        }
    }

    fn basic(encoded: &str) -> Option<Self> {
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Self::Basic { user: user.to_owned(), password: Secret::new(password) })
    }
}

fn key(text: &str) -> Option<Secret> {
    (!text.is_empty() && !text.contains(' ')).then(|| Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        Credentials::of(&headers)
    }

    #[test]
    fn four_forms_are_understood_and_a_password_may_hold_colons() {
        assert_eq!(of("Basic YWRhOmE6Yg=="), Some(Credentials::Basic { user: "ada".into(), password: Secret::new("a:b") }));
        assert_eq!(of("bearer k1"), Some(Credentials::Bearer(Secret::new("k1"))));
        assert_eq!(of("Api-Key k1"), Some(Credentials::ApiKey(Secret::new("k1"))));
        assert_eq!(of("k1"), Some(Credentials::Key(Secret::new("k1"))));
    }

    #[test]
    fn everything_else_is_no_credentials() {
        for value in ["", "Basic", "Basic !!!", "Basic YWRh", "Digest a=b", "Bearer ", "Bearer a b", "Api-Key", "Api-Key a b"] {
            // A scheme alone reads as a bare key, which no authenticator will know.
            let found = of(value);
            assert!(found.is_none() || matches!(found, Some(Credentials::Key(_))), "{value}: {found:?}");
        }
    }

    #[test]
    fn a_doubled_header_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, "k1".parse().unwrap());
        headers.append(AUTHORIZATION, "k2".parse().unwrap());
        assert_eq!(Credentials::of(&headers), None);
    }

    #[test]
    fn debug_hides_the_secret() {
        let text = format!("{:?}", of("Basic YWRhOmh1c2g="));
        assert!(!text.contains("hush"), "{text}");
    }
}
