//! Names people really have, for keys and for paths: each is kept as it is, or refused as `invalid`; none is made into another.
//!
//! Most a target must hold. Those that many file systems cannot (control characters, ends that are dropped, two spellings of one
//! letter) it may refuse, never bend.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;

use crate::case::{Case, Want};
use crate::content::{counting, same};
use crate::stand::Stand;
use crate::store::Store;
use crate::{Check, clause, told};

struct Class {
    id: &'static str,
    rule: &'static str,
    names: &'static [&'static str],
    /// Answers as well.
    refusals: &'static [Kind],
}

const fn must(id: &'static str, rule: &'static str, names: &'static [&'static str]) -> Class {
    Class { id, rule, names, refusals: &[] }
}

const fn may_refuse(id: &'static str, rule: &'static str, names: &'static [&'static str]) -> Class {
    Class { id, rule, names, refusals: &[Kind::Invalid] }
}

/// Names of one component.
const CLASSES: &[Class] = &[
    must("plain", "plain names are kept", &["plain", "with.dots.txt", "under_score", "UPPER", "0", "-", "--help", "~"]),
    must("spaces-inside", "spaces inside a name are kept, every one", &["a b", "a  b", "a   b c"]),
    must(
        "signs",
        "signs that mean something elsewhere are kept",
        &[
            "plus+sign",
            "percent%41sign",
            "%",
            "%2F",
            "%zz",
            "hash#tag",
            "a&b=c;d",
            "a,b",
            "at@sign",
            "dollar$sign",
            "ex!claim",
            "(paren)",
            "[bracket]",
            "{brace}",
            "caret^",
            "tilde~",
            "equals=",
        ],
    ),
    must("quotes", "quotes are kept", &["single'quote", "`backticks`", "a''b"]),
    must("scripts", "names in other scripts are kept", &["grün", "日本語", "Ελληνικά", "עברית", "नमस्ते"]),
    must("beyond-the-first-plane", "characters of four bytes are kept", &["🗄", "a🦀b", "𝒳"]),
    must("escapes", "what the host escaped is kept as it is escaped", &["%!25!41", "byte%!FF", "a%!25!2Fb"]),
    must("leading-dots", "names that begin with dots are kept", &[".hidden", "..two", "...", "..."]),
    must(
        "looks-like-a-marker",
        "names that look like markers, versions and queries are kept",
        &["versionId=1", "uploads", "list-type", "k", "t", "null", "undefined"],
    ),
    may_refuse(
        "reserved-elsewhere",
        "signs that Windows cannot hold are kept, or refused",
        &["colon:", "star*", "question?mark", "double\"quote", "less<than", "greater>than", "pipe|", "back\\slash"],
    ),
    may_refuse("leading-space", "a space at the beginning is kept, or refused", &[" leading", "  two"]),
    may_refuse("trailing-space", "a space at the end is kept, or refused", &["trailing ", "trailing  "]),
    may_refuse("trailing-dot", "a dot at the end is kept, or refused", &["dot.", "dots.."]),
    may_refuse(
        "tab-and-newline",
        "tabs and line ends are kept, or refused",
        &["tab\there", "new\nline", "carriage\rreturn", "both\r\n"],
    ),
    may_refuse(
        "control",
        "control characters are kept, or refused",
        &["bell\u{7}", "one\u{1}", "escape\u{1b}[0m", "delete\u{7f}", "next\u{85}line"],
    ),
    may_refuse(
        "composed-and-decomposed",
        "the composed and the decomposed spelling are two names, or one is refused",
        &["é", "e\u{301}", "\u{212b}", "\u{c5}", "A\u{30a}"],
    ),
    Class {
        id: "case-pairs",
        rule: "names that differ in case are two names, or one is refused",
        names: &["readme", "README", "ReadMe", "straße", "STRASSE", "ı", "I"],
        // A server that takes one for the other says what is in the way.
        refusals: &[Kind::Invalid, Kind::AlreadyExists],
    },
    may_refuse(
        "invisible",
        "characters that cannot be seen are kept, or refused",
        &["zero\u{200b}width", "right\u{202e}left", "\u{feff}mark", "no\u{a0}break", "soft\u{ad}hyphen"],
    ),
    may_refuse("noncharacters", "code points that are no characters are kept, or refused", &["\u{fffe}", "\u{ffff}", "\u{fffd}"]),
    may_refuse("devices", "names that are devices elsewhere are kept, or refused", &["CON", "nul", "COM1.txt", "aux"]),
];

/// Only keys have these: empty parts and dots mean something in a path.
const KEY_CLASSES: &[Class] = &[
    must("folders", "slashes part names and mean nothing else", &["a/b", "a/b/c/d/e/f", "folder-marker/"]),
    may_refuse(
        "dot-parts",
        "parts that are dots are kept, or refused; none leads elsewhere",
        &["dots/../in", "dots/./in", "../up", "./here", "a/..", ".."],
    ),
    may_refuse("empty-parts", "empty parts are kept, or refused", &["double//slash", "triple///slash", "/leading", "trailing//"]),
];

pub fn objects() -> Vec<Case> {
    CLASSES.iter().chain(KEY_CLASSES).map(|class| case("objects/key", Want::Objects, clause::TEXT, class)).collect()
}

pub fn files() -> Vec<Case> {
    CLASSES.iter().map(|class| case("files/name", Want::Files, clause::TEXT, class)).collect()
}

fn case(group: &str, want: Want, clause: clause::Clause, class: &'static Class) -> Case {
    Case::new(format!("{group}-{}", class.id), clause, &[want], class.rule, move |stand| Box::pin(kept(stand, want, class)))
}

async fn kept(stand: &Stand<'_>, want: Want, class: &Class) -> Check {
    let store = if want == Want::Files { Store::Files(stand.files()?) } else { Store::Objects(stand.objects()?) };
    let escaped = stand.said("name-escape").unwrap_or_default();
    let folder = stand.key("n/");
    let mut wanted = BTreeMap::new();
    for name in class.names.iter().filter(|name| !name.contains(|c| escaped.contains(c))) {
        let size = 1 + wanted.len() as u64;
        match store
            .put(stand.location, &format!("{folder}{name}"), counting(size), &format!("put {size}"), PutOptions::default())
            .await
        {
            Ok(_) => {
                wanted.insert(*name, size);
            }
            Err(failure) if class.refusals.contains(&failure.kind) => {}
            Err(failure) => return Err(told(failure).context(format!("put {name:?}"))),
        }
    }
    for (name, size) in &wanted {
        let (claimed, body) = store
            .get(stand.location, &format!("{folder}{name}"), None)
            .await
            .map_err(told)
            .with_context(|| format!("get {name:?}"))?;
        ensure!(claimed == *size, "{name:?} is another one: {claimed} bytes instead of {size}");
        same(body, 0, *size).await.with_context(|| format!("{name:?}"))?;
        let looked = store
            .look(stand.location, &format!("{folder}{name}"))
            .await
            .map_err(told)
            .with_context(|| format!("look at {name:?}"))?;
        ensure!(looked == *size, "a look at {name:?} tells {looked} bytes");
    }
    let listed = store.list(stand.location, &folder).await?;
    let expected: BTreeMap<String, u64> = wanted.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    ensure!(listed == expected, "listed are {listed:?} instead of {expected:?}");
    for name in wanted.keys() {
        store
            .remove(stand.location, &format!("{folder}{name}"), "remove")
            .await
            .map_err(told)
            .with_context(|| format!("remove {name:?}"))?;
        ensure!(store.is_there(stand.location, &format!("{folder}{name}")).await?.is_none(), "{name:?} is still there");
    }
    Ok(())
}
