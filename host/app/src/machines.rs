//! Machines: what drives are mounted on. Nothing is computed here; which drives a machine lists, and whether it runs, decides
//! what may be done to those drives.

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DriveId, MachineId, TagId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::machine::{Machine, Mount, NewMachine};
use capstan_domain::{Failure, Kind, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::ownership::{check_attributes, check_name, missing, one_of, seen, visible, without_deleting};
use crate::tags::Tags;

/// Drives of one machine; more are refused.
const MOUNTS_MAX: usize = 256;

#[derive(Clone)]
pub struct Machines {
    catalogue: Catalogue,
    audit: Audit,
    tags: Tags,
}

/// What a caller gives for a new machine.
#[derive(Clone, Debug)]
pub struct MachineWish {
    pub name: String,
    pub mounts: Vec<Mount>,
    pub attributes: Value,
    pub tags: Vec<TagId>,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct MachineEdit {
    pub name: Option<String>,
    /// Exactly these from then on.
    pub mounts: Option<Vec<Mount>>,
    pub attributes: Option<Value>,
}

impl Machines {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit, tags: Tags) -> Self {
        Self { catalogue, audit, tags }
    }

    pub async fn list(&self, caller: &Caller, listing: Listing) -> Outcome<Page<Machine>> {
        self.catalogue.machines(&visible(caller, listing)).await
    }

    pub async fn get(&self, caller: &Caller, id: MachineId) -> Outcome<Machine> {
        let machine = self.catalogue.machine(id).await?;
        seen(caller, machine.owner, "machine")?;
        Ok(machine)
    }

    /// It does not run. `Conflict` "mounted" if one of the drives is mounted elsewhere and is not for several.
    pub async fn create(&self, caller: &Caller, wish: MachineWish) -> Outcome<Machine> {
        check_name(&wish.name)?;
        check_attributes(&wish.attributes)?;
        self.tags.are_callers(caller, &wish.tags).await?;
        self.are_mountable(caller, &wish.mounts).await?;
        let new =
            NewMachine { owner: caller.user, name: wish.name, mounts: wish.mounts, attributes: wish.attributes, tags: wish.tags };
        let machine = self.catalogue.create_machine(&new).await?;
        self.audit.done(caller, "create", "machine", &machine.name, detail(&machine)).await?;
        Ok(machine)
    }

    /// `Conflict` "running" where the drives of a machine that runs would change.
    pub async fn edit(&self, caller: &Caller, id: MachineId, edit: MachineEdit) -> Outcome<Machine> {
        let mut machine = self.get(caller, id).await?;
        if let Some(name) = edit.name {
            check_name(&name)?;
            machine.name = name;
        }
        if let Some(attributes) = edit.attributes {
            check_attributes(&attributes)?;
            machine.attributes = attributes;
        }
        if let Some(mounts) = edit.mounts
            && mounts != machine.mounts
        {
            if machine.running {
                return Err(running(&machine));
            }
            self.are_mountable(caller, &mounts).await?;
            machine.mounts = mounts;
        }
        let machine = self.catalogue.update_machine(&machine).await?;
        self.audit.done(caller, "update", "machine", &machine.name, detail(&machine)).await?;
        Ok(machine)
    }

    /// Its drives stay. `Conflict` "running".
    pub async fn delete(&self, caller: &Caller, id: MachineId) -> Outcome<()> {
        let machine = self.get(caller, id).await?;
        if machine.running {
            return Err(running(&machine));
        }
        self.catalogue.delete_machine(id).await?;
        self.audit.done(caller, "delete", "machine", &machine.name, detail(&machine)).await
    }

    /// `Conflict` "running" if it runs.
    pub async fn start(&self, caller: &Caller, id: MachineId) -> Outcome<Machine> {
        let machine = self.get(caller, id).await?;
        if machine.running {
            return Err(running(&machine));
        }
        let machine = self.catalogue.set_machine_running(id, true).await?;
        self.audit.done(caller, "start", "machine", &machine.name, detail(&machine)).await?;
        Ok(machine)
    }

    /// `Conflict` "stopped" if it does not run.
    pub async fn stop(&self, caller: &Caller, id: MachineId) -> Outcome<Machine> {
        let machine = self.get(caller, id).await?;
        if !machine.running {
            return Err(Failure::new(Kind::Conflict, format!("{} does not run", machine.name)).with_code("stopped"));
        }
        let machine = self.catalogue.set_machine_running(id, false).await?;
        self.audit.done(caller, "stop", "machine", &machine.name, detail(&machine)).await?;
        Ok(machine)
    }

    /// Drives of the caller's are taken off the machines that list them and do not run.
    pub async fn release(&self, caller: &Caller, drives: &[DriveId]) -> Outcome<()> {
        self.are_seen(caller, drives.to_vec()).await?;
        if self.catalogue.unmount_from_stopped(drives).await? == 0 {
            return Ok(());
        }
        let name = match drives {
            [one] => one.to_string(),
            several => format!("{} drives", several.len()),
        };
        self.audit.done(caller, "unmount", "drive", &name, json!({ "drives": drives })).await
    }

    /// They are there, and the caller's; each is listed once.
    async fn are_mountable(&self, caller: &Caller, mounts: &[Mount]) -> Outcome<()> {
        if mounts.len() > MOUNTS_MAX {
            return Err(Failure::invalid(format!("a machine has at most {MOUNTS_MAX} drives")).with_code("too-many"));
        }
        let mut drives: Vec<DriveId> = mounts.iter().map(|mount| mount.drive).collect();
        drives.sort_unstable();
        drives.dedup();
        if drives.len() != mounts.len() {
            return Err(Failure::invalid("a machine lists a drive once").with_code("drives"));
        }
        for mount in mounts {
            check_attributes(&mount.attributes)?;
        }
        self.are_seen(caller, drives).await
    }

    /// Each is named once.
    async fn are_seen(&self, caller: &Caller, drives: Vec<DriveId>) -> Outcome<()> {
        if drives.is_empty() {
            return Ok(());
        }
        let asked = drives.len() as u64;
        let listing = without_deleting(one_of(visible(caller, Listing::first(1)), "id", drives));
        if self.catalogue.drives(&listing).await?.count == asked { Ok(()) } else { Err(missing("drive")) }
    }
}

fn running(machine: &Machine) -> Failure {
    Failure::new(Kind::Conflict, format!("{} runs", machine.name)).with_code("running").with_next_step("stop it first")
}

fn detail(machine: &Machine) -> Value {
    json!({ "number": machine.number, "id": machine.id, "drives": machine.mounts.len(), "running": machine.running })
}
