//! Where drives are listened for when nobody says where: sockets in the data directory, which is the host user's alone.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use capstan_domain::drive::Drive;
use capstan_domain::{Failure, Outcome};
use capstan_nbd::Address;

/// Of a socket here.
const ENDING: &str = "sock";

/// The directory, without the sockets of a process before this one.
pub(super) fn prepared(data: &Path) -> Outcome<PathBuf> {
    let directory = data.join("nbd");
    let fault = |error: std::io::Error| Failure::host(format!("{} cannot be used", directory.display()), error);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(fault)?;
    for entry in std::fs::read_dir(&directory).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "a socket that was left could not be removed");
        }
    }
    Ok(directory)
}

/// Named by the drive's number: the path of a socket is short.
pub(super) fn of(directory: &Path, drive: &Drive) -> Outcome<Address> {
    let path = directory.join(drive.number.to_string()).with_extension(ENDING);
    format!("unix:{}", path.display()).parse().map_err(|failure: Failure| {
        failure.with_next_step("give an address: --address unix:/PATH or tcp:127.0.0.1:0; the data directory's path is too long")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_left_is_removed_and_the_directory_is_the_users_own() {
        use std::os::unix::fs::PermissionsExt;
        let data = tempfile::tempdir().unwrap();
        let directory = prepared(data.path()).unwrap();
        std::fs::write(directory.join("7.sock"), "").unwrap();
        assert_eq!(prepared(data.path()).unwrap(), directory);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
        assert_eq!(std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
