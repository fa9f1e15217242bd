//! S3's error codes as failures.
//!
//! The code decides; an unknown code, or an answer without a document (HEAD has none), falls back to the status.

use capstan_sdk::failure::{
    Failure, already_exists, busy, conflict, corrupt, denied, invalid, no_space, not_found, offline, timed_out, unauthenticated,
    unavailable, unsupported,
};
use capstan_sdk::http::{header, retry_after_ms};
use capstan_sdk::{Blame, Retry, time, xml};

/// How old a request may be, seconds ("the difference between the request time and the server's time is too large").
const TOLERANCE: u64 = 15 * 60;
/// Seconds between two clocks that nobody needs to be told of.
const UNTOLD: u64 = 60;

/// What an answer that is no success says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) region: Option<String>,
    /// Seconds the target's clock is ahead of the host's, where the answer tells the time.
    pub(crate) ahead: Option<i64>,
    /// Seconds the clock was ahead of the host's that the refused request was signed by.
    pub(crate) signed: i64,
    retry_after_ms: Option<u64>,
    request: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, headers: &[(String, String)], body: &[u8]) -> Self {
        let document = xml::parse(body).ok().filter(|root| root.name == "Error");
        let text = |name| document.as_ref().and_then(|root| root.text_of(name)).map(str::to_owned);
        Self {
            status,
            code: text("Code").unwrap_or_default(),
            message: text("Message").unwrap_or_default(),
            region: text("Region").or_else(|| header(headers, "x-amz-bucket-region").map(str::to_owned)),
            ahead: header(headers, "date").and_then(time::http).map(|there| there.saturating_sub(time::now())),
            signed: 0,
            retry_after_ms: retry_after_ms(headers),
            request: text("RequestId").or_else(|| header(headers, "x-amz-request-id").map(str::to_owned)),
        }
    }

    /// An error element inside a document whose status was a success.
    pub(crate) fn of(error: &xml::Element) -> Self {
        let text = |name| error.text_of(name).map(str::to_owned);
        Self {
            status: 200,
            code: text("Code").unwrap_or_default(),
            message: text("Message").unwrap_or_default(),
            request: text("RequestId"),
            ..Self::default()
        }
    }

    pub(crate) fn signed_by(self, signed: i64) -> Self {
        Self { signed, ..self }
    }

    /// Whether the clocks may be why: the code says so, or there is none, as HEAD has none.
    pub(crate) fn may_be_clock(&self) -> bool {
        match self.code.as_str() {
            "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => true,
            code => self.status == 403 && code.is_empty(),
        }
    }

    /// Signed at a time that the target's own clock says it does not take.
    fn is_untimely(&self) -> bool {
        self.may_be_clock() && self.ahead.is_some_and(|ahead| ahead.abs_diff(self.signed) > TOLERANCE)
    }

    /// The skew stands in the message: it tells which clock to look at.
    fn clocks(&self) -> Failure {
        let by = match self.ahead {
            Some(ahead) if ahead.unsigned_abs() > UNTOLD => {
                let side = if ahead > 0 { "ahead" } else { "behind" };
                format!(": the target's is {} s {side}", ahead.unsigned_abs())
            }
            _ => String::new(),
        };
        unauthenticated(format!("the clocks of host and target differ too much{by}"))
            .next_step("Set the clock of the host, or of the target.")
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
            "NoSuchKey" | "NoSuchBucket" | "NoSuchUpload" | "NoSuchVersion" => not_found(format!("there is no {what}")),
            "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" => already_exists(format!("there is a {what} already")),
            "PreconditionFailed" => conflict(format!("{what} is not in the expected state")),
            "ConditionalRequestConflict" | "OperationAborted" => busy(format!("{what} is being changed by somebody else")),
            "BucketNotEmpty" => conflict(format!("{what} is not empty")),
            "InvalidObjectState" | "ObjectNotInActiveTierError" => {
                offline(format!("{what} is in cold storage")).retry(Retry::Never).next_step("Restore the object, then read it.")
            }
            "RestoreAlreadyInProgress" => busy(format!("{what} is being restored already")),
            "GlacierExpeditedRetrievalNotAvailable" => unavailable("expedited retrieval is not available now"),
            // Backblaze's way to say that nothing more is paid for.
            "AccessDenied" if self.message.to_ascii_lowercase().contains("storage cap exceeded") => quota_used_up(),
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "InvalidPayer" => {
                denied(format!("the target does not allow this on {what}"))
                    .next_step("Check the access key's permissions at the target.")
            }
            "NotSignedUp" => denied("the account has no access to this service"),
            "InvalidAccessKeyId" | "InvalidSecurity" | "InvalidClientTokenId" => {
                unauthenticated("the target does not know the access key").next_step("Correct \"access-key\" of the target.")
            }
            "SignatureDoesNotMatch" => unauthenticated("the target does not accept the signature")
                .next_step("Correct \"secret-key\" (or \"region\") of the target."),
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                unauthenticated("the session token is not valid any more").next_step("Set a new \"session-token\", or none.")
            }
            "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => self.clocks(),
            "AuthorizationHeaderMalformed"
            | "PermanentRedirect"
            | "TemporaryRedirect"
            | "Redirect"
            | "IllegalLocationConstraintException" => self.wrong_region(what),
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "BandwidthLimitExceeded" => busy("the target asks to slow down"),
            "ServiceUnavailable" | "Busy" => busy("the target is too busy"),
            "InternalError" | "InternalServerError" => unavailable("the target has an internal error"),
            "RequestTimeout" | "RequestTimeTooLong" => timed_out("the target waited too long for data").retry(Retry::AtOnce),
            "QuotaExceeded"
            | "EntityTooLargeForQuota"
            | "ServiceQuotaExceeded"
            | "StorageQuotaExceeded"
            | "XMinioAdminBucketQuotaExceeded" => quota_used_up(),
            "TooManyBuckets" => no_space("the account may have no more buckets")
                .next_step("Delete a bucket that nobody needs, or have the limit raised."),
            "InsufficientStorage" | "XMinioStorageFull" => full(),
            "BadDigest" | "XAmzContentSHA256Mismatch" | "InvalidDigest" | "XAmzContentChecksumMismatch" | "ChecksumMismatch" => {
                corrupt(format!("the data of {what} did not arrive as it was sent")).retry(Retry::AtOnce)
            }
            "IncompleteBody" => unavailable(format!("the data of {what} did not arrive whole")).retry(Retry::AtOnce),
            "InvalidRange" => invalid(format!("the range lies beyond the end of {what}")),
            "EntityTooLarge" => invalid(format!("{what} is larger than the target allows")),
            "EntityTooSmall" => invalid(format!("a part of {what} is smaller than the target allows")),
            "InvalidPart" | "InvalidPartOrder" => invalid(format!("the parts of {what} are not those that were stored")),
            "KeyTooLongError" | "KeyTooLong" => invalid("the key is longer than the target allows"),
            "MetadataTooLarge" => invalid("the metadata is larger than the target allows"),
            "InvalidBucketName" => invalid(format!("the target does not allow the name of {what}")),
            "InvalidLocationConstraint" => invalid("the target does not know the region"),
            "InvalidStorageClass" => invalid("the target does not know the storage class"),
            "MethodNotAllowed" => unsupported(format!("the target does not allow this on {what}")),
            "NotImplemented" | "UnsupportedOperation" => unsupported("the target does not support this"),
            "MalformedXML"
            | "InvalidArgument"
            | "InvalidRequest"
            | "InvalidURI"
            | "MissingContentLength"
            | "MissingSecurityHeader" => {
                // The request was this plugin's to form.
                invalid(format!("the target does not accept the request for {what}: {}", self.message)).blame(Blame::Plugin)
            }
            _ => return None,
        })
    }

    fn wrong_region(&self, what: &str) -> Failure {
        let failure = invalid(format!("{what} lies in another region"));
        match &self.region {
            Some(region) => {
                failure.next_step(format!("Set \"region\" of the target to {region:?}, and its \"endpoint\" accordingly."))
            }
            None => failure.next_step("Set \"region\" and \"endpoint\" of the target to those of the bucket."),
        }
    }

    fn by_status(&self, what: &str) -> Failure {
        match self.status {
            301 | 307 | 308 => self.wrong_region(what),
            400 => invalid(format!("the target does not accept the request for {what}")),
            401 => unauthenticated("the target asks for credentials"),
            403 if self.is_untimely() => self.clocks(),
            403 => denied(format!("the target does not allow this on {what}"))
                .next_step("Check access key, secret key and permissions."),
            404 => not_found(format!("there is no {what}")),
            405 | 501 => unsupported("the target does not support this"),
            408 => timed_out("the target waited too long for data").retry(Retry::AtOnce),
            409 => conflict(format!("{what} is being changed or not empty")),
            411 | 413 => invalid(format!("{what} is larger than the target allows")),
            412 => conflict(format!("{what} is not in the expected state")),
            416 => invalid(format!("the range lies beyond the end of {what}")),
            200 => unavailable(format!("the target could not do this with {what}")),
            429 | 503 | 509 => busy("the target asks to slow down"),
            500 | 502 => unavailable("the target has an internal error"),
            504 => timed_out("the target did not answer in time"),
            507 => full(),
            status => unavailable(format!("the target answered {status}")).retry(Retry::Never),
        }
    }
}

