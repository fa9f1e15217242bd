//! What a device has done so far, in seconds of the model.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    pub commands: u64,
    /// Cartridges that were threaded.
    pub mounts: u64,
    /// Moves of the robot.
    pub moves: u64,
    pub locates: u64,
    pub robot_seconds: f64,
    pub load_seconds: f64,
    pub unload_seconds: f64,
    pub locate_seconds: f64,
    pub rewind_seconds: f64,
    pub read_seconds: f64,
    pub write_seconds: f64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// The buffer ran empty while the drive wrote.
    pub under_runs: u64,
    /// The tape stopped and went back, for an under-run, for a host that does not take what is read, or to synchronize.
    pub back_hitches: u64,
}

impl Totals {
    /// All of the model's time but the robot's.
    pub fn drive_seconds(&self) -> f64 {
        let moving = self.load_seconds + self.unload_seconds + self.locate_seconds + self.rewind_seconds;
        moving + self.read_seconds + self.write_seconds
    }

    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.commands += other.commands;
        self.mounts += other.mounts;
        self.moves += other.moves;
        self.locates += other.locates;
        self.robot_seconds += other.robot_seconds;
        self.load_seconds += other.load_seconds;
        self.unload_seconds += other.unload_seconds;
        self.locate_seconds += other.locate_seconds;
        self.rewind_seconds += other.rewind_seconds;
        self.read_seconds += other.read_seconds;
        self.write_seconds += other.write_seconds;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
        self.under_runs += other.under_runs;
        self.back_hitches += other.back_hitches;
        self
    }
}
