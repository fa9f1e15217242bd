//! Jobs that do not get to their end in one life of the host.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use capstan_test_servers::S3;
use serde_json::Value;
use tempfile::TempDir;

use super::check;
use super::content::Content;
use super::figures::Figures;
use super::load::Load;
use super::random::Random;
use super::work::{Work, story};
use super::writer::LOAD;
use crate::hub::{HubSpace, s3_bucket};
use crate::{Host, HostOptions};

const SPACE: &str = "killed";
/// A job that takes longer is stuck.
const JOB: Duration = Duration::from_secs(600);
/// A view stands as soon as the host does.
const VIEW: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
/// Within which a job is killed, before it is known how long it takes; and the least and most of it.
const SPAN: Duration = Duration::from_secs(5);
const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(60);
/// One job in so many is killed again once it goes on.
const AGAIN_ONE_IN: u64 = 3;
/// Files that are read as soon as the host is back, of so many one.
const READ_ONE_IN: usize = 12;
/// Why a file may fail that somebody is at.
const EXCUSES: [&str; 3] = ["file-in-use", "source-changed", "gone"];
/// Bytes of files, from and to.
const SMALL: (u64, u64) = (1, 64 << 10);
const MIDDLE: (u64, u64) = (1 << 20, 3 << 20);
const LARGE: (u64, u64) = (20 << 20, 40 << 20);
/// Of the small files, one in so many is empty.
const EMPTY_ONE_IN: u64 = 10;
/// Of all files, one in so many stands in a folder below.
const DEEPER_ONE_IN: u64 = 3;

/// How many files a folder has: up to 64 KiB, of 1 to 3 MiB, of 20 to 40 MiB.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub small: u64,
    pub middle: u64,
    pub large: u64,
}

pub struct Deaths {
    host: Host,
    space: HubSpace,
    load: Load,
    sizes: Sizes,
    random: Random,
    folders: u64,
    folder: String,
    rest_of_story: Vec<Work>,
    /// Within which a job of each kind is killed.
    spans: BTreeMap<Work, Duration>,
    s3: S3,
    bucket: String,
    begun: Instant,
    figures: Figures,
    // Last: the host ends before its directory goes.
    _room: TempDir,
}

