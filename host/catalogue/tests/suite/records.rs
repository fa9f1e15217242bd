//! What work records, and uploads in parts.

use capstan_catalogue::{Begun, Catalogue, NewReplica, Record, StoredPart, Tally};
use capstan_domain::entry::{NewEntry, Tree};
use capstan_domain::job::{NewJob, PathOutcome, PathState, Work};
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::ports::Part;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Kind};

use crate::database::{Base, on_both};
use crate::entries::file;
use crate::nouns::{info, space, target};

on_both! {
    a_record_is_all_or_nothing => atomic,
    a_path_has_one_outcome_the_last => outcomes,
    a_moved_file_stays_while_a_copy_holds_it => moved,
    a_copy_written_again_replaces_what_was_known => again,
    parts_outlive_a_restart_until_another_upload_begins => parts,
    an_upload_whose_id_nobody_knows_is_left_with_its_attempt => unanswered,
}

pub(crate) async fn job(catalogue: &Catalogue) -> capstan_domain::ids::JobId {
    let new = NewJob { definition: None, name: "j".to_owned(), work: Work::Scan { places: Vec::new() } };
    catalogue.create_job(&new, None).await.unwrap().id
}

fn replica(path: &str, location: capstan_domain::ids::LocationId, size: u64) -> NewReplica {
    NewReplica {
        path: path.to_owned(),
        location,
        key: format!("k/{path}"),
        size,
        modified: Timestamp(1),
        etag: Some("e".to_owned()),
        version: None,
        blake3: vec![1; 32],
        subtrees: vec![2; 64],
        verified: None,
    }
}

