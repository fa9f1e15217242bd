//! The report for people.

use std::fmt::Write;

use crate::case::Case;
use crate::report::{Line, Report, Verdict};

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed  ",
        Verdict::Failed { .. } => "FAILED  ",
        Verdict::Expected { .. } => "expected",
        Verdict::PassedAgainstExpectation { .. } => "passed !",
        Verdict::NotApplicable { .. } => "n/a     ",
    }
}

/// One line a case, as it ends.
pub fn line(line: &Line) -> String {
    let mut text = format!("{}  {:>6} ms  {}", word(&line.verdict), line.milliseconds, line.id);
    match &line.verdict {
        Verdict::NotApplicable { why } => push(&mut text, format_args!("  ({why})")),
        Verdict::Expected { limit, .. } | Verdict::PassedAgainstExpectation { limit } => {
            push(&mut text, format_args!("  ({limit})"))
        }
        Verdict::Failed { why } => push(
            &mut text,
            format_args!(
                "\n          rule:    {}\n          clause:  {}\n          but:     {}",
                line.rule,
                line.clause.0,
                why.replace('\n', "\n                   ")
            ),
        ),
        Verdict::Passed => {}
    }
    text
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(more);
}

/// What failed, what was expected, and the counts. `every`: all lines before that.
pub fn report(report: &Report, every: bool) -> String {
    let mut text = String::new();
    for case in &report.cases {
        if every || matches!(case.verdict, Verdict::Failed { .. }) {
            push(&mut text, format_args!("{}\n", line(case)));
        }
    }
    text.push_str(&summary(report));
    text
}

pub fn summary(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        match &case.verdict {
            Verdict::Expected { limit, reason, why } => {
                push(&mut text, format_args!("expected of the peer, {limit}: {} ({reason}): {}\n", case.id, first_line(why)));
            }
            Verdict::PassedAgainstExpectation { limit } => {
                push(&mut text, format_args!("{} passed: the target file's limit {limit:?} no longer explains it\n", case.id));
            }
            _ => {}
        }
    }
    for left in &report.left_behind {
        push(&mut text, format_args!("LEFT BEHIND in the target: {left}\n"));
    }
    push(&mut text, format_args!("\n{:<10}{:>8}{:>8}{:>10}{:>8}{:>7}\n", "facet", "passed", "failed", "expected", "n/a", "all"));
    for (facet, count) in report.counts() {
        let name = format!("{facet:?}").to_lowercase();
        push(
            &mut text,
            format_args!(
                "{name:<10}{:>8}{:>8}{:>10}{:>8}{:>7}\n",
                count.passed,
                count.failed,
                count.expected,
                count.not_applicable,
                count.all()
            ),
        );
    }
    let all = report.total();
    push(
        &mut text,
        format_args!(
            "{:<10}{:>8}{:>8}{:>10}{:>8}{:>7}\n\n{} {} {}\n",
            "all",
            all.passed,
            all.failed,
            all.expected,
            all.not_applicable,
            all.all(),
            report.plugin,
            report.version,
            if report.holds() { "keeps the contract" } else { "DOES NOT keep the contract" },
        ),
    );
    text
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// For `--list`.
pub fn listed(case: &Case) -> String {
    format!("{:<58}  {}\n{:<58}  {}", case.id, case.rule, "", case.clause.0)
}