fn quota_used_up() -> Failure {
    no_space("the target's quota is used up").next_step("Raise the quota of the user or the bucket, or delete something.")
}

fn full() -> Failure {
    no_space("the target is full").next_step("Delete something, or give the target more room.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, code: &str, headers: &[(&str, &str)]) -> Failure {
        let body =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message><RequestId>r1</RequestId></Error>");
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Refusal::new(status, &headers, body.as_bytes()).failure("object \"k\"")
    }

    #[test]
    fn the_code_decides_over_the_status() {
        assert!(matches!(failure(403, "InvalidObjectState", &[]), Failure::Offline(_)));
        assert!(matches!(failure(403, "SignatureDoesNotMatch", &[]), Failure::Unauthenticated(_)));
        assert!(matches!(failure(400, "BadDigest", &[]), Failure::Corrupt(_)));
        assert!(matches!(failure(404, "NoSuchBucket", &[]), Failure::NotFound(_)));
        assert!(matches!(failure(400, "ExpiredToken", &[]), Failure::Unauthenticated(_)));
    }

    #[test]
    fn a_clock_that_is_wrong_is_told_with_the_skew_and_what_to_do() {
        let there = |seconds: i64| time::http_text(time::now() + seconds);
        for (seconds, said) in [(1_800, "s ahead"), (-1_800, "s behind"), (0, "too much")] {
            let told = there(seconds);
            let failure = failure(403, "RequestTimeTooSkewed", &[("Date", told.as_str())]);
            assert!(matches!(failure, Failure::Unauthenticated(_)) && !failure.may_retry(), "{failure:?}");
            assert_eq!(failure.fault().code.as_deref(), Some("RequestTimeTooSkewed"));
            assert!(failure.fault().message.ends_with(said), "{failure:?}");
            assert!(failure.fault().extras.iter().any(|extra| extra.value.contains("clock")), "{failure:?}");
        }
        // An answer without a document: the time it tells decides, beside the one that was signed.
        let bare = |seconds: i64, signed: i64| {
            let headers = [("date".to_owned(), there(seconds))];
            Refusal::new(403, &headers, b"").signed_by(signed).failure("object \"k\"")
        };
        for (seconds, signed) in [(1_800, 0), (0, 1_800), (-1_800, 0)] {
            assert!(matches!(bare(seconds, signed), Failure::Unauthenticated(_)), "{seconds} and {signed}");
        }
        for (seconds, signed) in [(0, 0), (1_800, 1_800)] {
            assert!(matches!(bare(seconds, signed), Failure::Denied(_)), "{seconds} and {signed}");
        }
    }

    #[test]
    fn a_store_that_is_full_says_so_in_the_words_of_each_and_what_to_do() {
        for (status, code) in [
            (403, "QuotaExceeded"),
            (400, "XMinioAdminBucketQuotaExceeded"),
            (507, "XMinioStorageFull"),
            (500, "XMinioStorageFull"),
            (507, "InsufficientStorage"),
            (507, ""),
            (400, "TooManyBuckets"),
        ] {
            let failure = failure(status, code, &[("Retry-After", "1")]);
            assert!(matches!(failure, Failure::NoSpace(_)) && !failure.may_retry(), "{status} {code}: {failure:?}");
            assert_eq!(failure.fault().blame, Blame::Target, "{status} {code}");
            assert!(failure.fault().extras.iter().any(|extra| extra.name == "next-step"), "{status} {code}: {failure:?}");
        }
        let cap = b"<Error><Code>AccessDenied</Code><Message>Cannot upload files, storage cap exceeded.</Message></Error>";
        assert!(matches!(Refusal::new(403, &[], cap).failure("object"), Failure::NoSpace(_)));
        assert!(matches!(failure(403, "AccessDenied", &[]), Failure::Denied(_)));
    }

    #[test]
    fn throttling_says_when_to_come_back() {
        let failure = failure(503, "SlowDown", &[("Retry-After", "2")]);
        assert!(matches!(failure, Failure::Busy(_)));
        assert_eq!(failure.fault().retry_after_ms, Some(2000));
        assert_eq!(failure.fault().code.as_deref(), Some("SlowDown"));
    }

    #[test]
    fn an_answer_without_a_document_is_read_by_its_status() {
        for (status, retry) in
            [(404, false), (403, false), (412, false), (429, true), (500, true), (503, true), (504, true), (418, false)]
        {
            let failure = Refusal::new(status, &[], b"").failure("bucket \"b\"");
            assert_eq!(failure.may_retry(), retry, "{status}");
            assert_eq!(failure.fault().code, Some(format!("HTTP {status}")));
        }
    }

    #[test]
    fn a_bucket_elsewhere_names_its_region() {
        let failure = failure(301, "PermanentRedirect", &[("x-amz-bucket-region", "eu-west-3")]);
        assert!(failure.fault().extras.iter().any(|extra| extra.value.contains("eu-west-3")), "{failure:?}");
    }
}
