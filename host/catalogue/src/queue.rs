//! Who runs a job: a worker claims it for a while and renews the claim; a claim that ran out is anybody's.
//!
//! Hosts that share a catalogue share its idea of time: their clocks must agree to a few seconds, far less than a lease.

use std::sync::atomic::Ordering;

use capstan_domain::failure::Kind;
use capstan_domain::ids::JobId;
use capstan_domain::job::{Job, JobState, Lane, Progress, Request};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::cartridge_use::end_uses;
use crate::connection::{Connection, Flavour};
use crate::find::find;
use crate::job::{JOBS, read, set_state};
use crate::query::{Query, json_option, sql, word};

/// How a worker lets go of a job.
#[derive(Clone, Debug)]
pub enum Release {
    /// The end: a final state, why, and what the work answers.
    Finished {
        state: JobState,
        failure: Option<Failure>,
        answer: Option<serde_json::Value>,
    },
    Paused,
    /// Back into the queue, not to be taken up before `ready`. With a failure, which is shown meanwhile, it will be the next attempt;
    /// without one, as when the host goes down, it is still the same.
    Again {
        ready: Timestamp,
        failure: Option<Failure>,
    },
    /// Back into the queue, for workers of another lane; still the same attempt.
    Over {
        lane: Lane,
    },
}

/// Takes a job for a worker ($1) until $2, of those that are ready at $3 in a lane ($4).
pub(crate) fn claim(flavour: Flavour) -> String {
    let skip = if flavour == Flavour::Postgres { " FOR UPDATE SKIP LOCKED" } else { "" };
    format!(
        "UPDATE jobs SET worker = $1, lease = $2, started = COALESCE(started, $3), failure = NULL, \
         attempt = attempt + CASE WHEN attempt = 0 OR worker IS NOT NULL THEN 1 ELSE 0 END \
         WHERE number = (SELECT number FROM jobs WHERE lane = $4 AND ((state = 'queued' AND ready <= $3) \
         OR (state IN ('calculating', 'running') AND lease < $3)) ORDER BY priority DESC, ready, number LIMIT 1{skip}) RETURNING id"
    )
}

