//! What a server's status codes mean for whoever asked: the kind of failure, and what to do next.
//!
//! Codes: MS-ERREF section 2.3.1. Those the crate has no name for stand here by number.

use capstan_sdk::failure::{
    Failure, already_exists, busy, conflict, corrupt, denied, invalid, no_space, not_found, offline, timed_out, unauthenticated,
    unavailable, unsupported,
};
use capstan_sdk::{Blame, Retry};
use smb2::types::status::NtStatus;

const TOO_MANY_OPENED_FILES: u32 = 0xC000_011F;
const TOO_MANY_SESSIONS: u32 = 0xC000_00CE;
const DEVICE_BUSY: u32 = 0x8000_0011;
const RETRY: u32 = 0xC000_022D;
const SERVER_UNAVAILABLE: u32 = 0xC000_0466;
const FILE_NOT_AVAILABLE: u32 = 0xC000_0467;
const IO_TIMEOUT: u32 = 0xC000_00B5;
const QUOTA_EXCEEDED: u32 = 0xC000_0044;
const DISK_QUOTA_EXCEEDED: u32 = 0xC000_0802;
const MEDIA_WRITE_PROTECTED: u32 = 0xC000_00A2;
const WRONG_PASSWORD: u32 = 0xC000_006A;
const NO_SUCH_USER: u32 = 0xC000_0064;
const LOGON_TYPE_NOT_GRANTED: u32 = 0xC000_015B;
const NO_LOGON_SERVERS: u32 = 0xC000_005E;
const TIME_DIFFERENCE_AT_DC: u32 = 0xC000_0133;
const DOWNGRADE_DETECTED: u32 = 0xC000_0388;
const AUTHENTICATION_FIREWALL: u32 = 0xC000_0413;
const NETWORK_ACCESS_DENIED: u32 = 0xC000_00CA;
const OBJECT_PATH_SYNTAX_BAD: u32 = 0xC000_003B;
const OBJECT_TYPE_MISMATCH: u32 = 0xC000_0024;
const NAME_TOO_LONG: u32 = 0xC000_0106;
const DATA_ERROR: u32 = 0xC000_003E;
const CRC_ERROR: u32 = 0xC000_003F;
const FILE_CORRUPT: u32 = 0xC000_0102;
const DISK_CORRUPT: u32 = 0xC000_0032;
const IO_DEVICE_ERROR: u32 = 0xC000_0185;
const NOT_SAME_DEVICE: u32 = 0xC000_00D4;
const FILE_TOO_LARGE: u32 = 0xC000_0904;
const EAS_NOT_SUPPORTED: u32 = 0xC000_004F;
const VIRUS_INFECTED: u32 = 0xC000_0906;

/// The status as its documentation spells it.
pub(crate) fn code(status: NtStatus) -> String {
    let known = match status.0 {
        TOO_MANY_OPENED_FILES => "STATUS_TOO_MANY_OPENED_FILES",
        QUOTA_EXCEEDED => "STATUS_QUOTA_EXCEEDED",
        DISK_QUOTA_EXCEEDED => "STATUS_DISK_QUOTA_EXCEEDED",
        MEDIA_WRITE_PROTECTED => "STATUS_MEDIA_WRITE_PROTECTED",
        WRONG_PASSWORD => "STATUS_WRONG_PASSWORD",
        NO_SUCH_USER => "STATUS_NO_SUCH_USER",
        TIME_DIFFERENCE_AT_DC => "STATUS_TIME_DIFFERENCE_AT_DC",
        NAME_TOO_LONG => "STATUS_NAME_TOO_LONG",
        IO_DEVICE_ERROR => "STATUS_IO_DEVICE_ERROR",
        NETWORK_ACCESS_DENIED => "STATUS_NETWORK_ACCESS_DENIED",
        _ => return status.to_string(),
    };
    known.to_owned()
}

