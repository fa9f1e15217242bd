//! The negotiation with a client: greeting, options, and what was agreed when it ends.
//!
//! Of an export behind another server, what that server can do is asked of it while the client asks here, so that afterwards both
//! connections have agreed on the same and bytes need no translation.

mod options;
mod replies;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::export::{Backend, Export, Facts};
use crate::limits;
use crate::peer::{Refused, Upstream};
use crate::transmission::Agreed;
use crate::transmission::allocation::CONTEXT;
use crate::wire::{self, answer, info, option};
use options::{Contexts, Query};
use replies::Replies;

/// Whether a connection may, must or does encrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    None,
    Offered,
    Required,
    Standing,
}

/// What comes after an option.
pub(crate) enum Step {
    /// Another option.
    On,
    /// TLS, and then options anew.
    Encrypt,
    /// Requests.
    Begin,
    /// Nothing: the client wants no more, or is not understood.
    End,
}

pub(crate) struct Negotiation<'e> {
    export: &'e Export,
    pub(crate) encryption: Encryption,
    pub(crate) upstream: Upstream,
    pub(crate) agreed: Agreed,
    no_zeroes: bool,
    options: u32,
}

impl<'e> Negotiation<'e> {
    pub(crate) fn new(export: &'e Export, encryption: Encryption) -> Self {
        Self { export, encryption, upstream: Upstream::default(), agreed: Agreed::default(), no_zeroes: false, options: 0 }
    }

