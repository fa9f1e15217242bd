//! Blocks ahead, against a drive in memory that carries out what it is given at once and in order, as real ones do.

use std::collections::VecDeque;

use capstan_scsi::{Reason, Refusal};
use futures::executor::block_on;

use super::*;
use crate::tests::noise;

#[derive(Default)]
struct Drive {
    room: usize,
    /// Blocks; none: a filemark.
    objects: Vec<Option<Vec<u8>>>,
    at: usize,
    /// Objects until the end comes near, and until it is there.
    warns: usize,
    ends: usize,
    /// The object at which a command is refused.
    refuses: Option<usize>,
    /// It refuses what comes while another command was taken and did not end.
    one_at_a_time: bool,
    ended: VecDeque<Result<(Ended, Vec<u8>), Stop>>,
    most: usize,
}

fn busy() -> Stop {
    Stop::Refused(Refusal::new(capstan_scsi::status::TASK_SET_FULL, &[]))
}

impl Drive {
    fn with(room: usize) -> Self {
        Self { room, warns: usize::MAX, ends: usize::MAX, ..Self::default() }
    }

    fn done(&mut self, data: Data, asked: u32) -> Result<(Ended, Vec<u8>), Stop> {
        if self.refuses == Some(self.at) {
            self.refuses = None;
            return Err(Stop::Refused(Refusal { reason: Reason::Hardware, status: 2, sense: None }));
        }
        if let Data::Out(bytes) = data {
            assert_eq!(bytes.len(), asked as usize);
            if self.at >= self.ends {
                return Ok((Ended::EndOfMedium { left: Some(asked) }, Vec::new()));
            }
            self.objects.truncate(self.at);
            self.objects.push(Some(bytes));
            self.at += 1;
            return Ok((if self.at > self.warns { Ended::NearEnd { left: Some(0) } } else { Ended::Whole }, Vec::new()));
        }
        let Some(object) = self.objects.get(self.at).cloned() else { return Ok((Ended::EndOfData { left: None }, Vec::new())) };
        self.at += 1;
        let Some(block) = object else { return Ok((Ended::Filemark { left: None }, Vec::new())) };
        if block.len() == asked as usize {
            return Ok((Ended::Whole, block));
        }
        let actual = u32::try_from(block.len()).unwrap();
        Ok((Ended::Length { actual: Some(actual) }, block.into_iter().take(asked as usize).collect()))
    }
}

impl Lane for Drive {
    fn room(&self, _bytes: u32) -> usize {
        self.room
    }

    fn narrow(&mut self) -> bool {
        std::mem::replace(&mut self.room, 1) > 1
    }

    async fn begin(&mut self, _cdb: &[u8], data: Data, asked: u32) -> Result<(), Stop> {
        let crowded = self.one_at_a_time && self.ended.iter().any(Result::is_ok);
        let ended = if crowded { Err(busy()) } else { self.done(data, asked) };
        self.ended.push_back(ended);
        self.most = self.most.max(self.ended.len());
        Ok(())
    }

    async fn end(&mut self) -> Result<(Ended, Vec<u8>), Stop> {
        self.ended.pop_front().unwrap()
    }
}

#[test]
fn a_content_is_written_in_its_order_with_several_blocks_under_way() {
    for (room, most) in [(1, 1), (4, 4), (100, AHEAD)] {
        let mut drive = Drive::with(room);
        let content = noise(1, 2_500);
        let (run, broken) = block_on(lay(&mut drive, &content, 100, false));
        assert!(broken.is_none() && drive.ended.is_empty() && drive.most == most);
        assert_eq!(run, Run { blocks: 25, bytes: 2_500, ..Run::default() });
        assert!(drive.objects.into_iter().flatten().flatten().eq(content));
    }
}

