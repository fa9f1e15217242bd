//! What the servers of a measurement computed: no client, however little it costs, is served sooner than that.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::measure::{Series, number};

/// Of the kernel's clock in `/proc`, which is the same on every machine of Linux.
const TICKS_A_SECOND: u64 = 100;

/// Started before a load, stopped behind it.
pub(crate) struct Served {
    wall: Instant,
    cpu: Duration,
}

/// Of the same load, a value a round.
#[derive(Default)]
pub(crate) struct Burden {
    /// Cores that the servers kept busy.
    cores: Series,
    /// Milliseconds of CPU that they spent on a small object.
    each: Series,
}

impl Served {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: spent() }
    }

    pub(crate) fn stop(&self, objects: f64, burden: &mut Burden) {
        let (wall, cpu) = (self.wall.elapsed(), spent().saturating_sub(self.cpu));
        burden.cores.push(cpu.as_secs_f64() / wall.as_secs_f64().max(1e-9));
        burden.each.push(cpu.as_secs_f64() * 1000.0 / objects.max(1.0));
    }
}

impl Burden {
    /// For people, below a table.
    pub(crate) fn note(&self) -> String {
        format!(
            "While our small ones were put, the servers kept {} of the two cores busy, {} ms of CPU for each: what no client gets below.",
            number(self.cores.median()),
            number(self.each.median()),
        )
    }
}

/// CPU time of all processes that descend from this one, those they waited for included.
fn spent() -> Duration {
    let mut parents = HashMap::new();
    let mut ticks = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // A program's name stands in brackets and may hold anything.
        let Some((_, rest)) = text.rsplit_once(") ") else { continue };
        let fields: Vec<u64> = rest.split(' ').skip(1).map(|field| field.parse().unwrap_or(0)).collect();
        let Some(parent) = fields.first().and_then(|parent| u32::try_from(*parent).ok()) else { continue };
        parents.insert(process, parent);
        // proc(5): utime, stime, cutime, cstime are the fields 14 to 17, and the second of `fields` is 5.
        ticks.insert(process, fields.get(10..14).map_or(0, |times| times.iter().sum()));
    }
    let own = std::process::id();
    let descends =
        |process: u32| std::iter::successors(parents.get(&process), |parent| parents.get(parent)).any(|parent| *parent == own);
    let total: u64 = ticks.iter().filter(|(process, _)| descends(**process)).map(|(_, ticks)| *ticks).sum();
    Duration::from_millis(total * 1000 / TICKS_A_SECOND)
}