impl Catalogue {
    /// The next job of the lane that is ready, if there is one, the greatest priority first: queued, or running under a lease that ran
    /// out. It is `Calculating` then, held until `until`, and its attempt is counted unless it comes back from a pause or from another
    /// lane.
    pub async fn claim_job(&self, lane: Lane, worker: &str, now: Timestamp, until: Timestamp) -> Outcome<Option<Job>> {
        let worker = worker.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let claim = sql(claim(connection.flavour())).bind(worker).bind(until).bind(now).bind(word(&lane));
                let Some(mut row) = connection.one(claim).await? else {
                    return Ok(None);
                };
                let id: JobId = row.take()?;
                set_state(connection, id, JobState::Calculating).await?;
                find(connection, &JOBS, "job", id.into(), read).await.map(Some)
            })
        })
        .await
    }

    /// Renews the claim, writes progress and state, and answers what is asked of the job. `Conflict` "lease-lost": it is another
    /// worker's now, let go at once.
    pub async fn beat_job(
        &self,
        id: JobId,
        worker: &str,
        until: Timestamp,
        state: JobState,
        progress: &Progress,
    ) -> Outcome<Option<Request>> {
        let beat = sql("UPDATE jobs SET lease = $3, files_to_process = $4, bytes_to_process = $5, files_processed = $6, \
                        bytes_processed = $7, files_finalized = $8, bytes_finalized = $9, files_failed = $10, bytes_per_second = $11, \
                        remaining_ms = $12 WHERE id = $1 AND worker = $2 RETURNING state, requested");
        let beat = with_progress(beat.bind(id).bind(worker).bind(until), progress);
        self.write(move |connection| {
            Box::pin(async move {
                let mut row = connection.one(beat).await?.ok_or_else(lost)?;
                let was: JobState = row.word()?;
                let requested = row.word_option()?;
                if was != state {
                    set_state(connection, id, state).await?;
                }
                Ok(requested)
            })
        })
        .await
    }

    /// Lets go of a job. `Conflict` "lease-lost" when it was no longer held: nothing is changed then.
    pub async fn release_job(&self, id: JobId, worker: &str, progress: &Progress, release: Release) -> Outcome<()> {
        let let_go = sql(
            "UPDATE jobs SET worker = NULL, lease = NULL, requested = NULL, files_to_process = $3, bytes_to_process = $4, \
                          files_processed = $5, bytes_processed = $6, files_finalized = $7, bytes_finalized = $8, files_failed = $9, \
                          bytes_per_second = $10, remaining_ms = $11 WHERE id = $1 AND worker = $2",
        );
        let let_go = with_progress(let_go.bind(id).bind(worker), progress);
        let (ended, again) = match &release {
            Release::Finished { state, .. } => (Some(word(state)), false),
            Release::Again { failure, .. } => (None, failure.is_some()),
            Release::Paused | Release::Over { .. } => (None, false),
        };
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(let_go).await? == 0 {
                    return Err(lost());
                }
                settle(connection, id, release).await
            })
        })
        .await?;
        self.metrics.retries.fetch_add(u64::from(again), Ordering::Relaxed);
        if let Some(state) = ended {
            self.metrics.ended(state);
        }
        Ok(())
    }

    /// At a host's start: what its former life held, jobs and tasks, is free at once. `worker` none: what anybody held, for a catalogue that only
    /// one host uses. Answers how many.
    pub async fn free_leases(&self, worker: Option<&str>) -> Outcome<u64> {
        let frees = ["jobs", "tasks"].map(|table| match worker {
            Some(worker) => sql(format!("UPDATE {table} SET lease = 0 WHERE worker = $1")).bind(worker),
            None => sql(format!("UPDATE {table} SET lease = 0 WHERE worker IS NOT NULL")),
        });
        self.write(move |connection| {
            Box::pin(async move {
                let mut freed = 0;
                for free in frees {
                    freed += connection.run(free).await?;
                }
                Ok(freed)
            })
        })
        .await
    }
}

fn with_progress(query: Query, progress: &Progress) -> Query {
    query
        .bind(progress.files_to_process)
        .bind(progress.bytes_to_process)
        .bind(progress.files_processed)
        .bind(progress.bytes_processed)
        .bind(progress.files_finalized)
        .bind(progress.bytes_finalized)
        .bind(progress.files_failed)
        .bind(progress.bytes_per_second)
        .bind(progress.remaining_ms)
}

async fn settle(connection: &mut Connection, id: JobId, release: Release) -> Outcome<()> {
    end_uses(connection, id).await?;
    match release {
        Release::Finished { state, failure, answer } => {
            let finish = sql("UPDATE jobs SET finished = $2, failure = $3, answer = $4 WHERE id = $1");
            let finish =
                finish.bind(id).bind(Timestamp::now()).bind(json_option(failure.as_ref())).bind(json_option(answer.as_ref()));
            connection.run(finish).await?;
            set_state(connection, id, state).await
        }
        Release::Paused => set_state(connection, id, JobState::Paused).await,
        Release::Again { ready, failure } => {
            let again = sql("UPDATE jobs SET ready = $2, failure = $3, attempt = attempt + $4 WHERE id = $1");
            let again = again.bind(id).bind(ready).bind(json_option(failure.as_ref())).bind(failure.is_some());
            connection.run(again).await?;
            set_state(connection, id, JobState::Queued).await
        }
        Release::Over { lane } => {
            let over = sql("UPDATE jobs SET ready = $2, lane = $3 WHERE id = $1");
            connection.run(over.bind(id).bind(Timestamp::now()).bind(word(&lane))).await?;
            set_state(connection, id, JobState::Queued).await
        }
    }
}

fn lost() -> Failure {
    Failure::new(Kind::Conflict, "the job is held by another worker").with_code("lease-lost")
}
