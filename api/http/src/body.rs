//! Request bodies: read to a bound, then parsed as JSON with every wrong member named.
//!
//! An empty body is an empty object, because no dialect has a member that must be there. Members that nobody asked for are dropped.

use std::marker::PhantomData;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Problem, WrongType};

/// Bytes of a JSON body where no [`BodyLimit`] says otherwise; a longer one is refused.
pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// Bytes of a JSON body, laid on a router as an extension; a longer one is refused.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

/// How long a body may take to arrive; a slower one is refused.
pub const BODY_READ_LIMIT: Duration = Duration::from_secs(30);

/// Bytes of a body that is taken in before the request is looked at.
const SETTLED_BYTES: u64 = 16 * 1024;

/// Wrong members that are named at once; the rest is found after these are corrected.
const WRONG_MEMBERS_NAMED: usize = 32;

/// A JSON body of type `T`; what is wrong with it comes as the dialect's error `E`.
#[derive(Debug)]
pub struct Json<T, E>(pub T, PhantomData<fn() -> E>);

impl<S, T, E> FromRequest<S> for Json<T, E>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
    E: From<Problem> + IntoResponse,
{
    type Rejection = E;

    async fn from_request(request: Request, _: &S) -> Result<Self, E> {
        let content_type =
            request.headers().get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let bytes = read(request).await?;
        if let Some(found) = content_type.filter(|found| !bytes.is_empty() && !is_json(found)) {
            return Err(Problem::UnsupportedMedia(found).into());
        }
        Ok(Self(parse(&bytes)?, PhantomData))
    }
}

/// Takes a small body in before anybody looks at the request. An answer that is given while its body is still on the way costs the
/// client its connection, and clients send bodies nobody asked for, in a packet of their own.
pub(crate) async fn settle(request: &mut Request) -> Result<(), Problem> {
    if request.body().size_hint().exact().is_some_and(|size| (1..=SETTLED_BYTES).contains(&size)) {
        let bytes = collect(std::mem::take(request.body_mut()), BODY_LIMIT_BYTES).await?;
        *request.body_mut() = bytes.into();
    }
    Ok(())
}

async fn read(request: Request) -> Result<bytes::Bytes, Problem> {
    let limit = request.extensions().get::<BodyLimit>().map_or(BODY_LIMIT_BYTES, |limit| limit.0);
    collect(request.into_body(), limit).await
}

async fn collect(body: Body, limit: usize) -> Result<bytes::Bytes, Problem> {
    let limited = Limited::new(body, limit);
    match tokio::time::timeout(BODY_READ_LIMIT, limited.collect()).await {
        Err(_) => Err(Problem::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::TooLarge { limit_bytes: limit }),
        Ok(Err(_)) => Err(Problem::Malformed("the body broke off".into())),
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.is_empty() || essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Malformed JSON is one problem, members of the wrong type are another, and all of those are named in one answer.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read_as(if bytes.iter().all(u8::is_ascii_whitespace) {
        Value::Object(serde_json::Map::new())
    } else {
        serde_json::from_slice(bytes).map_err(|error| Problem::Malformed(error.to_string()))?
    })
}

/// The same for JSON that was parsed before, such as one item of a list.
pub fn read_as<T: DeserializeOwned>(mut value: Value) -> Result<T, Problem> {
    let mut wrong = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(parsed) if wrong.is_empty() => return Ok(parsed),
            Ok(_) => return Err(Problem::WrongTypes(wrong)),
            Err(error) => error,
        };
        let attribute = error.path().to_string();
        let top = attribute.split(['.', '[']).next().unwrap_or_default().to_owned();
        wrong.push(WrongType { attribute, message: error.into_inner().to_string() });
        // The wrong member is taken out, so that the next round finds the next one.
        let taken = value.as_object_mut().and_then(|members| members.remove(&top));
        if taken.is_none() || wrong.len() >= WRONG_MEMBERS_NAMED {
            return Err(Problem::WrongTypes(wrong));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Thing {
        name: Option<String>,
        count: Option<i64>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Inner {
        data: String,
    }

    #[test]
    fn an_empty_body_is_an_empty_object_and_unknown_members_are_dropped() {
        assert_eq!(parse::<Thing>(b" \n").unwrap(), Thing::default());
        assert_eq!(parse::<Thing>(br#"{"colour":1,"name":"a"}"#).unwrap().name.as_deref(), Some("a"));
    }

    #[test]
    fn every_member_of_the_wrong_type_is_named_at_once() {
        let Err(Problem::WrongTypes(wrong)) = parse::<Thing>(br#"{"name":1,"count":"x","inner":{"data":2}}"#) else {
            panic!("expected wrong types")
        };
        let mut attributes: Vec<_> = wrong.iter().map(|one| one.attribute.as_str()).collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["count", "inner.data", "name"]);
    }

    #[test]
    fn what_is_not_an_object_or_not_json_is_refused() {
        assert!(matches!(parse::<Thing>(b"{"), Err(Problem::Malformed(_))));
        assert!(matches!(parse::<Thing>(b"\xff"), Err(Problem::Malformed(_))));
        assert!(matches!(parse::<Thing>(b"7"), Err(Problem::WrongTypes(_))));
        let deep = "[".repeat(100_000);
        assert!(matches!(parse::<Thing>(deep.as_bytes()), Err(Problem::Malformed(_))));
    }

    #[test]
    fn json_by_any_of_its_names_is_accepted() {
        for yes in ["application/json", "application/json; charset=utf-8", "application/vnd.api+json", ""] {
            assert!(is_json(yes), "{yes}");
        }
        for no in ["text/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"] {
            assert!(!is_json(no), "{no}");
        }
    }
}
