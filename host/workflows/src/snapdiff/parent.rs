//! Where a path stands.

/// The folder, empty for a path at the top, and the name in it.
pub(super) fn parent_and_name(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
