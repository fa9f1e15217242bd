use capstan_iscsi::{Algorithm, Chap, Error, Event, Isid, OwnChallenge, Settings};
use capstan_scsi::primary;

use crate::tgt::Tgt;
use crate::wire::{Ended, Wire};
use crate::{INITIATOR, server_or_skip, settings};

fn by_name(target: &str, name: &str, algorithms: &[Algorithm]) -> Settings {
    let chap = Chap { name: name.to_owned(), algorithms: algorithms.to_vec() };
    Settings { chap: Some(chap), ..settings(target) }
}

fn own() -> Option<OwnChallenge> {
    Some(OwnChallenge { identifier: 77, challenge: crate::noise(9, 24) })
}

fn is_refused_as_unknown(result: Result<(), Ended>) {
    match result {
        Err(Ended::Error(Error::LoginRefused(status))) => assert!(status.is_authentication(), "{status:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_discovery_finds_all_targets_and_where_they_are() {
    let server = server_or_skip!();
    let mut wire = Wire::new(&server, Settings::discovery(INITIATOR, Isid::random([1, 2, 3], 2)));
    wire.open(None).unwrap();
    wire.session.discover(None).unwrap();
    let Event::Targets(_, targets) = wire.event().unwrap() else { panic!() };
    let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
    for name in ["open", "guarded", "mutual", "narrow"].map(Tgt::target) {
        assert!(names.contains(&name.as_str()), "{names:?}");
    }
    assert!(
        targets.iter().flat_map(|target| &target.portals).all(|portal| portal.host == "127.0.0.1" && portal.port == server.port)
    );
    wire.session.discover(Some(&Tgt::target("open"))).unwrap();
    let Event::Targets(_, targets) = wire.event().unwrap() else { panic!() };
    assert_eq!(targets.len(), 1);
    wire.session.logout().unwrap();
    assert_eq!(wire.event().unwrap(), Event::LoggedOut { response: 0 });
}

#[test]
fn who_knows_the_secret_is_let_in_and_nobody_else() {
    let server = server_or_skip!();
    // Not SHA-256: to tgt, its number means something else.
    for algorithms in [&[Algorithm::Md5][..], &[Algorithm::Sha3_256, Algorithm::Sha1, Algorithm::Md5]] {
        let mut wire = Wire::ready(&server, by_name("guarded", Tgt::USER, algorithms));
        wire.good(&primary::inquiry(), capstan_iscsi::Data::In(u32::from(primary::INQUIRY_BYTES)));
    }
    let mut wire = Wire::new(&server, by_name("guarded", Tgt::USER, &[Algorithm::Md5]));
    wire.secrets.0 = "a guess of some length".to_owned();
    is_refused_as_unknown(wire.open(None));
    is_refused_as_unknown(Wire::new(&server, by_name("guarded", "stranger", &[Algorithm::Md5])).open(None));
    // Not asked to prove anything, it says no.
    assert!(matches!(Wire::new(&server, settings("guarded")).open(None), Err(Ended::Error(_))));
    // And a secret is not forgone because the target does without.
    assert!(matches!(Wire::new(&server, by_name("open", Tgt::USER, &[Algorithm::Md5])).open(None), Err(Ended::Error(_))));
}

#[test]
fn a_target_has_to_know_its_own_secret() {
    let server = server_or_skip!();
    let mut wire = Wire::new(&server, by_name("mutual", Tgt::USER, &[Algorithm::Md5]));
    wire.open(own()).unwrap();
    wire.calm();
    let mut wire = Wire::new(&server, by_name("mutual", Tgt::USER, &[Algorithm::Md5]));
    wire.secrets.1 = "what an impostor would guess".to_owned();
    match wire.open(own()) {
        Err(Ended::Error(error)) => assert_eq!(error, Error::Authentication("the target does not know its secret")),
        other => panic!("{other:?}"),
    }
    // `guarded` has no secret of its own to prove.
    let mut wire = Wire::new(&server, by_name("guarded", Tgt::USER, &[Algorithm::Md5]));
    assert!(matches!(wire.open(own()), Err(Ended::Error(_))));
}

#[test]
fn a_target_that_is_not_there_is_told_so() {
    let server = server_or_skip!();
    match Wire::new(&server, settings("elsewhere")).open(None) {
        Err(Ended::Error(Error::LoginRefused(status))) => assert_eq!((status.class, status.detail), (2, 3)),
        other => panic!("{other:?}"),
    }
}
