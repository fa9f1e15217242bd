//! What became of each path of a job that runs a workflow, over all the tasks that had to do with it.

use capstan_domain::Outcome;
use capstan_domain::ids::{JobId, Number};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::workflow::{JobPath, JobPathState};

use crate::Catalogue;
use crate::failure::missing;
use crate::query::{Row, sql};
use crate::select::{Field, Select, Type};

const PATHS: Select = Select {
    columns: "t.number, t.job, t.path, t.state, t.code, t.message, t.task, s.name, \
              (SELECT max(p.size) FROM task_paths p WHERE p.path = t.number AND p.task = t.task)",
    from: "job_paths t LEFT JOIN tasks k ON k.number = t.task LEFT JOIN sites s ON s.number = k.site",
    fields: &[
        Field("number", Type::Integer, "t.number"),
        Field("job_number", Type::Integer, "t.job"),
        Field("path", Type::Text, "t.path"),
        Field("state", Type::Text, "t.state"),
        Field("code", Type::Text, "t.code"),
        Field("task_number", Type::Integer, "t.task"),
        Field(
            "viewer",
            Type::Id,
            "t.job IN (SELECT v.object FROM objects_given v WHERE v.permission = 'view_job' AND {v.holder})",
        ),
    ],
    open: &[],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<JobPath> {
    Ok(JobPath {
        number: row.take()?,
        job: row.take()?,
        path: row.take()?,
        state: row.word()?,
        code: row.take()?,
        message: row.take()?,
        task: row.take()?,
        site_name: row.take()?,
        size: row.take()?,
    })
}

impl Catalogue {
    pub async fn job_path(&self, number: Number) -> Outcome<JobPath> {
        let query = sql(format!("{} WHERE t.number = $1", PATHS.text())).bind(number);
        read(&mut self.read().await?.one(query).await?.ok_or_else(|| missing("path of a job"))?)
    }

    /// In the order in which the jobs found them.
    pub async fn job_paths(&self, listing: &Listing) -> Outcome<Page<JobPath>> {
        self.list(&PATHS, listing, read).await
    }

    /// How many paths of a job are in which state; one without any is left out.
    pub async fn tally_job_paths(&self, job: JobId) -> Outcome<Vec<(JobPathState, u64)>> {
        let text = "SELECT p.state, count(*) FROM job_paths p JOIN workflow_jobs w ON w.number = p.job WHERE w.id = $1 \
                    GROUP BY p.state ORDER BY p.state";
        let rows = self.read().await?.all(sql(text).bind(job)).await?;
        rows.into_iter().map(|mut row| Ok((row.word()?, row.take()?))).collect()
    }

    /// Bytes of all paths of a job, and of those that were processed; each path once, as its last task has it.
    pub async fn job_path_bytes(&self, job: JobId) -> Outcome<(u64, u64)> {
        let text = "SELECT CAST(COALESCE(sum(k.size), 0) AS BIGINT), \
                    CAST(COALESCE(sum(CASE WHEN p.state = 'processed' THEN k.size ELSE 0 END), 0) AS BIGINT) FROM job_paths p \
                    JOIN workflow_jobs w ON w.number = p.job JOIN task_paths k ON k.path = p.number AND k.task = p.task WHERE w.id = $1";
        match self.read().await?.one(sql(text).bind(job)).await? {
            Some(mut row) => Ok((row.take()?, row.take()?)),
            None => Ok((0, 0)),
        }
    }
}
