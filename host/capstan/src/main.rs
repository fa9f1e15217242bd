//! The program: `capstan serve` is the host, `capstan worker` works for a site beside it, every other command talks to a running host over
//! its API.

mod cli;
mod client;
mod commands;
mod config;
mod listener;
mod process;
mod serve;
mod telemetry;
mod tls;
mod worker;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let result = match arguments.command {
        cli::Command::Serve(options) => serve::run(&options),
        cli::Command::Worker(options) => worker::run(&options),
        cli::Command::Plugin(command) => commands::run(&arguments.remote, |client| commands::plugin::run(client, command)),
        cli::Command::Grant(command) => commands::run(&arguments.remote, |client| commands::grant::run(client, command)),
        cli::Command::Target(command) => commands::run(&arguments.remote, |client| commands::target::run(client, command)),
        cli::Command::Job(command) => commands::run(&arguments.remote, |client| commands::job::run(client, command)),
        cli::Command::Drive(command) => commands::run(&arguments.remote, |client| commands::drive::run(client, command)),
        cli::Command::Space(command) => commands::run(&arguments.remote, |client| commands::space::run(client, command)),
        cli::Command::User(command) => commands::run(&arguments.remote, |client| commands::user::run(client, command)),
        cli::Command::Mount(asked) => commands::run(&arguments.remote, |client| commands::mount::mount(client, asked)),
        cli::Command::Unmount(asked) => commands::run(&arguments.remote, |client| commands::mount::unmount(client, asked)),
        cli::Command::Audit(window) => commands::run(&arguments.remote, |client| commands::audit::run(client, window)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("capstan: {error:#}");
            ExitCode::FAILURE
        }
    }
}
