//! Which chains a discovered path goes down.
//!
//! A path first has to pass the globs of the call and of the site. Then every rule that takes its type and its state, and whose own
//! globs pass it, sends it down its chain: there may be several. Rules for `default` take what none of the others took.

use capstan_domain::entry::EntryKind;

use crate::field_error::{FieldErrors, FieldPath};
use crate::glob::Globs;
use crate::rule::{Rule, RuleState};

/// The globs around a call. An empty list of includes passes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub site_include: Vec<String>,
    pub site_exclude: Vec<String>,
    pub ignore_site_includes: bool,
    pub ignore_site_excludes: bool,
}

/// A workflow's rules and a call's filters, compiled.
#[derive(Clone, Debug)]
pub struct Selection {
    mountpoint: String,
    around: Vec<Passage>,
    rules: Vec<(Rule, Passage)>,
}

/// An include list and an exclude list.
#[derive(Clone, Debug)]
struct Passage {
    include: Globs,
    exclude: Globs,
}

impl Passage {
    fn compile(include: &[String], exclude: &[String], at: &FieldPath, prefix: &str) -> Result<Self, FieldErrors> {
        let globs = |globs, name: &str| Globs::compile(globs, &at.then(format!("{prefix}{name}")));
        Ok(Self { include: globs(include, "include")?, exclude: globs(exclude, "exclude")? })
    }

    fn passes(&self, mountpoint: &str, path: &str) -> bool {
        (self.include.is_empty() || self.include.matches(mountpoint, path)) && !self.exclude.matches(mountpoint, path)
    }
}

impl Selection {
    /// `mountpoint` of the space, absolute.
    ///
    /// # Errors
    /// Globs that are none, under `include`, `exclude`, `site_include`, `site_exclude` or the rule's place.
    pub fn new(rules: &[Rule], filters: &Filters, mountpoint: &str) -> Result<Self, FieldErrors> {
        let root = FieldPath::root();
        let of_site = |ignored: bool, globs: &[String]| if ignored { Vec::new() } else { globs.to_vec() };
        let site_include = of_site(filters.ignore_site_includes, &filters.site_include);
        let site_exclude = of_site(filters.ignore_site_excludes, &filters.site_exclude);
        let call = Passage::compile(&filters.include, &filters.exclude, &root, "")?;
        let site = Passage::compile(&site_include, &site_exclude, &root, "site_")?;
        let compile = |(index, rule): (usize, &Rule)| {
            let at = root.then("filter_rules").then(index);
            Ok((rule.clone(), Passage::compile(&rule.include, &rule.exclude, &at, "")?))
        };
        let rules = rules.iter().enumerate().map(compile).collect::<Result<_, FieldErrors>>()?;
        Ok(Self { mountpoint: mountpoint.trim_end_matches('/').to_owned(), around: vec![call, site], rules })
    }

    /// The indexes of the rules that take this path, ascending. `path` within the space; `state` as discovered, empty for none.
    pub fn rules_for(&self, path: &str, kind: EntryKind, state: &str) -> Vec<usize> {
        if !self.around.iter().all(|passage| passage.passes(&self.mountpoint, path)) {
            return Vec::new();
        }
        let taken_by = |wanted: &dyn Fn(&RuleState) -> bool| -> Vec<usize> {
            let takes = |(rule, passage): &(Rule, Passage)| {
                wanted(&rule.state) && rule.kind.takes(kind) && passage.passes(&self.mountpoint, path)
            };
            self.rules.iter().enumerate().filter(|(_, rule)| takes(rule)).map(|(index, _)| index).collect()
        };
        let taken = taken_by(&|wanted| match wanted {
            RuleState::All => true,
            RuleState::Is(wanted) => wanted == state,
            RuleState::Default => false,
        });
        if taken.is_empty() { taken_by(&|wanted| *wanted == RuleState::Default) } else { taken }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::RuleKind;

    fn rule(kind: Option<EntryKind>, state: RuleState, include: &[&str], exclude: &[&str]) -> Rule {
        let owned = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect();
        Rule { kind: RuleKind(kind), state, chain: Vec::new(), include: owned(include), exclude: owned(exclude) }
    }

    fn is(state: &str) -> RuleState {
        RuleState::Is(state.to_owned())
    }

    fn selection(rules: &[Rule]) -> Selection {
        Selection::new(rules, &Filters::default(), "/mnt/s/").unwrap()
    }

    #[test]
    fn a_path_goes_down_every_chain_whose_rule_takes_it() {
        let rules = [
            rule(None, RuleState::All, &[], &[]),
            rule(Some(EntryKind::File), is("created"), &[], &["*.tmp"]),
            rule(Some(EntryKind::Folder), is("created"), &[], &[]),
        ];
        let selection = selection(&rules);
        assert_eq!(selection.rules_for("a", EntryKind::File, "created"), [0, 1]);
        assert_eq!(selection.rules_for("a.tmp", EntryKind::File, "created"), [0]);
        assert_eq!(selection.rules_for("a", EntryKind::Folder, "created"), [0, 2]);
        assert_eq!(selection.rules_for("a", EntryKind::Link, ""), [0]);
    }

    #[test]
    fn default_is_for_what_no_other_rule_caught() {
        let rules = [
            rule(None, RuleState::Default, &[], &["secret/*"]),
            rule(Some(EntryKind::File), is("deleted"), &[], &[]),
            rule(Some(EntryKind::Folder), RuleState::Default, &[], &[]),
        ];
        let selection = selection(&rules);
        assert_eq!(selection.rules_for("a", EntryKind::File, "deleted"), [1]);
        assert_eq!(selection.rules_for("a", EntryKind::File, "created"), [0]);
        assert_eq!(selection.rules_for("a", EntryKind::Folder, "deleted"), [0, 2]);
        assert!(selection.rules_for("secret/a", EntryKind::File, "created").is_empty());
    }

    #[test]
    fn the_globs_of_call_and_site_come_before_all_rules() {
        let rules = [rule(None, RuleState::Default, &[], &[])];
        let some = |glob: &str| vec![glob.to_owned()];
        let mut filters = Filters {
            include: some("a/*"),
            exclude: some("*.bak"),
            site_include: some("*.txt"),
            site_exclude: some("/mnt/s/a/private/*"),
            ..Filters::default()
        };
        let taken = |filters: &Filters, path| {
            let selection = Selection::new(&rules, filters, "/mnt/s").unwrap();
            !selection.rules_for(path, EntryKind::File, "").is_empty()
        };
        assert!(taken(&filters, "a/x.txt"));
        for path in ["b/x.txt", "a/x.bak", "a/x.dat", "a/private/x.txt"] {
            assert!(!taken(&filters, path), "{path}");
        }
        filters.ignore_site_includes = true;
        assert!(taken(&filters, "a/x.dat") && !taken(&filters, "a/private/x.txt"));
        filters.ignore_site_excludes = true;
        assert!(taken(&filters, "a/private/x.txt") && !taken(&filters, "a/x.bak"));
    }

    #[test]
    fn a_glob_of_the_call_that_is_none_is_named() {
        let filters = Filters { exclude: vec!["[".to_owned()], ..Filters::default() };
        let errors = Selection::new(&[], &filters, "/").unwrap_err();
        assert_eq!(errors.iter().next().unwrap().path.to_string(), "exclude.0");
    }
}
