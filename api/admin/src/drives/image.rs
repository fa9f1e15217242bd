//! Raw images: read whole or in a range (RFC 9110, section 14), and put into a drive in parts that go on from each other.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, RANGE,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use capstan_api_http::{Access, Caller, Operation, PathOf};

use super::{Drives, Upload};
use crate::AdminError;

/// The bytes of a range that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// From one byte to another, both included; without an end to the last.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

/// Bytes of a drive, as they come.
pub struct Image {
    pub name: String,
    /// Of the whole drive.
    pub size: u64,
    pub offset: u64,
    pub length: u64,
    pub bytes: Body,
}

/// Where the bytes of a request belong in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub offset: u64,
    /// Bytes of the whole image.
    pub total: u64,
}

impl Span {
    /// One range of bytes. None: the header is none that has to be understood, and all is answered.
    pub fn read(header: &str) -> Option<Self> {
        let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
        match (first.trim(), last.trim()) {
            ("", last) => Some(Self::Last(last.parse().ok()?)),
            (first, "") => Some(Self::From(first.parse().ok()?, None)),
            (first, last) => {
                let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// Offset and length in so many bytes. None: nothing of it is within.
    pub fn within(self, size: u64) -> Option<(u64, u64)> {
        let (first, end) = match self {
            Self::From(first, last) => (first, last.map_or(size, |last| last.saturating_add(1).min(size))),
            Self::Last(count) => (size.saturating_sub(count), size),
        };
        let length = end.checked_sub(first).filter(|length| *length > 0)?;
        Some((first, length))
    }
}

impl Part {
    /// From `bytes FIRST-LAST/TOTAL`, or `bytes */TOTAL` with no bytes at all; without such a header the body is the whole image.
    pub fn read(range: Option<&str>, length: Option<u64>) -> Result<Self, AdminError> {
        let malformed = || AdminError::malformed("Content-Range is bytes FIRST-LAST/TOTAL, as long as the body");
        let Some(range) = range else {
            let total = length.ok_or_else(|| AdminError::malformed("the length of the image has to be said: Content-Length"))?;
            return Ok(Self { offset: 0, total });
        };
        let (place, total) = range.trim().strip_prefix("bytes ").and_then(|rest| rest.split_once('/')).ok_or_else(malformed)?;
        let total: u64 = total.trim().parse().map_err(|_| malformed())?;
        if place.trim() == "*" {
            return if length.is_none_or(|length| length == 0) { Ok(Self { offset: total, total }) } else { Err(malformed()) };
        }
        let (first, last) = place.split_once('-').ok_or_else(malformed)?;
        let first: u64 = first.trim().parse().map_err(|_| malformed())?;
        let last: u64 = last.trim().parse().map_err(|_| malformed())?;
        let long = last.checked_sub(first).map(|less| less.saturating_add(1)).ok_or_else(malformed)?;
        if last >= total || length.is_some_and(|length| length != long) {
            return Err(malformed());
        }
        Ok(Self { offset: first, total })
    }
}

pub(super) fn reading() -> Operation {
    Operation::get("/drives/{drive}/image", "read_image", Access::Scope("drives", "show"))
        .summary("Answers the raw image of a drive, or one range of it.")
        .header("Range", "One range of bytes.")
        .answers_nothing(200, "The image.")
        .answers_nothing(206, "The range.")
        .answers::<AdminError>(409, "The drive is not ready.")
        .answers::<AdminError>(416, "Nothing of the range is within the drive.")
}

pub(super) fn writing() -> Operation {
    Operation::put("/drives/{drive}/image", "write_image", Access::Scope("drives", "update"))
        .summary(
            "Puts a raw image into a drive, whole or from where the last part broke off. From its first byte on, all that the drive had \
             is discarded.",
        )
        .takes_bytes("application/octet-stream")
        .header("Content-Range", "Where the bytes belong: bytes FIRST-LAST/TOTAL; left out: they are the whole image.")
        .answers::<Upload>(200, "How far the image has come.")
        .answers::<AdminError>(409, "The drive is mounted or at work, or the part does not go on where the last one ended.")
}

pub(super) async fn read(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
    headers: HeaderMap,
) -> Result<Response, AdminError> {
    let span = text(&headers, &RANGE)?.and_then(Span::read);
    let image = drives.read_image(&caller, &drive, span).await?;
    let status = if span.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, image.bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(image.length));
    let name: String =
        image.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).take(100).collect();
    if let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}.raw\"")) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    let last = (image.offset + image.length).saturating_sub(1);
    if let Ok(range) = HeaderValue::try_from(format!("bytes {}-{last}/{}", image.offset, image.size))
        && span.is_some()
    {
        headers.insert(CONTENT_RANGE, range);
    }
    Ok(response)
}

pub(super) async fn write(
    State(drives): State<Arc<dyn Drives>>,
    Extension(caller): Extension<Arc<Caller>>,
    PathOf { 0: drive, .. }: PathOf<String, AdminError>,
    headers: HeaderMap,
    bytes: Body,
) -> Result<Json<Upload>, AdminError> {
    let length = text(&headers, &CONTENT_LENGTH)?.and_then(|length| length.parse().ok());
    let part = Part::read(text(&headers, &CONTENT_RANGE)?, length)?;
    drives.write_image(&caller, &drive, part, bytes).await.map(Json)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, AdminError> {
    let value = headers.get(name).map(HeaderValue::to_str).transpose();
    value.map_err(|_| AdminError::malformed(format!("the header {name} is no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_the_drive() {
        for (header, within) in [
            ("bytes=0-9", Some((0, 10))),
            ("bytes=90-", Some((90, 10))),
            ("bytes=90-1000", Some((90, 10))),
            ("bytes=-10", Some((90, 10))),
            ("bytes=-1000", Some((0, 100))),
            ("bytes=100-", None),
            ("bytes=-0", None),
            ("bytes=0-18446744073709551615", Some((0, 100))),
        ] {
            assert_eq!(Span::read(header).unwrap().within(100), within, "{header}");
        }
        for header in ["", "bytes", "bytes=", "bytes=-", "bytes=9-3", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes=--1"] {
            assert_eq!(Span::read(header), None, "{header}");
        }
    }

    #[test]
    fn a_part_says_where_it_belongs_and_is_as_long_as_it_says() {
        let part = |range, length| Part::read(range, length).ok();
        assert_eq!(part(None, Some(7)), Some(Part { offset: 0, total: 7 }));
        assert_eq!(part(None, None), None);
        assert_eq!(part(Some("bytes 0-99/100"), Some(100)), Some(Part { offset: 0, total: 100 }));
        assert_eq!(part(Some("bytes 50-99/100"), None), Some(Part { offset: 50, total: 100 }));
        assert_eq!(part(Some("bytes */100"), Some(0)), Some(Part { offset: 100, total: 100 }));
        for (range, length) in [
            ("bytes 50-99/100", Some(49)),
            ("bytes 50-100/100", Some(51)),
            ("bytes 50-49/100", None),
            ("bytes 0-99/*", Some(100)),
            ("bytes */100", Some(1)),
            ("0-99/100", Some(100)),
            ("bytes 0-18446744073709551615/18446744073709551615", None),
        ] {
            assert_eq!(part(Some(range), length), None, "{range}");
        }
    }
}
