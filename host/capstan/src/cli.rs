//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A storage host whose targets are sandboxed plugins.
#[derive(Debug, Parser)]
#[command(name = "capstan", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to reach a running host. User and password come from the environment only, so that they stand in no process list.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The running host.
    #[arg(long, env = "CAPSTAN_URL", default_value = "http://127.0.0.1:8080", global = true)]
    pub(crate) url: String,
    /// A PEM file with the certificate authority of the host, when it serves TLS with a private one.
    #[arg(long, env = "CAPSTAN_CA", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Print what the host answered as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the host.
    Serve(Serve),
    /// Work for a site, beside the host and on its PostgreSQL: open the site's spaces here, and run the tasks that wait there.
    Worker(Worker),
    /// Install, list, activate, roll back and remove plugins.
    #[command(subcommand)]
    Plugin(Plugin),
    /// Allow targets what their configuration does not name, and take it back.
    #[command(subcommand)]
    Grant(Grant),
    /// Look at targets.
    #[command(subcommand)]
    Target(Target),
    /// Look at jobs, pause, resume and stop them.
    #[command(subcommand)]
    Job(Job),
    /// Look at drives, attach them over NBD, take images out of them and put images in; take snapshots, and go back to them.
    #[command(subcommand)]
    Drive(Drive),
    /// Write down beside a space's data what it holds, and make a space anew from that.
    #[command(subcommand)]
    Space(Space),
    /// Make users, change what they may do, disable them. Passwords come from standard input.
    #[command(subcommand)]
    User(User),
    /// Show a pool or a space as a directory, to be read and written; with nothing, what is mounted.
    Mount(Mount),
    /// Take a mounted directory away.
    Unmount(Unmount),
    /// Show the audit log, newest first.
    Audit(Window),
}

#[derive(Debug, Args)]
pub(crate) struct Mount {
    /// Number or name of a pool, or of a space where no pool has it.
    #[arg(value_name = "POOL_OR_SPACE", requires = "path")]
    pub(crate) of: Option<String>,
    /// An empty directory of the machine that the host runs on.
    pub(crate) path: Option<PathBuf>,
    /// A space is meant.
    #[arg(long)]
    pub(crate) space: bool,
    #[arg(long)]
    pub(crate) read_only: bool,
    /// For all users of the machine, as the modes of files allow; else for the user alone who runs the host.
    #[arg(long)]
    pub(crate) for_all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Unmount {
    /// The directory, or the number of the mount.
    pub(crate) mount: String,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) process: Process,
    /// Address and port; port 0 takes a free one. [default: 127.0.0.1:8080]
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) process: Process,
    /// Name of the site, which is made on the host.
    #[arg(long)]
    pub(crate) site: String,
}

