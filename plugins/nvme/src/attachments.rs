//! The file of a drive, for the host to open without this plugin.
//!
//! That somebody has it open, and how, is an empty folder beside the file. It outlives a host that dies, until `detach`; it need
//! not outlive the machine, so nobody waits for the disk.

use capstan_sdk::failure::{Failure, Outcome, conflict};
use capstan_sdk::files;
use capstan_sdk::named;
use capstan_sdk::types::Attachment;

use crate::drives::{absent, found};
use crate::names;
use crate::tree::{self, ROOT, root};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    ReadOnly,
    Writing,
}

impl Mode {
    const ALL: [Self; 2] = [Self::ReadOnly, Self::Writing];

    fn mark(self) -> &'static str {
        match self {
            Self::ReadOnly => "attached-read-only",
            Self::Writing => "attached-writing",
        }
    }

    pub(crate) fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.mark() == name)
    }
}

/// What is to be marked; nothing, where it is attached so or wider.
fn to_mark(read_only: bool, attached: Option<Mode>) -> Outcome<Option<Mode>> {
    match (read_only, attached) {
        (false, Some(Mode::ReadOnly)) => Err(conflict("the drive is attached for reading only; detach it first")),
        (_, Some(_)) => Ok(None),
        (true, None) => Ok(Some(Mode::ReadOnly)),
        (false, None) => Ok(Some(Mode::Writing)),
    }
}

pub(crate) async fn attach(location: &str, name: &str, read_only: bool) -> Outcome<Attachment> {
    let path = names::drive(location, name)?;
    if let Some(mode) = to_mark(read_only, found(&path).await?.attached)? {
        match files::make_directory(root(), format!("{path}/{}", mode.mark())).await {
            Ok(()) | Err(Failure::AlreadyExists(_)) => {}
            Err(Failure::NotFound(_)) => return Err(absent(&path)),
            Err(failure) => return Err(failure),
        }
    }
    Ok(Attachment { peer: "file".to_owned(), parameters: vec![named("root", ROOT), named("path", names::disk(&path))] })
}

pub(crate) async fn detach(location: &str, name: &str) -> Outcome<()> {
    let path = names::drive(location, name)?;
    for mode in Mode::ALL {
        tree::there(files::remove(root(), format!("{path}/{}", mode.mark())).await)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_attached_for_reading_does_not_write_and_the_rest_goes_together() {
        assert_eq!(to_mark(true, None).unwrap(), Some(Mode::ReadOnly));
        assert_eq!(to_mark(false, None).unwrap(), Some(Mode::Writing));
        assert_eq!(to_mark(true, Some(Mode::ReadOnly)).unwrap(), None);
        assert_eq!(to_mark(true, Some(Mode::Writing)).unwrap(), None);
        assert_eq!(to_mark(false, Some(Mode::Writing)).unwrap(), None);
        assert!(matches!(to_mark(false, Some(Mode::ReadOnly)), Err(Failure::Conflict(_))));
    }

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        for mode in Mode::ALL {
            assert_eq!(Mode::read(mode.mark()), Some(mode));
        }
        assert_eq!(Mode::read("attached"), None);
    }
}
