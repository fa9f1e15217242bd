//! Shared Key authorization of the Blob service, as far as it is text: the page "Authorize with Shared Key" of the Azure
//! Storage REST reference, versions from 2015-02-21 on. The keyed hash is the host's, so the account key never enters the plugin.

use capstan_sdk::http::header;

/// What a signature covers.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Bytes of the body.
    pub(crate) length: u64,
    pub(crate) account: &'a str,
    /// Encoded as it is sent, from the slash on; where the account stands in the path, it is there once more.
    pub(crate) path: &'a str,
    /// Not encoded; no name twice.
    pub(crate) query: &'a [(&'a str, &'a str)],
    /// All that is sent, `x-ms-date` among them.
    pub(crate) headers: &'a [(String, String)],
}

/// Standard headers in the order the text has them, after the length.
const AFTER_LENGTH: [&str; 8] =
    ["content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"];

pub(crate) fn to_sign(request: &Request<'_>) -> String {
    let value = |name| header(request.headers, name).unwrap_or_default();
    let length = if request.length == 0 { String::new() } else { request.length.to_string() };
    let mut text = format!("{}\n{}\n{}\n{length}\n", request.method, value("content-encoding"), value("content-language"));
    for name in AFTER_LENGTH {
        text.push_str(value(name));
        text.push('\n');
    }
    canonical_headers(request.headers, &mut text);
    canonical_resource(request, &mut text);
    text
}

fn canonical_headers(headers: &[(String, String)], text: &mut String) {
    let mut named: Vec<(String, &str)> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .filter(|(name, _)| name.starts_with("x-ms-"))
        .collect();
    named.sort_by_cached_key(|(name, _)| weights(name));
    for (name, value) in named {
        text.push_str(&name);
        text.push(':');
        text.push_str(value);
        text.push('\n');
    }
}

/// The service sorts names as words, where an underscore comes before a digit; bytes would have it behind.
fn weights(name: &str) -> Vec<u8> {
    name.bytes().map(|byte| if byte == b'_' { 1 } else { byte }).collect()
}

fn canonical_resource(request: &Request<'_>, text: &mut String) {
    text.push('/');
    text.push_str(request.account);
    text.push_str(request.path);
    let mut query: Vec<(String, &str)> = request.query.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
    query.sort();
    for (name, value) in query {
        text.push('\n');
        text.push_str(&name);
        text.push(':');
        text.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use capstan_sdk::text::{base64, unbase64};
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The worked example of "Authorize with Shared Key": Get Container Metadata, 2015-02-21.
    #[test]
    fn the_text_is_the_one_that_is_published() {
        let headers = headers(&[("x-ms-version", "2015-02-21"), ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT")]);
        let query = [("timeout", "20"), ("restype", "container"), ("comp", "metadata")];
        let text = to_sign(&Request {
            method: "GET",
            length: 0,
            account: "myaccount",
            path: "/mycontainer",
            query: &query,
            headers: &headers,
        });
        assert_eq!(
            text,
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
             /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
    }

    /// The same page: Put Blob of 11 bytes.
    #[test]
    fn a_put_names_its_length_and_its_headers_in_order() {
        let headers = headers(&[
            ("x-ms-version", "2015-02-21"),
            ("Content-Type", "text/plain; charset=UTF-8"),
            ("x-ms-date", "Sun, 11 Oct 2009 21:49:13 GMT"),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-meta-m1", "v1"),
            ("x-ms-meta-m_2", " v2 "),
            ("if-none-match", "*"),
        ]);
        let request = Request { method: "PUT", length: 11, account: "a", path: "/a/c/b%20c", query: &[], headers: &headers };
        assert_eq!(
            to_sign(&request),
            "PUT\n\n\n11\n\ntext/plain; charset=UTF-8\n\n\n\n*\n\n\nx-ms-blob-type:BlockBlob\n\
             x-ms-date:Sun, 11 Oct 2009 21:49:13 GMT\nx-ms-meta-m_2:v2\nx-ms-meta-m1:v1\nx-ms-version:2015-02-21\n/a/a/c/b%20c"
        );
    }

    /// The key of the well-known development account, which every Azure tool carries. The hash was made with Python's hmac.
    #[test]
    fn the_hash_of_the_text_is_made_with_the_decoded_key() {
        let key = unbase64("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20");
        assert_eq!(base64(&mac.finalize().into_bytes()), "1u9lui2jDxj0+fpbHjQ5m5NnastJRSYM+PSmfi8TXx4=");
    }
}
