//! Keys people really have.

/// All of them at once in one location; none is made into another.
pub const ODD: [&str; 18] = [
    "plain",
    "a folder/with a file",
    "trailing space ",
    " leading space",
    "plus+sign",
    "percent%41sign",
    "question?mark",
    "hash#tag&and=more;",
    "quotes'\"and`backticks",
    "angle<brackets>",
    "unicode/grün/日本語/🗄",
    "decomposed/e\u{301}",
    "double//slash",
    "dots/../in/./it",
    "back\\slash",
    "tab\tand\nnewline",
    "tilde~star*paren(thesis)!",
    "folder-marker/",
];

/// No document can name it; a path can.
pub const CONTROL: &str = "control\u{1}character";
