//! Which external target takes a file: the first one, in the order given, whose `local_file_regex` is found in the file's path as
//! clients see it, under the mountpoint of its space. `^` and `$` tie a regex to the ends.
//!
//! The engine has neither backreferences nor look-around, so that matching takes time linear in the path; a regex that needs them, or
//! one that would be too big when compiled, is refused when the target is made.

use regex::{Regex, RegexBuilder};

use crate::limits::{LONGEST_REGEX, MOST_ROUTES, REGEX_BYTES, REGEX_CACHE_BYTES, REGEX_DEPTH};

/// Why a regex is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexRefusal {
    #[error("A regex has 1 to {LONGEST_REGEX} characters.")]
    Length,
    #[error("The regex takes more than {REGEX_BYTES} bytes when compiled.")]
    TooBig,
    #[error("Not a regex: {0}")]
    Syntax(String),
    #[error("More than {MOST_ROUTES} external targets.")]
    TooMany,
}

/// A regex of an external target, compiled within bounds.
///
/// # Errors
/// What it is refused for.
pub fn local_file_regex(text: &str) -> Result<Regex, RegexRefusal> {
    if text.is_empty() || text.chars().count() > LONGEST_REGEX {
        return Err(RegexRefusal::Length);
    }
    let mut builder = RegexBuilder::new(text);
    let bounded = builder.size_limit(REGEX_BYTES).dfa_size_limit(REGEX_CACHE_BYTES).nest_limit(REGEX_DEPTH);
    bounded.build().map_err(|cause| match cause {
        regex::Error::CompiledTooBig(_) => RegexRefusal::TooBig,
        // The last line says what is wrong; those before draw the place.
        other => RegexRefusal::Syntax(other.to_string().lines().last().unwrap_or_default().trim().to_owned()),
    })
}

/// External targets in the order in which they are asked.
#[derive(Clone, Debug)]
pub struct Router<T> {
    routes: Vec<(Regex, T)>,
}

impl<T> Router<T> {
    /// # Errors
    /// A regex that is refused.
    pub fn new<'r>(routes: impl IntoIterator<Item = (&'r str, T)>) -> Result<Self, RegexRefusal> {
        let mut compiled = Vec::new();
        for (text, target) in routes {
            if compiled.len() == MOST_ROUTES {
                return Err(RegexRefusal::TooMany);
            }
            compiled.push((local_file_regex(text)?, target));
        }
        Ok(Self { routes: compiled })
    }

    /// `absolute`: the path as clients see it.
    pub fn route(&self, absolute: &str) -> Option<&T> {
        self.routes.iter().find(|(regex, _)| regex.is_match(absolute)).map(|(_, target)| target)
    }

    /// All whose regex is found, the first choice first.
    pub fn fitting<'s>(&'s self, absolute: &'s str) -> impl Iterator<Item = &'s T> {
        self.routes.iter().filter(move |(regex, _)| regex.is_match(absolute)).map(|(_, target)| target)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_first_that_fits_takes_the_file() {
        let router = Router::new([("^/mnt/s/projects/", 1), (r"\.mov$", 2), (".*", 3)]).unwrap();
        assert_eq!(router.route("/mnt/s/projects/a.mov"), Some(&1));
        assert_eq!(router.route("/mnt/s/a.mov"), Some(&2));
        assert_eq!(router.route("/mnt/s/a"), Some(&3));
        assert_eq!(router.fitting("/mnt/s/projects/a.mov").copied().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(Router::<u8>::new([]).unwrap().route("/a"), None);
    }

    #[test]
    fn a_regex_that_is_too_big_is_refused_by_that_name() {
        assert_eq!(local_file_regex(r"(\w{100}){100}").unwrap_err(), RegexRefusal::TooBig);
        assert_eq!(local_file_regex("").unwrap_err(), RegexRefusal::Length);
        assert_eq!(local_file_regex(&"a".repeat(LONGEST_REGEX + 1)).unwrap_err(), RegexRefusal::Length);
    }

    #[test]
    fn a_regex_that_needs_backtracking_is_refused() {
        for text in [r"(a)\1", "(?=a)b", "(", &"(".repeat(200)] {
            assert!(matches!(local_file_regex(text), Err(RegexRefusal::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn no_regex_blows_up() {
        let hostile = local_file_regex("^(a+)+$").unwrap();
        let began = Instant::now();
        assert!(!hostile.is_match(&("a".repeat(4096) + "b")));
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