impl Deaths {
    /// A space over a bucket of its own, with load on it.
    pub fn begin(s3: &S3, sizes: Sizes, seed: u64) -> anyhow::Result<Self> {
        let bucket = format!("hub-killed-{}", std::process::id());
        s3.create_bucket(&bucket)?;
        let room = tempfile::Builder::new().prefix("capstan-e2e-").tempdir()?;
        let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() })?;
        let space = HubSpace::make(&host, SPACE, &s3_bucket(&bucket, s3)?)?;
        Work::define(&space)?;
        fs::create_dir(space.mountpoint.join(LOAD))?;
        let load = Load::start(&space.mountpoint, seed);
        Ok(Self {
            host,
            space,
            load,
            sizes,
            random: Random::new(seed),
            folders: 0,
            folder: String::new(),
            rest_of_story: Vec::new(),
            spans: BTreeMap::new(),
            s3: s3.clone(),
            bucket,
            begun: Instant::now(),
            figures: Figures::default(),
            _room: room,
        })
    }

    /// What was seen so far.
    pub fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        figures.reads = self.load.ground.reads.load(Ordering::Relaxed);
        figures.changes = self.load.ground.changes.load(Ordering::Relaxed);
        figures.time = self.begun.elapsed();
        figures
    }

    /// One job, and the deaths that came to it, which may be none: then it had ended before.
    pub fn one_job(&mut self) -> anyhow::Result<()> {
        let work = match self.rest_of_story.pop() {
            Some(work) => work,
            None => self.new_story()?,
        };
        let what = format!("{work} of {}, after {}", self.folder, self.figures());
        let done = self.job(work).and_then(|()| self.load.ground.pulse.check());
        done.with_context(|| format!("{what}; the end of the host's log:\n{}", self.host.log_tail()))
    }

    /// A new folder, full; what is done with it first.
    fn new_story(&mut self) -> anyhow::Result<Work> {
        let mut story = story(self.folders).iter().rev().copied().collect::<Vec<_>>();
        let first = story.pop().context("an empty story")?;
        self.rest_of_story = story;
        self.folders += 1;
        self.folder = format!("folder-{}", self.folders);
        fs::create_dir_all(self.space.mountpoint.join(&self.folder).join("deeper"))?;
        let Sizes { small, middle, large } = self.sizes;
        for (name, count, (from, to)) in [("small", small, SMALL), ("middle", middle, MIDDLE), ("large", large, LARGE)] {
            for number in 0..count {
                let is_empty = name == "small" && number.is_multiple_of(EMPTY_ONE_IN);
                let size = if is_empty { 0 } else { from + self.random.below(to - from + 1) };
                let deeper = if number % DEEPER_ONE_IN == 1 { "deeper/" } else { "" };
                let path = format!("{}/{deeper}{name}-{number}", self.folder);
                let content = Content::new(self.random.next(), size);
                content.write(&self.space.mountpoint.join(&path)).with_context(|| format!("{path} could not be made"))?;
                self.load.ground.known.put(&path, content);
            }
        }
        Ok(first)
    }

    fn job(&mut self, work: Work) -> anyhow::Result<()> {
        if work.wants_stubs() {
            self.load.ground.pulse.rest()?;
            self.undisturbed(Work::Migrate)?;
            self.load.ground.pulse.resume();
        }
        if work.deletes() {
            self.load.ground.known.leave(&self.folder);
        }
        let job = work.start(&self.space, &self.folder)?;
        self.figures.jobs += 1;
        let mut deaths = 0;
        while self.dies_in(work, job, deaths)? {
            deaths += 1;
            *self.figures.deaths.entry(work).or_default() += 1;
            self.figures.again += u32::from(deaths > 1);
            if !self.random.one_in(AGAIN_ONE_IN) {
                break;
            }
        }
        let state = self.space.ended_within(job, JOB)?;
        ensure!(matches!(state.as_str(), "SUCCESS" | "FAILURE"), "the job ended with {state}");
        self.check_failures(work, job, &state)?;
        self.load.ground.pulse.rest()?;
        self.settle(work)?;
        self.load.ground.pulse.resume();
        Ok(())
    }

    /// Kills the host at a random moment of the job, and starts it again. False: the job had ended before.
    fn dies_in(&mut self, work: Work, job: i64, deaths: u32) -> anyhow::Result<bool> {
        let span = *self.spans.entry(work).or_insert(SPAN);
        sleep(self.random.part_of(span));
        let is_late = self.completed(job)?.is_some() || {
            self.load.ground.pulse.dies();
            self.host.kill()?;
            let killed = now()?;
            self.host.start_again()?;
            self.space.client = self.host.client();
            self.view_stands()?;
            self.load.ground.pulse.lives();
            // It may have gone on and ended since.
            self.completed(job)?.is_some_and(|completed| completed < killed)
        };
        if deaths == 0 {
            let next = if is_late { span.mul_f64(0.85) } else { span.mul_f64(1.05) };
            self.spans.insert(work, next.clamp(SHORTEST, LONGEST));
        }
        if !is_late {
            let files = self.load.ground.known.below(&self.folder);
            let some: Vec<_> = files.into_iter().step_by(READ_ONE_IN).collect();
            check::read_all(&self.load.ground, &some).context("after a death")?;
        }
        Ok(!is_late)
    }

    fn completed(&self, job: i64) -> anyhow::Result<Option<String>> {
        let shown = self.space.client.get(&format!("/api/jobs/{job}/"))?;
        Ok(shown.get("completed").and_then(Value::as_str).map(str::to_owned))
    }

    /// Something is mounted there, and answers.
    fn view_stands(&self) -> anyhow::Result<()> {
        let (begun, view) = (Instant::now(), &self.space.mountpoint);
        let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
        let above = view.parent().context("a view at the root")?;
        while device(view).is_none_or(|device_of_view| Some(device_of_view) == device(above)) {
            ensure!(begun.elapsed() < VIEW, "the view does not stand again");
            sleep(LOOK);
        }
        Ok(())
    }

    /// Only what somebody was at may have failed.
    fn check_failures(&self, work: Work, job: i64, state: &str) -> anyhow::Result<()> {
        let failed = self.space.client.get(&format!("/api/jobs/{job}/files/?category=failed&page_size=0"))?;
        let failed = failed.get("results").and_then(Value::as_array).context("no results")?;
        let text = |file: &Value, name: &str| file.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let of_load = format!("{LOAD}/");
        let excused = |file: &&Value| {
            let is_of_load = text(file, "path").contains(&of_load);
            is_of_load || EXCUSES.contains(&text(file, "code").as_str()) && !work.deletes()
        };
        let others: Vec<&Value> = failed.iter().filter(|file| !excused(file)).take(5).collect();
        ensure!(others.is_empty(), "{work} failed with {others:?}");
        ensure!(state == "SUCCESS" || !failed.is_empty(), "{work} ended with {state}, and no file has failed");
        Ok(())
    }

    /// The load rests. All is as it must be after the work.
    fn settle(&mut self, work: Work) -> anyhow::Result<()> {
        if work.deletes() {
            self.is_gone(work)?;
        } else {
            // What somebody was at is done now, and what was done is found done.
            self.undisturbed(work)?;
        }
        for folder in [self.folder.clone(), LOAD.to_owned()] {
            if !folder.is_empty() {
                let (files, bytes) = check::is_whole(&self.load.ground, &folder).with_context(|| format!("after {work}"))?;
                self.figures.files += files;
                self.figures.bytes += bytes;
            }
        }
        check::is_clean(&self.raw())
    }

    /// The workflow once more, while nobody is at the files: nothing fails, and every file becomes what it is to become.
    fn undisturbed(&self, work: Work) -> anyhow::Result<()> {
        let job = work.start(&self.space, &self.folder)?;
        let state = self.space.ended_within(job, JOB)?;
        let failed = self.space.client.get(&format!("/api/jobs/{job}/files/?category=failed&page_size=5"))?;
        ensure!(state == "SUCCESS", "{work}, undisturbed, ended with {state}: {failed}");
        for folder in [self.folder.as_str(), LOAD] {
            check::has_become(&self.load.ground, &self.space, folder, work)?;
        }
        Ok(())
    }

    fn is_gone(&mut self, work: Work) -> anyhow::Result<()> {
        let at = self.space.mountpoint.join(&self.folder);
        match work {
            Work::DeleteFolder => ensure!(!at.exists(), "the folder is there after {work}"),
            _ => {
                fs::remove_dir(at.join("deeper")).context("after all files of it were deleted")?;
                fs::remove_dir(&at).context("after all files of it were deleted")?;
            }
        }
        for seen in self.load.ground.known.below(&self.folder) {
            self.load.ground.known.forget(&seen.path);
        }
        self.folder.clear();
        Ok(())
    }

    fn raw(&self) -> PathBuf {
        self.host.container(SPACE)
    }

    /// Everything is recalled and read; no job is left over, and no upload.
    pub fn end(mut self) -> anyhow::Result<Figures> {
        let ended = self.recall_everything();
        ended.with_context(|| format!("at the end; the end of the host's log:\n{}", self.host.log_tail()))?;
        let figures = self.figures();
        self.load.close()?;
        self.host.stop()?;
        // Only to leave room.
        let _ = self.s3.delete_bucket(&self.bucket);
        Ok(figures)
    }

    fn recall_everything(&mut self) -> anyhow::Result<()> {
        self.load.ground.pulse.rest()?;
        if self.folder.is_empty() {
            self.rest_of_story.clear();
            self.new_story()?;
        }
        self.undisturbed(Work::Migrate)?;
        self.undisturbed(Work::Recall)?;
        self.settle(Work::Recall)?;
        let jobs = self.space.client.get("/api/jobs/?page_size=0")?;
        let jobs = jobs.get("results").and_then(Value::as_array).context("no results")?;
        let has_ended = |job: &&Value| matches!(job.get("state").and_then(Value::as_str), Some("SUCCESS" | "FAILURE"));
        let stuck: Vec<&Value> = jobs.iter().filter(|job| !has_ended(job)).collect();
        ensure!(stuck.is_empty(), "jobs that have not ended: {stuck:?}");
        let unfinished = self.s3.unfinished(&self.bucket)?;
        ensure!(unfinished.is_empty(), "uploads that nobody ended: {unfinished:?}");
        Ok(())
    }
}

/// As the host writes instants, so that they can be compared as texts.
fn now() -> anyhow::Result<String> {
    let output = Command::new("date").args(["--utc", "+%Y-%m-%dT%H:%M:%S.%6NZ"]).output().context("date")?;
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}
