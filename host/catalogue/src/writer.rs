//! Durable writes. On SQLite one task holds the only writing connection and commits in groups: what arrives while a transaction is
//! being synced forms the next one, and nobody is answered before the sync. On PostgreSQL each write is a transaction of its own; the
//! server groups their commits.
//!
//! A write that fails undoes itself alone (a savepoint), the others of its group stay.

use std::sync::Arc;
use std::time::Instant;

use capstan_domain::failure::{Blame, Retry};
use capstan_domain::{Failure, Kind, Outcome};
use futures::future::BoxFuture;
use sqlx::{Pool, Postgres, Sqlite};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::answers::Answers;
use crate::connection::Connection;
use crate::failure::{Doing, translate};
use crate::metrics::Metrics;
use crate::query::sql;

/// Writes that may wait for the writer; beyond, callers wait.
const QUEUE: usize = 1024;

/// Writes in one transaction: enough that a sync is shared by many, few enough that the first does not wait long.
const GROUP: usize = 512;

/// Told when the group is durable, or why it is not.
type Answer = Box<dyn FnOnce(Outcome<()>) + Send>;

/// What a write left to be told once its group is durable.
pub(crate) struct Settled {
    succeeded: bool,
    answer: Answer,
}

type Work = Box<dyn for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Settled> + Send>;

#[derive(Clone)]
pub(crate) enum Writer {
    Sqlite(mpsc::Sender<Work>),
    Postgres(Pool<Postgres>, Arc<Metrics>),
}

impl Writer {
    pub(crate) fn sqlite(pool: Pool<Sqlite>, metrics: Arc<Metrics>, answers: Arc<Answers>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(serve(pool, receiver, metrics, answers));
        Self::Sqlite(sender)
    }

    /// Runs `write` in a transaction; when this answers Ok, it is synced to disk. Dropping the future does not undo it.
    pub(crate) async fn write<T, F>(&self, write: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Outcome<T>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            Box::pin(async move {
                let outcome = write(connection).await;
                Settled {
                    succeeded: outcome.is_ok(),
                    answer: Box::new(move |durable| {
                        // A caller that went away no longer asks.
                        let _ = sender.send(durable.and(outcome));
                    }),
                }
            })
        });
        self.submit(work).await?;
        receiver.await.map_err(|_| unanswered())?
    }

    async fn submit(&self, work: Work) -> Outcome<()> {
        match self {
            Self::Sqlite(queue) => queue.send(work).await.map_err(|_| unanswered()),
            Self::Postgres(pool, metrics) => {
                let connection = pool.acquire().await.map_err(|error| translate(error, Doing::Other))?;
                // A task of its own: a caller that is dropped must not leave a transaction half way.
                tokio::spawn(alone(Connection::Postgres(connection), work, Arc::clone(metrics)));
                Ok(())
            }
        }
    }
}

/// Nothing was written: the work was dropped before it ran.
fn unanswered() -> Failure {
    Failure::new(Kind::Unavailable, "the catalogue's database cannot be reached")
        .with_retry(Retry::Later)
        .with_blame(Blame::Host)
        .with_next_step("see the host's log; the database may be down or its disk gone")
}

async fn alone(mut connection: Connection, work: Work, metrics: Arc<Metrics>) {
    let began = Instant::now();
    if let Err(failure) = connection.run(sql("BEGIN")).await {
        error!(%failure, detail = failure.detail, "a write of the catalogue could not begin");
        return connection.discard().await;
    }
    let settled = work(&mut connection).await;
    let end = if settled.succeeded { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.run(sql(end)).await;
    if ended.is_err() {
        connection.discard().await;
    }
    let durable = match ended {
        Ok(_) => Ok(()),
        // Undone with the connection, and the caller hears why the work failed.
        Err(_) if !settled.succeeded => Ok(()),
        Err(failure) => Err(failure.with_maybe_done()),
    };
    if settled.succeeded {
        metrics.committed(1, began.elapsed(), durable.is_ok());
    }
    (settled.answer)(durable);
}

/// The writer's life: it ends when the last handle of the catalogue is dropped.
async fn serve(pool: Pool<Sqlite>, mut queue: mpsc::Receiver<Work>, metrics: Arc<Metrics>, kept: Arc<Answers>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        let (writes, began) = (group.len(), Instant::now());
        let (answers, durable) = commit(&pool, std::mem::take(&mut group)).await;
        metrics.committed(writes, began.elapsed(), durable.is_ok());
        // Before anybody is told: whoever hears of a write reads it.
        kept.changed();
        for answer in answers {
            answer(durable.clone());
        }
    }
    pool.close().await;
}

async fn commit(pool: &Pool<Sqlite>, group: Vec<Work>) -> (Vec<Answer>, Outcome<()>) {
    let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
    let mut connection = match pool.acquire().await {
        Ok(connection) => Connection::Sqlite(connection),
        // Dropping the works closes their channels, and so each caller hears of it.
        Err(error) => {
            let failure = translate(error, Doing::Other);
            error!(%failure, detail = failure.detail, "writes of the catalogue could not begin");
            return (answers, Err(failure));
        }
    };
    let outcome = async {
        connection.run(sql("BEGIN IMMEDIATE")).await?;
        let alone = group.len() == 1;
        for work in group {
            // The only write of a group needs no savepoint: the transaction is one.
            if !alone {
                connection.run(sql("SAVEPOINT one")).await?;
            }
            let settled = work(&mut connection).await;
            answers.push(settled.answer);
            match (settled.succeeded, alone) {
                (true, true) => {}
                (false, true) => return connection.run(sql("ROLLBACK")).await.map(|_| ()),
                (true, false) => {
                    connection.run(sql("RELEASE one")).await?;
                }
                (false, false) => {
                    connection.run(sql("ROLLBACK TO one")).await?;
                    connection.run(sql("RELEASE one")).await?;
                }
            }
        }
        connection.run(sql("COMMIT")).await.map(|_| ())
    }
    .await;
    if outcome.is_err() && connection.run(sql("ROLLBACK")).await.is_err() {
        // Already rolled back by the database, or beyond use: a fresh connection is the safe way on.
        connection.discard().await;
    }
    (answers, outcome)
}
