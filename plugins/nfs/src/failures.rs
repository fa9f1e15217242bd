//! What a server's refusals mean to whoever asked.

use capstan_nfs3::mount::MountStatus;
use capstan_nfs3::rpc::Refusal;
use capstan_nfs3::{Malformed, Status};
use capstan_sdk::failure::{
    already_exists, busy, conflict, denied, invalid, malformed, no_space, not_found, unauthenticated, unavailable, unsupported,
};
use capstan_sdk::{Blame, Failure, Retry};

/// How long a server that fetches a file from a slower medium is left alone, milliseconds.
const JUKEBOX_MS: u64 = 5_000;

/// `subject`: what was asked for, as the user knows it.
pub(crate) fn refused(status: Status, subject: &str) -> Failure {
    let failure = match status {
        Status::PERM | Status::ACCES => {
            denied(format!("the server does not let the configured user do this with {subject}")).blame(Blame::Target).next_step(
                "check owner and permissions on the server, `uid` and `gid` of the target, and the export's squash options",
            )
        }
        Status::ROFS => denied(format!("the server exports {subject} read-only"))
            .blame(Blame::Target)
            .next_step("export it for writing, or set `read-only` in the target"),
        Status::NOENT => not_found(format!("there is no {subject}")),
        Status::EXIST => already_exists(format!("there is a {subject} already")),
        Status::NOTDIR => invalid(format!("{subject} is no directory, or leads through something that is none")),
        Status::ISDIR => invalid(format!("{subject} is a directory")),
        Status::NOTEMPTY => conflict(format!("{subject} is not empty")),
        Status::NAMETOOLONG => invalid(format!("the name of {subject} is longer than the server holds")),
        Status::INVAL => invalid(format!("the server does not take this for {subject}")),
        Status::FBIG => invalid(format!("{subject} would be larger than the server holds")),
        Status::NOSPC => no_space("the server's filesystem is full").next_step("make room on the server"),
        Status::DQUOT => {
            no_space("the configured user's quota on the server is used up").next_step("raise the quota, or make room in it")
        }
        Status::MLINK => conflict(format!("{subject} has as many names as the server allows")),
        Status::XDEV => unsupported(format!("{subject} lies on another filesystem of the server")),
        Status::STALE | Status::BADHANDLE => {
            conflict(format!("{subject} was removed or replaced meanwhile")).retry(Retry::AtOnce)
        }
        Status::BAD_COOKIE => conflict(format!("{subject} changed while it was listed")).retry(Retry::AtOnce),
        Status::NOT_SYNC => conflict(format!("{subject} was changed by somebody else")).retry(Retry::AtOnce),
        Status::NOTSUPP | Status::BADTYPE | Status::REMOTE => unsupported(format!("the server cannot do this with {subject}")),
        Status::JUKEBOX => busy(format!("the server is fetching {subject} from a slower medium")).after_ms(JUKEBOX_MS),
        Status::IO | Status::NXIO | Status::NODEV => {
            unavailable(format!("the server's disk failed at {subject}")).next_step("look into the server's log")
        }
        Status::TOOSMALL => invalid("the plugin asked for less than the server answers").blame(Blame::Plugin),
        _ => unavailable(format!("the server failed at {subject}")).next_step("look into the server's log"),
    };
    failure.code(status.name())
}

/// The export could not be entered. `known`: whether the server lists it; none: it did not tell.
pub(crate) fn unmounted(status: MountStatus, export: &str, known: Option<bool>) -> Failure {
    let absent = || {
        not_found(format!("the server has no export {export}"))
            .code("export")
            .detail(status.name())
            .next_step("check `export` against the server's list (showmount -e)")
    };
    match status {
        MountStatus::NOENT | MountStatus::NOTDIR | MountStatus::INVAL | MountStatus::NAMETOOLONG => absent(),
        // Some servers refuse what they do not have.
        MountStatus::ACCES | MountStatus::PERM if known == Some(false) => absent(),
        MountStatus::ACCES | MountStatus::PERM => {
            denied(format!("the server's export list refuses this host, or its port, {export}"))
                .blame(Blame::Target)
                .code(status.name())
                .next_step("add this host to the export on the server; if it asks for a privileged port, set `privileged-port`")
        }
        _ => unavailable(format!("the server cannot give out {export} now")).code(status.name()),
    }
}

/// The server did not carry a call out.
pub(crate) fn not_carried_out(refusal: Refusal) -> Failure {
    let failure = match refusal {
        Refusal::Program | Refusal::Procedure => unavailable("the server does not speak NFS version 3 at this port")
            .retry(Retry::Never)
            .next_step("enable NFS version 3 on the server, or check `port` and `mount-port`"),
        Refusal::Credentials(_) => {
            unauthenticated("the server does not take the user and group numbers (AUTH_SYS) of this target")
                .next_step("export it with sec=sys; if the server asks for a privileged port, set `privileged-port`")
        }
        Refusal::Arguments => invalid("the server did not understand the plugin").blame(Blame::Plugin),
        Refusal::System => unavailable("the server failed"),
    };
    failure.code(refusal.name())
}

pub(crate) fn strange(wrong: Malformed) -> Failure {
    malformed("the server's answer is not NFS version 3", format!("no {} where one is due", wrong.0))
        .next_step("check that host and port are those of an NFS server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_protocol_says_whose_fault_it_is_and_keeps_its_name() {
        for status in Status::ALL {
            let failure = refused(*status, "\"a\"");
            let fault = failure.fault();
            assert_eq!(fault.code.as_deref(), Some(status.name().as_str()));
            let by_server = matches!(failure, Failure::Unavailable(_) | Failure::NoSpace(_) | Failure::Busy(_));
            assert!(!by_server || fault.blame == Blame::Target, "{status:?}");
            assert!(!fault.message.is_empty());
        }
        assert!(matches!(refused(Status::ROFS, "x"), Failure::Denied(fault) if fault.blame == Blame::Target));
        assert_eq!(refused(Status::JUKEBOX, "x").fault().retry_after_ms, Some(JUKEBOX_MS));
        assert!(matches!(refused(Status(99), "x"), Failure::Unavailable(_)));
    }

    #[test]
    fn an_export_that_is_refused_and_not_listed_is_not_there() {
        assert!(matches!(unmounted(MountStatus::ACCES, "/x", Some(false)), Failure::NotFound(_)));
        assert!(matches!(unmounted(MountStatus::ACCES, "/x", Some(true)), Failure::Denied(_)));
        assert!(matches!(unmounted(MountStatus::ACCES, "/x", None), Failure::Denied(_)));
        assert!(matches!(unmounted(MountStatus::NOENT, "/x", None), Failure::NotFound(_)));
        assert!(matches!(unmounted(MountStatus(10_006), "/x", None), Failure::Unavailable(_)));
    }
}
