//! Why what a caller wrote is refused: member by member where it is a document, else as a whole.

use capstan_domain::Failure;
pub use capstan_workflows::{FieldError, FieldErrors, FieldPath};

#[derive(Debug)]
pub enum Refused {
    /// What is wrong inside of the document, by the path of the member.
    Members(FieldErrors),
    Whole(Failure),
}

impl Refused {
    /// One member is wrong.
    pub(crate) fn member(name: &str, message: impl Into<String>) -> Self {
        Self::Members(FieldErrors::one(FieldPath::root().then(name), message))
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Whole(failure)
    }
}

impl From<FieldErrors> for Refused {
    fn from(errors: FieldErrors) -> Self {
        Self::Members(errors)
    }
}
