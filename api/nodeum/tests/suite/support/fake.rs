//! The fake host: id 1 of every noun exists and is also called `one`; everything else does not. The name `taken` is taken. What a
//! handler was asked is kept, so that a test can look at what arrived behind the door.

mod api_keys;
mod cloud;
mod containers;
mod mounts;
mod nas;
mod pools;
mod tapes;
mod tasks;

use std::sync::Mutex;

use capstan_api_http::Reference;
use capstan_api_nodeum::*;

use cloud::bucket;

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Fake {
    fn note(&self, what: impl std::fmt::Debug) {
        self.asked.lock().unwrap().push(format!("{what:?}"));
    }

    pub(crate) fn last(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }

    fn find(&self, attribute: &str, reference: &Reference) -> Answer<()> {
        self.note(reference);
        if reference.number() == Some(1) || reference.text() == "one" {
            return Ok(());
        }
        Err(Error::not_found(attribute, reference.text()))
    }

    fn number(&self, attribute: &str, number: i64) -> Answer<()> {
        if number == 1 { Ok(()) } else { Err(Error::not_found(attribute, &number.to_string())) }
    }

    fn free(&self, name: Option<&str>) -> Answer<()> {
        if name == Some("taken") { Err(Error::attribute("name", Code::Taken)) } else { Ok(()) }
    }

    fn list<T>(&self, listing: &Listing, item: T) -> Answer<Page<T>> {
        self.note(listing);
        Ok(Page { count: 1, items: vec![item] })
    }

    fn within_shares(&self, of: &SharesOf) -> Answer<()> {
        match of {
            SharesOf::Nas(at) => self.find("nas_id", at),
            SharesOf::Pool(at) => self.find("pool_id", at),
            SharesOf::All => Ok(()),
        }
    }

    fn within_buckets(&self, of: &BucketsOf) -> Answer<()> {
        match of {
            BucketsOf::Connector(at) => self.find("cloud_connector_id", at),
            BucketsOf::Pool(at) => self.find("pool_id", at),
            BucketsOf::All => Ok(()),
        }
    }
}

const AT: Moment = Moment(1_544_430_827_000_000_000);

fn queued() -> ActiveJob {
    ActiveJob { job_id: "j1".into(), status: ActiveJobState::Queued, progress: None, total: None, message: None }
}

/// Jobs are called after their state.
fn job(id: &str) -> Answer<ActiveJob> {
    let state = match id {
        "queued" => ActiveJobState::Queued,
        "working" => ActiveJobState::Working,
        "failed" => ActiveJobState::Failed,
        "completed" => ActiveJobState::Completed,
        other => return Err(Error::not_found("job_id", other)),
    };
    let working = (state == ActiveJobState::Working).then_some(1);
    let message = (state == ActiveJobState::Failed).then(|| "The endpoint does not answer".to_owned());
    Ok(ActiveJob { job_id: id.into(), status: state, progress: working, total: working, message })
}

fn found(id: &str) -> Answer<Found> {
    let job = job(id)?;
    Ok(if job.status == ActiveJobState::Completed { Found::Buckets(vec![bucket()]) } else { Found::NotYet(job) })
}
