//! A port that brings what it was told to know, in the manner it is told to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use capstan_domain::failure::Kind;
use capstan_domain::{Failure, Outcome};

use super::values;
use crate::{Bringing, Reader, Recalling, Recalls, Wanted};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Manner {
    #[default]
    AtOnce,
    /// A pause before each piece.
    Slowly(Duration),
    /// So many pieces, and no more until it is told otherwise.
    Pieces(u64),
    /// All, but the recall is never finished.
    Unfinished,
    Wrong,
    Fails(Kind),
    /// Not even begun.
    Hangs,
    /// From the last piece to the first.
    Backwards,
}

#[derive(Default)]
pub(super) struct TestRecalls {
    contents: Mutex<HashMap<u64, Arc<Vec<u8>>>>,
    manner: Arc<Mutex<Manner>>,
    pub(super) calls: AtomicUsize,
    pub(super) brought: Arc<Mutex<Vec<u64>>>,
    pub(super) readers: Mutex<Vec<(String, Reader)>>,
    over: Arc<AtomicBool>,
}

impl TestRecalls {
    pub(super) fn knows(&self, inode: u64, content: Vec<u8>) {
        self.contents.lock().unwrap().insert(inode, Arc::new(content));
    }

    pub(super) fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub(super) fn end(&self) {
        self.over.store(true, SeqCst);
    }
}

#[async_trait]
impl Recalls for TestRecalls {
    async fn recall(&self, wanted: Wanted) -> Outcome<Recalling> {
        self.calls.fetch_add(1, SeqCst);
        self.readers.lock().unwrap().push((wanted.path.clone(), wanted.reader));
        let manner = *self.manner.lock().unwrap();
        match manner {
            Manner::Fails(kind) => return Err(Failure::new(kind, "the test says so")),
            Manner::Hangs => std::future::pending::<()>().await,
            _ => {}
        }
        let content = self.contents.lock().unwrap().get(&wanted.identity.inode).cloned().expect("a content that is known");
        let filling = wanted.file.recall(&values(&content).1)?;
        let (recalling, bringing) = Recalling::begin(filling, &wanted.range);
        let (manner, over, brought) = (self.manner.clone(), self.over.clone(), self.brought.clone());
        std::thread::spawn(move || bring(bringing, &content, &manner, &over, &brought));
        Ok(recalling)
    }
}

fn bring(bringing: Bringing, content: &[u8], manner: &Mutex<Manner>, over: &AtomicBool, brought: &Mutex<Vec<u64>>) {
    let mut count = 0;
    loop {
        let manner = *manner.lock().unwrap();
        if over.load(SeqCst) {
            return;
        }
        match manner {
            Manner::Pieces(most) if count >= most => {
                std::thread::sleep(Duration::from_millis(2));
                // The recall may have been given up, or somebody may want something else.
                if bringing.filling().read_at(u64::MAX, &mut [0]).is_err() {
                    return;
                }
                continue;
            }
            Manner::Slowly(pause) => std::thread::sleep(pause),
            _ => {}
        }
        let next = match manner {
            Manner::Backwards => {
                let pieces = bringing.filling().pieces();
                (0..pieces).rev().find(|piece| bringing.filling().missing(*piece) == Some(*piece))
            }
            _ => bringing.next(),
        };
        let Some(number) = next else { break };
        let range = bringing.filling().range(number);
        let mut part = content[range.start as usize..range.end as usize].to_vec();
        if manner == Manner::Wrong {
            part[0] ^= 1;
        }
        let written = bringing.filling().piece(number).and_then(|piece| match piece {
            Some(mut piece) => part.chunks(1 << 20).try_for_each(|bytes| piece.write(bytes)).and_then(|()| piece.finish()),
            None => Ok(()),
        });
        if let Err(failure) = written {
            return bringing.fail(failure);
        }
        brought.lock().unwrap().push(number);
        bringing.arrived();
        count += 1;
    }
    while *manner.lock().unwrap() == Manner::Unfinished && !over.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = bringing.finish();
}
