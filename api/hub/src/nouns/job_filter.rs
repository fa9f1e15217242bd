//! Which jobs are asked for. All that is said holds together; of a list, one has to fit.

use capstan_api_http::{Kind, Operation};
use http::Uri;

use super::job::{JOB_STATES, JobState};
use crate::answer::Answer;
use crate::moment::Moment;
use crate::period::Period;
use crate::query::Query;

/// Whose a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// By id.
    User(i64),
    /// Somebody who is gone: -1 on the wire.
    Unknown,
    /// Nobody, the host itself: -2 on the wire.
    System,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// From, included.
    pub created_from: Option<Moment>,
    /// To, excluded.
    pub created_to: Option<Moment>,
    pub completed_from: Option<Moment>,
    pub completed_to: Option<Moment>,
    /// Name of the workflow.
    pub workflow: Option<String>,
    /// Empty lists say nothing.
    pub states: Vec<JobState>,
    pub owners: Vec<Owner>,
    pub client_keys: Vec<i64>,
    pub schedules: Vec<i64>,
    /// Name of the site.
    pub site: Option<String>,
    pub site_id: Option<i64>,
    /// Beginning of a path that the job was given.
    pub input_paths_prefix: Option<String>,
    /// A part, in any case, of the workflow's name, the owner's, the site's, or of a path that the job was given.
    pub search_keyword: Option<String>,
    /// Without those that ended well and had nothing to do.
    pub hide_noop: bool,
    /// Name of the queue.
    pub queue: Option<String>,
    pub queue_id: Option<i64>,
}

impl JobFilter {
    pub(crate) fn of(uri: &Uri, now: Moment) -> Answer<Self> {
        let mut query = Query::of(uri);
        let (created_from, created_to) = created(&mut query, now);
        let found = Self {
            created_from,
            created_to,
            completed_from: query.moment("completed_time_from"),
            completed_to: query.moment("completed_time_to"),
            workflow: query.text("workflow"),
            states: query.words("state", JOB_STATES),
            owners: owners(&mut query),
            client_keys: query.integers("clientkey_ids"),
            schedules: query.integers("schedule_ids"),
            site: query.text("site"),
            site_id: query.integer("site_id"),
            input_paths_prefix: query.text("input_paths_prefix"),
            search_keyword: query.text("search_keyword"),
            hide_noop: query.flag("hide_noop").unwrap_or(false),
            queue: query.text("queue"),
            queue_id: query.integer("queue_id"),
        };
        query.finish()?;
        Ok(found)
    }
}

/// A period in words counts before the two instants; null is no period.
fn created(query: &mut Query, now: Moment) -> (Option<Moment>, Option<Moment>) {
    match query.text("created").filter(|text| text != "null") {
        None => (query.moment("created_time_from"), query.moment("created_time_to")),
        Some(text) => match Period::parse(&text, now) {
            Some(period) => (period.from, period.to),
            None => {
                query.check.refuse("created", "Enter a period such as today, yesterday, 24h, 7d or last_30_days.");
                (None, None)
            }
        },
    }
}

fn owners(query: &mut Query) -> Vec<Owner> {
    let mut owners = Vec::new();
    for id in query.integers("owner_ids") {
        match id {
            -1 => owners.push(Owner::Unknown),
            -2 => owners.push(Owner::System),
            id if id < 0 => query.check.refuse("owner_ids", "Enter ids of users, -1 or -2."),
            id => owners.push(Owner::User(id)),
        }
    }
    owners
}

/// Documents the parameters.
pub(crate) fn filtered(operation: Operation) -> Operation {
    operation
        .query("created", Kind::Text, false, "Period of creation, such as today, 24h, 7d or last_30_days; null is all times.")
        .query("created_time_from", Kind::Text, false, "Created then or later; not looked at beside created.")
        .query("created_time_to", Kind::Text, false, "Created before then; not looked at beside created.")
        .query("completed_time_from", Kind::Text, false, "Ended then or later.")
        .query("completed_time_to", Kind::Text, false, "Ended before then.")
        .query("workflow", Kind::Text, false, "Name of the workflow.")
        .query("state", Kind::TextList, false, "States; repeated, or with commas.")
        .query("owner_ids", Kind::IntegerList, false, "Ids of users; -1 is an unknown one, -2 the system.")
        .query("clientkey_ids", Kind::IntegerList, false, "Ids of client keys.")
        .query("schedule_ids", Kind::IntegerList, false, "Ids of schedules.")
        .query("site", Kind::Text, false, "Name of the site.")
        .query("site_id", Kind::Integer, false, "Id of the site.")
        .query("input_paths_prefix", Kind::Text, false, "Beginning of a path that the job was given.")
        .query("search_keyword", Kind::Text, false, "A part of the workflow, the owner, the site or a path.")
        .query("hide_noop", Kind::Boolean, false, "Without those that ended well and had nothing to do.")
        .query("queue", Kind::Text, false, "Name of the queue.")
        .query("queue_id", Kind::Integer, false, "Id of the queue.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_730_795_400_000_000_000);

    fn filter(query: &str) -> Answer<JobFilter> {
        JobFilter::of(&format!("/api/jobs/?{query}").parse().unwrap(), NOW)
    }

    #[test]
    fn a_period_in_words_counts_before_instants() {
        let instants = "created_time_from=2024-11-01&created_time_to=2024-11-02T00:00:00Z";
        let found = filter(instants).unwrap();
        assert_eq!(found.created_from, Some(Moment(1_730_419_200_000_000_000)));
        assert_eq!(found.created_to, Some(Moment(1_730_505_600_000_000_000)));
        let found = filter(&format!("{instants}&created=24h")).unwrap();
        assert_eq!((found.created_from, found.created_to), (Some(Moment(NOW.0 - 86_400_000_000_000)), None));
        assert_eq!(filter(&format!("{instants}&created=null")).unwrap(), filter(instants).unwrap());
        assert_eq!(filter("created=").unwrap(), JobFilter::default());
    }

    #[test]
    fn lists_hold_several_and_two_owners_are_nobody() {
        let found =
            filter("state=SUCCESS&state=failure,PAUSED&owner_ids=-1,-2&owner_ids=7&clientkey_ids=1,2&schedule_ids=3").unwrap();
        assert_eq!(found.states, [JobState::Success, JobState::Failure, JobState::Paused]);
        assert_eq!(found.owners, [Owner::Unknown, Owner::System, Owner::User(7)]);
        assert_eq!((found.client_keys, found.schedules), (vec![1, 2], vec![3]));
    }

    #[test]
    fn what_cannot_be_a_filter_is_refused() {
        for bad in [
            "created=soon",
            "created_time_from=then",
            "completed_time_to=99",
            "state=HAPPY",
            "owner_ids=-3",
            "owner_ids=ada",
            "site_id=x",
            "hide_noop=perhaps",
            "queue_id=1.5",
        ] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
