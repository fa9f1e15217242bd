//! Destinations of tasks.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Listing, Page, TaskDestination, TaskDestinationInput, TaskDestinations};
use capstan_domain::job::{End, Endpoint, Place};

use super::Door;
use super::ends::{Named, Shown};
use super::failures::error;
use super::listing::{Column, Columns, listing};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("folder_id", Column::Kept("given/folder_id")),
    ("tape_id", Column::Is("location_number")),
    ("pool_id", Column::Is("pool_number")),
];

fn named(input: &TaskDestinationInput) -> Named<'_> {
    Named {
        file: ("folder_id", input.folder_id),
        path: ("folder_path", input.folder_path.as_deref()),
        tape_id: input.tape_id,
        tape_barcode: input.tape_barcode.as_deref(),
        pool_id: input.pool_id,
        pool_name: input.pool_name.as_deref(),
    }
}

impl Door {
    async fn destination(&self, endpoint: &Endpoint) -> Answer<TaskDestination> {
        let shown: Shown<TaskDestinationInput> = self.shown_end(endpoint).await?;
        let by_pool = matches!(&endpoint.place, Place::Pool { path, .. } if path.is_empty());
        let (file, pool) = (shown.file.as_ref(), shown.pool.as_ref().filter(|_| by_pool));
        Ok(TaskDestination {
            id: shown.number,
            folder_id: shown.given.folder_id.or(file.map(|file| file.file.id)),
            folder_path: shown.given.folder_path.or_else(|| file.map(|file| file.file_path.clone())),
            tape_id: shown.tape.as_ref().map(|tape| tape.id),
            tape_barcode: shown.tape.as_ref().map(|tape| tape.barcode.clone()),
            pool_id: pool.map(|pool| pool.id),
            pool_name: pool.map(|pool| pool.name.clone()),
            folder: shown.file,
            container: shown.container,
            tape: shown.tape,
            pool: shown.pool,
        })
    }
}

#[async_trait]
impl TaskDestinations for Door {
    async fn index(&self, _: &Caller, task: &Reference, given: Listing) -> Answer<Page<TaskDestination>> {
        let task = self.task(task).await?;
        let asked = listing(&given, COLUMNS)?;
        let page = self.app.definitions.list_endpoints(task.id, End::Destination, asked).await.map_err(error)?;
        let mut items = Vec::with_capacity(page.items.len());
        for endpoint in &page.items {
            items.push(self.destination(endpoint).await?);
        }
        Ok(Page { count: page.count, items })
    }

    async fn create(&self, caller: &Caller, task: &Reference, input: TaskDestinationInput) -> Answer<TaskDestination> {
        let task = self.task(task).await?;
        let place = self.place(&named(&input)).await?;
        let endpoint = self.keep_end(caller, &task, End::Destination, None, &input, place).await?;
        self.destination(&endpoint).await
    }

    async fn show(&self, _: &Caller, task: &Reference, destination: i64) -> Answer<TaskDestination> {
        let (_, endpoint) = self.end(task, End::Destination, destination).await?;
        self.destination(&endpoint).await
    }

    async fn update(
        &self,
        caller: &Caller,
        task: &Reference,
        destination: i64,
        input: TaskDestinationInput,
    ) -> Answer<TaskDestination> {
        let (task, old) = self.end(task, End::Destination, destination).await?;
        if input == TaskDestinationInput::default() {
            return self.destination(&old).await;
        }
        let place = self.place(&named(&input)).await?;
        let endpoint = self.keep_end(caller, &task, End::Destination, Some(destination), &input, place).await?;
        self.destination(&endpoint).await
    }

    async fn destroy(&self, caller: &Caller, task: &Reference, destination: i64) -> Answer<()> {
        let (task, _) = self.end(task, End::Destination, destination).await?;
        self.app.definitions.delete_endpoint(&self.caller(caller)?, task.id, End::Destination, destination).await.map_err(error)
    }
}
