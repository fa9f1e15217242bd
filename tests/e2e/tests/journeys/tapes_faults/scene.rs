//! A simulated library with tapes that something happens to, one that must not notice, and one that nobody ever touches.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_e2e::tape::{Library, PATIENCE, POOL, TapeRig, Told, plan};
use capstan_e2e::{Shape, Tree};
use serde_json::{Value, json};

pub(super) const VICTIM: u16 = 1;
/// Of the same pool, where that has two.
pub(super) const SECOND: u16 = 2;
const BYSTANDER: u16 = 3;
const UNTOUCHED: u16 = 4;
const CARTRIDGES: u16 = 4;
/// Pool of the bystander.
const BESIDE: &str = "beside";
/// What the names of the simulated library's drives begin with.
pub(super) const DRIVE: &str = "SIMLIB0001D0";
/// A fault that stays fails its task at once; no test waits for what is not mended.
pub(super) const GIVES_UP_SOON: &str = "[jobs]\nattempts = 1\n[mover]\ntries = 2\n";
/// For an order to show.
const SOON: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Scene {
    pub(super) rig: TapeRig,
    drives: u16,
    beside: Tree,
    /// Containers that were made.
    made: u32,
}

/// Files that are to go onto the victims, and the task that takes them there.
pub(super) struct Wanted {
    pub(super) task: i64,
    pub(super) container: String,
    pub(super) files: Tree,
}

/// Small files, so many.
pub(super) fn small(files: usize) -> Shape {
    Shape { files, small: 64 << 10, large: Vec::new(), odd: false }
}

/// The library that a scene is set in. `times`: as of `plan`.
pub(super) fn library(drives: u16, times: Option<f64>) -> anyhow::Result<Library> {
    Library::portal(&plan(drives, CARTRIDGES, times))
}

/// The same with more cartridges, of these labels; in it nobody waits.
pub(super) fn library_with(drives: u16, more: &[&str]) -> anyhow::Result<Library> {
    let mut plan = plan(drives, CARTRIDGES, None);
    if let Some(cartridges) = plan.get_mut("cartridges").and_then(Value::as_array_mut) {
        cartridges.extend(more.iter().map(|label| json!({ "barcode": label })));
    }
    Library::portal(&plan)
}

impl Scene {
    /// All tapes formatted but the last; files on the bystander.
    pub(super) fn set(library: Library, drives: u16, victims: &[u16], settings: &str) -> anyhow::Result<Self> {
        let rig = TapeRig::open(library, settings)?;
        rig.inventory_has(CARTRIDGES)?;
        rig.format(&[BYSTANDER], PATIENCE)?;
        rig.format(victims, PATIENCE)?;
        rig.pool(POOL, victims)?;
        rig.pool(BESIDE, &[BYSTANDER])?;
        let beside = rig.fill(BESIDE, &small(6))?;
        rig.cargo.run(rig.archiving("copy", BESIDE, BESIDE)?, PATIENCE)?;
        Ok(Self { rig, drives, beside, made: 0 })
    }

    pub(super) fn order(&self, order: &Value) -> anyhow::Result<Value> {
        self.rig.library.simulator()?.order(order)
    }

    /// `times`: none: until it is cleared.
    pub(super) fn arm(&self, subject: &Value, fault: &Value, after: u64, times: Option<u32>) -> anyhow::Result<()> {
        let order = json!({ "order": "arm", "subject": subject, "fault": fault, "after": after, "times": times });
        self.order(&order).map(drop)
    }

    pub(super) fn arm_victim(&self, fault: &Value) -> anyhow::Result<()> {
        self.arm(&json!({ "cartridge": self.label(VICTIM) }), fault, 0, None)
    }

    /// Each of the drives.
    pub(super) fn arm_drives(&self, fault: &Value, after: u64, times: Option<u32>) -> anyhow::Result<()> {
        (0..self.drives).try_for_each(|drive| self.arm(&json!({ "drive": drive }), fault, after, times))
    }

    pub(super) fn clear(&self) -> anyhow::Result<()> {
        self.order(&json!({ "order": "clear" })).map(drop)
    }

    pub(super) fn label(&self, number: u16) -> String {
        self.rig.library.label(number)
    }

    /// What is on a cartridge, by the library's own word: records, filemarks and bytes of each partition.
    pub(super) fn on(&self, number: u16) -> anyhow::Result<Value> {
        let cartridge = self.order(&json!({ "order": "cartridge", "barcode": self.label(number) }))?;
        cartridge.get("partitions").cloned().with_context(|| format!("no partitions in {cartridge}"))
    }

