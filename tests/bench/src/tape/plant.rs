//! Many files of a few contents: names are links to them, so that all of them fit into the machine's memory.

use std::fs::File;
use std::io::{Read, copy};
use std::path::Path;

/// Files of a folder.
const FOLDER: u64 = 200;
/// Contents are given out in strides, so that sizes are mixed; it has no factor in common with any number of contents here.
const STRIDE: u64 = 7_919;

/// Of the file of this number, below what was planted.
pub(super) fn name(number: u64) -> String {
    format!("folder-{:03}/file-{number:06}", number / FOLDER)
}

/// So many files below a directory, of noise in these sizes, which are not none. Answers the bytes of all.
pub(super) fn plant(to: &Path, sizes: &[u64], files: u64) -> anyhow::Result<u64> {
    let contents = to.with_extension("contents");
    std::fs::create_dir(to)?;
    std::fs::create_dir(&contents)?;
    let noise = File::open("/dev/urandom")?;
    for (number, size) in sizes.iter().enumerate() {
        copy(&mut (&noise).take(*size), &mut File::create(contents.join(number.to_string()))?)?;
    }
    let mut bytes = 0;
    for number in 0..files {
        let content = usize::try_from(number * STRIDE % sizes.len() as u64)?;
        let path = to.join(name(number));
        if number % FOLDER == 0
            && let Some(folder) = path.parent()
        {
            std::fs::create_dir(folder)?;
        }
        std::fs::hard_link(contents.join(content.to_string()), path)?;
        bytes += sizes.get(content).copied().unwrap_or(0);
    }
    Ok(bytes)
}
