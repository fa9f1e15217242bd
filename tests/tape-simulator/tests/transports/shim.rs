//! SCSI generic devices, as a C program sees them that knows nothing of the library it is started with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use capstan_tape_simulator::shim::Nodes;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fake::Fake;

/// The library and the program.
static BUILT: LazyLock<(TempDir, PathBuf, PathBuf)> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let room = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let build = |sources: &[&str], name: &str, options: &[&str]| {
        let built = room.path().join(name);
        let mut compiler = Command::new("cc");
        compiler.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]).args(options).arg("-o").arg(&built);
        assert!(
            compiler.args(sources.iter().map(|source| here.join(source))).args(["-ldl", "-lpthread"]).status().unwrap().success()
        );
        built
    };
    let library = build(&["shim/sg.c", "shim/sg_io.c"], "sg.so", &["-shared", "-fPIC"]);
    let program = build(&["tests/transports/sg_program.c"], "sg_program", &[]);
    (room, library, program)
});

/// Devices in a directory of their own.
struct Devices {
    fake: Arc<Fake>,
    directory: TempDir,
    runtime: Runtime,
}

impl Devices {
    fn new() -> Self {
        let (fake, directory, runtime) = (Fake::shared(), tempfile::tempdir().unwrap(), Runtime::new().unwrap());
        let nodes = runtime.block_on(Nodes::listen(fake.clone(), directory.path())).unwrap();
        runtime.spawn(nodes.serve());
        Self { fake, directory, runtime }
    }

    /// Runs one part of the program, which says itself what it does not find so.
    fn hold(&self, part: &str) {
        let (_, library, program) = &*BUILT;
        let ran = Command::new(program)
            .arg(part)
            .env("LD_PRELOAD", library)
            .env("CAPSTAN_SG_DIRECTORY", self.directory.path())
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{part}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn each_unit_has_a_node_that_goes_with_the_simulator() {
    let Devices { directory, runtime, .. } = Devices::new();
    let mut names: Vec<_> = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["sg0", "sg1"]);
    drop(runtime);
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_node_looks_like_a_character_device_and_other_files_like_themselves() {
    Devices::new().hold("look");
}

#[test]
fn an_inquiry_brings_data_and_a_residual() {
    Devices::new().hold("inquiry");
}

#[test]
fn a_check_condition_brings_sense() {
    let devices = Devices::new();
    devices.hold("sense");
    assert!(devices.fake.logged("greet") && devices.fake.logged("execute"));
}

#[test]
fn what_was_written_is_read_in_one_part_and_in_several() {
    Devices::new().hold("copy");
}

#[test]
fn a_command_whose_time_is_over_ends_and_its_answer_is_not_taken_for_the_next_ones() {
    Devices::new().hold("late");
}

#[test]
fn descriptors_are_duplicated_and_closed_as_any_others() {
    Devices::new().hold("duplicates");
}

#[test]
fn a_device_without_power_is_gone() {
    Devices::new().hold("cut");
}

#[test]
fn threads_use_different_devices_at_a_time_and_take_turns_at_one() {
    let begun = Instant::now();
    Devices::new().hold("threads");
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn what_the_driver_refuses_is_refused() {
    Devices::new().hold("refusals");
}

#[test]
fn each_opened_descriptor_is_a_nexus() {
    let devices = Devices::new();
    devices.hold("nexuses");
    let log = devices.fake.log.lock().unwrap();
    let greeted = log.iter().filter(|line| line.starts_with("greet ") && line.contains("/sg0#")).count();
    assert_eq!(greeted, 2);
}
