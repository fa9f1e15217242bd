//! The service's error codes as failures ("Blob service error codes" and "Common REST API error codes" of the reference).
//!
//! The code decides; an unknown code, or an answer without one, falls back to the status.

use capstan_sdk::failure::{
    Failure, already_exists, busy, conflict, corrupt, denied, invalid, no_space, not_found, offline, timed_out, unauthenticated,
    unavailable, unsupported,
};
use capstan_sdk::http::{header, retry_after_ms};
use capstan_sdk::{Blame, Retry, xml};

use crate::credentials::Credentials;

/// What an answer that is no success says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    message: String,
    /// The header it is about, where it is about one.
    header: Option<String>,
    retry_after_ms: Option<u64>,
    request: Option<String>,
    client_request: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, headers: &[(String, String)], body: &[u8]) -> Self {
        let document = xml::parse(body).ok().filter(|root| root.name == "Error");
        let text = |name| document.as_ref().and_then(|root| root.text_of(name)).map(str::to_owned);
        let head = |name| header(headers, name).map(str::to_owned);
        let message = text("Message").unwrap_or_default();
        let detail = text("AuthenticationErrorDetail").map(|detail| format!(" ({detail})")).unwrap_or_default();
        Self {
            status,
            code: head("x-ms-error-code").or_else(|| text("Code")).unwrap_or_default(),
            // The second line on repeats the request's id and the time.
            message: format!("{}{detail}", message.lines().next().unwrap_or_default()),
            header: text("HeaderName"),
            retry_after_ms: retry_after_ms(headers),
            request: head("x-ms-request-id"),
            client_request: head("x-ms-client-request-id"),
        }
    }

    /// Whether the clocks may be why: the code says only that the authentication failed.
    pub(crate) fn may_be_clock(&self) -> bool {
        self.status == 403 && matches!(self.code.as_str(), "AuthenticationFailed" | "")
    }

    /// There is no such blob; its container is there, as far as is known.
    pub(crate) fn is_absent_blob(&self) -> bool {
        self.status == 404 && !matches!(self.code.as_str(), "ContainerNotFound" | "ResourceNotFound")
    }

    pub(crate) fn detail(&self) -> String {
        let [request, client] = [&self.request, &self.client_request].map(|id| id.as_deref().unwrap_or("-"));
        format!("status {}, request {request}, ours {client}: {}", self.status, self.message)
    }

    /// The failure, said of `what`: "blob \"a/b\" in container \"c\"".
    pub(crate) fn failure(&self, what: &str, credentials: &Credentials) -> Failure {
        let failure = self.by_code(what, credentials).unwrap_or_else(|| self.by_status(what, credentials));
        let code = if self.code.is_empty() { format!("HTTP {}", self.status) } else { self.code.clone() };
        let failure = failure.code(code).detail(self.detail());
        match self.retry_after_ms {
            Some(wait) if failure.may_retry() => failure.after_ms(wait),
            _ => failure,
        }
    }

    fn by_code(&self, what: &str, credentials: &Credentials) -> Option<Failure> {
        let code = self.code.as_str();
        self.about_access(code, what, credentials).or_else(|| about_state(code, what)).or_else(|| self.about_request(code, what))
    }

    fn about_access(&self, code: &str, what: &str, credentials: &Credentials) -> Option<Failure> {
        Some(match code {
            "AuthenticationFailed"
            | "InvalidAuthenticationInfo"
            | "NoAuthenticationInformation"
            | "InvalidAuthenticationToken" => {
                unauthenticated("the target does not accept the credentials").next_step(credentials.advice())
            }
            // Azurite's way to say the same.
            "AuthorizationFailure" if self.message.contains("failed to authenticate") => {
                unauthenticated("the target does not accept the credentials").next_step(credentials.advice())
            }
            "AuthorizationFailure" => denied(format!("the target does not allow this on {what}"))
                .next_step(format!("Check the account's firewall. {}", credentials.advice())),
            "AuthorizationPermissionMismatch"
            | "AuthorizationServiceMismatch"
            | "AuthorizationResourceTypeMismatch"
            | "AuthorizationProtocolMismatch"
            | "UnauthorizedBlobOverwrite"
            | "InsufficientAccountPermissions" => {
                denied(format!("the credentials do not permit this on {what}")).next_step(credentials.advice())
            }
            "AuthorizationSourceIPMismatch" => denied("the signature does not permit the address this host comes from")
                .next_step("Set a \"sas\" without that limit, or with this host's address."),
            "KeyBasedAuthenticationNotPermitted" => denied("the account takes no keys and no signatures made with them")
                .next_step("Use \"client-id\" and \"client-secret\", or allow access by key in the account's settings."),
            "PublicAccessNotPermitted" => denied("the account allows no public access"),
            "AccountIsDisabled" | "ContainerDisabled" => denied(format!("the {what} is disabled")),
            "BlobImmutableDueToPolicy" | "BlobImmutableDueToLegalHold" | "ImmutableBlobCannotBeOverwritten" => {
                denied(format!("{what} is protected by an immutability policy"))
                    .next_step("Wait until its retention ends, or write under another name.")
            }
            _ => return None,
        })
    }

    fn about_request(&self, code: &str, what: &str) -> Option<Failure> {
        Some(match code {
            "Md5Mismatch" | "Crc64Mismatch" => {
                corrupt(format!("the data of {what} did not arrive as it was sent")).retry(Retry::AtOnce)
            }
            // Azurite's way to say the same.
            "InvalidOperation" if self.message.contains("MD5") => {
                corrupt(format!("the data of {what} did not arrive as it was sent")).retry(Retry::AtOnce)
            }
            "IncompleteBody" => unavailable(format!("the data of {what} did not arrive whole")).retry(Retry::AtOnce),
            "InvalidRange" => invalid(format!("the range lies beyond the end of {what}")),
            "RequestBodyTooLarge" | "MaxBlobSizeConditionNotMet" | "BlobTierInadequateForContentLength" => {
                invalid(format!("{what} is larger than the target allows"))
            }
            "InvalidBlockList" => invalid(format!("the parts of {what} are not those that were stored")),
            "BlockCountExceedsLimit" | "BlockListTooLong" => invalid(format!("{what} has more parts than the target allows")),
            "InvalidBlobOrBlock" | "InvalidBlockId" => busy(format!("somebody else's upload of {what} stands in the way"))
                .retry(Retry::Never)
                .next_step("Finish that upload, or delete the blob; unfinished uploads go by themselves after a week."),
            "InvalidResourceName" | "OutOfRangeInput" | "InvalidUri" => {
                invalid(format!("the target does not allow the name of {what}"))
            }
            "MetadataTooLarge" | "InvalidMetadata" | "EmptyMetadataKey" | "RequestHeaderTooLarge" | "HeadersTooLarge" => {
                invalid(format!("the target does not allow the metadata of {what}"))
            }
            "InvalidHeaderValue" if self.header.as_deref() == Some("x-ms-access-tier") => {
                invalid("the target does not know the access tier").next_step("Use Hot, Cool, Cold or Archive.")
            }
            "InvalidBlobTier" | "AccessTierNotSupportedForBlobType" | "BlobAccessTierNotSupportedForAccountType" => {
                invalid("the target does not know the access tier").next_step("Use Hot, Cool, Cold or Archive.")
            }
            "BlobNotInArchiveTier" => conflict(format!("{what} is not archived")),
            "InvalidBlobType" => unsupported(format!("{what} is of another type than a block blob")),
            "FeatureNotSupportedForAccount"
            | "FeatureNotSupported"
            | "FeatureVersionMismatch"
            | "APINotImplemented"
            | "NotImplemented"
            | "UnsupportedHttpVerb" => unsupported("the target does not support this"),
            "CannotVerifyCopySource" if self.status == 404 => not_found("there is no blob to copy"),
            "CannotVerifyCopySource" => denied("the target cannot read the blob to copy"),
            "InvalidInput"
            | "InvalidHeaderValue"
            | "InvalidQueryParameterValue"
            | "MissingRequiredHeader"
            | "MissingContentLengthHeader"
            | "MissingRequiredQueryParameter"
            | "UnsupportedHeader"
            | "UnsupportedQueryParameter"
            | "InvalidXmlDocument"
            | "InvalidMd5"
            | "MultipleConditionHeadersNotSupported" => {
                // The request was this plugin's to form.
                invalid(format!("the target does not accept the request for {what}: {}", self.message)).blame(Blame::Plugin)
            }
            _ => return None,
        })
    }

    fn by_status(&self, what: &str, credentials: &Credentials) -> Failure {
        match self.status {
            300..400 => unavailable("the endpoint answers with a redirect, which is not followed")
                .retry(Retry::Never)
                .next_step("Correct \"endpoint\" of the target."),
            400 => invalid(format!("the target does not accept the request for {what}")),
            401 => unauthenticated("the target asks for credentials").next_step(credentials.advice()),
            403 => denied(format!("the target does not allow this on {what}")).next_step(credentials.advice()),
            404 => not_found(format!("there is no {what}")),
            405 | 501 => unsupported("the target does not support this"),
            408 => timed_out("the target waited too long for data").retry(Retry::AtOnce),
            409 => conflict(format!("{what} is being changed, or not in a state that allows this")),
            411 | 413 => invalid(format!("{what} is larger than the target allows")),
            412 => conflict(format!("{what} is not in the expected state")),
            416 => invalid(format!("the range lies beyond the end of {what}")),
            429 | 503 => busy("the target asks to slow down"),
            500 | 502 => unavailable("the target has an internal error"),
            504 => timed_out("the target did not answer in time"),
            507 => full(),
            status => unavailable(format!("the target answered {status}")).retry(Retry::Never),
        }
    }
}