/// Why the server did not let the user in.
pub(crate) fn sign_in(status: NtStatus) -> Failure {
    let failure = match status {
        NtStatus::LOGON_FAILURE => unauthenticated("the server does not accept this user with this password")
            .next_step("Check \"user\", \"password\" and \"domain\"; an account of the server itself has no domain."),
        NtStatus::ACCOUNT_LOCKED_OUT => unauthenticated("the account is locked after too many wrong passwords")
            .next_step("Have an administrator of the server unlock the account, or wait until the lock ends."),
        NtStatus::ACCOUNT_DISABLED => {
            unauthenticated("the account is disabled").next_step("Have an administrator of the server enable the account.")
        }
        NtStatus::ACCOUNT_EXPIRED => {
            unauthenticated("the account has expired").next_step("Have an administrator of the server extend the account.")
        }
        NtStatus::PASSWORD_EXPIRED | NtStatus::PASSWORD_MUST_CHANGE => {
            unauthenticated("the password has expired").next_step("Change the password on the server, then here.")
        }
        NtStatus::ACCOUNT_RESTRICTION | NtStatus::INVALID_LOGON_HOURS | NtStatus::INVALID_WORKSTATION => {
            unauthenticated("the account may not sign in now, from here, or without a password")
                .next_step("Look at the restrictions of the account on the server.")
        }
        NtStatus(WRONG_PASSWORD) => unauthenticated("the password is wrong").next_step("Correct \"password\"."),
        NtStatus(NO_SUCH_USER) => {
            unauthenticated("the server does not know the user").next_step("Correct \"user\" or \"domain\".")
        }
        NtStatus(LOGON_TYPE_NOT_GRANTED | AUTHENTICATION_FIREWALL) => {
            denied("the account may not sign in over the network").blame(Blame::Target).next_step("Allow it on the server.")
        }
        NtStatus(TIME_DIFFERENCE_AT_DC) => unauthenticated("the clocks of the server and its domain are too far apart")
            .next_step("Set the clock of the server by its domain's."),
        NtStatus(NO_LOGON_SERVERS) => {
            unavailable("the server does not reach its domain to check the password").next_step("Look at the server's domain.")
        }
        NtStatus(DOWNGRADE_DETECTED) => denied("the server found the sign-in weakened on its way")
            .next_step("Find out what stands between here and the server."),
        NtStatus::ACCESS_DENIED => denied("the server refuses the session")
            .blame(Blame::Target)
            .next_step("It may demand encryption (see \"encryption\"), or refuse this host or user."),
        NtStatus::NOT_SUPPORTED => unsupported("the server does not let anybody in by NTLM")
            .blame(Blame::Target)
            .next_step("Allow NTLMv2 on the server; Kerberos is not spoken here."),
        other => return general(other, "the session"),
    };
    failure.code(code(status))
}

/// Why the share cannot be used.
pub(crate) fn share(status: NtStatus, name: &str) -> Failure {
    match status {
        NtStatus::BAD_NETWORK_NAME | NtStatus::OBJECT_NAME_NOT_FOUND => {
            not_found(format!("the server has no share {name:?}")).code("share").next_step("Correct \"share\".")
        }
        NtStatus::ACCESS_DENIED | NtStatus(NETWORK_ACCESS_DENIED) => {
            denied(format!("the server does not let this user, or this host, into share {name:?}"))
                .blame(Blame::Target)
                .code(code(status))
                .next_step(
                    "Allow it on the server. It also answers this to an unencrypted session where the share demands encryption.",
                )
        }
        other => general(other, &format!("share {name:?}")),
    }
}