    /// The first words of both sides.
    pub(crate) async fn greet<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        let mut greeting = Vec::new();
        replies::greeting(&mut greeting);
        stream.write_all(&greeting).await?;
        stream.flush().await?;
        let flags = stream.read_u32().await?;
        if flags & !u32::from(wire::FIXED_NEWSTYLE | wire::NO_ZEROES) != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the client wants what was not offered"));
        }
        self.no_zeroes = flags & u32::from(wire::NO_ZEROES) != 0;
        Ok(())
    }

    /// Options, until something else comes.
    pub(crate) async fn haggle<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<Step> {
        loop {
            let mut head = [0; 16];
            stream.read_exact(&mut head).await?;
            let mut head = wire::Reader(&head);
            let (magic, option, length) = (head.u64(), head.u32().unwrap_or_default(), head.u32().unwrap_or(u32::MAX));
            self.options += 1;
            if magic != Some(wire::OPTION) || length > limits::OPTION_BYTES || self.options > limits::OPTIONS {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the client sent what is no option"));
            }
            let mut data = vec![0; length as usize];
            stream.read_exact(&mut data).await?;
            let mut replies = Replies::to(option);
            let step = self.option(option, &data, &mut replies).await;
            stream.write_all(replies.bytes()).await?;
            stream.flush().await?;
            if !matches!(step, Step::On) {
                return Ok(step);
            }
        }
    }

    async fn option(&mut self, option: u32, data: &[u8], replies: &mut Replies) -> Step {
        match option {
            option::ABORT => {
                replies.done();
                return Step::End;
            }
            option::EXPORT_NAME if self.encryption == Encryption::Required => return Step::End,
            option::STARTTLS => return self.encrypt(data, replies),
            _ if self.encryption == Encryption::Required => {
                replies.refuse(answer::TLS_REQUIRED, "encrypt first");
                return Step::On;
            }
            option::EXPORT_NAME => return self.old_way(data, replies).await,
            option::GO | option::INFO => return self.describe(option == option::GO, data, replies).await,
            option::LIST if data.is_empty() => {
                replies.server(self.export.name());
                replies.done();
            }
            option::STRUCTURED_REPLY if data.is_empty() => match self.structured().await {
                Ok(true) => {
                    self.agreed.structured = true;
                    replies.done();
                }
                Ok(false) => replies.refuse(answer::UNSUPPORTED, "the drive's own server answers in the simple form only"),
                Err(refused) => refuse(replies, &refused),
            },
            option::LIST | option::STRUCTURED_REPLY => replies.refuse(answer::INVALID, "the option carries nothing"),
            option::LIST_META_CONTEXT | option::SET_META_CONTEXT => {
                self.contexts(option == option::SET_META_CONTEXT, data, replies).await;
            }
            _ => replies.refuse(answer::UNSUPPORTED, "the option is not known"),
        }
        Step::On
    }

    fn encrypt(&mut self, data: &[u8], replies: &mut Replies) -> Step {
        match self.encryption {
            _ if !data.is_empty() => replies.refuse(answer::INVALID, "the option carries nothing"),
            Encryption::None => replies.refuse(answer::UNSUPPORTED, "this export is not set up for TLS"),
            Encryption::Standing => replies.refuse(answer::INVALID, "the connection is encrypted already"),
            Encryption::Offered | Encryption::Required => {
                replies.done();
                // What was agreed in the clear does not count.
                self.agreed = Agreed::default();
                self.upstream = Upstream::default();
                self.encryption = Encryption::Standing;
                return Step::Encrypt;
            }
        }
        Step::On
    }

    async fn old_way(&mut self, name: &[u8], replies: &mut Replies) -> Step {
        if !self.export.is_called(name) {
            return Step::End;
        }
        match self.facts(true).await {
            Ok(facts) => {
                replies.old(&facts, self.no_zeroes);
                Step::Begin
            }
            // This option knows no refusal.
            Err(refused) => {
                tracing::warn!(export = self.export.name(), failure = %refused.failure, "a client could not be served");
                Step::End
            }
        }
    }

    async fn describe(&mut self, go: bool, data: &[u8], replies: &mut Replies) -> Step {
        let Some(query) = Query::read(data) else {
            replies.refuse(answer::INVALID, "the option is malformed");
            return Step::On;
        };
        if !self.export.is_called(query.name) {
            replies.refuse(answer::UNKNOWN, "there is no export of that name");
            return Step::On;
        }
        // A peer that has to be kept to blocks serves no client that was not told of them.
        let silent = !query.asks_for(info::BLOCK_SIZE) && matches!(self.export.backend, Backend::Peer(_));
        let facts = match self.facts(go && !silent).await {
            Ok(facts) if silent && facts.blocks.minimum > 1 => {
                replies.refuse(answer::BLOCK_SIZE_REQUIRED, "ask for the size of blocks and keep to it");
                return Step::On;
            }
            Ok(_) if silent && go => match self.facts(true).await {
                Ok(facts) => facts,
                Err(refused) => {
                    refuse(replies, &refused);
                    return Step::On;
                }
            },
            Ok(facts) => facts,
            Err(refused) => {
                refuse(replies, &refused);
                return Step::On;
            }
        };
        replies.export(&facts);
        if query.asks_for(info::NAME) {
            replies.name(self.export.name());
        }
        if query.asks_for(info::BLOCK_SIZE) {
            replies.blocks(&facts.blocks);
        }
        replies.done();
        if !go {
            return Step::On;
        }
        Step::Begin
    }

    async fn contexts(&mut self, set: bool, data: &[u8], replies: &mut Replies) {
        let Some(contexts) = Contexts::read(data) else {
            replies.refuse(answer::INVALID, "the option is malformed");
            return;
        };
        if !self.agreed.structured {
            replies.refuse(answer::INVALID, "agree on structured replies first");
            return;
        }
        if !self.export.is_called(contexts.name) {
            replies.refuse(answer::UNKNOWN, "there is no export of that name");
            return;
        }
        if set {
            self.agreed.allocation = false;
        }
        if contexts.want_allocation(set) {
            match self.allocation().await {
                Ok(Some(context)) => {
                    self.agreed.allocation |= set;
                    replies.context(if set { context } else { 0 });
                }
                Ok(None) => {}
                Err(refused) => {
                    refuse(replies, &refused);
                    return;
                }
            }
        }
        replies.done();
    }

    async fn structured(&mut self) -> Result<bool, Refused> {
        match &self.export.backend {
            Backend::Peer(peer) if !self.agreed.structured => self.upstream.structured(peer).await,
            _ => Ok(true),
        }
    }

    async fn allocation(&mut self) -> Result<Option<u32>, Refused> {
        match &self.export.backend {
            Backend::Peer(peer) => self.upstream.allocation(peer).await,
            _ => Ok(Some(CONTEXT)),
        }
    }

    async fn facts(&mut self, go: bool) -> Result<Facts, Refused> {
        match (&self.export.backend, self.export.facts()) {
            (Backend::Peer(peer), _) => self.upstream.describe(peer, go).await,
            (_, Some(facts)) => Ok(facts),
            (_, None) => Err(capstan_domain::Failure::host("an export has no facts", self.export.name()).into()),
        }
    }
}

fn refuse(replies: &mut Replies, refused: &Refused) {
    tracing::warn!(failure = %refused.failure, detail = refused.failure.detail, "an option of a client was refused");
    replies.refuse(refused.answer, &refused.failure.message);
}
