//! The two ways to the service's control calls: the JSON API with a token, the XML API with a signature.
//!
//! Data goes one way only: objects are put, read and looked at through the XML API, which takes tokens as well as signatures. There a put is
//! one request whose body is the object and nothing else, so that the host moves it natively, and a get answers data and metadata in
//! one; the JSON API wraps the body of a put in a document and answers a get without metadata. What is left are the calls below,
//! where the JSON API knows more (copies in rounds, answers cut to what is asked for) and does not take HMAC keys.

use capstan_sdk::Outcome;
use capstan_sdk::http::Reply;
use capstan_sdk::types::{ListOptions, Location, Page, PutOptions};
use futures::future::LocalBoxFuture;

use crate::client::{Client, Place};
use crate::condition::Condition;
use crate::error::Refusal;

pub(crate) type Answer<'a, T> = LocalBoxFuture<'a, Outcome<T>>;

/// A page of buckets and where the next one begins.
#[derive(Debug)]
pub(crate) struct Buckets {
    pub(crate) locations: Vec<Location>,
    pub(crate) next: Option<String>,
}

/// A new bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewBucket<'a> {
    pub(crate) name: &'a str,
    pub(crate) location: Option<&'a str>,
    pub(crate) class: Option<&'a str>,
}

/// A copy inside the service. What the new object is, is said in whole: nothing of the old one's metadata comes along by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copying<'a> {
    pub(crate) from: Place<'a>,
    /// The copy is of this state of the source, even if the key is written to meanwhile.
    pub(crate) generation: Option<&'a str>,
    pub(crate) to: Place<'a>,
    pub(crate) condition: Condition,
    pub(crate) attributes: &'a PutOptions,
    /// The attempt the new object is marked with.
    pub(crate) mark: Option<(&'a str, &'a str)>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Round {
    Done,
    /// Call again with this token.
    More {
        token: String,
        copied: u64,
    },
}

pub(crate) trait Api {
    /// Costs little and shows that the credentials hold: for this bucket, else for the list of them.
    fn look<'a>(&'a self, client: &'a Client, bucket: Option<&'a str>) -> Answer<'a, Result<Reply, Refusal>>;
    fn buckets<'a>(&'a self, client: &'a Client, after: Option<&'a str>) -> Answer<'a, Buckets>;
    fn create<'a>(&'a self, client: &'a Client, bucket: NewBucket<'a>) -> Answer<'a, Result<(), Refusal>>;
    fn remove<'a>(&'a self, client: &'a Client, bucket: &'a str) -> Answer<'a, ()>;
    fn list<'a>(&'a self, client: &'a Client, bucket: &'a str, options: &'a ListOptions) -> Answer<'a, Page>;
    fn copy<'a>(&'a self, client: &'a Client, copying: Copying<'a>, token: Option<&'a str>)
    -> Answer<'a, Result<Round, Refusal>>;
}

/// The way that fits how the target logs in.
pub(crate) fn of(client: &Client) -> &'static dyn Api {
    if client.config.has_account() { &crate::json::Json } else { &crate::xml::Xml }
}

/// What a listing answers at most.
pub(crate) const MAX_PAGE: u32 = 1_000;
