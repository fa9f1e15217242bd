//! Changes that write nothing but a line of the next catalogue.

use super::Volume;
use crate::catalogue::Change;
use crate::{Refused, Setting};

impl Volume {
    /// A file, a link or an empty directory.
    pub fn remove(&mut self, path: &str) -> Result<(), Refused> {
        self.may_change(1)?;
        self.tree.remove(path)?;
        self.changes.push(Change::Remove { path: path.to_owned() });
        Ok(())
    }

    /// Into a directory that is there. `replace`: what lies there goes, a directory only if it is empty and makes room for one.
    pub fn rename(&mut self, from: &str, to: &str, replace: bool) -> Result<(), Refused> {
        self.may_change(1)?;
        self.tree.rename(from, to, replace)?;
        self.changes.push(Change::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    pub fn set(&mut self, path: &str, setting: &Setting) -> Result<(), Refused> {
        self.may_change(1)?;
        self.tree.set(path, setting)?;
        self.changes.push(Change::set(path, setting));
        Ok(())
    }

    /// No value removes it, if it is there.
    pub fn set_xattr(&mut self, path: &str, name: &str, value: Option<&[u8]>) -> Result<(), Refused> {
        self.may_change(1)?;
        self.tree.set_xattr(path, name, value)?;
        let value = value.map(hex::encode);
        self.changes.push(Change::Xattr { path: path.to_owned(), name: name.to_owned(), value });
        Ok(())
    }
}
