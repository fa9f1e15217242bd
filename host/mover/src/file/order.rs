//! In which order files of a sequential tree are read: as its drive would have them, or as they lie.

use std::sync::Arc;

use capstan_domain::failure::Kind;
use capstan_domain::ports::Media;
use capstan_domain::{Failure, Outcome};

use super::Inner;
use crate::item::Item;

/// Paths that a drive is asked to order at a time. More are cut into runs along the tape, each ordered on its own.
const PLANNED: usize = 4096;

pub(super) async fn plan(inner: &Inner, media: Option<&Arc<dyn Media>>, items: &[Item]) -> Outcome<Vec<usize>> {
    let mut order = by_place(items);
    let Some(media) = media else { return Ok(order) };
    for run in order.chunks_mut(PLANNED) {
        let paths =
            run.iter().filter_map(|index| items.get(*index)).map(|item| inner.native_of(item)).collect::<Outcome<Vec<_>>>()?;
        match media.plan_reading(&inner.share, &paths).await.and_then(|plan| follow(run, &plan)) {
            Ok(planned) => run.copy_from_slice(&planned),
            // The order costs time only: that of the places will do.
            Err(failure) if failure.kind == Kind::Unsupported => break,
            Err(failure) => tracing::warn!(%failure, cartridge = %inner.share, "the drive gave no order to read in"),
        }
    }
    Ok(order)
}

/// As the data lies; what tells no place comes last, by its path.
fn by_place(items: &[Item]) -> Vec<usize> {
    let mut order: Vec<(usize, &Item)> = items.iter().enumerate().collect();
    order.sort_by_key(|(_, item)| (item.place.is_none(), item.place, item.path.as_str()));
    order.into_iter().map(|(index, _)| index).collect()
}

/// What the plan makes of a run; a plan that does not name each file once is none.
fn follow(run: &[usize], plan: &[u32]) -> Outcome<Vec<usize>> {
    let mut left: Vec<Option<usize>> = run.iter().copied().map(Some).collect();
    let taken = plan.iter().map(|at| left.get_mut(usize::try_from(*at).ok()?)?.take());
    match taken.collect::<Option<Vec<usize>>>() {
        Some(planned) if planned.len() == run.len() => Ok(planned),
        _ => Err(Failure::new(Kind::PluginFault, "The order to read in does not name each file once").with_code("bad-order")),
    }
}

#[cfg(test)]
mod tests {
    use capstan_domain::time::Timestamp;

    use super::*;

    fn at(path: &str, place: Option<u64>) -> Item {
        Item { place, ..Item::file(path, 1, Timestamp(0)) }
    }

    #[test]
    fn files_are_read_as_they_lie_and_those_that_tell_no_place_by_their_paths() {
        let items = [at("c", None), at("z", Some(3)), at("a", None), at("y", Some(20)), at("x", Some(1))];
        assert_eq!(by_place(&items), [4, 1, 3, 2, 0]);
    }

    #[test]
    fn a_plan_that_misses_or_repeats_a_file_is_not_followed() {
        let run = [7, 5, 9];
        assert_eq!(follow(&run, &[2, 0, 1]).expect("a plan"), [9, 7, 5]);
        for plan in [&[0, 1][..], &[0, 1, 1], &[0, 1, 3], &[0, 1, 2, 0]] {
            assert_eq!(follow(&run, plan).expect_err("no plan").code.as_deref(), Some("bad-order"), "{plan:?}");
        }
    }
}
