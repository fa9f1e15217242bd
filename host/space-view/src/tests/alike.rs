//! Whatever is done in a view comes to what it comes to in a plain directory: the same answers, the same trees.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{CWD, FallocateFlags, RenameFlags, XattrFlags};

use super::{World, bytes, number};

const ROUNDS: usize = 6000;
/// Rounds between two looks at everything.
const LOOKED: usize = 500;

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    fn name(&mut self) -> String {
        let depth = self.next(3);
        (0..=depth).map(|_| format!("n{}", self.next(5))).collect::<Vec<_>>().join("/")
    }
}

#[derive(Debug)]
enum Work {
    Write { name: String, offset: u64, length: usize, seed: u64 },
    Replace { name: String, length: usize, seed: u64 },
    Append { name: String, length: usize },
    Cut { name: String, size: u64 },
    Punch { name: String, offset: u64, length: u64 },
    Copy { from: String, to: String },
    Folder(String),
    RemoveFolder(String),
    Remove(String),
    Rename { from: String, to: String, flags: RenameFlags },
    Link { from: String, to: String },
    Symlink { to: String, name: String },
    Mode { name: String, mode: u32 },
    Owner { name: String, user: u32 },
    Time { name: String, seconds: u64 },
    Attribute { name: String, value: u64 },
    NoAttribute(String),
    Read(String),
}

impl Work {
    fn random(random: &mut Random) -> Self {
        let name = random.name();
        let flags = [RenameFlags::empty(), RenameFlags::empty(), RenameFlags::NOREPLACE, RenameFlags::EXCHANGE];
        match random.next(24) {
            0..=2 => {
                Self::Write { name, offset: random.next(100_000), length: random.next(40_000) as usize, seed: random.next(1000) }
            }
            3..=5 => Self::Replace { name, length: random.next(60_000) as usize, seed: random.next(1000) },
            6 => Self::Append { name, length: random.next(5_000) as usize },
            7 => Self::Cut { name, size: random.next(3) * random.next(80_000) },
            8 => Self::Punch { name, offset: random.next(50_000), length: 1 + random.next(30_000) },
            9 => Self::Copy { from: name, to: random.name() },
            10 | 11 => Self::Folder(name),
            12 => Self::RemoveFolder(name),
            13 | 14 => Self::Remove(name),
            15 | 16 => Self::Rename { from: name, to: random.name(), flags: flags[random.next(4) as usize] },
            17 => Self::Link { from: name, to: random.name() },
            18 => Self::Symlink { to: "n0/../somewhere".to_owned(), name },
            19 => Self::Mode { name, mode: random.next(0o1000) as u32 },
            20 => match random.next(2) {
                0 => Self::Owner { name, user: random.next(3) as u32 * 1000 },
                _ => Self::Time { name, seconds: random.next(2_000_000_000) },
            },
            21 => Self::Attribute { name, value: random.next(1 << 40) },
            22 => Self::NoAttribute(name),
            _ => Self::Read(name),
        }
    }

