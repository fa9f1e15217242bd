//! Where an administrator may have something mounted.
//!
//! A mount hides what its directory holds, and everybody who comes by sees the view instead. So the directory has to be there, and
//! empty: then nothing is hidden, and no other directory of the machine can be taken for it.

use std::path::{Path, PathBuf};

use capstan_domain::{Failure, Outcome};

/// The directory's real path. Blocking.
pub(super) fn check(given: &str, data: &Path) -> Outcome<PathBuf> {
    let wrong = |why: String| Failure::invalid(why).with_code("directory");
    let path = Path::new(given);
    if !path.is_absolute() {
        return Err(wrong(format!("{given} has to be an absolute path, on the machine of the host")));
    }
    capstan_view::release_dead(path);
    let real = path.canonicalize().map_err(|error| {
        wrong(format!("{given} cannot be mounted on")).with_detail(error.to_string()).with_next_step("make the directory first")
    })?;
    if real.starts_with(data) {
        return Err(wrong(format!("{given} lies in the data directory, which is the host's own")));
    }
    if data.starts_with(&real) {
        return Err(wrong(format!("{given} holds the data directory")));
    }
    let mut names =
        std::fs::read_dir(&real).map_err(|error| wrong(format!("{given} is no directory that can be looked at: {error}")))?;
    match names.next() {
        None => Ok(real),
        Some(_) => {
            Err(wrong(format!("{given} is not empty: a mount would hide what is in it")).with_next_step("use an empty directory"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_directory_outside_the_data_directory_is_mounted_on() {
        let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        assert!(check(&text(other.path()), data.path()).is_ok());
        std::fs::create_dir(other.path().join("full")).unwrap();
        for path in [text(other.path()), text(&other.path().join("absent")), text(data.path()), "relative".into(), "/".into()] {
            assert_eq!(check(&path, data.path()).unwrap_err().code.as_deref(), Some("directory"), "{path}");
        }
    }
}
