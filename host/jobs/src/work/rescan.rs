//! Rescan: a scan that reads only the folders that changed.
//!
//! Where a target's folders tell by their times when a name in them came or went (`Tree::folder_times`), a folder that looks as it
//! was recorded holds the same names, and its files are not looked at. A file that was only written into changes no folder: that is
//! seen by a complete scan, which comes after `complete_every`, and whenever anything was left unfinished. What a rescan finds gone is
//! under the same guards as in any scan. What the scan before could not read is read whole, since nobody knows what became of it;
//! if it still cannot be read, what is recorded at and below it stays, and the next scan tries again.
//!
//! | dies after | what is there then | what the next one does |
//! |---|---|---|
//! | the mark of completeness is taken away | nothing was changed | a complete scan |
//! | folders and files are recorded, in any order | some are newer than others | the same |
//! | what vanished is removed | all is as it is | the same |
//! | the mark is set again | all is as it is | a rescan |
//!
//! | beside it, others | the rescan |
//! |---|---|
//! | make, remove or rename a name in a folder that was read | finds another time at it the next time, or is in doubt of it |
//! | put something else in the place of a folder | takes all that was in it for gone, whichever of the two it looks at first |
//! | remove a folder between the look and the reading | takes it for gone |
//! | remove a new folder before it is walked | has nothing to record |
//! | remove what could not be read | takes it for gone, with all that was recorded below it |

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use capstan_catalogue::{Crawl, KnownFolder, Missing};
use capstan_domain::ids::{Number, PoolId};
use capstan_domain::job::{Job, Place};
use capstan_domain::time::Timestamp;
use capstan_domain::unread::Unread;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_mover::{Control, Counters, Item, ItemKind};

use super::scan;
use crate::engine::Engine;
use crate::ledger::Side;
use crate::places::Plot;
use crate::work::{End, transfer::side};

/// Known folders looked at together.
const LOOKED_AT: u32 = 512;
/// Names of a folder asked for at a time.
const PAGE: u32 = 1000;
/// Folders that changed or went; with more, a complete scan is made instead.
const CHANGED_MAX: usize = 50_000;
/// A folder that changed so shortly before it was read may have changed once more within the same tick of the target's clock, which may
/// be behind the host's: it is read once more. What a clock that is further behind hides, the complete scan finds.
const DOUBT: std::time::Duration = std::time::Duration::from_secs(120);

pub(super) async fn rescan(engine: &Engine, job: &Job, pool: PoolId, control: &Control, counters: &Counters) -> Outcome<End> {
    let place = Place::Pool { pool, path: String::new() };
    let places = std::slice::from_ref(&place);
    let ground = engine.places.source(&place).await?;
    // A scan that was taken away meanwhile leaves nothing to build on, and one that could read nothing neither.
    let before = scan::standing(engine, pool).await?;
    let before = before
        .filter(|before| before.complete.plus(engine.limits.complete_every) > Timestamp::now() && !before.unread.covers(""));
    let (Some(tree), Some(before)) = (ground.catalogued, before) else {
        return scan::scan(engine, job, places, control, counters).await;
    };
    if !ground.plots.iter().all(|plot| plot.tree.folder_times()) {
        return scan::scan(engine, job, places, control, counters).await;
    }
    let (mut looks, mut kept, mut unread) = (Looks::default(), None, Unread::default());
    for plot in &ground.plots {
        let mut crawl = engine.catalogue.begin_crawl(tree).await?;
        let side = side(&ground, plot);
        let (before, found) = (&before.unread, Looks::default());
        let mut look = Look { engine, job, pool, plot, side: &side, before, crawl: &mut crawl, control, counters, found };
        match look.through().await? {
            Through::Looked => {}
            Through::TooMuch => return scan::scan(engine, job, places, control, counters).await,
        }
        look.again().await?;
        let found = std::mem::take(&mut look.found);
        kept = kept.or(forget(engine, &crawl, &found).await?);
        unread.add_all(crawl.unread());
        looks.add(&found);
    }
    let now = Timestamp::now();
    engine.catalogue.finish_scan(pool, now).await?;
    // Only where nothing was held back is the next rescan good enough; when the last complete one was does not change.
    engine.catalogue.mark_scan(pool, kept.is_none().then_some(before.complete), &unread).await?;
    counters.walked.store(1, Relaxed);
    Ok(match kept {
        Some(failure) => End::warning(failure),
        None => End::of_paths(looks.files + looks.folders, looks.failed),
    })
}

enum Through {
    Looked,
    TooMuch,
}

/// What became of reading all below a path.
enum Whole {
    Read,
    Gone,
    Failed,
}

