//! The way to a volume's bytes: where the iSCSI portal is, this host as a server of the VPSA, the volume attached to it, its LUN.
//!
//! What was found is kept by the instance until it turns out to be wrong. A volume is attached when its bytes are first asked for,
//! and detached by `detach` or with its end.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use capstan_initiator::Secret;
use capstan_iscsi::PORT;
use capstan_sdk::failure::{busy, conflict, malformed, unavailable};
use capstan_sdk::types::Attachment;
use capstan_sdk::{Outcome, Retry};
use serde_json::{Value, json};

use crate::answers::{Controller, Server, id, many};
use crate::client::{Client, Looks, client};
use crate::config::CHAP_SECRET;
use crate::record::{self, Attached, Drive, Kept, Phase, Place};

/// Volumes whose LUNs are kept in mind.
const WAYS: usize = 1024;
/// What this host is called among the servers of the VPSA.
const SERVER: &str = "capstan";

/// The iSCSI target of the VPSA's active controller, and who is let in. The secret is the VPSA's own, told to whoever has the
/// access key.
pub(crate) struct Portal {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) target: String,
    pub(crate) chap: Option<(String, Secret)>,
}

/// A volume's place behind the portal.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) portal: Rc<Portal>,
    pub(crate) target: String,
    pub(crate) lun: u16,
    /// What the unit there calls itself, once it was seen to be this volume.
    pub(crate) unit: Option<Vec<u8>>,
}

