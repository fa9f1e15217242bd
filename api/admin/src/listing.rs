//! The window of a list: `limit` and `offset` in, `count` and `items` out.

use axum::http::Uri;
use capstan_api_http::{Kind, Operation, pairs};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AdminError;

/// Items of a page when the client does not say.
pub(crate) const LIMIT_DEFAULT: u32 = 100;
/// Items of a page at most; more is refused.
pub(crate) const LIMIT_MAX: u32 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub limit: u32,
    pub offset: u64,
}

impl Window {
    /// Declares the two parameters.
    pub(crate) fn asked_of(operation: Operation) -> Operation {
        operation.query("limit", Kind::Integer, false, "Items at most: 100 when left out, 1000 at most.").query(
            "offset",
            Kind::Integer,
            false,
            "Items to leave out from the start.",
        )
    }

    pub(crate) fn of(uri: &Uri) -> Result<Self, AdminError> {
        let mut window = Self { limit: LIMIT_DEFAULT, offset: 0 };
        for (name, value) in pairs(uri) {
            match name.as_str() {
                "limit" => window.limit = number(&name, &value)?,
                "offset" => window.offset = number(&name, &value)?,
                _ => {}
            }
        }
        if window.limit > LIMIT_MAX {
            return Err(AdminError::caller("invalid", format!("limit is at most {LIMIT_MAX}")));
        }
        Ok(window)
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, AdminError> {
    value.parse().map_err(|_| AdminError::caller("invalid", format!("{name} has to be a number that is not negative")))
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// All that there are, whatever the window.
    pub count: u64,
    pub items: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_a_default_and_a_bound() {
        let of = |query: &str| Window::of(&format!("/jobs?{query}").parse().unwrap());
        assert_eq!(of("").unwrap(), Window { limit: LIMIT_DEFAULT, offset: 0 });
        assert_eq!(of("limit=5&offset=7").unwrap(), Window { limit: 5, offset: 7 });
        for bad in ["limit=1001", "limit=-1", "limit=x", "offset=-1", "limit=99999999999"] {
            assert_eq!(of(bad).unwrap_err().kind, "invalid", "{bad}");
        }
    }
}
