//! Definitions of work. Their status is that of their newest job and is kept with them, so that lists can filter by it.

use capstan_domain::Outcome;
use capstan_domain::ids::{DefinitionId, Reference};
use capstan_domain::job::{Definition, JobState, NewDefinition};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Row, json, sql, word};
use crate::select::{Field, Select, Type};

const DEFINITIONS: Select = Select {
    columns: "t.id, t.number, t.name, t.comment, t.workflow, t.action, t.active, t.options, t.attributes, t.job, t.status, t.created, t.updated",
    // A definition has one newest job, so the join adds no row; what its ends refer to is looked up only when a list asks for it.
    from: "definitions t LEFT JOIN jobs j ON j.id = t.job",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("comment", Type::Text, "t.comment"),
        Field("workflow", Type::Text, "t.workflow"),
        Field("action", Type::Text, "t.action"),
        Field("active", Type::Flag, "t.active"),
        Field("job", Type::Id, "t.job"),
        Field("status", Type::Text, "t.status"),
        Field("requested", Type::Text, "COALESCE(j.requested, 'noop')"),
        Field("job_started", Type::Integer, "j.started"),
        Field("job_finished", Type::Integer, "j.finished"),
        Field("bytes_processed", Type::Integer, "COALESCE(j.bytes_processed, 0)"),
        Field("bytes_to_process", Type::Integer, "COALESCE(j.bytes_to_process, 0)"),
        Field(
            "source_pool_number",
            Type::Integer,
            "(SELECT p.number FROM endpoints e JOIN pools p ON p.id = e.pool WHERE e.definition = t.id AND e.direction = 'source' ORDER BY e.number LIMIT 1)",
        ),
        Field(
            "source_location_number",
            Type::Integer,
            "(SELECT l.number FROM endpoints e JOIN locations l ON l.id = e.location WHERE e.definition = t.id AND e.direction = 'source' ORDER BY e.number LIMIT 1)",
        ),
        Field(
            "source_location_name",
            Type::Text,
            "(SELECT l.name FROM endpoints e JOIN locations l ON l.id = e.location WHERE e.definition = t.id AND e.direction = 'source' ORDER BY e.number LIMIT 1)",
        ),
        Field(
            "source_pool_name",
            Type::Text,
            "(SELECT p.name FROM endpoints e JOIN pools p ON p.id = e.pool WHERE e.definition = t.id AND e.direction = 'source' ORDER BY e.number LIMIT 1)",
        ),
        Field(
            "destination_pool_number",
            Type::Integer,
            "(SELECT p.number FROM endpoints e JOIN pools p ON p.id = e.pool WHERE e.definition = t.id AND e.direction = 'destination' ORDER BY e.number LIMIT 1)",
        ),
        Field(
            "destination_location_number",
            Type::Integer,
            "(SELECT l.number FROM endpoints e JOIN locations l ON l.id = e.location WHERE e.definition = t.id AND e.direction = 'destination' ORDER BY e.number LIMIT 1)",
        ),
        Field(
            "destination_location_name",
            Type::Text,
            "(SELECT l.name FROM endpoints e JOIN locations l ON l.id = e.location WHERE e.definition = t.id AND e.direction = 'destination' ORDER BY e.number LIMIT 1)",
        ),
        Field(
            "destination_pool_name",
            Type::Text,
            "(SELECT p.name FROM endpoints e JOIN pools p ON p.id = e.pool WHERE e.definition = t.id AND e.direction = 'destination' ORDER BY e.number LIMIT 1)",
        ),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["options", "attributes"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Definition> {
    Ok(Definition {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        comment: row.take()?,
        workflow: row.take()?,
        action: row.take()?,
        active: row.take()?,
        options: row.json()?,
        attributes: row.json()?,
        job: row.take()?,
        status: row.word()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    pub async fn create_definition(&self, new: &NewDefinition) -> Outcome<Definition> {
        let id = DefinitionId::new();
        let insert = sql("INSERT INTO definitions (id, name, comment, workflow, action, active, options, attributes, status, created, updated) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)")
        .bind(id)
        .bind(&new.name)
        .bind(new.comment.clone())
        .bind(&new.workflow)
        .bind(&new.action)
        .bind(new.active)
        .bind(json(&new.options))
        .bind(json(&new.attributes))
        .bind(word(&JobState::NotActivated))
        .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                find(connection, &DEFINITIONS, "definition", id.into(), read).await
            })
        })
        .await
    }

    /// Writes what a user may edit; job and status follow the jobs.
    pub async fn update_definition(&self, definition: &Definition) -> Outcome<Definition> {
        let (id, priority) = (definition.id, crate::job::priority(&definition.options));
        let update =
            sql("UPDATE definitions SET name = $2, comment = $3, workflow = $4, action = $5, active = $6, options = $7, \
                          attributes = $8, updated = $9 WHERE id = $1")
            .bind(id)
            .bind(&definition.name)
            .bind(definition.comment.clone())
            .bind(&definition.workflow)
            .bind(&definition.action)
            .bind(definition.active)
            .bind(json(&definition.options))
            .bind(json(&definition.attributes))
            .bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(update).await? == 0 {
                    return Err(missing("definition"));
                }
                // A run that waits already gets the new place in the queue.
                let queue = sql("UPDATE jobs SET priority = $2 WHERE definition = $1 AND state IN ('queued', 'paused')");
                connection.run(queue.bind(id).bind(priority)).await?;
                find(connection, &DEFINITIONS, "definition", id.into(), read).await
            })
        })
        .await
    }

    /// Names are not unique: of several the newest is found.
    pub async fn definition(&self, reference: impl Into<Reference<DefinitionId>>) -> Outcome<Definition> {
        self.find(&DEFINITIONS, "definition", reference.into(), read).await
    }

    pub async fn definitions(&self, listing: &Listing) -> Outcome<Page<Definition>> {
        self.list(&DEFINITIONS, listing, read).await
    }

    /// With its endpoints; its jobs stay as history.
    pub async fn delete_definition(&self, id: DefinitionId) -> Outcome<()> {
        self.delete("definition", sql("DELETE FROM definitions WHERE id = $1").bind(id)).await
    }
}
