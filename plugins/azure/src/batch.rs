//! Many requests in one: Blob Batch, a body of multipart/mixed (RFC 2046, section 5.1) whose parts are HTTP requests and, in the
//! answer, HTTP answers (application/http).

use capstan_sdk::Outcome;
use capstan_sdk::failure::malformed;
use capstan_sdk::http::{Headers, header};

use crate::error::Refusal;

/// Requests of one batch, as the service allows them.
pub(crate) const MAX_REQUESTS: usize = 256;

/// The body, of heads that end in a line break each.
pub(crate) fn body(boundary: &str, heads: &[String]) -> Vec<u8> {
    let mut text = String::new();
    for (index, head) in heads.iter().enumerate() {
        text.push_str(&format!(
            "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {index}\r\n\r\n{head}\r\n"
        ));
    }
    text.push_str(&format!("--{boundary}--\r\n"));
    text.into_bytes()
}

/// What became of one request. Which one, the answer may leave out when it is about none of them.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) index: Option<usize>,
    pub(crate) status: u16,
    pub(crate) refusal: Refusal,
}

/// The answers in the body, whose boundary its type names.
pub(crate) fn answers(headers: &[(String, String)], body: &[u8]) -> Outcome<Vec<Answer>> {
    let wrong = |what: &str| malformed("the target's answer to a batch cannot be read", what);
    let kind = header(headers, "content-type").unwrap_or_default();
    let boundary = kind
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("boundary="))
        .map(|value| value.trim_matches('"'))
        .filter(|value| !value.is_empty())
        .ok_or_else(|| wrong("no boundary"))?;
    let text = String::from_utf8_lossy(body);
    let marker = format!("--{boundary}");
    let mut pieces = text.split(marker.as_str()).skip(1);
    let mut found = Vec::new();
    for piece in pieces.by_ref() {
        if piece.starts_with("--") {
            return Ok(found);
        }
        found.push(answer(piece).ok_or_else(|| wrong("a part that is no answer"))?);
    }
    Err(wrong("it ends early"))
}

fn answer(piece: &str) -> Option<Answer> {
    let (part, inner) = split(piece.trim_start_matches(['\r', '\n']))?;
    let index = header(&fields(part), "content-id").and_then(|id| id.trim().parse().ok());
    let (head, body) = split(inner).unwrap_or((inner, ""));
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    let headers: Headers = lines.filter_map(field).collect();
    Some(Answer { index, status, refusal: Refusal::new(status, &headers, body.trim().as_bytes()) })
}

/// Head and body at the first empty line.
fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once("\r\n\r\n")
}

fn fields(head: &str) -> Headers {
    head.lines().filter_map(field).collect()
}

fn field(line: &str) -> Option<(String, String)> {
    line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_written_with_a_number_for_each_request() {
        let heads = ["DELETE /c/a HTTP/1.1\r\nx-ms-date: d\r\n".to_owned(), "DELETE /c/b HTTP/1.1\r\n".to_owned()];
        let text = String::from_utf8(body("b1", &heads)).unwrap();
        let part = |index: u8| {
            format!("--b1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {index}\r\n\r\n")
        };
        assert_eq!(
            text,
            format!("{}DELETE /c/a HTTP/1.1\r\nx-ms-date: d\r\n\r\n{}DELETE /c/b HTTP/1.1\r\n\r\n--b1--\r\n", part(0), part(1))
        );
    }

    #[test]
    fn each_answer_is_found_with_its_number_and_its_refusal() {
        let headers = vec![("Content-Type".to_owned(), "multipart/mixed; boundary=batchresponse_66925647".to_owned())];
        // The shape of the example in the reference, "Blob Batch".
        let text = "--batchresponse_66925647\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n\
            HTTP/1.1 202 Accepted\r\nx-ms-request-id: 778fdc83\r\nx-ms-version: 2018-11-09\r\n\r\n\
            --batchresponse_66925647\r\nContent-Type: application/http\r\nContent-ID: 0\r\n\r\n\
            HTTP/1.1 404 The specified blob does not exist.\r\nx-ms-error-code: BlobNotFound\r\nContent-Length: 216\r\n\r\n\
            <?xml version=\"1.0\"?><Error><Code>BlobNotFound</Code><Message>gone</Message></Error>\r\n\
            --batchresponse_66925647--\r\n";
        let answers = answers(&headers, text.as_bytes()).unwrap();
        let seen: Vec<_> = answers.iter().map(|answer| (answer.index, answer.status, answer.refusal.code.as_str())).collect();
        assert_eq!(seen, [(Some(1), 202, ""), (Some(0), 404, "BlobNotFound")]);
    }

    #[test]
    fn what_is_no_batch_is_a_malformed_answer() {
        let typed = |kind: &str| vec![("content-type".to_owned(), kind.to_owned())];
        assert!(answers(&typed("text/html"), b"<html>").is_err());
        assert!(answers(&typed("multipart/mixed; boundary=b"), b"--b\r\nContent-ID: 0\r\n\r\nHTTP/1.1 202 A\r\n\r\n").is_err());
        assert!(answers(&typed("multipart/mixed; boundary=b"), b"--b\r\nx\r\n--b--").is_err());
    }
}
