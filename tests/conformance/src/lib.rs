//! Holds a built plugin to the contract: the same checks for every backend, through the real runtime, on a real target.
//!
//! A check names the rule it holds. What a target says it cannot do (its capabilities) is not asked of it.

pub mod azure;
pub mod content;
pub mod files;
pub mod gcs;
pub mod host;
pub mod keys;
pub mod objects;
pub mod s3;
pub mod uploads;

/// The result of a check: the rule is broken, or the target failed.
pub type Check = anyhow::Result<()>;

/// A failure as an error that says its kind, code and next step.
pub fn told(failure: capstan_domain::failure::Failure) -> anyhow::Error {
    let detail = failure.detail.as_deref().unwrap_or("-");
    let code = failure.code.as_deref().unwrap_or("-");
    anyhow::anyhow!("{}: {} (code {code}, detail {detail})", failure.kind, failure.message)
}

/// The call must fail in this way.
pub fn fails<T>(result: capstan_domain::Outcome<T>, kind: capstan_domain::failure::Kind, rule: &str) -> Check {
    match result {
        Ok(_) => anyhow::bail!("{rule}: it succeeded"),
        Err(failure) if failure.kind == kind => Ok(()),
        Err(failure) => Err(told(failure).context(format!("{rule}: expected {kind}"))),
    }
}
