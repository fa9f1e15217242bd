//! One connection to the server: dialled, its protocol agreed on, signed in, the share connected.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use capstan_sdk::failure::{Failure, denied, unauthenticated, unavailable, unsupported};
use capstan_sdk::{Blame, Outcome, named, secrets, tcp};
use smb2::client::{Connection, Session, Tree};
use smb2::crypto::encryption::Cipher;
use smb2::types::flags::Capabilities;
use smb2::types::{Command, Dialect, FileId, TreeId};

use crate::chain::{self, Answers, Chain};
use crate::config::{Config, Encryption, PASSWORD};
use crate::payload::Payload;
use crate::wire::Wire;
use crate::{error, status};

/// Of one read or write: more gains nothing, and the requests under way at a time stay small in memory.
const LARGEST_PIECE: u32 = 1 << 20;
const SMALLEST_PIECE: u32 = 64 << 10;

/// Signed in, with the share at hand.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    pub(crate) tree: TreeId,
    /// Of one READ.
    pub(crate) read_bytes: u32,
    /// Of one WRITE.
    pub(crate) write_bytes: u32,
    pub(crate) list_bytes: u32,
    pub(crate) dialect: Dialect,
    pub(crate) encrypted: bool,
    /// Of the round trip that agreed on the dialect.
    pub(crate) latency: Duration,
    /// Calls that use it at the moment.
    pub(crate) load: Cell<usize>,
    broken: Cell<bool>,
}

impl Link {
    pub(crate) async fn dial(config: &Config) -> Outcome<Self> {
        let extras = vec![named("timeout-ms", config.timeout_ms.to_string())];
        let wire = tcp::connect(config.host.clone(), config.port, extras).await.map_err(unreached)?;
        let wire = Arc::new(Wire::new(wire));
        let mut connection = Connection::from_transport(Box::new(Arc::clone(&wire)), Box::new(wire), config.host.clone());
        connection.set_response_timeout(Some(Duration::from_millis(config.timeout_ms)));
        let started = Instant::now();
        connection.negotiate().await.map_err(|error| not_agreed(&error))?;
        let latency = started.elapsed();
        let params = connection.params().ok_or_else(|| unavailable("the server agreed to nothing"))?;
        if params.dialect < config.minimum_dialect.dialect() {
            return Err(unsupported(format!("the server speaks no newer dialect than {}", params.dialect))
                .blame(Blame::Target)
                .code("dialect")
                .next_step("Allow a newer dialect on the server, or lower \"minimum-dialect\"."));
        }
        let session = sign_in(&mut connection, config).await?;
        let cipher = cipher(&params);
        let demanded = session.should_encrypt;
        encrypt(&mut connection, &session, cipher, config.encryption, demanded, "server")?;
        let tree = Tree::connect(&mut connection, &config.share).await.map_err(|error| not_shared(&error, config))?;
        encrypt(&mut connection, &session, cipher, config.encryption, tree.encrypt_data, "share")?;
        if tree.is_dfs {
            // Its links are not followed, so names go out as those of a plain share.
            connection.deregister_dfs_tree(tree.tree_id);
        }
        let piece = |negotiated: u32| negotiated.clamp(SMALLEST_PIECE, LARGEST_PIECE);
        let large = params.capabilities.contains(Capabilities::LARGE_MTU);
        let piece = |negotiated: u32| if large { piece(negotiated) } else { SMALLEST_PIECE };
        Ok(Self {
            tree: tree.tree_id,
            read_bytes: piece(params.max_read_size),
            write_bytes: piece(params.max_write_size),
            list_bytes: piece(params.max_transact_size),
            dialect: params.dialect,
            encrypted: connection.should_encrypt(),
            latency,
            connection,
            load: Cell::new(0),
            broken: Cell::new(false),
        })
    }

    pub(crate) fn is_usable(&self) -> bool {
        !self.broken.get() && !self.connection.is_disconnected()
    }

    /// Sends the chain, and closes what it leaves open.
    pub(crate) async fn run(&self, chain: &Chain) -> smb2::Result<Answers> {
        let answers = chain.send(&self.connection, self.tree).await.inspect_err(|error| self.note(error))?;
        if let Some(file) = answers.left_open() {
            self.close(file).await;
        }
        Ok(answers)
    }