/// What the host and its workers are started with.
#[derive(Debug, Args)]
pub(crate) struct Process {
    /// Where everything that it keeps lies. A worker has a directory of its own, with the host's `secrets.key` in it.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// A TOML file with settings.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// `postgres://…` or `sqlite://…`; left out: SQLite in the data directory. A worker shares the PostgreSQL of the host.
    #[arg(long)]
    pub(crate) database: Option<String>,
    /// Where the plugins that come with the host lie; left out: `plugins` beside the program.
    #[arg(long)]
    pub(crate) plugins: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Window {
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: u32,
    #[arg(long, default_value_t = 0)]
    pub(crate) offset: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Send a component through the load gate.
    Install {
        file: PathBuf,
        /// Its detached signature; FILE.minisig is taken where it lies beside.
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
        /// Make it the version that serves as soon as it is installed.
        #[arg(long)]
        activate: bool,
    },
    /// Plugins, their versions, and what was refused.
    List,
    Show {
        plugin: String,
    },
    /// Make a version the one that serves.
    Activate {
        plugin: String,
        version: String,
    },
    /// Go back to the version that served before.
    Rollback {
        plugin: String,
    },
    /// Remove one version, or with none the whole plugin.
    Remove {
        plugin: String,
        version: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Grant {
    List {
        #[arg(long)]
        target: Option<String>,
    },
    /// Allow a target something.
    Allow {
        /// Name or id of the target.
        target: String,
        #[command(subcommand)]
        power: Power,
    },
    /// Take a grant back at once.
    Revoke { id: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Power {
    /// Connect to a host and port.
    Connect {
        /// HOST:PORT
        address: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Use a directory of the host under a name.
    Directory {
        root: String,
        path: String,
        #[arg(long)]
        write: bool,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Skip the check of a server's certificate.
    InsecureTls {
        /// HOST:PORT
        address: String,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Give commands to a SCSI device of the host.
    ScsiDevice {
        /// Such as /dev/sg3
        path: String,
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Target {
    List(Window),
    Show {
        target: String,
    },
    /// Configure a target; the configuration comes from a JSON file, or `-` for standard input.
    Create {
        name: String,
        #[arg(long)]
        plugin: String,
        #[arg(long)]
        configuration: PathBuf,
    },
    /// Forget a target.
    Remove {
        target: String,
    },
    /// Reach a target now.
    Probe {
        target: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    List(Window),
    /// One job, by number or id.
    Show {
        job: String,
        /// Show what became of each path too.
        #[arg(long)]
        outcomes: bool,
        #[command(flatten)]
        window: Window,
    },
    Pause {
        job: String,
    },
    Resume {
        job: String,
    },
    Stop {
        job: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Drive {
    List(Window),
    /// Export a drive over NBD, until interrupted.
    Attach {
        /// Number, id or name.
        drive: String,
        /// unix:/PATH or tcp:ADDRESS:PORT, where port 0 takes a free one. [default: a socket in the host's data directory]
        #[arg(long)]
        address: Option<String>,
        #[arg(long)]
        read_only: bool,
        /// Leave it attached and come back at once.
        #[arg(long)]
        detach: bool,
    },
    /// End the export of a drive, and its connections.
    Detach {
        drive: String,
    },
    /// Write the raw image of a drive into a file, and go on where it broke off.
    Download {
        drive: String,
        file: PathBuf,
        /// What the file has already was downloaded before.
        #[arg(long)]
        resume: bool,
    },
    /// Put a raw image into a drive, and go on where it broke off. All that the drive had is gone.
    Upload {
        drive: String,
        file: PathBuf,
        /// From its first byte on, also where a part of an image of this size is there.
        #[arg(long)]
        anew: bool,
    },
    /// Ask the target of a drive what the drive takes there.
    Usage {
        drive: String,
    },
    /// Take a snapshot of a drive. What was flushed is in it.
    Snapshot {
        drive: String,
        /// Not unique. [default: the moment]
        name: Option<String>,
    },
    /// The snapshots of a drive, the oldest first.
    Snapshots {
        drive: String,
        #[command(flatten)]
        window: Window,
    },
    /// Give a drive the bytes of its snapshot back, and say which job does it. What was written since is gone; nobody may have the
    /// drive meanwhile.
    Restore {
        drive: String,
        /// Number, id or name.
        snapshot: String,
    },
    /// Delete a snapshot; the drive stays as it is.
    DeleteSnapshot {
        drive: String,
        snapshot: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Space {
    /// Write the whole manifest of a space anew into its buckets, and remove what it replaces.
    Export {
        /// Number or name.
        space: String,
        /// Number or name of one bucket. [default: all that hold copies]
        #[arg(long)]
        bucket: Option<String>,
    },
    /// Make the files of a space anew, as stubs, from what its buckets say of them. What is there stays.
    Rebuild {
        /// Number or name.
        space: String,
        /// Number or name of one bucket. [default: all that its external targets lead to]
        #[arg(long)]
        bucket: Option<String>,
        /// Id of the space that the manifest was written for, where the bucket has several that could be meant.
        #[arg(long)]
        from: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    List(Window),
    Show {
        user: String,
    },
    /// Make a user; the password is the first line of standard input.
    Create {
        name: String,
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Give a user another role.
    Role {
        user: String,
        #[arg(value_enum)]
        role: Role,
    },
    /// Set a user's password, or with none named your own; the first line of standard input. Your own needs the old one in
    /// CAPSTAN_PASSWORD, as every command does.
    Password {
        user: Option<String>,
    },
    /// Refuse a user's password and keys from now on.
    Disable {
        user: String,
    },
    Enable {
        user: String,
    },
    /// Remove a user and their keys.
    Remove {
        user: String,
    },
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Role {
    Administrator,
    Operator,
    Reader,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serve_takes_what_the_documentation_says() {
        let parsed = Arguments::try_parse_from([
            "capstan",
            "serve",
            "--data",
            "/d",
            "--listen",
            "127.0.0.1:0",
            "--config",
            "/c",
            "--database",
            "postgres://x",
        ]);
        let Ok(Arguments { command: Command::Serve(serve), .. }) = parsed else { panic!("not serve") };
        assert_eq!(serve.listen.unwrap().port(), 0);
        assert_eq!(serve.process.database.as_deref(), Some("postgres://x"));
    }
}