fn about_state(code: &str, what: &str) -> Option<Failure> {
    let restore = "Restore the object, then read it.";
    Some(match code {
        "BlobNotFound" | "ContainerNotFound" => not_found(format!("there is no {what}")),
        "ResourceNotFound" => {
            not_found(format!("there is no {what}")).next_step("Check \"account\" and \"endpoint\" of the target.")
        }
        "BlobAlreadyExists" | "ContainerAlreadyExists" | "ResourceAlreadyExists" => {
            already_exists(format!("there is a {what} already"))
        }
        "ContainerBeingDeleted" => busy(format!("{what} is being deleted, which takes half a minute or longer")),
        "ConditionNotMet" | "TargetConditionNotMet" => conflict(format!("{what} is not in the expected state")),
        "SourceConditionNotMet" => conflict("the blob to copy changed while it was copied"),
        "BlobArchived" => offline(format!("{what} is in cold storage")).retry(Retry::Never).next_step(restore),
        "BlobBeingRehydrated" => offline(format!("{what} is on its way out of cold storage")),
        "PendingCopyOperation" => busy(format!("something is being copied to {what}")),
        "LeaseIdMissing"
        | "LeaseAlreadyPresent"
        | "LeaseIdMismatchWithBlobOperation"
        | "LeaseIdMismatchWithContainerOperation" => busy(format!("somebody holds a lease on {what}"))
            .next_step("Wait until the lease is released or has expired, or break it at the target."),
        "LeaseLost" => conflict(format!("the lease on {what} has expired")),
        "SnapshotsPresent" => conflict(format!("{what} has snapshots"))
            .next_step("Delete its snapshots first, or set \"delete-snapshots\" of the target."),
        "ServerBusy" | "TooManyRequests" | "IngressOverAccountLimit" | "EgressOverAccountLimit" => {
            busy("the target asks to slow down")
        }
        "OperationTimedOut" => timed_out("the target did not finish in time"),
        "InternalError" => unavailable("the target has an internal error"),
        "AccountLimitExceeded" | "StorageAccountCapacityExceeded" => full(),
        _ => return None,
    })
}

