//! The last steps on this side: the record beside the file, and the hole (D2, D3).

use capstan_domain::Outcome;
use capstan_stub::{MIGRATE_TOGETHER, Migrated, Proof, RawTree, Wanted};

/// A file whose copies are proved and recorded.
pub(super) struct Proved {
    pub(super) path: String,
    pub(super) proof: Proof,
    pub(super) stubs: bool,
}

/// What a file is from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    Premigrated,
    Stub,
}

/// What became of a file, and whether a record of its copies stands beside it, whatever came of the rest.
pub(super) struct Freed {
    pub(super) became: Outcome<Became>,
    pub(super) has_record: bool,
}

/// Answers for each, in their order. Blocking. `leading`: bytes of a stub that stay.
pub(super) fn free(raw: &RawTree, files: &[Proved], leading: u64) -> Vec<Freed> {
    let stubs: Vec<Wanted<'_>> =
        files.iter().filter(|file| file.stubs).map(|file| Wanted { path: &file.path, proof: &file.proof, leading }).collect();
    let mut migrated = stubs.chunks(MIGRATE_TOGETHER).flat_map(|together| raw.migrate_all(together));
    let freed = files.iter().map(|file| {
        let migrated = if file.stubs { migrated.next() } else { None };
        match migrated {
            Some(Ok(Migrated::Freed(_) | Migrated::Already)) => Freed { became: Ok(Became::Stub), has_record: true },
            Some(Ok(Migrated::NothingToFree)) => Freed { became: Ok(Became::Premigrated), has_record: true },
            // It stays whole, and what is known of its copies stands beside it if that still is true of it.
            Some(Err(failure)) => {
                let has_record = raw.premigrate(&file.path, &file.proof).is_ok();
                Freed { became: Err(failure), has_record }
            }
            None => {
                let premigrated = raw.premigrate(&file.path, &file.proof);
                Freed { has_record: premigrated.is_ok(), became: premigrated.map(|()| Became::Premigrated) }
            }
        }
    });
    freed.collect()
}
