//! What went wrong below the files: the connection, the session, the protocol.

use capstan_sdk::Retry;
use capstan_sdk::failure::{Failure, corrupt, malformed, timed_out, unauthenticated, unavailable, unsupported};
use smb2::Error;

use crate::status;

/// The connection is of no more use: whoever asks next needs another one.
pub(crate) fn is_lost(error: &Error) -> bool {
    use smb2::types::status::NtStatus;
    match error {
        Error::Disconnected
        | Error::Io(_)
        | Error::Timeout
        | Error::SessionExpired
        | Error::SendTimeout { .. }
        | Error::SendFailed { .. }
        | Error::ServerUnresponsive { .. }
        | Error::CreditStarvation { .. }
        | Error::HandleInvalidated { .. }
        | Error::SignatureInvalid { .. } => true,
        Error::Protocol { status, .. } => {
            matches!(*status, NtStatus::USER_SESSION_DELETED | NtStatus::NETWORK_NAME_DELETED | NtStatus::NETWORK_SESSION_EXPIRED)
        }
        _ => false,
    }
}

/// The server refused before it did anything: the same request may go out once more on another session.
pub(crate) fn was_refused(error: &Error) -> bool {
    use smb2::types::status::NtStatus;
    matches!(
        error,
        Error::SessionExpired
            | Error::HandleInvalidated { .. }
            | Error::Protocol { status: NtStatus::USER_SESSION_DELETED | NtStatus::NETWORK_SESSION_EXPIRED, .. }
    )
}

pub(crate) fn failure(error: &Error, subject: &str) -> Failure {
    let failure = match error {
        Error::Protocol { status, .. } => return status::general(*status, subject),
        Error::Disconnected | Error::SendFailed { .. } | Error::Io(_) | Error::HandleInvalidated { .. } => {
            unavailable("the connection to the server broke").retry(Retry::AtOnce)
        }
        Error::SessionExpired => unavailable("the session with the server has expired").retry(Retry::AtOnce),
        Error::Timeout | Error::SendTimeout { .. } | Error::ServerUnresponsive { .. } | Error::CreditStarvation { .. } => {
            timed_out("the server does not answer any more")
        }
        Error::SignatureInvalid { .. } => corrupt("an answer of the server does not carry the signature it must")
            .next_step("Somebody may change what the server sends: find out what stands between here and the server."),
        Error::GuestSessionRefused { .. } => unauthenticated("the server takes the user for a guest")
            .next_step("Correct \"user\" and \"password\"; a server may answer a wrong password this way. For a guest on purpose leave \"user\" empty."),
        Error::Auth { .. } => unauthenticated("the server and the plugin do not agree on how to sign in"),
        Error::ShareRedirected { .. } => unsupported("the server has moved the share to another node of its cluster")
            .next_step("Make a target of that node."),
        Error::DfsReferralRequired { .. } => unsupported(format!("{subject} lies on another server (DFS)"))
            .next_step("Make a target of that server and share: links of a DFS namespace are not followed."),
        Error::InvalidData { message } => return malformed("the server answers what SMB does not allow", message.clone()),
        _ => unavailable("the server cannot be used"),
    };
    failure.detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_connection_is_tried_again_at_once_on_another() {
        let failure = failure(&Error::Disconnected, "\"a\"");
        assert!(is_lost(&Error::Disconnected) && !was_refused(&Error::Disconnected));
        assert_eq!(failure.fault().retry, Retry::AtOnce);
    }

    #[test]
    fn an_expired_session_did_nothing() {
        assert!(is_lost(&Error::SessionExpired) && was_refused(&Error::SessionExpired));
    }
}
