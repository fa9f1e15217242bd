//! What is made belongs to whoever made it, and modes and ACLs hold.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::XattrFlags;

use super::{World, bytes};

const SOMEBODY: u32 = 65_534;
const DEFAULT_ACL: &str = "system.posix_acl_default";
const ACL: &str = "system.posix_acl_access";

fn as_somebody(script: &str, directory: &Path) -> bool {
    Command::new("sh").arg("-c").arg(script).current_dir(directory).uid(SOMEBODY).gid(SOMEBODY).status().unwrap().success()
}

/// user::rwx, user:1000:rw-, group::r-x, mask::rwx, other::---, as `acl(5)` has it in an attribute (version 2).
fn acl() -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, bits, id) in [(1_u16, 7_u16, u32::MAX), (2, 6, 1000), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 0, u32::MAX)] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn what_somebody_makes_is_theirs_under_their_mask() {
    let Some(world) = World::new() else { return };
    fs::create_dir(world.at("open")).unwrap();
    fs::set_permissions(world.at("open"), PermissionsExt::from_mode(0o777)).unwrap();
    let script = "umask 027; echo x > file && mkdir folder && ln -s file link && mkfifo pipe && ln file hard && chmod 600 hard";
    assert!(as_somebody(script, &world.at("open")));
    for (name, mode) in [("file", 0o600), ("folder", 0o750), ("link", 0o777), ("pipe", 0o640)] {
        let known = fs::symlink_metadata(world.at("open").join(name)).unwrap();
        assert_eq!((known.uid(), known.gid(), known.mode() & 0o7777), (SOMEBODY, SOMEBODY, mode), "{name}");
        let raw = fs::symlink_metadata(world.raw("open").join(name)).unwrap();
        assert_eq!((raw.uid(), raw.gid(), raw.mode()), (known.uid(), known.gid(), known.mode()), "{name}");
    }
}

#[test]
fn what_modes_forbid_is_forbidden_also_of_stubs() {
    let Some(world) = World::new() else { return };
    world.stub("file", &bytes(10_000, 1), 0);
    fs::set_permissions(world.raw("file"), PermissionsExt::from_mode(0o600)).unwrap();
    assert!(!as_somebody("cat file >/dev/null 2>&1", &world.view));
    assert!(!as_somebody("echo x > new 2>/dev/null", &world.view));
    assert!(!as_somebody("rm -f file 2>/dev/null", &world.view));
    assert_eq!(world.recalls.calls(), 0);
    fs::set_permissions(world.at("file"), PermissionsExt::from_mode(0o644)).unwrap();
    assert!(as_somebody("cat file >/dev/null", &world.view));
    assert!(!as_somebody("cat ../raw/file 2>/dev/null", &world.view), "the raw tree is nobody's");
}

#[test]
fn a_folder_that_hands_on_its_group_and_acl_does() {
    let Some(world) = World::new() else { return };
    let plain = tempfile::tempdir().unwrap();
    let known = |root: &Path| {
        let folder = root.join("folder");
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, None, Some(1234)).unwrap();
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o2777)).unwrap();
        rustix::fs::setxattr(&folder, DEFAULT_ACL, &acl(), XattrFlags::empty()).unwrap();
        fs::write(folder.join("file"), b"x").unwrap();
        fs::create_dir(folder.join("below")).unwrap();
        rustix::fs::setxattr(folder.join("file"), ACL, &acl(), XattrFlags::empty()).unwrap();
        fs::write(folder.join("other"), b"x").unwrap();
        let of = |name: &str| {
            let path = folder.join(name);
            let known = fs::metadata(&path).unwrap();
            let read = |attribute: &str| {
                let mut value = [0; 1000];
                rustix::fs::getxattr(&path, attribute, value.as_mut_slice()).ok().map(|length| value[..length].to_vec())
            };
            (known.mode(), known.gid(), read(ACL), read(DEFAULT_ACL))
        };
        ["file", "below", "other"].map(of)
    };
    assert_eq!(known(&world.view), known(plain.path()));
}

#[test]
fn set_user_id_goes_with_a_write_of_somebody_else() {
    for world in [World::new(), World::plain()] {
        let Some(world) = world else { return };
        fs::write(world.at("file"), b"program").unwrap();
        fs::set_permissions(world.at("file"), PermissionsExt::from_mode(0o6777)).unwrap();
        assert!(as_somebody("echo x >> file", &world.view));
        std::thread::sleep(crate::FRESH);
        assert_eq!(fs::metadata(world.at("file")).unwrap().mode() & 0o7777, 0o777);
    }
}