    /// One large WRITE.
    pub(crate) async fn write(&self, file: FileId, offset: u64, payload: Payload) -> smb2::Result<Answers> {
        let sent = chain::send_write(&self.connection, self.tree, file, offset, payload).await;
        sent.inspect_err(|error| self.note(error))
    }

    fn note(&self, error: &smb2::Error) {
        if error::is_lost(error) {
            self.broken.set(true);
        }
    }

    /// What fails here goes with the session.
    pub(crate) async fn close(&self, file: FileId) {
        let _ = Chain::on(file).close().send(&self.connection, self.tree).await;
    }
}

fn unreached(failure: Failure) -> Failure {
    match failure {
        // The host says best what was not granted.
        Failure::Denied(_) | Failure::Cancelled(_) => failure,
        other => other.next_step("Check \"host\" and \"port\", and that the server runs and lets this host in."),
    }
}

fn not_agreed(error: &smb2::Error) -> Failure {
    match error {
        smb2::Error::InvalidData { message } => unavailable("what answers there does not speak SMB 2 or 3")
            .code("protocol")
            .detail(message.clone())
            .next_step("Check \"host\" and \"port\"."),
        smb2::Error::Disconnected | smb2::Error::Io(_) => unavailable("the server hung up instead of agreeing on a dialect")
            .code("protocol")
            .detail(error.to_string())
            .next_step("Check \"port\"; a server that speaks only SMB 1 is of no use."),
        other => error::failure(other, "the server"),
    }
}

async fn sign_in(connection: &mut Connection, config: &Config) -> Outcome<Session> {
    let password = match config.user.as_str() {
        // A guest has none.
        "" => Vec::new(),
        _ => secrets::reveal(PASSWORD).map_err(|failure| match failure {
            Failure::NotFound(_) => unauthenticated("the user has no password here").next_step("Configure \"password\"."),
            other => other,
        })?,
    };
    let password = String::from_utf8(password).map_err(|_| capstan_sdk::failure::invalid("the password is not UTF-8"))?;
    Session::setup(connection, &config.user, &password, &config.domain).await.map_err(|error| match error {
        smb2::Error::Protocol { status, command: Command::SessionSetup } => status::sign_in(status),
        other => error::failure(&other, "the session"),
    })
}

/// What can be encrypted with. Before 3.1.1 there was one cipher, and a capability said whether the server has it.
fn cipher(params: &smb2::NegotiatedParams) -> Option<Cipher> {
    match params.dialect {
        Dialect::Smb3_1_1 => params.cipher,
        Dialect::Smb3_0 | Dialect::Smb3_0_2 => {
            params.capabilities.contains(Capabilities::ENCRYPTION).then_some(Cipher::Aes128Ccm)
        }
        _ => None,
    }
}

/// Turns encryption on where it is wanted or demanded, and refuses where the two do not go together.
fn encrypt(
    connection: &mut Connection,
    session: &Session,
    cipher: Option<Cipher>,
    wanted: Encryption,
    demanded: bool,
    by: &str,
) -> Outcome<()> {
    if demanded && wanted == Encryption::Off {
        return Err(denied(format!("the {by} demands encryption, which is turned off here"))
            .code("encryption-required")
            .next_step("Set \"encryption\" to \"if-offered\" or \"required\"."));
    }
    if connection.should_encrypt() || wanted == Encryption::Off {
        return Ok(());
    }
    match (cipher, &session.encryption_key, &session.decryption_key) {
        // A guest has no key worth the name.
        (Some(cipher), Some(outgoing), Some(incoming)) if session.should_sign => {
            connection.activate_encryption(outgoing.clone(), incoming.clone(), cipher);
            Ok(())
        }
        _ if wanted == Encryption::Required || demanded => Err(unsupported("the server does not encrypt")
            .blame(Blame::Target)
            .code("no-encryption")
            .next_step("Allow SMB 3 with encryption on the server, sign in with an account, or lower \"encryption\".")),
        _ => Ok(()),
    }
}

fn not_shared(error: &smb2::Error, config: &Config) -> Failure {
    match error {
        smb2::Error::Protocol { status, .. } => status::share(*status, &config.share),
        other => error::failure(other, "the share"),
    }
}
