//! Signature Version 4, as AWS made it and Google speaks it: a chain of keyed hashes over a canonical form of the request's head.
//!
//! The keyed hashes are the host's, so the secret never enters the plugin. "Signature Version 4" of the AWS General Reference; "Signatures"
//! of the Cloud Storage documentation.

use crate::failure::Outcome;
use crate::text::{hex, percent};
use crate::{crypto, secrets};

/// What differs between those who speak it.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    pub algorithm: &'static str,
    /// What stands before the secret in the first key of the chain.
    pub key_prefix: &'static [u8],
    pub service: &'static str,
    /// The end of the scope.
    pub terminator: &'static str,
}

pub const AWS: Scheme = Scheme { algorithm: "AWS4-HMAC-SHA256", key_prefix: b"AWS4", service: "s3", terminator: "aws4_request" };
pub const GOOGLE: Scheme =
    Scheme { algorithm: "GOOG4-HMAC-SHA256", key_prefix: b"GOOG4", service: "storage", terminator: "goog4_request" };

/// What a signature covers.
#[derive(Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Encoded, from the slash on.
    pub path: &'a str,
    /// Encoded and ordered, without the question mark.
    pub query: &'a str,
    /// Every header that is signed, `host` among them.
    pub headers: &'a [(String, String)],
    /// Hex SHA-256 of the body, or `UNSIGNED`.
    pub payload: &'a str,
}

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    pub access_key: &'a str,
    /// The name of the secret.
    pub secret: &'a str,
    pub region: &'a str,
}

pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl Scheme {
    /// The `authorization` header. `moment`: "20130524T000000Z", as the request says it in its date header.
    pub fn authorization(&self, request: &Request<'_>, key: Key<'_>, moment: &str) -> Outcome<String> {
        let (canonical, names) = canonical(request);
        let scope = self.scope(moment, key.region);
        let text = self.text_to_sign(moment, &scope, &hex(&crypto::digest("sha256", canonical.as_bytes())?));
        let chain = self.chain(moment, key.region, &text).map(|message| message.as_bytes().to_vec());
        let signature = hex(&secrets::hmac(key.secret, "sha256", self.key_prefix, &chain)?);
        let (algorithm, access_key) = (self.algorithm, key.access_key);
        Ok(format!("{algorithm} Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}"))
    }

    /// The messages of the chain.
    fn chain<'a>(&'a self, moment: &'a str, region: &'a str, text: &'a str) -> [&'a str; 5] {
        [date(moment), region, self.service, self.terminator, text]
    }

    /// "20130524/us-east-1/s3/aws4_request"
    fn scope(&self, moment: &str, region: &str) -> String {
        format!("{}/{region}/{}/{}", date(moment), self.service, self.terminator)
    }

    fn text_to_sign(&self, moment: &str, scope: &str, canonical_sha256: &str) -> String {
        format!("{}\n{moment}\n{scope}\n{canonical_sha256}", self.algorithm)
    }
}

/// The query in the order the signature wants.
pub fn query(parameters: &[(&str, &str)]) -> String {
    let mut encoded: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| {
            let (mut encoded_name, mut encoded_value) = (String::new(), String::new());
            percent(name, false, &mut encoded_name);
            percent(value, false, &mut encoded_value);
            (encoded_name, encoded_value)
        })
        .collect();
    encoded.sort();
    encoded.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The canonical request and the list of signed header names.
fn canonical(request: &Request<'_>) -> (String, String) {
    let mut headers: Vec<(String, &str)> =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let mut text = format!("{}\n{}\n{}\n", request.method, request.path, request.query);
    for (name, value) in &headers {
        text.push_str(name);
        text.push(':');
        text.push_str(value);
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&names);
    text.push('\n');
    text.push_str(request.payload);
    (text, names)
}

/// The date of "20130524T000000Z".
fn date(moment: &str) -> &str {
    moment.get(..8).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};

    use super::*;

    /// The worked examples of the S3 API reference, "Signature Calculations for the Authorization Header".
    fn signature(method: &str, path: &str, query: &str, headers: &[(&str, &str)], payload: &str) -> String {
        let moment = "20130524T000000Z";
        let mut all = vec![
            ("Host".to_owned(), "examplebucket.s3.amazonaws.com".to_owned()),
            ("x-amz-content-sha256".to_owned(), payload.to_owned()),
            ("x-amz-date".to_owned(), moment.to_owned()),
        ];
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (canonical, _) = canonical(&Request { method, path, query, headers: &all, payload });
        let scope = AWS.scope(moment, "us-east-1");
        let text = AWS.text_to_sign(moment, &scope, &hex(&Sha256::digest(canonical)));
        let mut key = b"AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec();
        for message in AWS.chain(moment, "us-east-1", &text) {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(message.as_bytes());
            key = mac.finalize().into_bytes().to_vec();
        }
        hex(&key)
    }

    #[test]
    fn a_ranged_get_is_signed_as_published() {
        let signed = signature("GET", "/test.txt", "", &[("range", "bytes=0-9")], EMPTY_SHA256);
        assert_eq!(signed, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    }

    #[test]
    fn a_put_is_signed_as_published() {
        let headers = [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        let payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        let signed = signature("PUT", "/test%24file.text", "", &headers, payload);
        assert_eq!(signed, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    }

    #[test]
    fn a_query_without_a_value_is_signed_as_published() {
        let signed = signature("GET", "/", &query(&[("lifecycle", "")]), &[], EMPTY_SHA256);
        assert_eq!(signed, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    }

    #[test]
    fn a_listing_is_signed_as_published() {
        let signed = signature("GET", "/", &query(&[("prefix", "J"), ("max-keys", "2")]), &[], EMPTY_SHA256);
        assert_eq!(signed, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    }

    #[test]
    fn google_has_words_of_its_own_for_the_same_thing() {
        let moment = "20190301T190859Z";
        assert_eq!(GOOGLE.scope(moment, "auto"), "20190301/auto/storage/goog4_request");
        assert_eq!(GOOGLE.text_to_sign(moment, "s", "h"), "GOOG4-HMAC-SHA256\n20190301T190859Z\ns\nh");
        assert_eq!(GOOGLE.chain(moment, "auto", "t"), ["20190301", "auto", "storage", "goog4_request", "t"]);
    }
}