    /// The answer, as an error number and what was read.
    fn on(&self, root: &Path) -> (Option<i32>, Vec<u8>) {
        let at = |name: &str| root.join(name);
        let is_link = |name: &str| fs::symlink_metadata(at(name)).is_ok_and(|known| known.file_type().is_symlink());
        let open = |name: &str| OpenOptions::new().read(true).write(true).open(at(name));
        let raw = |result: rustix::io::Result<()>| result.err().map(rustix::io::Errno::raw_os_error);
        let answer = match self {
            Self::Write { name, offset, length, seed } => {
                let file = OpenOptions::new().write(true).create(true).truncate(false).open(at(name));
                number(file.and_then(|file| file.write_all_at(&bytes(*length, *seed), *offset)))
            }
            Self::Replace { name, length, seed } => number(fs::write(at(name), bytes(*length, *seed))),
            Self::Append { name, length } => {
                let file = OpenOptions::new().append(true).open(at(name));
                number(file.and_then(|mut file| std::io::Write::write_all(&mut file, &bytes(*length, 7))))
            }
            Self::Cut { name, size } => number(open(name).and_then(|file| file.set_len(*size))),
            Self::Punch { name, offset, length } => match open(name) {
                Ok(file) => {
                    raw(rustix::fs::fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, *offset, *length))
                }
                Err(error) => error.raw_os_error(),
            },
            Self::Copy { from, to } if from != to => number(fs::copy(at(from), at(to))),
            Self::Copy { .. } => None,
            Self::Folder(name) => number(fs::create_dir(at(name))),
            Self::RemoveFolder(name) => number(fs::remove_dir(at(name))),
            Self::Remove(name) => number(fs::remove_file(at(name))),
            Self::Rename { from, to, flags } => raw(rustix::fs::renameat_with(CWD, at(from), CWD, at(to), *flags)),
            Self::Link { from, to } => number(fs::hard_link(at(from), at(to))),
            Self::Symlink { to, name } => number(symlink(to, at(name))),
            Self::Mode { name, .. } | Self::Owner { name, .. } | Self::Time { name, .. } if is_link(name) => None,
            Self::Mode { name, mode } => number(fs::set_permissions(at(name), fs::Permissions::from_mode(*mode))),
            Self::Owner { name, user } => number(std::os::unix::fs::chown(at(name), Some(*user), Some(*user))),
            Self::Time { name, seconds } => {
                number(File::open(at(name)).and_then(|file| file.set_modified(UNIX_EPOCH + Duration::new(*seconds, 5))))
            }
            Self::Attribute { name, value } => {
                raw(rustix::fs::setxattr(at(name), "user.value", &value.to_le_bytes(), XattrFlags::empty()))
            }
            Self::NoAttribute(name) => raw(rustix::fs::removexattr(at(name), "user.value")),
            Self::Read(name) => match fs::read(at(name)) {
                Ok(read) => return (None, read),
                Err(error) => error.raw_os_error(),
            },
        };
        (answer, Vec::new())
    }
}

/// Everything that is to be the same, by path.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let known = fs::symlink_metadata(&path).unwrap();
            let content = if known.is_dir() {
                left.push(path.clone());
                "folder".to_owned()
            } else if known.file_type().is_symlink() {
                fs::read_link(&path).unwrap().display().to_string()
            } else {
                let read = fs::read(&path).unwrap();
                assert_eq!(read.len() as u64, known.len());
                blake3::hash(&read).to_string()
            };
            let mut value = [0; 64];
            let attribute =
                rustix::fs::lgetxattr(&path, "user.value", value.as_mut_slice()).ok().map(|length| value[..length].to_vec());
            let time = if known.mtime_nsec() == 5 { known.mtime() } else { 0 };
            let links = if known.is_dir() { 0 } else { known.nlink() };
            let line = format!("{content} {:o} {} {} {links} {time} {attribute:?}", known.mode(), known.uid(), known.gid());
            found.insert(path.strip_prefix(root).unwrap().display().to_string(), line);
        }
    }
    found
}

/// A file of the raw tree becomes a stub, or premigrated, if nobody is at it.
fn send_away(world: &World, random: &mut Random) {
    let name = random.name();
    let is_file = fs::symlink_metadata(world.raw(&name)).is_ok_and(|known| known.is_file() && known.len() > 0);
    if is_file {
        let _ = if random.next(3) == 0 { world.premigrate(&name) } else { world.migrate(&name, random.next(2) * 5000) };
    }
}

fn alike(world: Option<World>, seed: u64) {
    let Some(world) = world else { return };
    let plain = tempfile::tempdir().unwrap();
    let mut random = Random(seed);
    for round in 0..ROUNDS {
        for _ in 0..3 {
            send_away(&world, &mut random);
        }
        let work = Work::random(&mut random);
        let (wanted, got) = (work.on(plain.path()), work.on(&world.view));
        assert!(wanted == got, "seed {seed}, round {round}: {work:?} gave {:?} and not {:?}", got.0, wanted.0);
        if round % LOOKED == LOOKED - 1 {
            let (wanted, got) = (tree(plain.path()), tree(&world.view));
            for (path, line) in &wanted {
                assert_eq!(got.get(path), Some(line), "seed {seed}, round {round}: {path}");
            }
            assert_eq!(wanted.len(), got.len(), "seed {seed}, round {round}");
        }
    }
    assert!(world.recalls.calls() > 20 && world.told.stale() > 5, "{} {}", world.recalls.calls(), world.told.stale());
}

#[test]
fn a_view_with_passthrough_is_like_a_plain_directory() {
    alike(World::new(), 0x1234_5678_9abc_def1);
    alike(World::new(), 77);
}

#[test]
fn a_view_without_passthrough_is_like_a_plain_directory() {
    alike(World::plain(), 0x1234_5678_9abc_def1);
    alike(World::plain(), 78);
}
