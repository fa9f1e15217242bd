//! AWS Signature Version 4, as far as it is text. The keyed hashes are the host's, so the secret never enters the plugin.

use capstan_sdk::text::percent;

/// What a signature covers.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Encoded, from the slash on.
    pub(crate) path: &'a str,
    /// Encoded and ordered, without the question mark.
    pub(crate) query: &'a str,
    /// Every header that is signed, `host` among them.
    pub(crate) headers: &'a [(String, String)],
    /// "x-amz-content-sha256": hex, or `UNSIGNED`.
    pub(crate) payload: &'a str,
}

pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
pub(crate) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What stands before the secret in the first key of the chain.
pub(crate) const KEY_PREFIX: &[u8] = b"AWS4";

/// The query in the order the signature wants.
pub(crate) fn query(parameters: &[(&str, &str)]) -> String {
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
pub(crate) fn canonical(request: &Request<'_>) -> (String, String) {
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

/// "20130524/us-east-1/s3/aws4_request"
pub(crate) fn scope(moment: &str, region: &str) -> String {
    format!("{}/{region}/s3/aws4_request", date(moment))
}

/// The date of "20130524T000000Z".
pub(crate) fn date(moment: &str) -> &str {
    moment.get(..8).unwrap_or(moment)
}

pub(crate) fn to_sign(moment: &str, scope: &str, canonical_sha256: &str) -> String {
    format!("{ALGORITHM}\n{moment}\n{scope}\n{canonical_sha256}")
}

pub(crate) fn authorization(access_key: &str, scope: &str, names: &str, signature: &str) -> String {
    format!("{ALGORITHM} Credential={access_key}/{scope},SignedHeaders={names},Signature={signature}")
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};

    use super::*;
    use capstan_sdk::text::hex;

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
        let scope = scope(moment, "us-east-1");
        let text = to_sign(moment, &scope, &hex(&Sha256::digest(canonical)));
        let mut key = b"AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec();
        for message in [date(moment), "us-east-1", "s3", "aws4_request", &text] {
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
}