fn full() -> Failure {
    no_space("the account is full").next_step("Delete something, have the account's limit raised, or use another account.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sas::Sas;

    fn failure(status: u16, code: &str, headers: &[(&str, &str)]) -> Failure {
        let body =
            format!("\u{feff}<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m\nRequestId:r\nTime:t</Message></Error>");
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Refusal::new(status, &headers, body.as_bytes()).failure("blob \"k\"", &Credentials::Key)
    }

    #[test]
    fn the_code_decides_over_the_status() {
        assert!(matches!(failure(409, "BlobArchived", &[]), Failure::Offline(_)));
        assert!(matches!(failure(409, "BlobBeingRehydrated", &[]), Failure::Offline(_)));
        assert!(matches!(failure(403, "AuthenticationFailed", &[]), Failure::Unauthenticated(_)));
        assert!(matches!(failure(403, "AuthorizationPermissionMismatch", &[]), Failure::Denied(_)));
        assert!(matches!(failure(400, "Md5Mismatch", &[]), Failure::Corrupt(_)));
        assert!(matches!(failure(412, "LeaseIdMissing", &[]), Failure::Busy(_)));
        assert!(matches!(failure(409, "BlobAlreadyExists", &[]), Failure::AlreadyExists(_)));
        assert!(matches!(failure(412, "ConditionNotMet", &[]), Failure::Conflict(_)));
        assert!(matches!(failure(409, "ContainerBeingDeleted", &[]), Failure::Busy(_)));
    }

    #[test]
    fn throttling_says_when_to_come_back() {
        let failure = failure(503, "ServerBusy", &[("Retry-After", "2")]);
        assert!(matches!(failure, Failure::Busy(_)));
        assert_eq!(failure.fault().retry_after_ms, Some(2000));
    }

    #[test]
    fn the_header_says_the_code_where_there_is_no_document() {
        let headers =
            vec![("x-ms-error-code".to_owned(), "BlobNotFound".to_owned()), ("x-ms-request-id".to_owned(), "r1".to_owned())];
        let refusal = Refusal::new(404, &headers, b"");
        assert!(refusal.is_absent_blob());
        let failure = refusal.failure("blob", &Credentials::Key);
        assert!(matches!(failure, Failure::NotFound(_)) && failure.fault().detail.as_deref().unwrap().contains("r1"));
        assert!(!Refusal::new(404, &[("x-ms-error-code".to_owned(), "ContainerNotFound".to_owned())], b"").is_absent_blob());
    }

    #[test]
    fn an_answer_without_a_code_is_read_by_its_status() {
        for (status, retry) in [
            (302, false),
            (404, false),
            (403, false),
            (412, false),
            (429, true),
            (500, true),
            (503, true),
            (504, true),
            (418, false),
        ] {
            let failure = Refusal::new(status, &[], b"<html>").failure("container \"b\"", &Credentials::Key);
            assert_eq!(failure.may_retry(), retry, "{status}");
            assert_eq!(failure.fault().code, Some(format!("HTTP {status}")));
        }
    }

    #[test]
    fn a_signature_that_does_not_suffice_says_what_it_permits() {
        let sas = Credentials::Sas(Sas::parse("sp=rl&se=2999-01-01&sig=x").unwrap());
        let body = b"<Error><Code>AuthorizationPermissionMismatch</Code></Error>";
        let failure = Refusal::new(403, &[], body).failure("blob", &sas);
        let step = &failure.fault().extras.first().unwrap().value;
        assert!(step.contains("\"rl\"") && step.contains("2999-01-01") && !step.contains("sig"), "{step}");
    }
}
