//! Copies inside the service, in as many rounds as it takes.
//!
//! | the process dies, or the answer is lost | then |
//! |---|---|
//! | before the last round has ended | nothing is visible; the rounds are forgotten by the service after a week |
//! | after that | the copy is whole; the same copy again makes it once more, or, where a condition forbids it, finds its own mark |

use capstan_sdk::failure::{cancelled, malformed, unclear};
use capstan_sdk::retry::{self, Policy};
use capstan_sdk::types::{Object, PutOptions};
use capstan_sdk::{Outcome, job};

use crate::api::{self, Copying, Round};
use crate::attributes::ATTEMPT;
use crate::client::{Client, Place, object_subject};
use crate::condition::Condition;
use crate::error::Refusal;
use crate::reader::{self, any};
use crate::writer::{check_key, refused};

/// Rounds of one copy. One copies at least a megabyte, in practice gigabytes.
const MAX_ROUNDS: u32 = 100_000;

pub(crate) async fn copy(
    client: &Client,
    from: Place<'_>,
    to: Place<'_>,
    attempt: &str,
    mut options: PutOptions,
) -> Outcome<Object> {
    check_key(to.1)?;
    let subject = object_subject(to);
    let condition = Condition::of(&options, &subject)?;
    let source = reader::head(client, from, &any()).await?;
    described(&mut options, &source);
    let mark = Some((ATTEMPT, attempt)).filter(|_| condition.holds() && !attempt.is_empty());
    let copying = Copying { from, generation: source.version.as_deref(), to, condition, attributes: &options, mark };
    match rounds(client, copying, source.size).await? {
        Ok(()) => reader::head(client, to, &any()).await,
        Err(refusal) if condition.holds() && refusal.is_precondition() => refused(client, to, mark, &options, &refusal).await,
        // What is missing is the source, or one of the buckets.
        Err(refusal) if refusal.status == 404 => Err(refusal.failure(&object_subject(from))),
        Err(refusal) => Err(unclear(refusal.failure(&subject))),
    }
}

/// What the caller left open is as the source has it.
pub(crate) fn described(options: &mut PutOptions, source: &Object) {
    if options.metadata.is_empty() {
        options.metadata.clone_from(&source.metadata);
    }
    if options.content_type.is_none() {
        options.content_type = capstan_sdk::find(&source.extras, "content-type").map(str::to_owned);
    }
}

/// Asks again with the token of each round until the service says that it is done.
pub(crate) async fn rounds(client: &Client, copying: Copying<'_>, size: u64) -> Outcome<Result<(), Refusal>> {
    let api = api::of(client);
    let mut token: Option<String> = None;
    for _ in 0..MAX_ROUNDS {
        if job::cancelled() {
            return Err(cancelled("the copy was cancelled"));
        }
        // A round may be asked for twice: its token says where it begins.
        let asked = || async {
            match api.copy(client, copying, token.as_deref()).await? {
                Err(refusal) if refusal.failure("copy").may_retry() => Err(refusal.failure(&object_subject(copying.to))),
                answer => Ok(answer),
            }
        };
        match retry::with(Policy::default(), asked).await? {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Round::Done) => return Ok(Ok(())),
            Ok(Round::More { token: next, copied }) => {
                job::progress(copied, Some(size), None);
                token = Some(next);
            }
        }
    }
    Err(malformed("the service does not come to an end with a copy", ""))
}
