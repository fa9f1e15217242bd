//! The service's refusals as failures: documents of the XML API and of the JSON API.
//!
//! The code (or the reason) decides; an unknown one, or an answer without a document (HEAD has none), falls back to the status.
//! "HTTP response headers" and "Error messages" of the XML API, "HTTP status and error codes" of the JSON API.

use capstan_sdk::failure::{
    Failure, busy, conflict, corrupt, denied, invalid, no_space, not_found, timed_out, unauthenticated, unavailable, unsupported,
};
use capstan_sdk::http::{header, retry_after_ms};
use capstan_sdk::{Blame, Retry, xml};
use serde::Deserialize;

/// Characters of the service's own text that are kept.
const MAX_TEXT: usize = 1_000;

/// What an answer that is no success says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Of the XML API a code ("NoSuchKey"), of the JSON API a reason ("notFound").
    pub(crate) code: String,
    message: String,
    retry_after_ms: Option<u64>,
    request: Option<String>,
}

#[derive(Default, Deserialize)]
struct Document {
    error: JsonError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonError {
    message: String,
    errors: Vec<Reason>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reason {
    reason: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, headers: &[(String, String)], body: &[u8]) -> Self {
        let (code, message) = if body.trim_ascii_start().starts_with(b"{") { of_json(body) } else { of_xml(body) };
        Self {
            status,
            code,
            message: message.chars().take(MAX_TEXT).collect(),
            retry_after_ms: retry_after_ms(headers),
            request: header(headers, "x-guploader-uploadid").map(str::to_owned),
        }
    }

    /// Whether the clocks may be why: the code says so, or there is none, as HEAD has none.
    pub(crate) fn may_be_clock(&self) -> bool {
        match self.code.as_str() {
            "RequestTimeTooSkewed" | "RequestExpired" => true,
            code => self.status == 403 && code.is_empty(),
        }
    }

    /// A precondition did not hold.
    pub(crate) fn is_precondition(&self) -> bool {
        self.status == 412
    }

    /// The failure, said of `what`: "object \"a/b\" in bucket \"c\"".
    pub(crate) fn failure(&self, what: &str) -> Failure {
        let failure = self.by_code(what).unwrap_or_else(|| self.by_status(what));
        let code = if self.code.is_empty() { format!("HTTP {}", self.status) } else { self.code.clone() };
        let request = self.request.as_deref().unwrap_or("-");
        let failure = failure.code(code).detail(format!("status {}, request {request}: {}", self.status, self.message));
        match self.retry_after_ms {
            Some(wait) if failure.may_retry() => failure.after_ms(wait),
            _ => failure,
        }
    }

    fn by_code(&self, what: &str) -> Option<Failure> {
        Some(match self.code.as_str() {
            "NoSuchKey" | "NoSuchBucket" | "NoSuchUpload" | "notFound" => not_found(format!("there is no {what}")),
            "BucketNotEmpty" => conflict(format!("{what} is not empty")),
            "PreconditionFailed" | "conditionNotMet" => conflict(format!("{what} is not in the expected state")),
            "OperationAborted" => busy(format!("{what} is being changed by somebody else")),
            "AccessDenied" | "forbidden" | "insufficientPermissions" => {
                denied(format!("the service does not allow this on {what}"))
                    .next_step("Check the roles of the account in its project or on the bucket.")
            }
            "accountDisabled" | "AccountProblem" | "UserProjectAccountProblem" | "accessNotConfigured" => {
                denied("the project may not use the service")
                    .next_step("Check the project's billing and that Cloud Storage is enabled.")
            }
            "retentionPolicyNotMet" | "ObjectUnderActiveHold" | "objectUnderActiveHold" => {
                denied(format!("{what} is under retention or a hold"))
            }
            "InvalidSecurity" | "InvalidAccessKeyId" => {
                unauthenticated("the service does not know the access key").next_step("Correct \"access-key\" of the target.")
            }
            "SignatureDoesNotMatch" => {
                unauthenticated("the service does not accept the signature").next_step("Correct \"secret-key\" of the target.")
            }
            "AuthenticationRequired" | "required" | "authError" | "unauthorized" | "ExpiredToken" => unauthenticated(
                "the service does not accept the token",
            )
            .next_step("Check that the service account is enabled and that \"token-endpoint\" gives tokens for this service."),
            "RequestTimeTooSkewed" | "RequestExpired" => unauthenticated("the clocks of host and service differ too much")
                .next_step("Set the clock of the host, or of the service."),
            "SlowDown" | "rateLimitExceeded" | "userRateLimitExceeded" | "TooManyRequests" => {
                busy("the service asks to slow down")
            }
            "ServiceUnavailable" | "backendError" => busy("the service is too busy"),
            "InternalError" | "internalError" => unavailable("the service has an internal error"),
            "RequestTimeout" | "uploadBrokenConnection" => timed_out("the service waited too long for data").retry(Retry::AtOnce),
            "quotaExceeded" | "dailyLimitExceeded" | "QuotaExceeded" | "TooManyBuckets" => {
                no_space("the project's quota is used up")
                    .next_step("Have the quota raised in the console (IAM & Admin, Quotas), or delete something.")
            }
            "BadDigest" | "InvalidDigest" | "XGoogHashMismatch" => {
                corrupt(format!("the data of {what} did not arrive as it was sent")).retry(Retry::AtOnce)
            }
            "IncompleteBody" => unavailable(format!("the data of {what} did not arrive whole")).retry(Retry::AtOnce),
            "InvalidRange" | "requestedRangeNotSatisfiable" => invalid(format!("the range lies beyond the end of {what}")),
            "EntityTooLarge" | "uploadTooLarge" => invalid(format!("{what} is larger than the service allows")),
            "EntityTooSmall" => invalid(format!("a part of {what} is smaller than the service allows")),
            "InvalidPart" | "InvalidPartOrder" => invalid(format!("the parts of {what} are not those that were stored")),
            "KeyTooLong" | "InvalidObjectName" => invalid(format!("the service does not allow the name of {what}")),
            "MetadataTooLarge" => invalid("the metadata is larger than the service allows"),
            "InvalidBucketName" => invalid(format!("the service does not allow the name of {what}")),
            "InvalidLocationConstraint" => {
                invalid("the service does not know the location").next_step("Correct \"location\" of the target.")
            }
            "InvalidStorageClass" => invalid("the service does not know the storage class"),
            "MethodNotAllowed" => unsupported(format!("the service does not allow this on {what}")),
            "NotImplemented" | "notImplemented" => unsupported("the service does not support this"),
            "MalformedXML"
            | "InvalidArgument"
            | "InvalidURI"
            | "parseError"
            | "MissingContentLength"
            | "MissingSecurityHeader" => {
                // The request was this plugin's to form.
                invalid(format!("the service does not accept the request for {what}: {}", self.message)).blame(Blame::Plugin)
            }
            _ => return None,
        })
    }

    fn by_status(&self, what: &str) -> Failure {
        match self.status {
            400 => invalid(format!("the service does not accept the request for {what}: {}", self.message)),
            401 => unauthenticated("the service does not accept the credentials")
                .next_step("Check the account or the key of the target."),
            403 => denied(format!("the service does not allow this on {what}"))
                .next_step("Check the roles of the account in its project or on the bucket."),
            404 | 410 => not_found(format!("there is no {what}")),
            405 | 501 => unsupported("the service does not support this"),
            408 => timed_out("the service waited too long for data").retry(Retry::AtOnce),
            409 => conflict(format!("{what} is being changed, not empty, or somebody else's")),
            411 | 413 => invalid(format!("{what} is larger than the service allows")),
            412 => conflict(format!("{what} is not in the expected state")),
            416 => invalid(format!("the range lies beyond the end of {what}")),
            429 | 503 => busy("the service asks to slow down"),
            500 | 502 => unavailable("the service has an internal error"),
            504 => timed_out("the service did not answer in time"),
            507 => no_space("the service is full").next_step("Delete something, or give the service more room."),
            status => unavailable(format!("the service answered {status}")).retry(Retry::Never),
        }
    }
}

fn of_json(body: &[u8]) -> (String, String) {
    let error = serde_json::from_slice::<Document>(body).unwrap_or_default().error;
    let reason = error.errors.into_iter().next().unwrap_or_default().reason;
    (reason, error.message)
}

fn of_xml(body: &[u8]) -> (String, String) {
    let document = xml::parse(body).ok().filter(|root| root.name == "Error").unwrap_or_default();
    let text = |name| document.text_of(name).unwrap_or_default();
    let details = text("Details");
    (text("Code").to_owned(), format!("{} {details}", text("Message")).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(status: u16, code: &str, headers: &[(&str, &str)]) -> Failure {
        let body = format!("<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message><Details>d</Details></Error>");
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Refusal::new(status, &headers, body.as_bytes()).failure("object \"k\"")
    }

    fn json(status: u16, reason: &str) -> Failure {
        let body =
            format!(r#"{{"error": {{"code": {status}, "message": "m", "errors": [{{"reason": "{reason}", "message": "m"}}]}}}}"#);
        Refusal::new(status, &[], body.as_bytes()).failure("bucket \"b\"")
    }

    #[test]
    fn the_code_decides_over_the_status() {
        assert!(matches!(xml(403, "SignatureDoesNotMatch", &[]), Failure::Unauthenticated(_)));
        assert!(matches!(xml(400, "BadDigest", &[]), Failure::Corrupt(_)));
        assert!(matches!(xml(404, "NoSuchBucket", &[]), Failure::NotFound(_)));
        assert!(matches!(json(403, "userRateLimitExceeded"), Failure::Busy(_)));
        assert!(matches!(json(403, "quotaExceeded"), Failure::NoSpace(_)));
        assert!(matches!(json(403, "forbidden"), Failure::Denied(_)));
        assert!(matches!(json(412, "conditionNotMet"), Failure::Conflict(_)));
        assert!(matches!(json(401, "authError"), Failure::Unauthenticated(_)));
    }

    #[test]
    fn throttling_says_when_to_come_back() {
        let failure = xml(503, "SlowDown", &[("Retry-After", "2")]);
        assert!(matches!(failure, Failure::Busy(_)));
        assert_eq!(failure.fault().retry_after_ms, Some(2000));
        assert_eq!(failure.fault().code.as_deref(), Some("SlowDown"));
    }

    #[test]
    fn an_answer_without_a_document_is_read_by_its_status() {
        for (status, retry) in [
            (404, false),
            (403, false),
            (412, false),
            (429, true),
            (500, true),
            (502, true),
            (503, true),
            (504, true),
            (408, true),
        ] {
            for body in ["", "<html>gone</html>", "{", "{\"error\": \"text\"}"] {
                let failure = Refusal::new(status, &[], body.as_bytes()).failure("bucket \"b\"");
                assert_eq!(failure.may_retry(), retry, "{status} {body}");
                assert_eq!(failure.fault().code, Some(format!("HTTP {status}")));
            }
        }
    }

    #[test]
    fn the_services_own_words_go_to_the_log() {
        assert!(xml(403, "AccessDenied", &[]).fault().detail.as_deref().is_some_and(|detail| detail.ends_with("m d")));
    }
}
