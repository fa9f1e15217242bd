//! What is asked for, before it is signed.

use capstan_sdk::content::Content;
use capstan_sdk::http::Headers;

/// A container and a blob in it.
pub(crate) type Place<'a> = (&'a str, &'a str);

#[derive(Clone, Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    pub(crate) container: Option<&'a str>,
    pub(crate) blob: Option<&'a str>,
    pub(crate) query: Vec<(&'a str, &'a str)>,
    pub(crate) headers: Headers,
}

impl<'a> Call<'a> {
    pub(crate) fn service(method: &'static str) -> Self {
        Self { method, ..Self::default() }
    }

    /// Of the container itself; listings say more.
    pub(crate) fn container(method: &'static str, container: &'a str) -> Self {
        Self { method, container: Some(container), query: vec![("restype", "container")], ..Self::default() }
    }

    pub(crate) fn blob(method: &'static str, (container, blob): Place<'a>) -> Self {
        Self { method, container: Some(container), blob: Some(blob), ..Self::default() }
    }

    pub(crate) fn query(mut self, name: &'a str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// What a failure is said of.
    pub(crate) fn subject(&self) -> String {
        match (self.container, self.blob) {
            (Some(container), Some(blob)) => format!("blob {blob:?} in container {container:?}"),
            (Some(container), None) => format!("container {container:?}"),
            _ => "account".to_owned(),
        }
    }
}

/// A range of the host's content that is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) content: &'a Content,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}
