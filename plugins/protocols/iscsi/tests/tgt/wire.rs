//! Drives a session over a socket, as a plugin does over the host's `tcp`; cuts the connection when it is told to.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use capstan_iscsi::{
    Algorithm, Answered, ChapQuestion, Command, Data, Error, Event, Outcome, OwnChallenge, Purpose, Repeat, Session, Settings,
    Tag,
};
use capstan_scsi::{Key, Sense, block, primary, status};

use crate::tgt::Tgt;

/// Bytes that are read or made ready at once.
const PIECE: usize = 256 << 10;
/// Nothing takes longer, or it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Wire {
    pub(crate) session: Session,
    port: u16,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    /// Events that came before anybody asked for them.
    early: VecDeque<Event>,
    /// The connection ends when so many more bytes went either way.
    pub(crate) cut_after: Option<usize>,
    /// What is taken for the secrets, ours and the target's.
    pub(crate) secrets: (String, String),
}

pub(crate) type Outcomes = Vec<(Tag, Outcome)>;

/// Why there is nothing to wait for.
#[derive(Debug)]
pub(crate) enum Ended {
    Connection,
    Error(Error),
}

impl Wire {
    pub(crate) fn new(server: &Tgt, settings: Settings) -> Self {
        let secrets = (Tgt::SECRET.to_owned(), Tgt::TARGET_SECRET.to_owned());
        let session = Session::new(settings).unwrap();
        Self { session, port: server.port, stream: None, out: Vec::new(), early: VecDeque::new(), cut_after: None, secrets }
    }

    pub(crate) fn open(&mut self, own: Option<OwnChallenge>) -> Result<(), Ended> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(|_| Ended::Connection)?;
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        (self.stream, self.out) = (Some(stream), Vec::new());
        self.session.connect(own).unwrap();
        let mut early = VecDeque::new();
        loop {
            match self.event()? {
                Event::Chap(question) => {
                    let digest = digest(&question, &self.secrets);
                    self.session.chap_digest(&digest).map_err(Ended::Error)?;
                }
                Event::Ready(_) => break,
                // What the connection before left, told when this one began.
                other => early.push_back(other),
            }
        }
        self.early = early;
        Ok(())
    }

    /// A session to a disk, past the unit attention that a new session is greeted with.
    pub(crate) fn ready(server: &Tgt, settings: Settings) -> Self {
        let mut wire = Self::new(server, settings);
        wire.open(None).unwrap();
        wire.calm();
        wire
    }

    pub(crate) fn calm(&mut self) {
        for _ in 0..5 {
            let answered = self.run(&primary::test_unit_ready(), Data::None);
            match Sense::read(&answered.sense) {
                Some(sense) if sense.key == Key::UNIT_ATTENTION => {}
                None if answered.status == status::GOOD => return,
                other => panic!("{other:?}"),
            }
        }
        panic!("unit attentions without end");
    }

    pub(crate) fn lose(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The next event, with whatever has to be sent and received before it.
    pub(crate) fn event(&mut self) -> Result<Event, Ended> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(event) = self.early.pop_front().or_else(|| self.session.event()) {
                return Ok(event);
            }
            assert!(Instant::now() < until, "nothing happens");
            if self.out.is_empty() {
                self.out = self.session.transmit(PIECE);
            }
            let sent = self.send()?;
            let received = self.receive()?;
            if sent + received == 0 {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }

    fn budget(&mut self, bytes: usize) -> Result<(), Ended> {
        match &mut self.cut_after {
            Some(left) if *left <= bytes => {
                self.cut_after = None;
                self.lose();
                Err(Ended::Connection)
            }
            Some(left) => {
                *left -= bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn send(&mut self) -> Result<usize, Ended> {
        if self.out.is_empty() {
            return Ok(0);
        }
        let most = self.cut_after.unwrap_or(usize::MAX).clamp(1, self.out.len());
        let stream = self.stream.as_mut().ok_or(Ended::Connection)?;
        match stream.write(&self.out[..most]) {
            Ok(sent) => {
                self.out.drain(..sent);
                self.budget(sent).map(|()| sent)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(Ended::Connection),
        }
    }

    fn receive(&mut self) -> Result<usize, Ended> {
        let stream = self.stream.as_mut().ok_or(Ended::Connection)?;
        let mut piece = vec![0; PIECE];
        match stream.read(&mut piece) {
            Ok(0) => Err(Ended::Connection),
            Ok(read) => {
                self.session.receive(&piece[..read]).map_err(Ended::Error)?;
                self.budget(read).map(|()| read)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(Ended::Connection),
        }
    }

    pub(crate) fn submit(&mut self, cdb: &[u8], data: Data) -> Tag {
        let repeat = if block::is_repeatable(cdb) { Repeat::Harmless } else { Repeat::Never };
        self.session.submit(Command::new(Command::lun(Tgt::LUN).unwrap(), cdb, data, repeat)).unwrap()
    }

    /// One command, alone.
    pub(crate) fn run(&mut self, cdb: &[u8], data: Data) -> Answered {
        let tag = self.submit(cdb, data);
        match self.event().unwrap() {
            Event::Done(of, Outcome::Answered(answered)) if of == tag => answered,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn good(&mut self, cdb: &[u8], data: Data) -> Vec<u8> {
        let answered = self.run(cdb, data);
        assert_eq!(answered.status, status::GOOD, "{:?}", Sense::read(&answered.sense));
        answered.data
    }

    /// Takes outcomes until no command is unfinished.
    pub(crate) fn finish(&mut self) -> Result<Outcomes, (Outcomes, Ended)> {
        let mut outcomes = Vec::new();
        while self.session.unfinished() > 0 {
            match self.event() {
                Ok(Event::Done(tag, outcome)) => outcomes.push((tag, outcome)),
                Ok(_) => {}
                Err(ended) => return Err((outcomes, ended)),
            }
        }
        let rest = self.early.drain(..).chain(std::iter::from_fn(|| self.session.event()));
        outcomes.extend(rest.filter_map(|event| match event {
            Event::Done(tag, outcome) => Some((tag, outcome)),
            _ => None,
        }));
        Ok(outcomes)
    }
}

/// What the host computes for a plugin.
fn digest(question: &ChapQuestion, (ours, theirs): &(String, String)) -> Vec<u8> {
    use md5::{Digest, Md5};
    let secret = match question.purpose {
        Purpose::Prove => ours,
        Purpose::Verify => theirs,
    };
    let bytes = [&[question.identifier][..], secret.as_bytes(), &question.challenge].concat();
    match question.algorithm {
        Algorithm::Md5 => Md5::digest(&bytes).to_vec(),
        Algorithm::Sha1 => sha1::Sha1::digest(&bytes).to_vec(),
        Algorithm::Sha256 => sha2::Sha256::digest(&bytes).to_vec(),
        Algorithm::Sha3_256 => panic!("not offered"),
    }
}
