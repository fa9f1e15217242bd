//! `capstan-plugin-check FILE.wasm --target FILE.toml`: holds a plugin to the contract, through the host's own runtime.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use capstan_conformance::kit::{Kit, NotLoaded};
use capstan_conformance::report::Report;
use capstan_conformance::runner::{Run, Stopped, USUAL_JOBS, select};
use capstan_conformance::size::Size;
use capstan_conformance::target_file::TargetFile;
use capstan_conformance::{host, registry, shown, told};
use clap::Parser;

/// Every case that applies passed, or failed as the target file expects.
const ALL_PASSED: u8 = 0;
/// A case failed, or something was left behind in the target.
const A_CASE_FAILED: u8 = 1;
/// The command line or the target file is wrong, or no case matches.
const USAGE: u8 = 2;
/// The target does not answer, or the location to work in cannot be had.
const UNREACHABLE: u8 = 3;
/// The load gate refuses the component.
const REFUSED: u8 = 4;

const AFTER_HELP: &str = "\
Exit codes: 0 all that applies passed; 1 a case failed, or something was left behind in the target; 2 wrong usage or target file;
3 the target is not reachable, or its location cannot be had; 4 the host's load gate refuses the component.

The target file is described in wit/README.md, \"Holding a plugin to the contract\".";

#[derive(Debug, Parser)]
#[command(name = "capstan-plugin-check", version, about = "Holds a plugin to the contract with the host", after_help = AFTER_HELP)]
struct Arguments {
    /// The component.
    #[arg(required_unless_present = "list")]
    component: Option<PathBuf>,
    /// TOML: configuration, secrets, a location, what the server is known not to do.
    #[arg(long, required_unless_present = "list")]
    target: Option<PathBuf>,
    /// How much is asked of the target: full is made of 100,000 keys and 5 GiB.
    #[arg(long, value_enum, default_value_t)]
    size: Size,
    /// Only cases whose id matches; `*` stands for anything. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
    /// Cases at a time.
    #[arg(long, default_value_t = USUAL_JOBS)]
    jobs: usize,
    /// One JSON document on standard output instead of lines.
    #[arg(long)]
    json: bool,
    /// Names the cases with their rules and clauses, and runs none.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => return fail(UNREACHABLE, &format!("no threads: {cause}")),
    };
    runtime.block_on(check(arguments))
}

async fn check(arguments: Arguments) -> ExitCode {
    let cases = select(registry::all(), &arguments.only);
    if cases.is_empty() {
        return fail(USAGE, "no case matches; --list names them");
    }
    if arguments.list {
        cases.iter().for_each(|case| say(&shown::listed(case)));
        return ExitCode::SUCCESS;
    }
    let (Some(component), Some(target)) = (&arguments.component, &arguments.target) else {
        return fail(USAGE, "a component and --target are needed");
    };
    let (component, file) = match (host::read(component), TargetFile::read(target)) {
        (Ok(component), Ok(file)) => (component, file),
        (Err(wrong), _) | (_, Err(wrong)) => return fail(USAGE, &format!("{wrong:#}")),
    };
    let kit = match Kit::load(component, file, arguments.size).await {
        Ok(kit) => kit,
        Err(NotLoaded::Usage(wrong)) => return fail(USAGE, &format!("{wrong:#}")),
        Err(NotLoaded::Refused(failure)) => {
            return fail(REFUSED, &format!("the load gate refuses the component: {:#}", told(failure)));
        }
    };
    let json = arguments.json;
    let ended = move |line: &capstan_conformance::report::Line| {
        if !json {
            say(&shown::line(line));
        }
    };
    let run = Run { kit: &kit, cases, jobs: arguments.jobs, ended: &ended };
    match run.run().await {
        Ok(report) => finish(&report, json),
        Err(Stopped::Unreachable(failure)) => fail(UNREACHABLE, &format!("the target does not answer: {:#}", told(failure))),
        Err(Stopped::NoLocation(why)) => fail(UNREACHABLE, &format!("no location to work in: {why:#}")),
    }
}

fn finish(report: &Report, json: bool) -> ExitCode {
    if json {
        match report.to_json() {
            Ok(document) => say(&format!("{document:#}")),
            Err(cause) => return fail(A_CASE_FAILED, &format!("the report cannot be written: {cause}")),
        }
    } else {
        say(&shown::summary(report));
    }
    ExitCode::from(if report.holds() { ALL_PASSED } else { A_CASE_FAILED })
}

fn fail(code: u8, why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "capstan-plugin-check: {why}");
    ExitCode::from(code)
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
