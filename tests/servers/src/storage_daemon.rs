//! `qemu-storage-daemon`: volumes of any kind that QEMU knows, given out over NBD, ordered about over QMP. Both on loopback,
//! neither asks who comes.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::ports::free_port;
use crate::process::Keeper;
use crate::program::find;

const PROGRAM: &str = "qemu-storage-daemon";
const CURE: &str = "apt-get install qemu-utils qemu-block-extra";

/// A running daemon without a volume, or with those of the arguments it was started with.
#[derive(Debug)]
pub struct StorageDaemon {
    pub nbd_port: u16,
    /// One client at a time: the next one is greeted when it has gone.
    pub qmp_port: u16,
    _process: Keeper,
}

impl StorageDaemon {
    /// `arguments`: `--blockdev` and `--export`, as its manual has them. Its log lies in the directory.
    pub fn start(directory: &Path, arguments: &[String]) -> anyhow::Result<Self> {
        let program = find(PROGRAM, &[], CURE)?.display().to_string();
        let (nbd_port, qmp_port) = (free_port()?, free_port()?);
        let mut all = vec![
            "--chardev".to_owned(),
            format!("socket,id=qmp,host=127.0.0.1,port={qmp_port},server=on,wait=off"),
            "--monitor".to_owned(),
            "chardev=qmp".to_owned(),
            "--nbd-server".to_owned(),
            format!("addr.type=inet,addr.host=127.0.0.1,addr.port={nbd_port},max-connections=0"),
        ];
        all.extend_from_slice(arguments);
        let process = Keeper::start(directory, "storage-daemon", &program, all)?;
        process.wait_until(Duration::from_secs(60), || TcpStream::connect(("127.0.0.1", nbd_port)).is_ok())?;
        Ok(Self { nbd_port, qmp_port, _process: process })
    }

    /// Arguments for a file that is given out under this name, as it is.
    pub fn file(name: &str, path: &Path) -> Vec<String> {
        vec![
            "--blockdev".to_owned(),
            format!("driver=file,node-name={name},discard=unmap,filename={}", path.display()),
            "--export".to_owned(),
            format!("type=nbd,id={name},node-name={name},name={name},writable=on"),
        ]
    }
}