/// What a look came to.
#[derive(Default)]
struct Looks {
    files: u64,
    /// Those that look as they were recorded, and those that were read.
    folders: u64,
    failed: u64,
    /// Folders that were read, by number.
    read: Vec<Number>,
    /// What could not be read before and was read now, whole, by path.
    again: Vec<String>,
    /// Folders that are gone, by path; some of them may lie in others.
    gone: HashSet<String>,
    marked: bool,
}

impl Looks {
    /// Whether this folder, or one above it, is gone.
    fn has_gone(&self, path: &str) -> bool {
        self.gone.contains(path) || lies_in(&self.gone, path)
    }

    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.folders += other.folders;
        self.failed += other.failed;
    }
}

struct Look<'l> {
    engine: &'l Engine,
    job: &'l Job,
    pool: PoolId,
    plot: &'l Plot,
    side: &'l Side,
    /// What could not be read before.
    before: &'l Unread,
    crawl: &'l mut Crawl,
    control: &'l Control,
    counters: &'l Counters,
    found: Looks,
}

impl Look<'_> {
    async fn through(&mut self) -> Outcome<Through> {
        let under = self.side.shown(&self.plot.path);
        let (mut after, mut known) = (0, false);
        loop {
            self.control.ready().await?;
            let mut folders = self.crawl.folders(&under, after, LOOKED_AT).await?;
            let Some(last) = folders.last() else {
                // A location that came into the pool since has never been looked at.
                return Ok(if known { Through::Looked } else { Through::TooMuch });
            };
            known |= folders.iter().any(|folder| folder.path == under);
            after = last.number;
            // What stands in a folder that went is then no longer asked after.
            folders.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            let (folders, paths): (Vec<KnownFolder>, Vec<String>) = folders
                .into_iter()
                .filter(|folder| !self.found.has_gone(&folder.path) && !self.before.covers(&folder.path))
                .filter_map(|folder| {
                    let path = capstan_mover::names::below(&folder.path, &self.side.shown_under)?.to_owned();
                    Some((folder, path))
                })
                .unzip();
            let looks = self.plot.tree.stat_many(&paths).await;
            for ((folder, path), look) in folders.into_iter().zip(paths).zip(looks) {
                if self.found.has_gone(&folder.path) {
                    continue;
                }
                self.judge(folder, &path, look).await?;
                if self.found.read.len() + self.found.gone.len() > CHANGED_MAX {
                    return Ok(Through::TooMuch);
                }
            }
        }
    }

    async fn judge(&mut self, known: KnownFolder, path: &str, look: Outcome<Option<Item>>) -> Outcome<()> {
        let item = match look {
            Ok(Some(item)) if matches!(item.kind, ItemKind::Folder { .. }) => item,
            Ok(_) if path == self.plot.path => {
                return Err(Failure::not_found(format!("{:?} is not there", known.path)).with_code("gone"));
            }
            Ok(_) => {
                self.mark().await?;
                self.found.gone.insert(known.path);
                return Ok(());
            }
            Err(failure) => return self.failed(path, failure).await,
        };
        let settled = known.modified.plus(DOUBT) < known.seen;
        if settled && item.modified == known.modified && item.changed == known.changed {
            self.found.folders += 1;
            return Ok(());
        }
        self.mark().await?;
        self.read(known, item).await
    }

    /// Its names, and what is below those that are new. Its own row comes last, but the order is no promise: a scan that broke off is
    /// followed by a complete one.
    async fn read(&mut self, known: KnownFolder, item: Item) -> Outcome<()> {
        let before: HashSet<String> = self.folders_in(&known).await?;
        let mut after = None;
        let mut fresh = Vec::new();
        loop {
            self.control.ready().await?;
            let page = match self.plot.tree.children(&item.path, after.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(failure) => {
                    if self.went(&item.path, &failure).await {
                        self.found.gone.insert(known.path);
                        return Ok(());
                    }
                    return self.failed(&item.path, failure).await;
                }
            };
            let (folders, files): (Vec<Item>, Vec<Item>) =
                page.items.into_iter().partition(|item| matches!(item.kind, ItemKind::Folder { .. }));
            self.found.files += files.iter().filter(|item| item.kind == ItemKind::File).count() as u64;
            // Its row is about to be that of a file or a link, and no folder any more that could be looked at.
            self.found.gone.extend(files.iter().map(|item| self.side.shown(&item.path)).filter(|path| before.contains(path)));
            self.crawl.found(files.iter().filter_map(|item| self.side.entry(item, item.blake3)).collect()).await?;
            fresh.extend(folders.into_iter().map(|folder| folder.path).filter(|path| {
                let shown = self.side.shown(path);
                !before.contains(&shown) && !self.before.covers(&shown)
            }));
            if page.next.is_some() && page.next == after {
                return Err(Failure::new(Kind::PluginFault, "The target's list does not get on").with_code("list-loops"));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for path in fresh {
            self.whole(&path).await?;
        }
        self.crawl.found(self.side.entry(&item, None).into_iter().collect()).await?;
        self.found.read.push(known.number);
        self.found.folders += 1;
        self.told();
        Ok(())
    }

    /// What could not be read before: all of it, now.
    async fn again(&mut self) -> Outcome<()> {
        let before = self.before;
        for shown in before.paths() {
            let Some(path) = capstan_mover::names::below(shown, &self.side.shown_under) else { continue };
            if self.found.has_gone(shown) {
                continue;
            }
            self.mark().await?;
            match self.whole(path).await? {
                Whole::Read => self.found.again.push(shown.clone()),
                Whole::Gone => {
                    self.found.gone.insert(shown.clone());
                }
                Whole::Failed => {}
            }
            self.told();
        }
        Ok(())
    }

    /// All that is at and below a path.
    async fn whole(&mut self, path: &str) -> Outcome<Whole> {
        let plot = Plot { path: path.to_owned(), ..self.plot.clone() };
        let walked = scan::walk(self.engine, self.job, &plot, self.side, self.crawl, self.control, self.counters).await?;
        match walked {
            Ok(tally) => {
                self.found.files += tally.files;
                self.found.failed += tally.failed;
                Ok(Whole::Read)
            }
            Err(failure) if path == self.plot.path => Err(failure),
            Err(failure) => {
                if self.went(path, &failure).await {
                    return Ok(Whole::Gone);
                }
                self.failed(path, failure).await?;
                Ok(Whole::Failed)
            }
        }
    }

    /// Whether a folder that was there a moment ago could not be read because it has gone since: another look says so too.
    async fn went(&self, path: &str, failure: &Failure) -> bool {
        failure.kind == Kind::NotFound && path != self.plot.path && matches!(self.plot.tree.stat(path).await, Ok(None))
    }

    async fn folders_in(&self, known: &KnownFolder) -> Outcome<HashSet<String>> {
        self.crawl.folders_in(known.number).await.map(|folders| folders.into_iter().collect())
    }

    /// From here on a death leaves things half done.
    async fn mark(&mut self) -> Outcome<()> {
        if !std::mem::replace(&mut self.found.marked, true) {
            self.engine.catalogue.mark_scan(self.pool, None, self.before).await?;
        }
        Ok(())
    }

    async fn failed(&mut self, path: &str, failure: Failure) -> Outcome<()> {
        self.mark().await?;
        self.found.failed += 1;
        self.crawl.could_not_read(self.side.shown(path));
        let outcomes = vec![scan::left_out(self.job, self.side.shown(path), failure)];
        self.told();
        self.engine.catalogue.record(capstan_catalogue::Record { outcomes, ..capstan_catalogue::Record::default() }).await
    }

    fn told(&self) {
        let (files, failed) = (self.found.files, self.found.failed);
        self.counters.files_found.store(files, Relaxed);
        self.counters.files_processed.store(files, Relaxed);
        self.counters.files_finalized.store(files, Relaxed);
        self.counters.files_failed.store(failed, Relaxed);
    }
}

/// Removes what is gone, unless a guard holds; then it answers the warning. The crawl leaves alone what could not be read.
async fn forget(engine: &Engine, crawl: &Crawl, found: &Looks) -> Outcome<Option<Failure>> {
    if found.read.is_empty() && found.gone.is_empty() && found.again.is_empty() {
        return Ok(None);
    }
    let mut missing: Missing = crawl.missing_in(&found.read).await?;
    // What lies in a folder that is gone is counted with it, once.
    let outermost = found.gone.iter().filter(|path| !lies_in(&found.gone, path));
    let judged: Vec<&String> = outermost.chain(&found.again).collect();
    for path in &judged {
        missing.missing += crawl.missing(path).await?.missing;
    }
    let left = missing.known.saturating_sub(missing.missing);
    if let Some(failure) = scan::guarded(engine, missing, left) {
        return Ok(Some(failure));
    }
    crawl.sweep_in(&found.read).await?;
    for path in judged {
        crawl.sweep(path).await?;
    }
    Ok(None)
}

/// Whether one of the folders is above the path.
fn lies_in(folders: &HashSet<String>, path: &str) -> bool {
    let mut at = path;
    while let Some((above, _)) = at.rsplit_once('/') {
        if folders.contains(above) {
            return true;
        }
        at = above;
    }
    false
}
