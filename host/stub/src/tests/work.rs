//! The works of the room, each with its steps: what they begin from, and what must be true wherever they end.

use std::time::{Duration, UNIX_EPOCH};

use capstan_domain::Outcome;
use capstan_domain::failure::Kind;
use capstan_domain::time::Timestamp;

use super::{CHANGED, World, bring_all, bytes, content_of, patiently};
use crate::path::temporary;
use crate::steps::Step;
use crate::{Access, Existing, NewStub, Repaired, State};

pub(super) const NAME: &str = "file";
/// More than one piece.
const SIZE: usize = (16 << 20) + 70_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Premigrate,
    Migrate,
    MigrateLeading,
    Recall,
    RecallLeading,
    Invalidate,
    Empty,
    SetModified,
    ReverseStub,
}

pub(super) const ALL: [Work; 9] = [
    Work::Premigrate,
    Work::Migrate,
    Work::MigrateLeading,
    Work::Recall,
    Work::RecallLeading,
    Work::Invalidate,
    Work::Empty,
    Work::SetModified,
    Work::ReverseStub,
];

pub(super) fn content() -> Vec<u8> {
    bytes(SIZE, 42)
}

fn later() -> Timestamp {
    (UNIX_EPOCH + CHANGED + Duration::from_secs(1000)).into()
}

impl Work {
    pub(super) fn steps(self) -> &'static [Step] {
        match self {
            Self::Premigrate => &[Step::PremigratedWritten],
            Self::Migrate | Self::MigrateLeading => {
                &[Step::Leased, Step::MigratedWritten, Step::MigratedSynced, Step::Punched, Step::TimesRestored]
            }
            Self::Recall | Self::RecallLeading => &[
                Step::RecallingWritten,
                Step::PieceWritten,
                Step::PieceProved,
                Step::ContentTimed,
                Step::ContentSynced,
                Step::PremigratedWritten,
                Step::PremigratedSynced,
            ],
            Self::Invalidate => &[Step::RecordRemoved, Step::RemovalSynced],
            Self::Empty => &[Step::Emptied, Step::RecordRemoved, Step::RemovalSynced],
            Self::SetModified => &[Step::Retimed],
            Self::ReverseStub => &[Step::StubMade, Step::StubSynced, Step::StubNamed],
        }
    }

    /// What it begins from.
    pub(super) fn prepare(self, world: &World) {
        match self {
            Self::Premigrate | Self::Migrate | Self::MigrateLeading => world.write(NAME, &content()),
            Self::Recall | Self::Empty | Self::SetModified => world.stub(NAME, &content(), 0),
            Self::RecallLeading => world.stub(NAME, &content(), 10_000),
            Self::Invalidate => {
                world.write(NAME, &content());
                patiently(|| world.tree.premigrate(NAME, &world.proof(NAME))).unwrap();
            }
            Self::ReverseStub => {}
        }
        world.tree.sync().unwrap();
    }

    pub(super) fn run(self, world: &World) -> Outcome<()> {
        let tree = &world.tree;
        match self {
            Self::Premigrate => patiently(|| tree.premigrate(NAME, &world.proof(NAME))),
            Self::Migrate => patiently(|| tree.migrate(NAME, &world.proof(NAME), 0)).map(drop),
            Self::MigrateLeading => patiently(|| tree.migrate(NAME, &world.proof(NAME), 10_000)).map(drop),
            Self::Recall => bring_all(&tree.recall(NAME, &[])?, &content()),
            // A copy whose beginning differs costs the leading bytes, and nothing else.
            Self::RecallLeading => {
                let filling = tree.recall(NAME, &[])?;
                let mut wrong = content();
                wrong[5] ^= 1;
                assert_eq!(super::bring(&filling, 0, &wrong).unwrap_err().kind, Kind::Corrupt);
                bring_all(&filling, &content())
            }
            Self::Invalidate => tree.file(NAME, Access::Write)?.invalidate().map(drop),
            Self::Empty => tree.file(NAME, Access::Write)?.empty().map(drop),
            Self::SetModified => tree.file(NAME, Access::Read)?.set_modified(later()),
            Self::ReverseStub => {
                let content = content_of(&content());
                let new = NewStub { content: &content, mode: 0o640, owner: None };
                tree.reverse_stub(NAME, &new, Existing::Keep).map(drop)
            }
        }
    }

    /// What is durable once it said that it was done.
    pub(super) fn check_promise(self, world: &World, when: &str) {
        let look = world.tree.look(NAME).unwrap();
        let kept = match self {
            // It may be lost, and then the file is resident.
            Self::Premigrate => look.is_data(),
            Self::Migrate | Self::MigrateLeading | Self::SetModified | Self::ReverseStub => {
                matches!(look.state, State::Migrated(_))
            }
            Self::Recall | Self::RecallLeading => matches!(look.state, State::Premigrated(_)),
            Self::Invalidate => look.state == State::Resident,
            Self::Empty => look.state == State::Resident && look.size == 0,
        };
        assert!(kept, "{when}: {look:?}");
    }

    /// After a death anywhere: one repair makes the file sound, and it is never other bytes than it should be.
    pub(super) fn check(self, world: &World, when: &str) {
        let tree = &world.tree;
        match tree.repair(&temporary(NAME)) {
            Ok(repaired) => assert_eq!(repaired, Repaired::Removed, "{when}"),
            Err(failure) => assert_eq!(failure.kind, Kind::NotFound, "{when}: {failure:?}"),
        }
        if self == Self::ReverseStub && !world.path(NAME).exists() {
            return;
        }
        // What stands there before it is repaired is no data either, unless it says so.
        let before = tree.look(NAME).unwrap();
        if before.is_data() && self != Self::Empty {
            assert!(world.read(NAME) == content(), "{when}: {before:?}");
        }
        tree.repair(NAME).unwrap();
        assert_eq!(tree.repair(NAME).unwrap(), Repaired::Sound, "{when}: a second repair finds nothing");
        let look = tree.look(NAME).unwrap();
        assert!(!look.unfinished, "{when}: {look:?}");
        match &look.state {
            State::Resident | State::Premigrated(_) => {}
            State::Migrated(record) => {
                assert!(look.allocated <= record.leading.next_multiple_of(65_536) + 4096, "{when}: {look:?}");
                let leading = record.leading as usize;
                assert!(world.read(NAME)[..leading] == content()[..leading], "{when}: the leading bytes");
                assert!(world.modified(NAME) == UNIX_EPOCH + CHANGED || self == Self::SetModified, "{when}: the time of a stub");
                let filling = tree.recall(NAME, &[]).unwrap();
                bring_all(&filling, &content()).unwrap();
            }
            other => panic!("{when}: {other:?}"),
        }
        if self == Self::Empty && world.read(NAME).is_empty() {
            return;
        }
        assert!(world.read(NAME) == content(), "{when}: the content");
        assert!(tree.look(NAME).unwrap().is_data(), "{when}");
        let modified = Timestamp::from(world.modified(NAME));
        let right = modified == (UNIX_EPOCH + CHANGED).into() || (self == Self::SetModified && modified == later());
        assert!(right, "{when}: the time is {modified:?}");
    }
}