#[derive(Default)]
struct Known {
    portal: Option<Rc<Portal>>,
    server: Option<String>,
    ways: HashMap<String, Way>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

pub(crate) fn forget(volume: &str) {
    KNOWN.with_borrow_mut(|known| {
        known.ways.remove(volume);
    });
}

/// After a login that was refused: the active controller, its secret, or our own entry may have changed.
pub(crate) fn forget_all() {
    KNOWN.with_borrow_mut(|known| *known = Known::default());
}

/// Asks the VPSA, always: this is also how the key is tried.
pub(crate) async fn portal(client: &Client) -> Outcome<Rc<Portal>> {
    let answer = client.get("/api/vcontrollers.json", "list of controllers").await?;
    let controllers: Vec<Controller> = many(&answer, "vcontrollers")?;
    let active = controllers.into_iter().find(|controller| controller.state.eq_ignore_ascii_case("active"));
    let active = active.ok_or_else(|| unavailable("the VPSA has no active controller").code("no-controller"))?;
    let told = [&active.iscsi_ip, &active.iscsi_ipv6].into_iter().find(|address| !address.is_empty());
    let host = client.config.iscsi_host().or(told.map(String::as_str));
    let host = host.ok_or_else(|| {
        malformed("the VPSA does not tell where its data is", "").next_step("Set \"iscsi-host\" of the target.")
    })?;
    let chap = match client.config.chap_user() {
        Some(user) => Some((user.to_owned(), Secret::Configured(CHAP_SECRET))),
        None if active.vpsa_chap_user.is_empty() => None,
        None => Some((active.vpsa_chap_user, Secret::Told(active.vpsa_chap_secret))),
    };
    let port = client.config.iscsi_port.unwrap_or(PORT);
    let portal = Rc::new(Portal { host: host.to_owned(), port, target: active.target, chap });
    KNOWN.with_borrow_mut(|known| known.portal = Some(Rc::clone(&portal)));
    Ok(portal)
}

/// The id of this host among the VPSA's servers, if it is one.
pub(crate) async fn registered(client: &Client) -> Outcome<Option<String>> {
    if let Some(server) = KNOWN.with_borrow(|known| known.server.clone()) {
        return Ok(Some(server));
    }
    let mut found = None;
    client
        .rows("/api/servers.json", "servers", "list of servers", |row| {
            if row.get("iqn").and_then(Value::as_str) == Some(client.config.initiator()) {
                found = row.get("name").and_then(Value::as_str).map(str::to_owned);
            }
            found.is_some()
        })
        .await?;
    if let Some(server) = &found {
        id("srv", server)?;
        KNOWN.with_borrow_mut(|known| known.server = Some(server.clone()));
    }
    Ok(found)
}

async fn server(client: &Client) -> Outcome<String> {
    if let Some(server) = registered(client).await? {
        return Ok(server);
    }
    let fields = json!({ "display_name": SERVER, "iqn": client.config.initiator() });
    // Of two calls that find none, one makes it.
    if let Err(refusal) = client.change("POST", "/api/servers.json", fields).await?
        && !refusal.is_taken()
    {
        return Err(refusal.failure("server entry of this host"));
    }
    let mut looks = Looks::new();
    loop {
        if let Some(server) = registered(client).await? {
            return Ok(server);
        }
        looks.next("the server entry of this host").await?;
    }
}

/// The way to the volume, which is attached for it where it is not yet.
pub(crate) async fn reach(volume: &str, subject: &str) -> Outcome<Way> {
    if let Some(way) = KNOWN.with_borrow(|known| known.ways.get(volume).cloned()) {
        return Ok(way);
    }
    let client = client()?;
    let server = server(&client).await?;
    let (mut looks, mut asked) = (Looks::new(), false);
    let own = loop {
        let answer = client.get(&format!("/api/volumes/{volume}/servers.json"), subject).await?;
        let servers: Vec<Server> = many(&answer, "servers")?;
        let own = servers.into_iter().find(|one| one.name == server || one.iqn == client.config.initiator());
        match own {
            Some(own) if own.lun().is_some() => break own,
            _ if asked => looks.next(subject).await?,
            _ => {
                attach_to(&client, &server, volume, subject).await?;
                asked = true;
            }
        }
    };
    let kept = KNOWN.with_borrow(|known| known.portal.clone());
    let portal = match kept {
        Some(portal) => portal,
        None => portal(&client).await?,
    };
    let target = if own.target.is_empty() { portal.target.clone() } else { own.target.clone() };
    let lun = own.lun().ok_or_else(|| malformed("the VPSA tells no LUN", subject))?;
    let way = Way { portal, target, lun, unit: None };
    KNOWN.with_borrow_mut(|known| {
        if known.ways.len() >= WAYS {
            known.ways.clear();
        }
        known.ways.insert(volume.to_owned(), way.clone());
    });
    Ok(way)
}

/// Whether the VPSA still says that the volume is there.
pub(crate) async fn leads(volume: &str, way: &Way, subject: &str) -> Outcome<bool> {
    let client = client()?;
    let server = server(&client).await?;
    let answer = client.get(&format!("/api/volumes/{volume}/servers.json"), subject).await?;
    let servers: Vec<Server> = many(&answer, "servers")?;
    let own = servers.into_iter().find(|one| one.name == server || one.iqn == client.config.initiator());
    Ok(own.is_some_and(|own| own.lun() == Some(way.lun) && (own.target.is_empty() || own.target == way.target)))
}

/// From now on the volume is the unit of this name.
pub(crate) fn bind(volume: &str, unit: &[u8]) {
    KNOWN.with_borrow_mut(|known| {
        if let Some(way) = known.ways.get_mut(volume) {
            way.unit = Some(unit.to_vec());
        }
    });
}

async fn attach_to(client: &Client, server: &str, volume: &str, subject: &str) -> Outcome<()> {
    let path = format!("/api/servers/{}/volumes.json", id("srv", server)?);
    let fields = json!({ "volume_name": volume, "readonly": "NO", "force": "NO" });
    match client.change("POST", &path, fields).await? {
        Err(refusal) if refusal.is_taken() => Ok(()),
        Err(refusal) => {
            // The entry of this host may be gone; the next try looks for it again.
            forget_all();
            let failure = refusal.failure(subject);
            // What is not there may be the entry, and the drive was there a moment ago.
            let absent = refusal.is_absent();
            Err(if absent { busy(format!("{subject} cannot be attached now")).retry(Retry::AtOnce) } else { failure })
        }
        Ok(_) => Ok(()),
    }
}

/// Takes the volume from this host. One that is not attached, or not there, is a success.
pub(crate) async fn detach(client: &Client, volume: &str) -> Outcome<()> {
    forget(volume);
    let Some(server) = registered(client).await? else { return Ok(()) };
    let path = format!("/api/volumes/{}/detach.json", id("volume", volume)?);
    match client.change("POST", &path, json!({ "servers": server, "force": "YES" })).await? {
        Err(refusal) if !refusal.is_absent() => Err(refusal.failure("attached volume")),
        _ => Ok(()),
    }
}

/// The host reaches the bytes by calls: it speaks no iSCSI itself.
pub(crate) async fn attach(place: Place<'_>, read_only: bool) -> Outcome<Attachment> {
    let (kept, volume) = record::ready(place).await?;
    if kept.value.attached == Some(Attached::Reading) && !read_only {
        return Err(conflict(format!("{} is attached for reading only", place.subject())).code("attached"));
    }
    // What cannot be reached is told now.
    reach(&volume, &place.subject()).await?;
    if kept.value.attached.is_none() {
        let attached = if read_only { Attached::Reading } else { Attached::Writing };
        kept.put(|drive| drive.attached = Some(attached)).await?;
    }
    Ok(Attachment { peer: "calls".to_owned(), parameters: Vec::new() })
}

pub(crate) async fn detach_drive(place: Place<'_>) -> Outcome<()> {
    let Some(kept) = Kept::<Drive>::find(place.key()).await?.filter(|kept| kept.value.phase == Phase::Ready) else {
        return Ok(());
    };
    if let Some(volume) = &kept.value.volume {
        detach(&*client()?, volume).await?;
    }
    if kept.value.attached.is_some() {
        kept.put(|drive| drive.attached = None).await?;
    }
    Ok(())
}
