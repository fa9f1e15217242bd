//! Values that stand in a path.

use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Path};
use axum::response::IntoResponse;
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A number, or a name. All digits is a number before it is a name; who resolves it decides in that order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Reference(String);

impl Reference {
    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn number(&self) -> Option<i64> {
        if self.0.bytes().all(|byte| byte.is_ascii_digit()) { self.0.parse().ok() } else { None }
    }
}

impl TryFrom<String> for Reference {
    type Error = &'static str;

    /// A literal `{task_id}` is a template that a client forgot to fill in: it names nothing, whatever things are called.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() || (text.starts_with('{') && text.ends_with('}')) || text.contains(char::REPLACEMENT_CHARACTER) {
            return Err("names nothing");
        }
        Ok(Self(text))
    }
}

/// Path values of type `T`; one that cannot be read is `Problem::NotFound` in the dialect's error `E`.
#[derive(Debug)]
pub struct PathOf<T, E>(pub T, PhantomData<fn() -> E>);

impl<S, T, E> FromRequestParts<S> for PathOf<T, E>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
    E: From<Problem> + IntoResponse,
{
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, E> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value, PhantomData)),
            Err(_) => Err(Problem::NotFound.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_templates_are_nothing() {
        assert_eq!(Reference::try_from("17".to_owned()).unwrap().number(), Some(17));
        assert_eq!(Reference::try_from("17a".to_owned()).unwrap().number(), None);
        assert_eq!(Reference::try_from("99999999999999999999".to_owned()).unwrap().number(), None);
        for text in ["", "{task_id}", "{}"] {
            assert!(Reference::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
