//! Names of files and directories (section 7.4).

use crate::bounds::{NAME_BYTES, NAME_CHARACTERS};

/// Whether an entry may be called so.
pub fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && !name.contains(['/', '\0'])
        && name.len() <= NAME_BYTES
        && name.chars().count() <= NAME_CHARACTERS
}

/// A name that a volume has and that no path can hold, as one that it can: what is in the way stays encoded. None: too long, or no name.
pub(crate) fn storable(name: String) -> Option<String> {
    let name = match name.as_str() {
        "." | ".." => name.replace('.', "%2E"),
        _ if name.contains(['/', '\0']) => name.replace('/', "%2F").replace('\0', "%00"),
        _ => name,
    };
    is_name(&name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_slash_and_up_to_255_characters() {
        assert!(is_name("a") && is_name("...") && is_name(&"日".repeat(255)));
        assert!(!is_name("") && !is_name("..") && !is_name("a/b") && !is_name("a\0") && !is_name(&"日".repeat(256)));
        assert_eq!(storable("../x".to_owned()).as_deref(), Some("..%2Fx"));
        assert_eq!(storable("..".to_owned()).as_deref(), Some("%2E%2E"));
        assert_eq!((storable(String::new()), storable("x".repeat(256))), (None, None));
    }
}
