//! Failures in the kernel's words.

use capstan_domain::Failure;
use capstan_domain::failure::{Blame, Kind};
use fuser::Errno;

/// What a program is told. Anything that has no word of its own is EIO, never silence.
pub fn of(failure: &Failure) -> Errno {
    let code = failure.code.as_deref().unwrap_or_default();
    match failure.kind {
        Kind::NotFound => Errno::ENOENT,
        Kind::AlreadyExists => Errno::EEXIST,
        Kind::Denied if code == "read-only" => Errno::EROFS,
        Kind::Denied | Kind::Unauthenticated => Errno::EACCES,
        Kind::Unsupported => Errno::EOPNOTSUPP,
        Kind::Invalid if code == "name-too-long" => Errno::ENAMETOOLONG,
        Kind::Invalid => Errno::EINVAL,
        Kind::Conflict if code == "not-empty" => Errno::ENOTEMPTY,
        Kind::Conflict if code == "folder-in-the-way" => Errno::EISDIR,
        Kind::NoSpace if code == "quota" => Errno::EDQUOT,
        Kind::NoSpace => Errno::ENOSPC,
        Kind::Busy if failure.blame == Blame::Host => Errno::EAGAIN,
        _ => Errno::EIO,
    }
}

/// For a change: what went wrong is logged too, since a program shows a person only the word.
pub fn of_change(failure: &Failure, what: &str, path: &str) -> Errno {
    tracing::warn!(%failure, detail = failure.detail.as_deref(), path, "{what} through a view failed");
    of(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_target_is_an_input_output_error() {
        for kind in [Kind::Unavailable, Kind::TimedOut, Kind::Corrupt, Kind::PluginFault, Kind::Other, Kind::Offline] {
            assert_eq!(i32::from(of(&Failure::new(kind, "x"))), i32::from(Errno::EIO), "{kind}");
        }
    }
}