async fn atomic(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let tree = Tree::Space(s.id);
    let record = Record {
        entries: vec![(tree, vec![file(tree, "f", 5)])],
        replicas: vec![(tree, vec![replica("f", capstan_domain::ids::LocationId::new(), 5)])],
        ..Record::default()
    };
    assert_eq!(catalogue.record(record).await.unwrap_err().kind, Kind::Invalid);
    assert_eq!(catalogue.entry_at(tree, "f").await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(catalogue.space(s.id).await.unwrap().file_count, 0);
}

async fn outcomes(catalogue: &Catalogue, _: &Base) {
    let job = job(catalogue).await;
    let outcome =
        |path: &str, state, failure| PathOutcome { job, path: path.to_owned(), state, bytes: 3, failure, finished: Timestamp(9) };
    let failed = Some(Failure::invalid("changed while it was read"));
    let first = vec![
        outcome("b", PathState::Failed, failed.clone()),
        outcome("a", PathState::Done, None),
        outcome("c", PathState::Failed, failed),
        outcome("c", PathState::Skipped, None),
    ];
    catalogue.record(Record { outcomes: first, ..Record::default() }).await.unwrap();
    catalogue.record(Record { outcomes: vec![outcome("b", PathState::Done, None)], ..Record::default() }).await.unwrap();
    let page = catalogue.outcomes(job, &Listing::first(10)).await.unwrap();
    let seen: Vec<_> = page.items.iter().map(|outcome| (outcome.path.as_str(), outcome.state)).collect();
    assert_eq!(seen, [("a", PathState::Done), ("b", PathState::Done), ("c", PathState::Skipped)], "in the order they came about");
    assert_eq!(catalogue.tally(job).await.unwrap(), Tally { done: 2, skipped: 1, ..Tally::default() });
    let skipped = Listing::first(10).with("state", Operator::Equal, "skipped");
    assert_eq!(catalogue.outcomes(job, &skipped).await.unwrap().count, 1);
}

async fn moved(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let t = target(catalogue, "t").await;
    let location = catalogue.sync_locations(t.id, &[info("l")]).await.unwrap()[0].id;
    let tree = Tree::Space(s.id);
    let record = Record {
        entries: vec![(tree, vec![NewEntry { blake3: Some(vec![1; 32]), ..file(tree, "d/f", 5) }, file(tree, "d/g", 1)])],
        replicas: vec![(tree, vec![replica("d/f", location, 5)])],
        gone: vec![(tree, vec!["d/f".to_owned(), "d/g".to_owned(), "d".to_owned(), String::new()])],
        ..Record::default()
    };
    catalogue.record(record).await.unwrap();
    let entry = catalogue.entry_at(tree, "d/f").await.unwrap();
    assert_eq!((entry.resident, entry.blake3), (false, Some(vec![1; 32])));
    assert_eq!(catalogue.entry_at(tree, "d/g").await.unwrap_err().kind, Kind::NotFound);
    assert!(catalogue.entry_at(tree, "d").await.is_ok());
    let held = catalogue.replicas_at(tree, &["d/f".to_owned(), "d/g".to_owned()]).await.unwrap();
    assert_eq!((held.len(), held[0].path.as_str(), held[0].replica.key.as_str()), (1, "d/f", "k/d/f"));
    assert_eq!(held[0].replica.subtrees, vec![2; 64]);
    let record = Record { forgotten: vec![(location, vec!["k/d/f".to_owned(), "other".to_owned()])], ..Record::default() };
    catalogue.record(record).await.unwrap();
    assert!(catalogue.replicas_of(entry.number).await.unwrap().is_empty());
    assert_eq!(catalogue.location(location).await.unwrap().file_count, 0);
}

async fn again(catalogue: &Catalogue, _: &Base) {
    let s = space(catalogue, "s").await;
    let t = target(catalogue, "t").await;
    let location = catalogue.sync_locations(t.id, &[info("l")]).await.unwrap()[0].id;
    let tree = Tree::Space(s.id);
    for size in [5, 9] {
        let record = Record {
            entries: vec![(tree, vec![file(tree, "f", size)])],
            replicas: vec![(tree, vec![replica("f", location, size)])],
            ..Record::default()
        };
        catalogue.record(record).await.unwrap();
    }
    let now = catalogue.location(location).await.unwrap();
    assert_eq!((now.file_count, now.file_bytes), (1, 9));
}

async fn parts(catalogue: &Catalogue, base: &Base) {
    let begun = Begun {
        id: "u1".to_owned(),
        attempt: None,
        size: 100,
        part_size: 40,
        content: "f 100 1".to_owned(),
        extras: vec![("a".into(), "b".into())],
        job: None,
    };
    let part = |number: u32| StoredPart {
        part: Part { number, size: 40, etag: format!("e{number}"), checksums: Vec::new() },
        blocks: vec![u8::try_from(number).unwrap(); 32],
    };
    catalogue.begin_upload("t", "k", &begun).await.unwrap();
    catalogue.save_part("t", "k", "u1", &part(2)).await.unwrap();
    catalogue.save_part("t", "k", "u1", &part(1)).await.unwrap();
    catalogue.save_part("t", "k", "u1", &part(1)).await.unwrap();
    let reopened = Catalogue::open(&base.url, crate::database::options()).await.unwrap();
    assert_eq!(reopened.upload("t", "k").await.unwrap(), Some((begun.clone(), vec![part(1), part(2)])));
    assert_eq!(catalogue.upload("t", "other").await.unwrap(), None);
    let next = Begun { id: "u2".to_owned(), ..begun };
    catalogue.begin_upload("t", "k", &next).await.unwrap();
    assert_eq!(catalogue.save_part("t", "k", "u1", &part(3)).await.unwrap_err().kind, Kind::Conflict);
    assert_eq!(catalogue.upload("t", "k").await.unwrap(), Some((next, Vec::new())));
    catalogue.forget_upload("t", "k", "u1").await.unwrap();
    assert!(catalogue.upload("t", "k").await.unwrap().is_some());
    catalogue.forget_upload("t", "k", "u2").await.unwrap();
    assert_eq!(catalogue.upload("t", "k").await.unwrap(), None);
}

async fn unanswered(catalogue: &Catalogue, _: &Base) {
    let intent = Begun {
        id: String::new(),
        attempt: Some("attempt".to_owned()),
        size: 100,
        part_size: 0,
        content: "f 100 1".to_owned(),
        extras: Vec::new(),
        job: None,
    };
    catalogue.begin_upload("t", "k", &intent).await.unwrap();
    assert_eq!(catalogue.upload("t", "k").await.unwrap(), Some((intent.clone(), Vec::new())));
    let later = || Timestamp::now().plus(std::time::Duration::from_secs(60));
    let left = catalogue.ownerless_uploads(later(), 0, 10).await.unwrap();
    assert_eq!(left.iter().map(|left| (left.upload.as_str(), left.size)).collect::<Vec<_>>(), [("", 100)]);
    assert_eq!(left[0].attempt.as_deref(), Some("attempt"));
    // The target answers.
    let begun = Begun { id: "u".to_owned(), attempt: None, part_size: 40, ..intent.clone() };
    catalogue.begin_upload("t", "k", &begun).await.unwrap();
    catalogue.forget_upload("t", "k", "").await.unwrap();
    assert_eq!(catalogue.upload("t", "k").await.unwrap(), Some((begun, Vec::new())));
    let left = catalogue.ownerless_uploads(later(), 0, 10).await.unwrap();
    assert_eq!((left.len(), left[0].upload.as_str(), left[0].attempt.as_deref()), (1, "u", None));

    let job = job(catalogue).await;
    catalogue.begin_upload("t", "k", &Begun { job: Some(job), ..intent }).await.unwrap();
    assert!(catalogue.left_uploads(0, 10).await.unwrap().is_empty(), "its job may go on");
    catalogue.request_job(job, capstan_domain::job::Request::Stop).await.unwrap();
    let left = catalogue.left_uploads(0, 10).await.unwrap();
    assert_eq!((left.len(), left[0].job, left[0].attempt.as_deref()), (1, job, Some("attempt")));
    assert!(catalogue.set_upload_aside(&left[0]).await.unwrap());
    assert_eq!(catalogue.upload("t", "k").await.unwrap(), None);
    catalogue.forget_left_upload(left[0].number).await.unwrap();
    assert!(catalogue.left_uploads(0, 10).await.unwrap().is_empty());
}
