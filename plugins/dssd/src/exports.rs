//! Which images the storage daemon has open, and under which names it gives them out.
//!
//! An image is open once there, as a node; so everybody who reaches it through the daemon sees the same bytes. On the node stand up
//! to two exports: one for this plugin's own reading and writing (`-io`), one for whoever a drive is attached to (`-rw` or `-ro`).
//! They keep the size that the image had when it was opened: after it grew, node and exports are made anew.
//!
//! | the process or the answer is lost | what is there | then |
//! |---|---|---|
//! | between node and export | a node | the next opening finds it and goes on |
//! | between the removal of an export and of the node | a node | the next opening uses it, the next closing removes it |
//! | in a renewal, before the attachment's export is there again | nothing | the host attaches anew, or finds the export gone |
//! | the daemon starts anew | nothing | reads and writes open again; the host attaches anew |

use capstan_sdk::failure::{Failure, busy, conflict, malformed, not_found, unavailable};
use capstan_sdk::{Outcome, Retry, clock};
use serde::Deserialize;
use serde_json::json;

use crate::client::Client;
use crate::names;
use crate::qmp::{Qmp, Wrong};

/// Images that stay open for this plugin's own use: each costs the daemon some MiB.
const OPEN: usize = 32;
/// Looks at an export that is to go, and the wait between them.
const LOOKS: usize = 100;
const LOOK_MS: u64 = 50;

/// Whether whoever a drive is attached to may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attached {
    ForReading,
    ForWriting,
}

impl Attached {
    fn end(self) -> &'static str {
        match self {
            Self::ForReading => "-ro",
            Self::ForWriting => "-rw",
        }
    }
}

const OWN: &str = "-io";
const ENDS: [&str; 3] = [OWN, "-rw", "-ro"];

#[derive(Debug, Deserialize)]
struct Export {
    id: String,
}

/// The image that a call is about.
pub(crate) struct Exports<'a> {
    client: &'a Client,
    qmp: Qmp<'a>,
    image: &'a str,
    node: String,
}

/// Under which name an image is attached.
pub(crate) fn attached_name(image: &str) -> String {
    format!("{image}.attached")
}

impl<'a> Exports<'a> {
    pub(crate) async fn of(client: &'a Client, image: &'a str) -> Outcome<Self> {
        let node = names::node(&client.config.pool, image)?;
        Ok(Self { client, qmp: Qmp::open(client).await?, image, node })
    }

    fn id(&self, end: &str) -> String {
        format!("{}{end}", self.node)
    }

    async fn all(&mut self) -> Outcome<Vec<String>> {
        let said = self.qmp.run("query-block-exports", json!({})).await?;
        let said = said.map_err(|wrong| wrong.failure("the storage daemon does not tell what it gives out"))?;
        let exports: Vec<Export> = serde_json::from_value(said)
            .map_err(|error| malformed("the storage daemon's list of exports cannot be read", error.to_string()))?;
        Ok(exports.into_iter().map(|export| export.id).collect())
    }

    async fn has(&mut self, end: &str) -> Outcome<bool> {
        let id = self.id(end);
        Ok(self.all().await?.contains(&id))
    }

    /// Whether anybody may have written to the image through the daemon.
    pub(crate) async fn is_open(&mut self) -> Outcome<bool> {
        let all = self.all().await?;
        Ok(ENDS.iter().any(|end| all.contains(&self.id(end))))
    }

    pub(crate) async fn attached(&mut self) -> Outcome<Option<Attached>> {
        for attached in [Attached::ForReading, Attached::ForWriting] {
            if self.has(attached.end()).await? {
                return Ok(Some(attached));
            }
        }
        Ok(None)
    }

    async fn open_node(&mut self, subject: &str) -> Outcome<()> {
        let config = &self.client.config;
        let arguments = json!({ "driver": "rbd", "node-name": self.node, "pool": config.pool, "image": self.image,
            "conf": config.ceph_conf, "user": config.ceph_user, "discard": "unmap" });
        match self.qmp.run("blockdev-add", arguments).await? {
            Err(wrong) if wrong.has("Duplicate nodes") => Ok(()),
            other => other.map(drop).map_err(|wrong| not_opened(&wrong, subject)),
        }
    }

