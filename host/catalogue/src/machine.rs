//! Machines with the drives that they list.

use capstan_domain::ids::{DriveId, MachineId, Reference};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::machine::{Machine, Mount, NewMachine};
use capstan_domain::tag::Tagged;
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::Connection;
use crate::drive::{CHUNK, hold_drives};
use crate::failure::missing;
use crate::find::find;
use crate::mounting::{refuse_missing, refuse_shared};
use crate::query::{Row, Value, json, sql, tuples};
use crate::select::{Field, Select, Type};
use crate::tag::bear;

/// Drives of one machine.
const MOUNTS: usize = 256;

pub(crate) const MACHINES: Select = Select {
    columns: "t.id, t.number, t.owner, t.name, t.running, \
              (SELECT string_agg(m.mount, ',' ORDER BY m.position) FROM machine_mounts m WHERE m.machine = t.id), t.attributes, \
              t.created, t.updated",
    from: "machines t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("owner", Type::Id, "t.owner"),
        Field("name", Type::Text, "t.name"),
        Field("running", Type::Flag, "t.running"),
        Field(
            "drive",
            Type::Id,
            "t.number IN (SELECT n.number FROM machine_mounts m JOIN machines n ON n.id = m.machine WHERE {m.drive})",
        ),
        Field(
            "tag",
            Type::Id,
            "t.number IN (SELECT n.number FROM tag_resources r JOIN machines n ON n.id = r.machine WHERE {r.tag})",
        ),
        Field(
            "tag_name",
            Type::Text,
            "t.number IN (SELECT n.number FROM tag_resources r JOIN machines n ON n.id = r.machine \
             WHERE r.tag IN (SELECT g.id FROM tags g WHERE {g.name}))",
        ),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Machine> {
    Ok(Machine {
        id: row.take()?,
        number: row.take()?,
        owner: row.take()?,
        name: row.take()?,
        running: row.take()?,
        mounts: row.records()?,
        attributes: row.json()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    /// Not running, with its tags. `Conflict` "mounted" if a drive of it is mounted elsewhere and is not for several, `Invalid` if a
    /// tag is not there.
    pub async fn create_machine(&self, new: &NewMachine) -> Outcome<Machine> {
        let id = MachineId::new();
        let insert = sql("INSERT INTO machines (id, owner, name, running, attributes, created, updated) \
                          VALUES ($1, $2, $3, 0, $4, $5, $5)")
        .bind(id)
        .bind(new.owner)
        .bind(&new.name)
        .bind(json(&new.attributes))
        .bind(Timestamp::now());
        let (mounts, tags) = (new.mounts.clone(), new.tags.clone());
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                set_mounts(connection, id, &mounts).await?;
                bear(connection, Tagged::Machine(id), &tags).await?;
                find(connection, &MACHINES, "machine", id.into(), read).await
            })
        })
        .await
    }

    /// Writes name, attributes and mounts; these become exactly the machine's. Whether it runs is `set_machine_running`'s.
    /// `Conflict` "mounted" as for `create_machine`.
    pub async fn update_machine(&self, machine: &Machine) -> Outcome<Machine> {
        let id = machine.id;
        let update = sql("UPDATE machines SET name = $2, attributes = $3, updated = $4 WHERE id = $1")
            .bind(id)
            .bind(&machine.name)
            .bind(json(&machine.attributes))
            .bind(Timestamp::now());
        let mounts = machine.mounts.clone();
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("machine"));
                }
                set_mounts(connection, id, &mounts).await?;
                find(connection, &MACHINES, "machine", id.into(), read).await
            })
        })
        .await
    }

    pub async fn set_machine_running(&self, id: MachineId, running: bool) -> Outcome<Machine> {
        let update =
            sql("UPDATE machines SET running = $2, updated = $3 WHERE id = $1").bind(id).bind(running).bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("machine"));
                }
                find(connection, &MACHINES, "machine", id.into(), read).await
            })
        })
        .await
    }

    /// Names are not unique: of several the newest is found.
    pub async fn machine(&self, reference: impl Into<Reference<MachineId>>) -> Outcome<Machine> {
        self.find(&MACHINES, "machine", reference.into(), read).await
    }

    pub async fn machines(&self, listing: &Listing) -> Outcome<Page<Machine>> {
        self.list(&MACHINES, listing, read).await
    }

    /// Its drives stay.
    pub async fn delete_machine(&self, id: MachineId) -> Outcome<()> {
        self.delete("machine", sql("DELETE FROM machines WHERE id = $1").bind(id)).await
    }

    /// Takes these drives off all machines that list them and do not run; one that runs keeps them. Answers how many places are
    /// free now.
    pub async fn unmount_from_stopped(&self, drives: &[DriveId]) -> Outcome<u64> {
        let drives = drives.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                hold_drives(connection, &drives).await?;
                let mut freed = 0;
                for chunk in drives.chunks(CHUNK) {
                    let text = format!(
                        "DELETE FROM machine_mounts WHERE drive IN {} \
                         AND machine IN (SELECT t.id FROM machines t WHERE t.running = 0)",
                        tuples(1, chunk.len())
                    );
                    freed += connection.run(sql(text).bind_all(chunk.iter().map(|drive| Value::from(*drive)))).await?;
                }
                Ok(freed)
            })
        })
        .await
    }

    /// The machines that list each of these drives, with their names, oldest first.
    pub async fn machine_mounts_of(&self, drives: &[DriveId]) -> Outcome<Vec<(DriveId, MachineId, String)>> {
        let mut connection = self.read().await?;
        let mut mounts = Vec::new();
        for chunk in drives.chunks(CHUNK) {
            let text = format!(
                "SELECT m.drive, t.id, t.name FROM machine_mounts m JOIN machines t ON t.id = m.machine WHERE m.drive IN {} \
                 ORDER BY t.number",
                tuples(1, chunk.len())
            );
            for mut row in connection.all(sql(text).bind_all(chunk.iter().map(|drive| Value::from(*drive)))).await? {
                mounts.push((row.take()?, row.take()?, row.take()?));
            }
        }
        Ok(mounts)
    }
}

async fn set_mounts(connection: &mut Connection, machine: MachineId, mounts: &[Mount]) -> Outcome<()> {
    if mounts.len() > MOUNTS {
        return Err(Failure::invalid(format!("a machine has at most {MOUNTS} drives")).with_code("too-many"));
    }
    let mut drives: Vec<DriveId> = mounts.iter().map(|mount| mount.drive).collect();
    drives.sort_unstable();
    drives.dedup();
    if drives.len() < mounts.len() {
        return Err(Failure::invalid("a machine lists a drive once").with_code("invalid"));
    }
    hold_drives(connection, &drives).await?;
    refuse_missing(connection, &drives).await?;
    connection.run(sql("DELETE FROM machine_mounts WHERE machine = $1").bind(machine)).await?;
    for (position, mount) in mounts.iter().enumerate() {
        let insert = sql("INSERT INTO machine_mounts (machine, position, drive, mount) VALUES ($1, $2, $3, $4)")
            .bind(machine)
            .bind(u64::try_from(position).unwrap_or(u64::MAX))
            .bind(mount.drive)
            .bind(json(mount));
        connection.run(insert).await?;
    }
    refuse_shared(connection, &drives).await
}
