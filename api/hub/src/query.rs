//! Parameters of a query, read one by one; all that is wrong is said in one answer. Parameters that nobody asked for are dropped, and an
//! empty one was not given.

use capstan_api_http::pairs;
use http::Uri;

use crate::answer::Answer;
use crate::moment::Moment;
use crate::validation::{Check, For, TEXT_LIMIT};

/// Values of one parameter.
const VALUES_LIMIT: usize = 1_000;

pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    pub(crate) check: Check,
}

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        Self { pairs: pairs(uri), check: Check::new(For::Create) }
    }

    pub(crate) fn finish(self) -> Answer<()> {
        self.check.finish()
    }

    /// The last value, as it was sent.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let value = self.pairs.iter().rfind(|(found, _)| found == name).map(|(_, value)| value.clone());
        let value = value.filter(|value| !value.is_empty())?;
        if value.chars().count() > TEXT_LIMIT || value.contains('\0') {
            self.check.refuse(name, "Enter a valid value.");
            return None;
        }
        Some(value)
    }

    pub(crate) fn integer(&mut self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        let number = text.trim().parse().ok();
        self.or_refuse(name, number, "A valid integer is required.")
    }

    /// Seconds, items and the like.
    pub(crate) fn count(&mut self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        let number = text.trim().parse().ok();
        self.or_refuse(name, number, "A valid integer that is not negative is required.")
    }

    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        let flag = match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        };
        self.or_refuse(name, flag, "Must be a valid boolean.")
    }

    pub(crate) fn moment(&mut self, name: &str) -> Option<Moment> {
        let text = self.text(name)?;
        // A plus sign that was not encoded arrives as a space.
        let moment = Moment::parse(&text).or_else(|| Moment::parse(&text.replacen(' ', "+", 1)));
        self.or_refuse(name, moment, "Enter a date and time such as 2024-11-05T08:30:00Z.")
    }

    /// One of these words, in any case.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = read(&text, words);
        if found.is_none() {
            self.check.refuse(name, unknown(&text, words));
        }
        found
    }

    /// A list of these words.
    pub(crate) fn words<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Vec<T> {
        let mut found = Vec::new();
        for text in self.list(name) {
            match read(&text, words) {
                Some(word) => found.push(word),
                None => self.check.refuse(name, unknown(&text, words)),
            }
        }
        found
    }

    pub(crate) fn integers(&mut self, name: &str) -> Vec<i64> {
        let mut found = Vec::new();
        for text in self.list(name) {
            match text.parse() {
                Ok(number) => found.push(number),
                Err(_) => self.check.refuse(name, "A valid integer is required."),
            }
        }
        found
    }

    /// A list is a repeated parameter, or has commas, or both.
    fn list(&mut self, name: &str) -> Vec<String> {
        let values = self.pairs.iter().filter(|(found, _)| found == name).flat_map(|(_, value)| value.split(','));
        let values: Vec<_> = values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect();
        if values.len() > VALUES_LIMIT {
            self.check.refuse(name, format!("Ensure this field has no more than {VALUES_LIMIT} elements."));
            return Vec::new();
        }
        values
    }

    fn or_refuse<T>(&mut self, name: &str, value: Option<T>, message: &str) -> Option<T> {
        if value.is_none() {
            self.check.refuse(name, message);
        }
        value
    }
}

fn read<T: Copy>(text: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

fn unknown<T>(text: &str, words: &[(&str, T)]) -> String {
    let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    format!("\"{text:.80}\" is not a valid choice; it is one of {}.", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/?{text}").parse().unwrap())
    }

    #[test]
    fn a_list_is_repeated_or_has_commas() {
        const WORDS: &[(&str, u8)] = &[("ONE", 1), ("TWO", 2)];
        let mut asked = query("state=ONE&state=two,one&ids=-1,%202&ids=");
        assert_eq!(asked.words("state", WORDS), [1, 2, 1]);
        assert_eq!(asked.integers("ids"), [-1, 2]);
        assert!(asked.finish().is_ok());
        let mut asked = query("state=THREE&ids=x");
        assert_eq!((asked.words("state", WORDS), asked.integers("ids")), (Vec::new(), Vec::new()));
        assert!(asked.finish().is_err());
    }

    #[test]
    fn the_last_value_counts_and_an_empty_one_was_not_given() {
        let mut asked = query("a=1&a=2&b=&flag=True&at=2024-11-05T08:30:00+01:00");
        assert_eq!((asked.integer("a"), asked.integer("b"), asked.flag("flag")), (Some(2), None, Some(true)));
        assert_eq!(asked.moment("at"), Some(Moment(1_730_791_800_000_000_000)));
        assert!(asked.finish().is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in ["n=x", "n=1.5", "n=99999999999999999999", "c=-1", "f=maybe", "t=yesterday", "w=b"] {
            let mut asked = query(bad);
            asked.integer("n");
            asked.count("c");
            asked.flag("f");
            asked.moment("t");
            asked.word("w", &[("a", ())]);
            assert!(asked.finish().is_err(), "{bad}");
        }
    }
}