    /// Files in a new container, and a task that is to move them to the victims.
    pub(super) fn want(&mut self, shape: &Shape) -> anyhow::Result<Wanted> {
        self.made += 1;
        let container = format!("wanted-{}", self.made);
        let files = self.rig.fill(&container, shape)?;
        let task = self.rig.archiving("move", &container, POOL)?;
        Ok(Wanted { task, container, files })
    }

    /// The task fails, with the names of the library and the victim and with these; nothing of it is lost.
    pub(super) fn fails(&mut self, wanted: &Wanted, more: &[&str]) -> anyhow::Result<Told> {
        let told = self.rig.fails(wanted.task, PATIENCE)?;
        let label = self.label(VICTIM);
        let mut words = vec![self.rig.library.serial(), label.as_str()];
        words.extend(more);
        told.names(&words)?;
        let stored = self.rig.stored(&wanted.container)?;
        ensure!(stored.is_empty(), "some files are said to be stored: {:?}", stored.keys());
        wanted.files.same_as(&self.rig.left(&wanted.container)?).context("originals of files that were not stored")?;
        Ok(told)
    }

    /// Once nothing is wrong any more: the task is done, and all of its files come back.
    pub(super) fn is_done(&mut self, wanted: &Wanted) -> anyhow::Result<()> {
        self.rig.cargo.run(wanted.task, PATIENCE)?;
        self.is_whole(wanted)
    }

    pub(super) fn is_whole(&mut self, wanted: &Wanted) -> anyhow::Result<()> {
        let stored = self.rig.stored_is_readable(&wanted.container, POOL, &wanted.files)?;
        ensure!(stored == wanted.files.files.len(), "{stored} of {} files are stored", wanted.files.files.len());
        Ok(())
    }

    /// Waits for the end of a task that something happened to. Either it is good, or it says what happened, and another run ends well. What
    /// is said to be stored is, at any time.
    pub(super) fn goes_on(&mut self, wanted: &Wanted) -> anyhow::Result<()> {
        let end = self.rig.cargo.watch(wanted.task, PATIENCE, |_| false)?;
        if end.status != "done" {
            let label = self.label(VICTIM);
            Told::of(&self.rig.cargo, &end)?.names(&[self.rig.library.serial(), label.as_str()])?;
            self.rig.stored_is_readable(&wanted.container, POOL, &wanted.files)?;
            return self.is_done(wanted);
        }
        self.is_whole(wanted)
    }

    /// The bystander's files come back, and the last tape was never in a drive.
    pub(super) fn others_are_well(&mut self) -> anyhow::Result<()> {
        let (_, after) = self.rig.recall(BESIDE, PATIENCE)?;
        self.beside.same_as(&after).context("files of the bystander")?;
        let cartridge = self.order(&json!({ "order": "cartridge", "barcode": self.label(UNTOUCHED) }))?;
        let loads = cartridge.get("loads").and_then(Value::as_u64);
        ensure!(loads == Some(0), "a tape that nobody named was loaded: {cartridge}");
        Ok(())
    }

    /// Commands that the busiest drive is given while a tree of this shape is written, which is stored then.
    pub(super) fn rehearse(&mut self, shape: &Shape) -> anyhow::Result<u64> {
        let wanted = self.want(shape)?;
        let before = self.commands()?;
        self.rig.cargo.run(wanted.task, PATIENCE)?;
        let after = self.commands()?;
        let each = before.iter().zip(&after).map(|(before, after)| after.saturating_sub(*before));
        each.max().context("a library without drives")
    }

    /// Given to each drive since the library runs.
    pub(super) fn commands(&self) -> anyhow::Result<Vec<u64>> {
        let totals = self.order(&json!({ "order": "totals" }))?;
        let drives = totals.get("drives").and_then(Value::as_array).with_context(|| format!("no drives in {totals}"))?;
        Ok(drives.iter().filter_map(|drive| drive.get("commands")?.as_u64()).collect())
    }

    /// Waits until a fault of the drives that strikes once has struck one of them, and answers which.
    pub(super) fn struck(&self) -> anyhow::Result<u16> {
        let until = Instant::now() + SOON;
        loop {
            let armed = self.order(&json!({ "order": "faults" }))?;
            let still = |drive: u16| {
                let subject = json!({ "drive": drive });
                armed.as_array().into_iter().flatten().any(|armed| armed.get("subject") == Some(&subject))
            };
            if let Some(drive) = (0..self.drives).find(|drive| !still(*drive)) {
                return Ok(drive);
            }
            ensure!(Instant::now() < until, "no drive came so far: {armed}");
            sleep(PAUSE);
        }
    }

    pub(super) fn close(self) -> anyhow::Result<()> {
        self.rig.close()
    }
}
