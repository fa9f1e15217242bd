//! Every case there is, in the order in which a report names them.

use crate::case::Case;
use crate::cases;

pub fn all() -> Vec<Case> {
    [
        cases::target::all(),
        cases::objects::all(),
        cases::uploads::all(),
        cases::files::all(),
        cases::drives::all(),
        cases::media::all(),
        cases::calls::all(),
        cases::faults::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::case::Facet;
    use crate::clause;

    #[test]
    fn an_id_names_one_case_and_a_rule_is_a_sentence() {
        let cases = super::all();
        let ids: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), cases.len());
        for case in &cases {
            assert!(case.rule.len() > 10 && !case.rule.ends_with('.'), "{}: {}", case.id, case.rule);
            assert!(
                case.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-/".contains(&byte)),
                "{}",
                case.id
            );
            assert!(clause::ALL.contains(&case.clause), "{}", case.id);
        }
        assert!(cases.len() >= 150, "{}", cases.len());
        for facet in [
            Facet::Target,
            Facet::Objects,
            Facet::Uploads,
            Facet::Files,
            Facet::Drives,
            Facet::Media,
            Facet::Calls,
            Facet::Faults,
        ] {
            assert!(cases.iter().any(|case| case.facet() == facet));
        }
    }
}
