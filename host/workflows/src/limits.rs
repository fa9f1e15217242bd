//! Every bound of this room. What exceeds one is refused, with the bound in the message.

/// Paths of one task, whatever a site asks for.
pub use capstan_domain::workflow::MOST_PATHS;

/// Characters of a workflow's name, and of its label.
pub const LONGEST_NAME: usize = 100;
/// Icon classes of a workflow.
pub const MOST_ICON_CLASSES: usize = 16;
/// Characters of one icon class.
pub const LONGEST_ICON_CLASS: usize = 200;
/// Fields of a workflow.
pub const MOST_FIELDS: usize = 32;
/// Choices of a field.
pub const MOST_CHOICES: usize = 64;
/// Characters of a value that a field or an argument holds.
pub const LONGEST_VALUE: usize = 1024;
/// Rules of a workflow.
pub const MOST_RULES: usize = 64;
/// Characters of the state a rule asks for.
pub const LONGEST_STATE: usize = 64;
/// Steps of one rule's chain.
pub const MOST_STEPS: usize = 16;
/// Globs of one list.
pub const MOST_GLOBS: usize = 64;
/// Characters of one glob.
pub const LONGEST_GLOB: usize = 512;
/// Characters of the regex of an external target.
pub const LONGEST_REGEX: usize = 1024;
/// Bytes that a compiled regex may take; more is refused.
pub const REGEX_BYTES: usize = 1 << 20;
/// Bytes that a regex may take for what it remembers while it matches; then it forgets, and gets slower.
pub const REGEX_CACHE_BYTES: usize = 1 << 20;
/// How deep the groups of a regex nest.
pub const REGEX_DEPTH: u32 = 64;
/// External targets that one router chooses among.
pub const MOST_ROUTES: usize = 1024;
/// Errors that are reported of one document; those after are left out.
pub const MOST_ERRORS: usize = 100;
/// Names of one inode that are looked at for moves; a file with more of them is never taken as moved.
pub const MOST_LINKS: usize = 64;
