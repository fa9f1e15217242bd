//! What a database says, in the words of the domain. Its own text goes to the log only.

use capstan_domain::failure::{Blame, Retry};
use capstan_domain::{Failure, Kind};
use sqlx::error::ErrorKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Delete,
    Other,
}

/// SQLSTATE of PostgreSQL, or the primary code of SQLite.
const FULL: [&str; 2] = ["53100", "13"];
const BUSY: [&str; 6] = ["40001", "40P01", "55P03", "53300", "5", "6"];

pub(crate) fn translate(error: sqlx::Error, doing: Doing) -> Failure {
    let detail = error.to_string();
    let failure = match &error {
        sqlx::Error::Database(told) => match told.kind() {
            ErrorKind::UniqueViolation => Failure::new(Kind::AlreadyExists, "the name is already taken").with_code("taken"),
            ErrorKind::ForeignKeyViolation if doing == Doing::Delete => {
                Failure::new(Kind::Conflict, "it is still in use by something else")
                    .with_code("in-use")
                    .with_next_step("remove what refers to it first")
            }
            ErrorKind::ForeignKeyViolation => {
                Failure::invalid("it refers to something that does not exist").with_code("not-found")
            }
            _ => by_code(told.code().as_deref().unwrap_or_default()),
        },
        sqlx::Error::PoolTimedOut => host(Kind::Busy, "the catalogue has no connection free", Retry::Later),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            host(Kind::Unavailable, "the catalogue's database cannot be reached", Retry::Later)
                .with_next_step("see that the database runs and is reachable")
        }
        _ => Failure::host("the catalogue could not do this", ""),
    };
    failure.with_detail(detail)
}

fn by_code(code: &str) -> Failure {
    // SQLite gives extended codes: the primary one is in the low byte.
    let primary = code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|code| (code & 0xff).to_string());
    let code = primary.as_deref().unwrap_or(code);
    if FULL.contains(&code) {
        host(Kind::NoSpace, "the catalogue's disk is full", Retry::Later).with_next_step("free space where the catalogue lies")
    } else if BUSY.contains(&code) {
        host(Kind::Busy, "the catalogue is busy", Retry::Later)
    } else {
        Failure::host("the catalogue could not do this", "")
    }
}

fn host(kind: Kind, message: &str, retry: Retry) -> Failure {
    Failure::new(kind, message).with_retry(retry).with_blame(Blame::Host)
}

/// A noun that is not there, named as the caller named it.
pub(crate) fn missing(noun: &str) -> Failure {
    Failure::not_found(format!("there is no such {noun}")).with_code("not-found")
}
