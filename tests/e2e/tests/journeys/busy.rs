//! A service that asks to slow down is given time, and the task ends well.

#![allow(clippy::unwrap_used, reason = "everything here is a test")]

use std::time::Duration;

use capstan_e2e::{Harbour, Shape, Tree};
use capstan_test_servers::{BusyFront, Rgw, TurnedAway, server_or_skip};

const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_service_that_turns_requests_away_is_asked_again_when_it_said() {
    let rgw = server_or_skip!(Rgw::get());
    let front = BusyFront::start(&rgw.s3).unwrap();
    let harbour = Harbour::open("turned-away", &front.s3).unwrap();
    let before = harbour.load(&Shape { files: 40, small: 8 << 10, large: vec![40 << 20], odd: false }).unwrap();
    let slow_down = TurnedAway { status: "503 Slow Down", code: Some("SlowDown"), retry_after: Some(1) };
    let too_many = TurnedAway { status: "429 Too Many Requests", code: None, retry_after: None };
    for (times, method, how) in [(12, "PUT", slow_down), (8, "PUT", too_many), (1, "POST", slow_down), (12, "GET", slow_down)] {
        front.turn_away(times, method, how);
    }
    harbour.cargo.run(harbour.upward("copy").unwrap(), PATIENCE).unwrap();
    front.turn_away(12, "GET", too_many);
    harbour.cargo.run(harbour.downward().unwrap(), PATIENCE).unwrap();
    assert!(front.turned_away() >= 33, "{} requests were turned away", front.turned_away());
    assert_eq!(front.early(), 0, "the time the service asked for was not given");
    before.same_as(&Tree::read(&harbour.inbound()).unwrap()).unwrap();
    harbour.close().unwrap();
}
