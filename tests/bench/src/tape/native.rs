//! What the sandbox is held against: the crates that the plugin is made of, built for this machine, on a socket of this process. Commands, their
//! order and their lengths are the plugin's.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use capstan_iscsi::{
    Algorithm, Answered, Chap, ChapQuestion, Command, Data, DigestUse, Event, Isid, Outcome, Repeat, Session, Settings,
};
use capstan_scsi::{changer, primary, status, tape};
use capstan_test_servers::Vtl;
use crc_fast::CrcAlgorithm;

const INITIATOR: &str = "iqn.2026-11.test.capstan:native";
/// Bytes that are made ready or received at once, as the plugin does.
const PIECE: usize = 512 << 10;
/// No answer takes longer, or it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);
/// Unit attentions that a new session is greeted with, and a pause while a cartridge is loaded.
const GREETINGS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// One session with one unit.
pub(super) struct Native {
    session: Session,
    stream: TcpStream,
    lun: u64,
}

impl Native {
    /// Logged in.
    pub(super) fn open(library: &Vtl, lun: u16) -> anyhow::Result<Self> {
        let isid = Isid::random([0xca, 0x95, 0x7a], lun);
        let mut settings = Settings::new(INITIATOR, Vtl::TARGET, isid);
        (settings.header_digest, settings.data_digest) = (DigestUse::Preferred, DigestUse::Preferred);
        settings.chap = Some(Chap { name: Vtl::USER.to_owned(), algorithms: vec![Algorithm::Md5] });
        let session = Session::new(settings)?.with_crc32c(crc32c);
        let stream = TcpStream::connect(("127.0.0.1", library.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let lun = Command::lun(lun).context("a LUN")?;
        let mut native = Self { session, stream, lun };
        native.login()?;
        Ok(native)
    }

    fn login(&mut self) -> anyhow::Result<()> {
        self.session.connect(None)?;
        loop {
            match self.event()? {
                Event::Chap(question) => {
                    let digest = proof(&question);
                    self.session.chap_digest(&digest)?;
                }
                Event::Ready(_) => return Ok(()),
                _ => {}
            }
        }
    }

    /// The next event, with whatever has to be sent and received before it.
    fn event(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some(event) = self.session.event() {
                return Ok(event);
            }
            let out = self.session.transmit(PIECE);
            if !out.is_empty() {
                self.stream.write_all(&out)?;
                continue;
            }
            let mut piece = vec![0; PIECE];
            let read = self.stream.read(&mut piece)?;
            ensure!(read > 0, "the library closed the connection");
            self.session.receive(piece.get(..read).unwrap_or_default())?;
        }
    }

    fn give(&mut self, cdb: &[u8], data: Data) -> anyhow::Result<Answered> {
        let given = self.session.submit(Command::new(self.lun, cdb, data, Repeat::Never))?;
        loop {
            match self.event()? {
                Event::Done(tag, Outcome::Answered(answered)) if tag == given => return Ok(answered),
                Event::Done(tag, outcome) if tag == given => bail!("a command ended as {outcome:?}"),
                _ => {}
            }
        }
    }

    /// Until the unit takes commands.
    pub(super) fn wait(&mut self) -> anyhow::Result<()> {
        for _ in 0..GREETINGS {
            if self.give(&primary::test_unit_ready(), Data::None)?.status == status::GOOD {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        bail!("the unit does not get ready")
    }

    fn good(&mut self, cdb: &[u8], data: Data) -> anyhow::Result<Vec<u8>> {
        let answered = self.give(cdb, data)?;
        ensure!(answered.status == status::GOOD, "status {:02x} for {cdb:02x?}, sense {:02x?}", answered.status, answered.sense);
        Ok(answered.data)
    }

    /// Of a robot: what lies in one element to another.
    pub(super) fn move_medium(&mut self, from: u16, to: u16) -> anyhow::Result<()> {
        self.good(&changer::move_medium(Vtl::ARM, from, to), Data::None).map(drop)
    }

    /// From the beginning of the tape: so many bytes in blocks, and a filemark.
    pub(super) fn write(&mut self, size: u64, block: u32) -> anyhow::Result<()> {
        self.good(&tape::rewind(), Data::None)?;
        let mut left = size;
        while left > 0 {
            let bytes = u32::try_from(left).unwrap_or(u32::MAX).min(block);
            let cdb = tape::write(bytes).context("a block that is too long")?;
            // New memory for each, as the plugin has it.
            let answered = self.give(&cdb, Data::Out(vec![7; usize::try_from(bytes)?]))?;
            let ended =
                tape::ended(answered.status, &answered.sense, bytes).map_err(|why| anyhow!("a write ended with {why:?}"))?;
            ensure!(ended.is_written(), "a write ended with {ended:?}");
            left -= u64::from(bytes);
        }
        let cdb = tape::write_filemarks(1, false).context("a filemark")?;
        self.good(&cdb, Data::None).map(drop)
    }

    /// The same back.
    pub(super) fn read(&mut self, size: u64, block: u32) -> anyhow::Result<()> {
        self.good(&tape::rewind(), Data::None)?;
        let mut left = size;
        while left > 0 {
            let bytes = u32::try_from(left).unwrap_or(u32::MAX).min(block);
            let cdb = tape::read(bytes, true).context("a block that is too long")?;
            let block = self.good(&cdb, Data::In(bytes))?;
            ensure!(block.len() == usize::try_from(bytes)?, "a block of {} bytes where {bytes} were written", block.len());
            left -= u64::from(bytes);
        }
        Ok(())
    }
}

/// As quick as what the host lends the plugin.
fn crc32c(bytes: &[u8]) -> u32 {
    u32::try_from(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes)).unwrap_or_default()
}

fn proof(question: &ChapQuestion) -> Vec<u8> {
    use md5::{Digest, Md5};
    Md5::digest([&[question.identifier][..], Vtl::SECRET.as_bytes(), &question.challenge].concat()).to_vec()
}
