//! `cargo xtask COMMAND`: builds, checks, shows and measures Capstan.

mod bench;
mod demo;
mod dist;
mod patched;
mod plugins;
mod prove;
mod servers;
mod test;
mod wit_check;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  demo [--keep]        build everything, start an S3 server and Capstan, take a tree there and back, verified
  test                 all tests, lints and checks
  plugins              build every plugin and fixture into target/dist
  patched              patch the crates that plugins need patched (plugins, test, dist and others do it by themselves)
  dist                 release build of capstan, its plugins and capstan-plugin-check into target/dist
  bench NAME [ARG...]  measure; without a name it lists what can be measured
  prove NAME [ARG...]  a long proof against real servers: first-cargo, every-target, hub, hub-killed, drives-killed,
                       tape, tape-killed, kit
  wit-check [--freeze PACKAGE/TRACK]
                       the plugin contract parses and keeps what a frozen track promised
  servers NAME...      start test servers (ceph drives postgres rclone moto gcs) and keep them until the end of stdin
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let result = match command.as_str() {
        "plugins" => plugins::run(),
        "patched" => patched::run(),
        "dist" => dist::run(),
        "demo" => demo::run(&rest),
        "test" => test::run_all(),
        "bench" => bench::run(&rest),
        "prove" => prove::run(&rest),
        "wit-check" => wit_check::run(&rest),
        "servers" => servers::run(&rest),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The Display chain: a backtrace of the task runner helps nobody.
            eprintln!("\nxtask {command}: {failure:#}");
            ExitCode::FAILURE
        }
    }
}
