//! Definitions of workflows. What stands in one is not the catalogue's to judge; what lists ask for is copied out of it.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{Reference, WorkflowId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::time::Timestamp;
use capstan_domain::workflow::WorkflowRecord;
use capstan_domain::{Failure, Outcome};
use serde_json::Value as Json;

use crate::Catalogue;
use crate::failure::missing;
use crate::find::find;
use crate::query::{Query, Row, json, sql};
use crate::select::{Field, Select, Type};

const WORKFLOWS: Select = Select {
    columns: "t.id, t.number, t.name, t.definition, t.protected, t.created, t.updated",
    from: "workflows t",
    fields: &[
        Field("id", Type::Id, "t.id"),
        Field("number", Type::Integer, "t.number"),
        Field("name", Type::Text, "t.name"),
        Field("label", Type::Text, "t.label"),
        Field("discovery", Type::Text, "t.discovery"),
        Field("enabled", Type::Flag, "t.enabled"),
        Field("visible", Type::Flag, "t.visible"),
        Field("external_only", Type::Flag, "t.external_only"),
        Field("schedule_only", Type::Flag, "t.schedule_only"),
        Field("protected", Type::Flag, "t.protected"),
        Field("created", Type::Integer, "t.created"),
        Field("updated", Type::Integer, "t.updated"),
    ],
    open: &["definition"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<WorkflowRecord> {
    Ok(WorkflowRecord {
        id: row.take()?,
        number: row.take()?,
        name: row.take()?,
        definition: row.json()?,
        protected: row.take()?,
        created: row.take()?,
        updated: row.take()?,
    })
}

impl Catalogue {
    pub async fn create_workflow(&self, definition: &Json) -> Outcome<WorkflowRecord> {
        let id = WorkflowId::new();
        let insert = sql(
            "INSERT INTO workflows (id, name, label, discovery, enabled, visible, external_only, schedule_only, definition, \
                          protected, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $10)",
        );
        let insert = with_members(insert.bind(id), definition).bind(Timestamp::now());
        self.write(move |connection| {
            Box::pin(async move {
                connection.run(insert).await?;
                find(connection, &WORKFLOWS, "workflow", id.into(), read).await
            })
        })
        .await
    }

    /// Those that come with the host, by name, made or brought up to date. Where a user's own has the name, it stays. May be called at
    /// every start.
    pub async fn seed_workflows(&self, definitions: &[Json]) -> Outcome<()> {
        let now = Timestamp::now();
        let upserts: Vec<Query> = definitions
            .iter()
            .map(|definition| {
                let upsert = sql("INSERT INTO workflows (id, name, label, discovery, enabled, visible, external_only, schedule_only, \
                                  definition, protected, created, updated) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10) \
                                  ON CONFLICT (name) DO UPDATE SET label = excluded.label, discovery = excluded.discovery, \
                                  enabled = excluded.enabled, visible = excluded.visible, external_only = excluded.external_only, \
                                  schedule_only = excluded.schedule_only, definition = excluded.definition, updated = excluded.updated \
                                  WHERE workflows.protected = 1 AND workflows.definition <> excluded.definition");
                with_members(upsert.bind(WorkflowId::new()), definition).bind(now)
            })
            .collect();
        self.write(move |connection| {
            Box::pin(async move {
                for upsert in upserts {
                    connection.run(upsert).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// `Denied` "protected" for one that came with the host.
    pub async fn update_workflow(&self, id: WorkflowId, definition: &Json) -> Outcome<WorkflowRecord> {
        let update =
            sql("UPDATE workflows SET name = $2, label = $3, discovery = $4, enabled = $5, visible = $6, external_only = $7, \
                          schedule_only = $8, definition = $9, updated = $10 WHERE id = $1 AND protected = 0");
        self.change_own(id, with_members(update.bind(id), definition).bind(Timestamp::now())).await?;
        self.workflow(id).await
    }

    pub async fn workflow(&self, reference: impl Into<Reference<WorkflowId>>) -> Outcome<WorkflowRecord> {
        self.find(&WORKFLOWS, "workflow", reference.into(), read).await
    }

    pub async fn workflows(&self, listing: &Listing) -> Outcome<Page<WorkflowRecord>> {
        self.list(&WORKFLOWS, listing, read).await
    }

    /// Jobs keep the definition they were made with. `Denied` "protected" for one that came with the host.
    pub async fn delete_workflow(&self, id: WorkflowId) -> Outcome<()> {
        self.change_own(id, sql("DELETE FROM workflows WHERE id = $1 AND protected = 0").bind(id)).await
    }

    async fn change_own(&self, id: WorkflowId, change: Query) -> Outcome<()> {
        self.write(move |connection| {
            Box::pin(async move {
                if connection.run(change).await? > 0 {
                    return Ok(());
                }
                match connection.one(sql("SELECT number FROM workflows WHERE id = $1").bind(id)).await? {
                    Some(_) => Err(Failure::new(Kind::Denied, "a workflow that came with the host stays as it is")
                        .with_code("protected")
                        .with_next_step("make one of your own with another name")),
                    None => Err(missing("workflow")),
                }
            })
        })
        .await
    }
}

fn with_members(query: Query, definition: &Json) -> Query {
    let text = |member: &str| definition.get(member).and_then(Json::as_str).map(str::to_owned);
    let flag = |member: &str, usual: bool| definition.get(member).and_then(Json::as_bool).unwrap_or(usual);
    query
        .bind(text("name").unwrap_or_default())
        .bind(text("label").unwrap_or_default())
        .bind(text("discovery"))
        .bind(flag("enabled", true))
        .bind(flag("visible", true))
        .bind(flag("external_only", false))
        .bind(flag("schedule_only", false))
        .bind(json(definition))
}
