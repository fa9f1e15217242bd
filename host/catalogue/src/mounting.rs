//! Who may mount a drive: one machine, or one attachment; several if the drive allows it or is a CD-ROM.
//!
//! The rows are written first and looked at then, in the same transaction and with the drives held, so that of two who mount a
//! drive at the same time one is refused.

use capstan_domain::ids::DriveId;
use capstan_domain::{Failure, Kind, Outcome};

use crate::connection::Connection;
use crate::drive::CHUNK;
use crate::failure::missing;
use crate::query::{Value, sql, tuples};

/// `Conflict` "mounted" if one of these drives has several users now and may not.
pub(crate) async fn refuse_shared(connection: &mut Connection, drives: &[DriveId]) -> Outcome<()> {
    for chunk in drives.chunks(CHUNK) {
        let text = format!(
            "SELECT t.name FROM drives t WHERE t.id IN {} AND t.allow_multimount = 0 AND t.media <> 'cdrom' \
             AND (SELECT count(DISTINCT m.machine) FROM machine_mounts m WHERE m.drive = t.id) \
             + (SELECT count(*) FROM drive_attachments a WHERE a.drive = t.id) > 1 ORDER BY t.number LIMIT 1",
            tuples(1, chunk.len())
        );
        if let Some(mut row) = connection.one(sql(text).bind_all(chunk.iter().map(|drive| Value::from(*drive)))).await? {
            let name: String = row.take()?;
            return Err(mounted(&format!("the drive \"{name}\" is mounted elsewhere")));
        }
    }
    Ok(())
}

/// `Conflict` "mounted" while anybody has the drive.
pub(crate) async fn refuse_mounted(connection: &mut Connection, drive: DriveId) -> Outcome<()> {
    let users = sql("SELECT (SELECT count(*) FROM machine_mounts m WHERE m.drive = $1) \
                     + (SELECT count(*) FROM drive_attachments a WHERE a.drive = $1)");
    match connection.value::<i64>(users.bind(drive)).await? {
        0 => Ok(()),
        _ => Err(mounted("the drive is mounted")),
    }
}

/// `Conflict` "mounted" while a machine that runs has the drive.
pub(crate) async fn refuse_running(connection: &mut Connection, drive: DriveId) -> Outcome<()> {
    let running =
        sql("SELECT count(*) FROM machine_mounts m JOIN machines t ON t.id = m.machine WHERE m.drive = $1 AND t.running = 1");
    match connection.value::<i64>(running.bind(drive)).await? {
        0 => Ok(()),
        _ => Err(mounted("the drive is mounted on a machine that runs")),
    }
}

/// `Conflict` "mounted" while the drive is attached, or a machine that runs has it.
pub(crate) async fn refuse_attached(connection: &mut Connection, drive: DriveId) -> Outcome<()> {
    let attached = sql("SELECT count(*) FROM drive_attachments WHERE drive = $1");
    match connection.value::<i64>(attached.bind(drive)).await? {
        0 => refuse_running(connection, drive).await,
        _ => Err(mounted("the drive is attached").with_next_step("detach it first")),
    }
}

/// What is to be mounted must be there, and not on its way out.
pub(crate) async fn refuse_missing(connection: &mut Connection, drives: &[DriveId]) -> Outcome<()> {
    for chunk in drives.chunks(CHUNK) {
        let text = format!("SELECT count(*) FROM drives WHERE id IN {} AND state <> 'deleting'", tuples(1, chunk.len()));
        let found: i64 = connection.value(sql(text).bind_all(chunk.iter().map(|drive| Value::from(*drive)))).await?;
        if usize::try_from(found).ok() != Some(chunk.len()) {
            return Err(missing("drive"));
        }
    }
    Ok(())
}

pub(crate) fn mounted(message: &str) -> Failure {
    Failure::new(Kind::Conflict, message).with_code("mounted").with_next_step("unmount it first")
}