    async fn add(&mut self, end: &str, name: &str, writable: bool, subject: &str) -> Outcome<()> {
        self.open_node(subject).await?;
        let arguments = json!({ "type": "nbd", "id": self.id(end), "node-name": self.node, "name": name, "writable": writable });
        match self.qmp.run("block-export-add", arguments).await? {
            Err(wrong) if wrong.has("already in use") => Ok(()),
            other => other.map(drop).map_err(|wrong| wrong.failure(&format!("the storage daemon does not give {subject} out"))),
        }
    }

    /// For this plugin's own reading and writing, under the image's name.
    pub(crate) async fn open(&mut self, subject: &str) -> Outcome<()> {
        self.add(OWN, self.image, true, subject).await?;
        self.spare().await
    }

    /// Lets go of images that nobody is connected to, where there are many.
    async fn spare(&mut self) -> Outcome<()> {
        let mine = self.id(OWN);
        let all = self.all().await?;
        let own: Vec<&str> = all.iter().filter(|id| **id != mine).filter_map(|id| id.strip_suffix(OWN)).collect();
        for node in own.iter().take((own.len() + 1).saturating_sub(OPEN)) {
            // The daemon refuses where somebody is connected.
            let gone = self.qmp.run("block-export-del", json!({ "id": format!("{node}{OWN}"), "mode": "safe" })).await?;
            if gone.is_ok() {
                // It stays where the drive is attached.
                let _ = self.qmp.run("blockdev-del", json!({ "node-name": node })).await?;
            }
        }
        Ok(())
    }

    /// Attaching again finds what is there.
    pub(crate) async fn attach(&mut self, attached: Attached, subject: &str) -> Outcome<()> {
        match self.attached().await? {
            Some(there) if there == attached => return Ok(()),
            Some(_) => {
                let how = if attached == Attached::ForWriting { "reading" } else { "writing" };
                return Err(conflict(format!("{subject} is attached for {how}")).next_step("Detach it first."));
            }
            None => {}
        }
        let name = attached_name(self.image);
        self.add(attached.end(), &name, attached == Attached::ForWriting, subject).await
    }

    /// Cuts whoever is connected; answers once nobody is.
    async fn remove(&mut self, end: &str) -> Outcome<()> {
        let id = self.id(end);
        match self.qmp.run("block-export-del", json!({ "id": id, "mode": "hard" })).await? {
            Ok(_) => {}
            Err(wrong) if wrong.has("not found") => return Ok(()),
            // It is going already.
            Err(wrong) if wrong.has("shutting down") => {}
            Err(wrong) => return Err(wrong.failure("the storage daemon does not let go")),
        }
        for _ in 0..LOOKS {
            if !self.has(end).await? {
                return Ok(());
            }
            clock::wait(LOOK_MS).await;
        }
        Err(still_held())
    }

    /// Nobody reaches the drive by its attachment any more.
    pub(crate) async fn detach(&mut self) -> Outcome<()> {
        self.remove(Attached::ForReading.end()).await?;
        self.remove(Attached::ForWriting.end()).await?;
        if !self.has(OWN).await? {
            self.close_node().await?;
        }
        Ok(())
    }

    /// The daemon lets go of the image, what was written through it lies in the cluster. Answers how it was attached.
    pub(crate) async fn close(&mut self) -> Outcome<Option<Attached>> {
        let attached = self.attached().await?;
        for end in ENDS {
            self.remove(end).await?;
        }
        self.close_node().await?;
        Ok(attached)
    }

