//! A file system so small that it can be filled: a tmpfs over a directory. Mounting takes root, or sudo without a password.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

/// Unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    directory: PathBuf,
}

impl SmallDisk {
    /// Over what is in `directory`, which must be there.
    pub fn over(directory: &Path, mebibytes: u64) -> anyhow::Result<Self> {
        let size = format!("size={mebibytes}m,mode=0777");
        mount_tool("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], directory)?;
        Ok(Self { directory: directory.to_path_buf() })
    }

    /// More room, under whoever uses it.
    pub fn grow(&self, mebibytes: u64) -> anyhow::Result<()> {
        mount_tool("mount", &["-o", &format!("remount,size={mebibytes}m")], &self.directory)
    }

    /// From now on nothing on it can be changed.
    pub fn seal(&self) -> anyhow::Result<()> {
        mount_tool("mount", &["-o", "remount,ro"], &self.directory)
    }

    /// Names of everything on it, hidden files too.
    pub fn names(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a host that still holds a file open must not keep it.
        let _ = mount_tool("umount", &["-l"], &self.directory);
    }
}

fn mount_tool(program: &str, arguments: &[&str], directory: &Path) -> anyhow::Result<()> {
    let mut why = String::new();
    for before in [&[][..], &["sudo", "-n"]] {
        let words: Vec<&str> = before.iter().copied().chain([program]).chain(arguments.iter().copied()).collect();
        let Some((first, rest)) = words.split_first() else { continue };
        match Command::new(first).args(rest).arg(directory).output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => why = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => why = error.to_string(),
        }
    }
    bail!("{program} of {} takes root, or sudo without a password: {why}", directory.display())
}
