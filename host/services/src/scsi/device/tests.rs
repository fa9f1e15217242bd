use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use futures::stream;

use super::super::passage::Ended;
use super::*;

/// A device that answers what it was given to answer, and keeps what it was told.
struct Fake {
    answers: VecDeque<io::Result<Ended>>,
    told: Sender<(Vec<u8>, Direction, Vec<u8>)>,
    /// Each command waits for a word here, if there is one.
    go: Option<Receiver<()>>,
}

type Told = Receiver<(Vec<u8>, Direction, Vec<u8>)>;

impl Passage for Fake {
    fn pass(&mut self, cdb: &[u8], direction: Direction, buffer: &mut [u8], _timeout: Duration) -> io::Result<Ended> {
        self.told.send((cdb.to_vec(), direction, buffer.to_vec())).unwrap();
        if let Some(go) = &self.go {
            go.recv().ok();
        }
        if direction == Direction::FromDevice {
            buffer.fill(7);
        }
        self.answers.pop_front().unwrap_or_else(|| Ok(Ended { moved: buffer.len(), ..Ended::default() }))
    }
}

fn device(answers: impl IntoIterator<Item = io::Result<Ended>>, go: Option<Receiver<()>>) -> (Device, Told) {
    let (told, heard) = channel();
    let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let limits = Limits { scsi_transfer_bytes: 16, scsi_wait: Duration::from_millis(50), ..Limits::default() };
    let fake = Fake { answers: answers.into_iter().collect(), told, go };
    (Device::new("/dev/sg3", fake, place, &limits).unwrap(), heard)
}

fn body(chunks: &[&'static [u8]]) -> Body {
    Box::pin(stream::iter(chunks.iter().copied().map(|chunk| Outcome::Ok(Bytes::from_static(chunk))).collect::<Vec<_>>()))
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn data_goes_out_and_as_much_comes_in_as_the_device_sent() {
    let short = Ended { moved: 3, ..Ended::default() };
    let (device, told) = device([Ok(short), Ok(Ended::default())], None);
    let answer = device.execute(vec![8; 6], Transfer::FromDevice(5), SOON).await.unwrap();
    assert_eq!(answer.data, [7; 3]);
    let answer = device.execute(vec![10; 6], Transfer::ToDevice(b"block".to_vec()), SOON).await.unwrap();
    assert_eq!(answer, Answer::default());
    device.send(vec![11; 6], body(&[b"bl", b"ock"]), 5, SOON).await.unwrap();
    device.execute(vec![0; 6], Transfer::None, SOON).await.unwrap();
    let told: Vec<_> = told.try_iter().collect();
    // Nothing of one command is left for the next that reads.
    assert_eq!(told[0], (vec![8; 6], Direction::FromDevice, vec![0; 5]));
    assert_eq!(told[1], (vec![10; 6], Direction::ToDevice, b"block".to_vec()));
    assert_eq!(told[2], (vec![11; 6], Direction::ToDevice, b"block".to_vec()));
    assert_eq!(told[3], (vec![0; 6], Direction::None, Vec::new()));
}

#[tokio::test]
async fn what_exceeds_a_bound_or_breaks_off_is_not_given_to_the_device() {
    let (device, told) = device([], None);
    for (cdb, transfer) in [
        (Vec::new(), Transfer::None),
        (vec![0; 33], Transfer::None),
        (vec![8; 6], Transfer::FromDevice(17)),
        (vec![10; 6], Transfer::ToDevice(vec![0; 17])),
    ] {
        assert_eq!(device.execute(cdb, transfer, SOON).await.unwrap_err().kind, Kind::Invalid);
    }
    assert_eq!(device.send(vec![10; 6], body(&[]), 17, SOON).await.unwrap_err().kind, Kind::Invalid);
    let wrong: [[&'static [u8]; 2]; 2] = [[b"abc", b"d"], [b"abcde", b"f"]];
    for chunks in wrong {
        assert_eq!(device.send(vec![10; 6], body(&chunks), 5, SOON).await.unwrap_err().kind, Kind::Corrupt);
    }
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_command_waits_for_the_one_before_also_if_nobody_waits_for_that_any_more() {
    let (go, wait) = channel();
    let (device, told) = device([], Some(wait));
    let first = device.execute(vec![1; 6], Transfer::None, SOON);
    assert!(tokio::time::timeout(Duration::from_millis(20), first).await.is_err());
    let busy = device.execute(vec![2; 6], Transfer::None, SOON).await.unwrap_err();
    assert_eq!((busy.kind, busy.maybe_done), (Kind::Busy, false));
    go.send(()).unwrap();
    go.send(()).unwrap();
    device.execute(vec![3; 6], Transfer::None, SOON).await.unwrap();
    assert_eq!(told.try_iter().map(|(cdb, ..)| cdb[0]).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn a_device_that_is_cut_fails_the_command_under_way_and_takes_no_other() {
    let (go, wait) = channel();
    let (device, told) = device([], Some(wait));
    let cutting = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        device.cut();
    };
    let (ended, ()) = futures::future::join(device.execute(vec![1; 6], Transfer::None, SOON), cutting).await;
    let failure = ended.unwrap_err();
    assert_eq!((failure.kind, failure.maybe_done), (Kind::Denied, true));
    drop(go);
    let failure = device.execute(vec![2; 6], Transfer::None, SOON).await.unwrap_err();
    assert_eq!((failure.kind, failure.maybe_done), (Kind::Denied, false));
    assert_eq!(told.try_iter().count(), 1);
}

#[tokio::test]
async fn what_the_kernel_refuses_is_a_failure_and_the_device_goes_on() {
    let (device, _told) = device([Err(io::Error::from_raw_os_error(libc::ENODEV))], None);
    let failure = device.execute(vec![0; 6], Transfer::None, SOON).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("device-gone"));
    device.execute(vec![0; 6], Transfer::None, SOON).await.unwrap();
}