    async fn close_node(&mut self) -> Outcome<()> {
        for _ in 0..LOOKS {
            match self.qmp.run("blockdev-del", json!({ "node-name": self.node })).await? {
                Ok(_) => return Ok(()),
                Err(wrong) if wrong.has("Failed to find node") => return Ok(()),
                // The last connection is still going.
                Err(wrong) if wrong.has("in use") => clock::wait(LOOK_MS).await,
                Err(wrong) => return Err(wrong.failure("the storage daemon does not let go")),
            }
        }
        Err(still_held())
    }

    /// Node and exports anew, with the size that the image has now.
    pub(crate) async fn renew(&mut self, subject: &str) -> Outcome<()> {
        if let Some(attached) = self.close().await? {
            self.attach(attached, subject).await?;
        }
        Ok(())
    }
}

fn still_held() -> Failure {
    busy("the storage daemon is still writing what was left to it").after_ms(1_000)
}

/// Whether the daemon looked for the image and did not find it.
pub(crate) fn is_absent(wrong: &Wrong) -> bool {
    wrong.has("error reading header") && wrong.has("No such file")
}

fn not_opened(wrong: &Wrong, subject: &str) -> Failure {
    if is_absent(wrong) {
        return not_found(format!("there is no {subject}")).detail(wrong.0.clone());
    }
    let failure = unavailable("the storage daemon cannot reach the cluster's images").code("qmp").detail(wrong.0.clone());
    // Nothing of these gets better by waiting; a cluster that does not answer does.
    let settled = |failure: Failure, step: &str| failure.retry(Retry::Never).next_step(step);
    let unknown = wrong.has("No such file") || wrong.has("Permission denied");
    if wrong.has("conf file") {
        settled(failure, "Correct \"ceph-conf\" of the target: the path as the storage daemon sees it.")
    } else if wrong.has("error connecting") && unknown {
        settled(failure, "Correct \"ceph-user\" of the target, or give the storage daemon that user's key.")
    } else if wrong.has("error opening pool") && unknown {
        settled(failure, "Correct \"pool\" of the target.")
    } else if wrong.has("nknown driver") || wrong.has("module") {
        settled(failure, "Install the storage daemon's driver for RBD (qemu-block-extra).")
    } else {
        failure.next_step("Look into the storage daemon's log, and whether the cluster answers where the daemon stands.")
    }
}

/// Opens an image that is not there: the daemon says so only where it reaches the cluster and the pool.
pub(crate) async fn try_cluster(client: &Client) -> Outcome<()> {
    const NOBODY: &str = "capstan.gone.probe";
    let mut exports = Exports::of(client, NOBODY).await?;
    match exports.open_node("image").await {
        Ok(()) => exports.close_node().await,
        Err(Failure::NotFound(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_daemon_says_leads_to_what_is_wrong() {
        let of = |words: &str| not_opened(&Wrong(words.to_owned()), "drive \"a\"");
        assert!(matches!(of("error reading header from capstan.a: No such file or directory"), Failure::NotFound(_)));
        for (words, field) in [
            ("error reading conf file /x.conf: No such file or directory", "ceph-conf"),
            ("error connecting: Permission denied", "ceph-user"),
            ("error opening pool p: No such file or directory", "pool"),
            ("Unknown driver 'rbd'", "driver"),
        ] {
            let failure = of(words);
            assert!(matches!(failure, Failure::Unavailable(_)) && !failure.may_retry(), "{words}");
            assert!(failure.fault().extras.iter().any(|extra| extra.value.contains(field)), "{words}");
        }
        assert!(of("error connecting: Connection timed out").may_retry(), "the cluster is away");
    }

    #[test]
    fn the_list_of_exports_is_read_for_their_ids() {
        let list = json!([{ "node-name": "n", "shutting-down": false, "type": "nbd", "id": "n-io" }]);
        let exports: Vec<Export> = serde_json::from_value::<Vec<Export>>(list).unwrap();
        assert_eq!(exports.first().map(|export| export.id.as_str()), Some("n-io"));
        assert!(serde_json::from_value::<Vec<Export>>(json!(null)).is_err());
    }
}
