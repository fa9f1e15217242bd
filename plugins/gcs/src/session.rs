//! A whole object through a resumable upload session: what arrived before a connection broke is not sent again.
//!
//! "Performing resumable uploads" of the service's documentation, in the XML API's form: a POST with `x-goog-resumable: start` answers the
//! session's URL, a PUT there sends the rest, 308 says how much has arrived. The URL is an authority of its own; it is kept for the call
//! and never written anywhere, so a session does not outlive its call. Objects that must outlive one go in parts.
//!
//! | the process dies, or the answer is lost | then |
//! |---|---|
//! | after the POST | an empty session ends by itself after a week |
//! | in the middle of the PUT | the service keeps what came, nothing is visible; within the call the rest is sent, a new call begins anew |
//! | after the last byte | the object is whole; asking for the session's state answers as the PUT would have |

use capstan_sdk::content::Content;
use capstan_sdk::failure::{Failure, malformed, unavailable, unclear};
use capstan_sdk::http::{Headers, Reply, expected, header};
use capstan_sdk::retry::Policy;
use capstan_sdk::{Outcome, Retry, clock, job};

use crate::client::{Call, Client, Place, Sent, services};
use crate::error::Refusal;

/// Times in a row that nothing more arrives before the call fails.
const FRUITLESS: u32 = 5;
const BACKOFF: Policy = Policy { attempts: FRUITLESS, first_wait_ms: 200, longest_wait_ms: 5_000, patience_ms: u64::MAX };

/// What an answer from a session means.
#[derive(Debug)]
enum Told {
    /// The object is made.
    Whole(Reply),
    /// So many bytes have arrived.
    Arrived(u64),
    /// The session is busy or out of reach for the moment.
    Trouble(Failure),
    Refused(Refusal),
}

pub(crate) async fn put(
    client: &Client,
    place: Place<'_>,
    headers: Headers,
    content: &Content,
) -> Outcome<Result<Reply, Refusal>> {
    let size = content.size();
    let start = Call::object("POST", place).with(headers).header("x-goog-resumable", "start");
    let url = match client.ask(&start, Sent::Nothing).await? {
        Ok(reply) => expected(&reply.headers, "location")?.to_owned(),
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (mut arrived, mut fruitless) = (0, 0);
    loop {
        let told = match send(client, &url, content, arrived).await {
            // Where the connection broke only the service knows.
            Told::Trouble(failure)
                if fruitless < FRUITLESS && failure.may_retry() && content.broken().is_none() && !job::cancelled() =>
            {
                fruitless += 1;
                clock::wait(BACKOFF.wait_ms(fruitless, failure.fault().retry_after_ms)).await;
                match ask(client, &url, size).await {
                    Told::Trouble(_) => Told::Arrived(arrived),
                    told => told,
                }
            }
            told => told,
        };
        match told {
            Told::Whole(reply) => return Ok(Ok(reply)),
            Told::Refused(refusal) => return Ok(Err(refusal)),
            Told::Trouble(failure) => {
                give_up(client, &url).await;
                return Err(content.broken().unwrap_or_else(|| unclear(failure)));
            }
            Told::Arrived(now) if now > size => return Err(malformed("the service has more than was sent", now.to_string())),
            Told::Arrived(now) if now > arrived => (arrived, fruitless) = (now, 0),
            Told::Arrived(now) => {
                // It may also have lost what it had.
                arrived = now;
                fruitless += 1;
                if fruitless > FRUITLESS {
                    give_up(client, &url).await;
                    return Err(unavailable(format!("the service takes no more of {}", start.subject)).retry(Retry::Later));
                }
            }
        }
    }
}

async fn send(client: &Client, url: &str, content: &Content, from: u64) -> Told {
    let size = content.size();
    // With all bytes there and the object not made, the same question makes it.
    let range = if from < size { format!("bytes {from}-{}/{size}", size - 1) } else { format!("bytes */{size}") };
    let headers = vec![("content-range".to_owned(), range)];
    let sent = Sent::Content { content, offset: from, length: size - from };
    read(client.in_session("PUT", url, headers, sent).await)
}

async fn ask(client: &Client, url: &str, size: u64) -> Told {
    let headers = vec![("content-range".to_owned(), format!("bytes */{size}"))];
    read(client.in_session("PUT", url, headers, Sent::Nothing).await)
}

fn read(answer: Outcome<Reply>) -> Told {
    let reply = match answer {
        Ok(reply) => reply,
        Err(failure) => return Told::Trouble(failure),
    };
    match reply.status {
        200 | 201 => match services(reply) {
            Ok(reply) => Told::Whole(reply),
            Err(failure) => Told::Trouble(failure),
        },
        308 => match arrived(&reply.headers) {
            Ok(bytes) => Told::Arrived(bytes),
            Err(failure) => Told::Trouble(failure),
        },
        // One that is full, for good, among them: the failure says whether and when to ask again.
        408 | 429 | 500.. => Told::Trouble(Refusal::new(reply.status, &reply.headers, &reply.body).failure("upload session")),
        status => Told::Refused(Refusal::new(status, &reply.headers, &reply.body)),
    }
}

/// "bytes=0-42": 43 have arrived. No header: none.
fn arrived(headers: &[(String, String)]) -> Outcome<u64> {
    let Some(range) = header(headers, "range") else { return Ok(0) };
    let last = range.trim().strip_prefix("bytes=0-").and_then(|last| last.parse::<u64>().ok());
    last.and_then(|last| last.checked_add(1)).ok_or_else(|| malformed("the service says oddly how much has arrived", range))
}

/// Cancels the session; 499 is the service's way to say that it did.
async fn give_up(client: &Client, url: &str) {
    if let Err(failure) = client.in_session("DELETE", url, Headers::new(), Sent::Nothing).await {
        capstan_sdk::log!(debug, "an upload session is left to end by itself", "why" => failure.fault().message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&str, &str)]) -> Outcome<Reply> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Reply { status, headers, body: Vec::new() })
    }

    #[test]
    fn a_308_says_how_much_has_arrived() {
        assert!(matches!(read(reply(308, &[("Range", "bytes=0-42")])), Told::Arrived(43)));
        assert!(matches!(read(reply(308, &[])), Told::Arrived(0)));
        for odd in ["bytes=5-42", "0-42", "bytes=0-", "bytes=0-18446744073709551615"] {
            assert!(matches!(read(reply(308, &[("range", odd)])), Told::Trouble(_)), "{odd}");
        }
    }

    #[test]
    fn trouble_is_waited_for_and_a_refusal_is_not() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(read(reply(status, &[])), Told::Trouble(failure) if failure.may_retry()), "{status}");
        }
        for status in [400, 403, 404, 410, 412] {
            assert!(matches!(read(reply(status, &[])), Told::Refused(_)), "{status}");
        }
        // A proxy on the way may say of anything when to come back.
        assert!(matches!(read(reply(507, &[("Retry-After", "1")])), Told::Trouble(failure) if !failure.may_retry()));
        let busy = read(reply(503, &[("Retry-After", "1")]));
        assert!(matches!(busy, Told::Trouble(failure) if failure.fault().retry_after_ms == Some(1_000)));
        assert!(matches!(read(reply(200, &[("x-goog-generation", "7")])), Told::Whole(_)));
        assert!(matches!(read(reply(200, &[])), Told::Trouble(_)), "that is somebody else's answer");
    }
}
