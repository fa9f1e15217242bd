//! Sources of tasks.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Code, Error, Listing, Page, TaskSource, TaskSourceInput, TaskSources};
use capstan_domain::job::{End, Endpoint, Place};

use super::Door;
use super::ends::{Named, Shown};
use super::failures::error;
use super::listing::{Column, Columns, listing};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("file_id", Column::Kept("given/file_id")),
    ("import_file_id", Column::Absent),
    ("tape_id", Column::Is("location_number")),
    ("pool_id", Column::Is("pool_number")),
];

fn named(input: &TaskSourceInput) -> Answer<Named<'_>> {
    if input.import_file_id.is_some() || input.import_file_path.is_some() {
        let attribute = if input.import_file_id.is_some() { "import_file_id" } else { "import_file_path" };
        return Err(Error::because(
            attribute,
            Code::NotFound,
            "Files that lie on a tape are not imported one by one; name the tape",
        ));
    }
    if input.range.is_some() {
        return Err(Error::because(
            "range",
            Code::Invalid,
            "A part of a file cannot be worked on; leave range out to take all of it",
        ));
    }
    Ok(Named {
        file: ("file_id", input.file_id),
        path: ("file_path", input.file_path.as_deref()),
        tape_id: input.tape_id,
        tape_barcode: input.tape_barcode.as_deref(),
        pool_id: input.pool_id,
        pool_name: input.pool_name.as_deref(),
    })
}

impl Door {
    async fn source(&self, endpoint: &Endpoint) -> Answer<TaskSource> {
        let shown: Shown<TaskSourceInput> = self.shown_end(endpoint).await?;
        let by_pool = matches!(&endpoint.place, Place::Pool { path, .. } if path.is_empty());
        let (file, pool) = (shown.file.as_ref(), shown.pool.as_ref().filter(|_| by_pool));
        Ok(TaskSource {
            id: shown.number,
            file_id: shown.given.file_id.or(file.map(|file| file.file.id)),
            file_path: shown.given.file_path.or_else(|| file.map(|file| file.file_path.clone())),
            range: None,
            import_file_id: None,
            import_file_path: None,
            tape_id: shown.tape.as_ref().map(|tape| tape.id),
            tape_barcode: shown.tape.as_ref().map(|tape| tape.barcode.clone()),
            pool_id: pool.map(|pool| pool.id),
            pool_name: pool.map(|pool| pool.name.clone()),
            file: shown.file,
            container: shown.container,
            import_file: None,
            tape: shown.tape,
            pool: shown.pool,
        })
    }
}

#[async_trait]
impl TaskSources for Door {
    async fn index(&self, _: &Caller, task: &Reference, given: Listing) -> Answer<Page<TaskSource>> {
        let task = self.task(task).await?;
        let asked = listing(&given, COLUMNS)?;
        let page = self.app.definitions.list_endpoints(task.id, End::Source, asked).await.map_err(error)?;
        let mut items = Vec::with_capacity(page.items.len());
        for endpoint in &page.items {
            items.push(self.source(endpoint).await?);
        }
        Ok(Page { count: page.count, items })
    }

    async fn create(&self, caller: &Caller, task: &Reference, input: TaskSourceInput) -> Answer<TaskSource> {
        let task = self.task(task).await?;
        let place = self.place(&named(&input)?).await?;
        let endpoint = self.keep_end(caller, &task, End::Source, None, &input, place).await?;
        self.source(&endpoint).await
    }

    async fn show(&self, _: &Caller, task: &Reference, source: i64) -> Answer<TaskSource> {
        let (_, endpoint) = self.end(task, End::Source, source).await?;
        self.source(&endpoint).await
    }

    async fn update(&self, caller: &Caller, task: &Reference, source: i64, input: TaskSourceInput) -> Answer<TaskSource> {
        let (task, old) = self.end(task, End::Source, source).await?;
        if input == TaskSourceInput::default() {
            return self.source(&old).await;
        }
        let place = self.place(&named(&input)?).await?;
        let endpoint = self.keep_end(caller, &task, End::Source, Some(source), &input, place).await?;
        self.source(&endpoint).await
    }

    async fn destroy(&self, caller: &Caller, task: &Reference, source: i64) -> Answer<()> {
        let (task, _) = self.end(task, End::Source, source).await?;
        self.app.definitions.delete_endpoint(&self.caller(caller)?, task.id, End::Source, source).await.map_err(error)
    }
}