/// What became of a request for `subject`.
pub(crate) fn general(status: NtStatus, subject: &str) -> Failure {
    let failure = match status {
        NtStatus::NO_SUCH_FILE | NtStatus::OBJECT_NAME_NOT_FOUND | NtStatus::OBJECT_PATH_NOT_FOUND | NtStatus::NOT_FOUND => {
            not_found(format!("there is no {subject}"))
        }
        // It is on its way out; nobody can have it any more.
        NtStatus::DELETE_PENDING => busy(format!("{subject} is being deleted while somebody has it open")),
        NtStatus::OBJECT_NAME_COLLISION => already_exists(format!("there is a {subject} already")),
        NtStatus::OBJECT_NAME_INVALID | NtStatus(OBJECT_PATH_SYNTAX_BAD) => {
            invalid(format!("the server cannot hold the name of {subject}")).next_step("Rename the source.")
        }
        NtStatus(NAME_TOO_LONG) => invalid(format!("the name of {subject} is too long for the server")),
        NtStatus::FILE_IS_A_DIRECTORY => invalid(format!("{subject} is a directory")),
        NtStatus::NOT_A_DIRECTORY | NtStatus(OBJECT_TYPE_MISMATCH) => invalid(format!("{subject} is, or lies under, a file")),
        NtStatus::DIRECTORY_NOT_EMPTY => conflict(format!("{subject} is not empty")),
        NtStatus(NOT_SAME_DEVICE) => unsupported(format!("{subject} lies on another volume of the share")),
        NtStatus::SHARING_VIOLATION | NtStatus::FILE_LOCK_CONFLICT => {
            busy(format!("somebody has {subject} open and shares it with nobody"))
                .next_step("It is tried again; close it where it is open.")
        }
        NtStatus::INSUFFICIENT_RESOURCES
        | NtStatus::INSUFF_SERVER_RESOURCES
        | NtStatus::REQUEST_NOT_ACCEPTED
        | NtStatus(TOO_MANY_OPENED_FILES | TOO_MANY_SESSIONS | DEVICE_BUSY | RETRY) => busy("the server has too much to do"),
        NtStatus::ACCESS_DENIED | NtStatus(NETWORK_ACCESS_DENIED) => {
            denied(format!("the server does not allow the user to do this with {subject}"))
                .blame(Blame::Target)
                .next_step("Look at the permissions on the server; a share may be read-only whatever the file allows.")
        }
        NtStatus::CANNOT_DELETE => denied(format!("{subject} is marked read-only on the server")).blame(Blame::Target),
        NtStatus(MEDIA_WRITE_PROTECTED) => denied("the share is read-only").blame(Blame::Target),
        NtStatus(VIRUS_INFECTED) => denied(format!("the server's virus scanner refuses {subject}")).blame(Blame::Target),
        NtStatus::DISK_FULL => no_space("the disk of the share is full").next_step("Make room on the server."),
        NtStatus(QUOTA_EXCEEDED | DISK_QUOTA_EXCEEDED) => {
            no_space("the user's quota on the share is used up").next_step("Make room, or have the quota raised.")
        }
        NtStatus(FILE_TOO_LARGE) | NtStatus::FILE_SYSTEM_LIMITATION => {
            no_space(format!("{subject} is larger than a file of the share may be"))
        }
        NtStatus(DATA_ERROR | CRC_ERROR | FILE_CORRUPT | DISK_CORRUPT | IO_DEVICE_ERROR) => {
            corrupt(format!("the server cannot read or write its own disk at {subject}"))
        }
        NtStatus(FILE_NOT_AVAILABLE) => offline(format!("{subject} is not available on the server at the moment")),
        NtStatus(IO_TIMEOUT) => timed_out("the server gave up waiting for its disk"),
        NtStatus::NETWORK_NAME_DELETED | NtStatus::USER_SESSION_DELETED | NtStatus::FILE_CLOSED => {
            unavailable("the server ended the session").retry(Retry::AtOnce)
        }
        NtStatus::BAD_NETWORK_NAME => not_found("the server has the share no more").code("share"),
        NtStatus(SERVER_UNAVAILABLE) => unavailable("the server is not available at the moment"),
        NtStatus::PATH_NOT_COVERED => unsupported(format!("{subject} lies on another server (DFS)"))
            .next_step("Make a target of that server and share: links of a DFS namespace are not followed."),
        NtStatus::STOPPED_ON_SYMLINK => invalid(format!("a link stands in the way to {subject}")),
        NtStatus::NOT_SUPPORTED
        | NtStatus::NOT_IMPLEMENTED
        | NtStatus::INVALID_DEVICE_REQUEST
        | NtStatus::INVALID_INFO_CLASS
        | NtStatus(EAS_NOT_SUPPORTED) => unsupported(format!("the server does not do that with {subject}")).blame(Blame::Target),
        NtStatus::INVALID_PARAMETER => {
            invalid(format!("the server does not understand what is wanted of {subject}")).blame(Blame::Target)
        }
        _ => unavailable(format!("the server failed at {subject}")),
    };
    match failure.fault().code {
        Some(_) => failure,
        None => failure.code(code(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_somebody_holds_is_asked_for_again_and_a_full_disk_is_not() {
        let held = general(NtStatus::SHARING_VIOLATION, "\"a\"");
        assert!(matches!(held, Failure::Busy(_)) && held.may_retry());
        assert_eq!(held.fault().code.as_deref(), Some("STATUS_SHARING_VIOLATION"));
        for full in [NtStatus::DISK_FULL, NtStatus(QUOTA_EXCEEDED), NtStatus(DISK_QUOTA_EXCEEDED)] {
            let failure = general(full, "\"a\"");
            assert!(matches!(failure, Failure::NoSpace(_)) && !failure.may_retry());
        }
    }

    #[test]
    fn who_cannot_sign_in_learns_what_to_do() {
        for status in [
            NtStatus::LOGON_FAILURE,
            NtStatus::ACCOUNT_LOCKED_OUT,
            NtStatus::ACCOUNT_DISABLED,
            NtStatus::PASSWORD_EXPIRED,
            NtStatus(TIME_DIFFERENCE_AT_DC),
        ] {
            let failure = sign_in(status);
            assert!(matches!(failure, Failure::Unauthenticated(_)), "{status}");
            assert!(capstan_sdk::find(&failure.fault().extras, "next-step").is_some(), "{status}");
        }
    }

    #[test]
    fn a_share_that_is_not_there_is_told_from_one_that_is_shut() {
        let missing = share(NtStatus::BAD_NETWORK_NAME, "media");
        assert!(matches!(missing, Failure::NotFound(_)) && missing.fault().code.as_deref() == Some("share"));
        let shut = share(NtStatus::ACCESS_DENIED, "media");
        assert!(matches!(shut, Failure::Denied(_)) && shut.fault().blame == Blame::Target);
    }

    #[test]
    fn an_unknown_status_is_shown_by_its_number() {
        let failure = general(NtStatus(0xC0DE_0001), "\"a\"");
        assert_eq!(failure.fault().code.as_deref(), Some("0xC0DE0001"));
    }
}
