//! Gives an object's bytes as a stream.

use std::rc::Rc;

use capstan_sdk::failure::invalid;
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
    let (from, to) = bounds(data.len() as u64, range)?;
    let (mut stream, reader) = wit_stream::new::<u8>();
    let (end, ended) = wit_future::new::<Result<(), Failure>>(|| Ok(()));
    spawn_local(async move {
        let wanted = data.get(from..to).unwrap_or_default();
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

/// A range beyond the end is wrong; one that reaches over it is cut.
fn bounds(size: u64, range: Option<ByteRange>) -> Outcome<(usize, usize)> {
    let Some(ByteRange { offset, length }) = range else { return Ok((0, size as usize)) };
    if offset > size || (offset == size && size > 0) {
        return Err(invalid(format!("the range begins at {offset}, the object has {size} bytes")));
    }
    let end = length.map_or(size, |length| offset.saturating_add(length).min(size));
    Ok((offset as usize, end as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_at_the_end_and_refused_beyond_it() {
        let range = |offset, length| Some(ByteRange { offset, length });
        assert_eq!(bounds(10, None).unwrap(), (0, 10));
        assert_eq!(bounds(10, range(4, None)).unwrap(), (4, 10));
        assert_eq!(bounds(10, range(4, Some(100))).unwrap(), (4, 10));
        assert!(bounds(10, range(10, Some(1))).is_err());
        assert_eq!(bounds(0, range(0, None)).unwrap(), (0, 0));
    }
}
