//! Why a call does not become a job.

use std::fmt;

use capstan_domain::Failure;
use capstan_workflows::FieldErrors;

#[derive(Clone, Debug)]
pub enum Refusal {
    /// What is wrong in the call.
    Fields(FieldErrors),
    Failure(Failure),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(errors) => errors.fmt(f),
            Self::Failure(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<FieldErrors> for Refusal {
    fn from(errors: FieldErrors) -> Self {
        Self::Fields(errors)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}
