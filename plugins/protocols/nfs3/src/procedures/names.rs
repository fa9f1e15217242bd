//! Names and what stands under them.

use super::{Handle, Made, procedure};
use crate::attributes::{Attributes, SetAttributes};
use crate::xdr::Malformed;

/// Bytes of the target of a link. The protocol has no bound of its own.
const LINK_BYTES: usize = 64 << 10;

/// GETATTR (3.3.1).
#[derive(Clone, Debug)]
pub struct GetAttributes {
    pub file: Handle,
}

procedure!(GetAttributes, 1, "GETATTR", Attributes, |me, out| me.file.write(out), |answer| Attributes::read(answer));

/// SETATTR (3.3.2), without a guard. Answers what the file has now, if the server says.
#[derive(Clone, Debug)]
pub struct SetFileAttributes {
    pub file: Handle,
    pub set: SetAttributes,
}

procedure!(
    SetFileAttributes,
    2,
    "SETATTR",
    Option<Attributes>,
    |me, out| {
        me.file.write(out);
        me.set.write(out);
        out.bool(false);
    },
    |answer| Attributes::read_change(answer)
);

/// LOOKUP (3.3.3). Follows nothing.
#[derive(Clone, Debug)]
pub struct Lookup<'a> {
    pub directory: Handle,
    pub name: &'a [u8],
}

procedure!(Lookup<'_>, 3, "LOOKUP", (Handle, Option<Attributes>), |me, out| me.directory.write_with(me.name, out), |answer| Ok(
    (Handle::read(answer)?, Attributes::read_optional(answer)?)
));

/// READLINK (3.3.5).
#[derive(Clone, Debug)]
pub struct ReadLink {
    pub link: Handle,
}

procedure!(ReadLink, 5, "READLINK", Vec<u8>, |me, out| me.link.write(out), |answer| {
    Attributes::read_optional(answer)?;
    answer.opaque(LINK_BYTES, "target of a link").map(<[u8]>::to_vec)
});

/// MKDIR (3.3.9).
#[derive(Clone, Debug)]
pub struct MakeDirectory<'a> {
    pub directory: Handle,
    pub name: &'a [u8],
    pub set: SetAttributes,
}

procedure!(
    MakeDirectory<'_>,
    9,
    "MKDIR",
    Made,
    |me, out| {
        me.directory.write_with(me.name, out);
        me.set.write(out);
    },
    |answer| Made::read(answer)
);

/// SYMLINK (3.3.10).
#[derive(Clone, Debug)]
pub struct Symlink<'a> {
    pub directory: Handle,
    pub name: &'a [u8],
    pub target: &'a [u8],
}

procedure!(
    Symlink<'_>,
    10,
    "SYMLINK",
    Made,
    |me, out| {
        me.directory.write_with(me.name, out);
        SetAttributes::default().write(out);
        out.opaque(me.target);
    },
    |answer| Made::read(answer)
);

/// REMOVE (3.3.12): anything but a directory.
#[derive(Clone, Debug)]
pub struct Remove<'a> {
    pub directory: Handle,
    pub name: &'a [u8],
}

procedure!(Remove<'_>, 12, "REMOVE", (), |me, out| me.directory.write_with(me.name, out), |_answer| Ok(()));

/// RMDIR (3.3.13): an empty directory.
#[derive(Clone, Debug)]
pub struct RemoveDirectory<'a> {
    pub directory: Handle,
    pub name: &'a [u8],
}

procedure!(RemoveDirectory<'_>, 13, "RMDIR", (), |me, out| me.directory.write_with(me.name, out), |_answer| Ok(()));

/// RENAME (3.3.14): atomic, and over what is there.
#[derive(Clone, Debug)]
pub struct Rename<'a> {
    pub from: Handle,
    pub from_name: &'a [u8],
    pub to: Handle,
    pub to_name: &'a [u8],
}

procedure!(
    Rename<'_>,
    14,
    "RENAME",
    (),
    |me, out| {
        me.from.write_with(me.from_name, out);
        me.to.write_with(me.to_name, out);
    },
    |_answer| Ok(())
);

/// LINK (3.3.15): a second name for a file. Atomic, and never over what is there.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    pub file: Handle,
    pub directory: Handle,
    pub name: &'a [u8],
}

procedure!(
    Link<'_>,
    15,
    "LINK",
    (),
    |me, out| {
        me.file.write(out);
        me.directory.write_with(me.name, out);
    },
    |_answer| Ok::<(), Malformed>(())
);