#[test]
fn a_protected_block_goes_out_with_its_checksum() {
    let mut drive = Drive::with(4);
    let content = noise(2, 250);
    let (run, _) = block_on(lay(&mut drive, &content, 100, true));
    assert_eq!((run.blocks, run.bytes), (3, 250));
    for (sealed, block) in drive.objects.into_iter().flatten().zip(content.chunks(100)) {
        assert_eq!(opened(sealed, u32::try_from(block.len()).unwrap(), true, "x").unwrap(), block);
    }
}

#[test]
fn near_the_end_each_block_waits_for_the_one_before() {
    let mut drive = Drive { warns: 10, ends: 15, ..Drive::with(4) };
    let (run, broken) = block_on(lay(&mut drive, &noise(3, 3_000), 100, false));
    assert!(broken.is_none() && drive.ended.is_empty());
    assert_eq!(run, Run { blocks: 15, bytes: 1_500, near_end: true, full: true, astray: false });
    assert_eq!(drive.objects.len(), 15);
}

#[test]
fn what_was_under_way_behind_a_refusal_is_over_and_does_not_count() {
    let mut drive = Drive { refuses: Some(7), ..Drive::with(4) };
    let (run, broken) = block_on(lay(&mut drive, &noise(4, 2_000), 100, false));
    assert!(matches!(broken, Some(Broken::Stopped(_))) && drive.ended.is_empty());
    assert_eq!(run.blocks, 7);
}

#[test]
fn a_drive_that_takes_one_block_at_a_time_is_given_one_at_a_time() {
    let mut drive = Drive { one_at_a_time: true, ..Drive::with(4) };
    let content = noise(5, 1_050);
    let (run, broken) = block_on(lay(&mut drive, &content, 100, false));
    assert!(broken.is_none() && drive.ended.is_empty() && drive.room == 1);
    assert_eq!((run.blocks, run.bytes), (11, 1_050));
    assert!(drive.objects.into_iter().flatten().flatten().eq(content));
}

/// A source that ends before its end.
struct Cut(u64);

impl Source for Cut {
    fn size(&self) -> u64 {
        10_000
    }

    async fn bytes(&self, from: u64, length: u64) -> Outcome<Vec<u8>> {
        if from < self.0 { Ok(vec![0; length as usize]) } else { Err(invalid("it broke")) }
    }
}

#[test]
fn what_a_broken_source_gave_is_written_and_counted() {
    let mut drive = Drive::with(4);
    let (run, broken) = block_on(lay(&mut drive, &Cut(1_000), 100, false));
    assert!(matches!(broken, Some(Broken::Failed(_))) && drive.ended.is_empty());
    assert_eq!((run.blocks, run.bytes, run.astray, drive.objects.len()), (10, 1_000, false, 10));
}

#[test]
fn no_more_is_read_ahead_than_is_wanted() {
    let mut drive = Drive::with(4);
    drive.objects = (0..9).map(|seed| Some(noise(seed, 100))).collect();
    let mut ahead = Ahead::default();
    for left in (1..=6).rev() {
        let (ended, data) = block_on(ahead.next(&mut drive, 100, left)).unwrap();
        assert_eq!((ended, data.len()), (Ended::Whole, 100));
    }
    assert_eq!((drive.most, drive.at, ahead.length()), (4, 6, None));
    assert!(!block_on(ahead.drain(&mut drive)));
}

#[test]
fn what_was_read_too_far_is_told() {
    let mut drive = Drive::with(4);
    drive.objects = vec![Some(noise(1, 100)), None, Some(noise(2, 100)), Some(noise(3, 100))];
    let mut ahead = Ahead::default();
    assert_eq!(block_on(ahead.next(&mut drive, 100, 9)).unwrap().0, Ended::Whole);
    assert!(matches!(block_on(ahead.next(&mut drive, 100, 8)).unwrap().0, Ended::Filemark { .. }));
    assert_eq!(ahead.length(), Some(100));
    assert!(block_on(ahead.drain(&mut drive)) && drive.ended.is_empty() && ahead.length().is_none());
    // The caller goes back: the drive is behind the mark's next block.
    assert!(drive.at > 2);
}
