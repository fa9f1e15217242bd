//! Holds a built plugin to the contract: the same cases for every backend, through the real runtime, on a real target.
//!
//! A case names the rule it holds and the clause of the contract it comes from. Which cases apply follows from what the plugin
//! exports and claims; one that does not apply says why and is not counted as passed. `capstan-plugin-check` is the kit for vendors;
//! the tests of this crate run it for the plugins of the house.

pub mod azure;
pub mod case;
pub mod cases;
pub mod check;
pub mod clause;
pub mod content;
pub mod dssd;
pub mod fronts;
pub mod gcs;
pub mod host;
pub mod kit;
mod laid_over;
pub mod nfs;
pub mod registry;
pub mod report;
pub mod runner;
pub mod s3;
pub mod shown;
pub mod size;
pub mod smb;
pub mod stand;
mod states;
pub mod store;
pub mod swift;
pub mod tape;
pub mod target_file;
pub mod zadara;

/// The result of a check: the rule is broken, or the target failed.
pub type Check = anyhow::Result<()>;

/// A failure as an error that says its kind and code.
pub fn told(failure: capstan_domain::failure::Failure) -> anyhow::Error {
    anyhow::Error::msg(said(&failure))
}

/// A failure in one line.
pub fn said(failure: &capstan_domain::failure::Failure) -> String {
    let detail = failure.detail.as_deref().unwrap_or("-");
    let code = failure.code.as_deref().unwrap_or("-");
    format!("{}: {} (code {code}, detail {detail})", failure.kind, failure.message)
}

/// The call must fail in this way.
pub fn fails<T>(result: capstan_domain::Outcome<T>, kind: capstan_domain::failure::Kind, rule: &str) -> Check {
    fails_as(result, &[kind], rule).map(drop)
}

/// The call must fail in one of these ways; answers how it did.
pub fn fails_as<T>(
    result: capstan_domain::Outcome<T>,
    kinds: &[capstan_domain::failure::Kind],
    rule: &str,
) -> anyhow::Result<capstan_domain::Failure> {
    let expected = kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    match result {
        Ok(_) => anyhow::bail!("{rule}: it succeeded, expected {expected}"),
        Err(failure) if kinds.contains(&failure.kind) => Ok(failure),
        Err(failure) => Err(told(failure).context(format!("{rule}: expected {expected}"))),
    }
}
