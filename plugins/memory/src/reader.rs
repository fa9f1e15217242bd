//! Gives an object's bytes as a stream.

use std::rc::Rc;

use capstan_sdk::range::bounds;
use capstan_sdk::types::{ByteRange, GetOptions, Object};
use capstan_sdk::{Failure, FutureReader, Outcome, StreamReader, spawn_local};

use crate::backend::store;
use crate::world::{wit_future, wit_stream};

/// Bytes handed to the host at once.
const CHUNK: usize = 256 << 10;

type Download = (Object, StreamReader<u8>, FutureReader<Result<(), Failure>>);

pub(crate) fn get(location: &str, key: &str, range: Option<ByteRange>, options: &GetOptions) -> Outcome<Download> {
    let (object, data) = {
        let store = store()?;
        let store = store.borrow();
        let stored = store.stored(location, key, options.if_match.as_deref())?;
        (stored.object(key), Rc::clone(&stored.data))
    };
    let (from, to) = bounds(data.len() as u64, range, "object")?;
    let (mut stream, reader) = wit_stream::new::<u8>();
    let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    spawn_local(async move {
        let wanted = data.get(from as usize..to as usize).unwrap_or_default();
        for chunk in wanted.chunks(CHUNK) {
            if !stream.write_all(chunk.to_vec()).await.is_empty() {
                // Nobody reads any more.
                break;
            }
        }
        drop(stream);
        let _ = end.write(Ok(())).await;
    });
    Ok((object, reader, ended))
}
