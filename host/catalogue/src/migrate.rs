//! The schema: written once, for SQLite, and turned into PostgreSQL's words by a few replacements.
//!
//! Migrations expand first and contract in a later release, so that the previous release can still run on a newer schema. A file
//! that shipped is never edited: its checksum is kept in the database.

use std::borrow::Cow;

use capstan_domain::{Failure, Outcome};
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::connection::Flavour;

const FILES: [(i64, &str, &str); 16] = [
    (1, "nouns", include_str!("../migrations/0001_nouns.sql")),
    (2, "roles quotas priority", include_str!("../migrations/0002_roles_quotas_priority.sql")),
    (3, "uploads of jobs", include_str!("../migrations/0003_uploads_of_jobs.sql")),
    (4, "servers", include_str!("../migrations/0004_servers.sql")),
    (5, "unread", include_str!("../migrations/0005_unread.sql")),
    (6, "attempts", include_str!("../migrations/0006_attempts.sql")),
    (7, "drives", include_str!("../migrations/0007_drives.sql")),
    (8, "drive uploads", include_str!("../migrations/0008_drive_uploads.sql")),
    (9, "snapshots used", include_str!("../migrations/0009_snapshots_used.sql")),
    (10, "lanes", include_str!("../migrations/0010_lanes.sql")),
    (11, "tape libraries", include_str!("../migrations/0011_tape_libraries.sql")),
    (12, "tapes at work", include_str!("../migrations/0012_tapes_at_work.sql")),
    (13, "identity", include_str!("../migrations/0013_identity.sql")),
    (14, "hub", include_str!("../migrations/0014_hub.sql")),
    (15, "tape stats", include_str!("../migrations/0015_tape_stats.sql")),
    (16, "removed files", include_str!("../migrations/0016_removed_files.sql")),
];

/// SQLite's words and PostgreSQL's. Text compares bytewise in both.
const WORDS: [(&str, &str); 5] = [
    ("INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    (" INTEGER", " BIGINT"),
    (" BLOB", " BYTEA"),
    (" TEXT", " TEXT COLLATE \"C\""),
    ("STRICT;", ";"),
];

pub(crate) async fn migrate<C>(connection: &mut C, flavour: Flavour) -> Outcome<()>
where
    C: Migrate,
{
    let migrations = FILES
        .iter()
        .map(|(version, name, text)| {
            let text = in_words_of(flavour, text);
            Migration::new(*version, Cow::Borrowed(name), MigrationType::Simple, AssertSqlSafe(text).into_sql_str(), false)
        })
        .collect();
    // A newer release's migrations only add, so an older host may run on them.
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.set_ignore_missing(true);
    migrator.run_direct(None, connection, false).await.map_err(|cause| {
        Failure::host("the catalogue's schema could not be brought up to date", cause)
            .with_next_step("see the host's log; restore the catalogue from a backup if its files are damaged")
    })
}

fn in_words_of(flavour: Flavour, text: &str) -> String {
    match flavour {
        Flavour::Sqlite => text.to_owned(),
        Flavour::Postgres => WORDS.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)),
    }
}
