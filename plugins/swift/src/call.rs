//! What is asked for, before it goes along with a token.

use capstan_sdk::Outcome;
use capstan_sdk::content::Content;
use capstan_sdk::failure::invalid;
use capstan_sdk::http::Headers;
use capstan_sdk::text::percent;

/// Longest a request waits for its answer where the service works for long before it says a word.
const LONGEST_WAIT_MS: u64 = 3_600_000;

/// Of an object's name. Ceph's gateway takes longer ones than it tells.
pub(crate) const MAX_KEY_BYTES: usize = 1024;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    pub(crate) container: Option<&'a str>,
    pub(crate) object: Option<&'a str>,
    query: Vec<(&'a str, &'a str)>,
    pub(crate) headers: Headers,
    /// The answer may take this long.
    pub(crate) patience_ms: Option<u64>,
}

impl<'a> Call<'a> {
    pub(crate) fn account(method: &'static str) -> Self {
        Self { method, ..Self::default() }
    }

    pub(crate) fn container(method: &'static str, container: &'a str) -> Self {
        Self { method, container: Some(container), ..Self::default() }
    }

    pub(crate) fn object(method: &'static str, container: &'a str, object: &'a str) -> Self {
        Self { method, container: Some(container), object: Some(object), ..Self::default() }
    }

    pub(crate) fn query(mut self, name: &'a str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The service answers with a document, where it has the choice.
    pub(crate) fn json(self) -> Self {
        self.header("accept", "application/json")
    }

    pub(crate) fn patience_ms(mut self, milliseconds: u64) -> Self {
        self.patience_ms = Some(milliseconds.min(LONGEST_WAIT_MS));
        self
    }

    /// A 412 then means the condition, and nothing else.
    pub(crate) fn is_conditional(&self) -> bool {
        self.headers.iter().any(|(name, _)| matches!(name.as_str(), "if-match" | "if-none-match"))
    }

    /// What a failure is said of.
    pub(crate) fn subject(&self) -> String {
        match (self.container, self.object) {
            (Some(container), Some(object)) => format!("object {object:?} in container {container:?}"),
            (Some(container), None) => format!("container {container:?}"),
            _ => "account".to_owned(),
        }
    }

    /// Path and query below an account.
    pub(crate) fn target(&self) -> String {
        let mut target = String::new();
        for (text, keep_slash) in [(self.container, false), (self.object, true)] {
            if let Some(text) = text {
                target.push('/');
                percent(text, keep_slash, &mut target);
            }
        }
        let mut mark = '?';
        for (name, value) in &self.query {
            target.push(mark);
            mark = '&';
            target.push_str(name);
            // "bulk-delete" is a word, no name of a value.
            if !value.is_empty() {
                target.push('=');
                percent(value, false, &mut target);
            }
        }
        target
    }
}

/// A range of the host's content that is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) content: &'a Content,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// Before anything gets this name: an object, an upload, a copy.
pub(crate) fn check_new_key(key: &str) -> Outcome<()> {
    if key.len() <= MAX_KEY_BYTES {
        return Ok(());
    }
    Err(invalid(format!("an object's name has at most {MAX_KEY_BYTES} bytes, this one has {}", key.len())))
}

/// Without a name the path would be that of the container.
pub(crate) fn check_key(key: Option<&str>) -> Outcome<()> {
    if key == Some("") { Err(invalid("an object has a name of at least one byte")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use capstan_sdk::Failure;

    use super::*;

    #[test]
    fn names_stand_in_the_path_byte_by_byte() {
        assert_eq!(Call::account("GET").target(), "");
        assert_eq!(Call::container("GET", "a b/c%").target(), "/a%20b%2Fc%25");
        let call = Call::object("PUT", "c", "/x//y/../ü?#").query("multipart-manifest", "put").query("bulk-delete", "");
        assert_eq!(call.target(), "/c//x//y/../%C3%BC%3F%23?multipart-manifest=put&bulk-delete");
    }

    #[test]
    fn an_object_without_a_name_is_never_its_container() {
        assert!(matches!(check_key(Some("")), Err(Failure::Invalid(_))));
        assert!(check_key(Some("/")).is_ok() && check_key(None).is_ok());
    }

    #[test]
    fn a_condition_is_seen_on_the_call() {
        assert!(Call::object("PUT", "c", "k").header("if-none-match", "*").is_conditional());
        assert!(!Call::object("PUT", "c", "k").header("etag", "0").is_conditional());
    }
}
