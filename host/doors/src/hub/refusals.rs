//! What is wrong inside of a document, member by member, in the words of this dialect.

use capstan_api_hub::Error;
use capstan_app::refused::Refused;

use super::failures::missing;

/// `noun`: what a path named, where it may be missing.
pub(super) fn refused(noun: &'static str) -> impl FnOnce(Refused) -> Error {
    move |refused| match refused {
        Refused::Whole(failure) => missing(noun)(failure),
        Refused::Members(errors) => {
            let mut errors = errors.iter();
            let Some(first) = errors.next() else { return Error::non_field("The document is refused.") };
            let error = Error::field(&first.path.to_string(), first.message.clone());
            errors.fold(error, |error, next| error.and(&next.path.to_string(), next.message.clone()))
        }
    }
}
