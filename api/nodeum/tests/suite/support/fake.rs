//! The fake host: id 1 of every noun exists and is also called `one`; everything else does not. The name `taken` is taken. What a
//! handler was asked is kept, so that a test can look at what arrived behind the door.

use std::sync::Mutex;

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::*;

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Fake {
    fn note(&self, what: impl std::fmt::Debug) {
        self.asked.lock().unwrap().push(format!("{what:?}"));
    }

    pub(crate) fn last(&self) -> String {
        self.asked.lock().unwrap().last().cloned().unwrap_or_default()
    }

    fn find(&self, attribute: &str, reference: &Reference) -> Answer<()> {
        self.note(reference);
        if reference.number() == Some(1) || reference.text() == "one" {
            return Ok(());
        }
        Err(Error::not_found(attribute, reference.text()))
    }

    fn number(&self, attribute: &str, number: i64) -> Answer<()> {
        if number == 1 { Ok(()) } else { Err(Error::not_found(attribute, &number.to_string())) }
    }

    fn free(&self, name: Option<&str>) -> Answer<()> {
        if name == Some("taken") { Err(Error::attribute("name", Code::Taken)) } else { Ok(()) }
    }

    fn list<T>(&self, listing: &Listing, item: T) -> Answer<Page<T>> {
        self.note(listing);
        Ok(Page { count: 1, items: vec![item] })
    }
}

pub(crate) const AT: Moment = Moment(1_544_430_827_000_000_000);

fn queued() -> ActiveJob {
    ActiveJob { job_id: "j1".into(), status: ActiveJobState::Queued, progress: None, total: None, message: None }
}

/// Jobs are called after their state.
fn job(id: &str) -> Answer<ActiveJob> {
    let state = match id {
        "queued" => ActiveJobState::Queued,
        "working" => ActiveJobState::Working,
        "failed" => ActiveJobState::Failed,
        "completed" => ActiveJobState::Completed,
        other => return Err(Error::not_found("job_id", other)),
    };
    let working = (state == ActiveJobState::Working).then_some(1);
    let message = (state == ActiveJobState::Failed).then(|| "The endpoint does not answer".to_owned());
    Ok(ActiveJob { job_id: id.into(), status: state, progress: working, total: working, message })
}

fn found(id: &str) -> Answer<Found> {
    let job = job(id)?;
    Ok(if job.status == ActiveJobState::Completed { Found::Buckets(vec![bucket()]) } else { Found::NotYet(job) })
}

pub(crate) fn bucket() -> CloudBucket {
    CloudBucket { id: Some(1), cloud_connector_id: Some(1), name: "one".into(), ..CloudBucket::default() }
}

fn connector(name: &str, reveal: bool) -> CloudConnector {
    CloudConnector {
        id: 1,
        name: name.into(),
        url: Some("http://127.0.0.1:9000".into()),
        url_proxy: None,
        provider: Provider::GenericS3,
        region: None,
        access_key: Some("key".into()),
        secret_key: reveal.then(|| "hush".to_owned()),
        options: None,
    }
}

fn pool(name: &str) -> Pool {
    Pool {
        id: 1,
        name: name.into(),
        comment: None,
        kind: PoolKind::OfflineArchive,
        content: PoolContent::Cloud,
        primary_id: None,
        storage_id: None,
        tape_write_protect_when_full: None,
        storage_extra_data: None,
    }
}

fn container(name: &str) -> Container {
    Container {
        id: 1,
        name: name.into(),
        comment: None,
        push_pool_id: None,
        cleaning_pool_id: None,
        quota_total_size: None,
        quota_on_cache: None,
        stat_total_files: 0,
        only_on_cache_file_count: None,
        stat_total_size: 0,
        stat_size_on_cache: None,
        only_on_cache_file_size_sum: None,
        guest_right: GuestRight::None,
        last_update: Some(AT),
    }
}

fn file() -> File {
    File {
        id: 1,
        name: "one".into(),
        parent: None,
        primary_id: None,
        kind: FileKind::File,
        permission: Some(100_644),
        size: 3,
        change_date: Some(AT),
        modification_date: Some(AT),
        access_date: None,
        uid: Some(0),
        gid: Some(0),
        in_cache: "in_cache".into(),
        offline: "online".into(),
        external: 0,
        checksums: vec![],
        tapes: vec![],
        cloud_buckets: vec!["one".into()],
        nas_shares: vec![],
    }
}

fn task(name: &str) -> Task {
    Task {
        id: 1,
        name: name.into(),
        comment: None,
        workflow_type: WorkflowType::OfflineArchive,
        workflow_action: WorkflowAction::Copy,
        source_type: None,
        destination_type: None,
        priority: None,
        conflict_resolution: None,
        action: RequestedAction::Noop,
        activate: true,
        creation_date: AT,
        modification_date: AT,
        creation_username: None,
        modification_username: None,
        status: TaskStatus::NotActivated,
        job_started: None,
        job_finished: None,
        processed_size: 0,
        to_process_size: 0,
    }
}

fn destination(input: TaskDestinationInput) -> TaskDestination {
    TaskDestination {
        id: 1,
        folder_id: input.folder_id,
        folder_path: input.folder_path,
        tape_id: None,
        tape_barcode: None,
        pool_id: input.pool_id,
        pool_name: input.pool_name,
        folder: None,
        container: None,
        tape: None,
        pool: None,
    }
}

fn source(input: TaskSourceInput) -> TaskSource {
    TaskSource {
        id: 1,
        file_id: input.file_id,
        file_path: input.file_path,
        range: input.range,
        import_file_id: None,
        import_file_path: None,
        tape_id: None,
        tape_barcode: None,
        pool_id: input.pool_id,
        pool_name: input.pool_name,
        file: None,
        container: None,
        import_file: None,
        tape: None,
        pool: None,
    }
}

fn execution() -> TaskExecution {
    TaskExecution {
        id: "e1".into(),
        task_id: Some(1),
        name: "one".into(),
        workflow_type: None,
        workflow_action: None,
        source_type: None,
        destination_type: None,
        status: TaskStatus::Done,
        log_time: None,
        job_started: None,
        job_finished: None,
        creation_date: None,
        modification_date: None,
        to_process_size: 0,
        processed_size: 0,
        to_process_files: 0,
        processed_files: 0,
        finalized_files: 0,
        estimation_time: None,
        bandwidth: 0,
    }
}

fn key(text: &str) -> ApiKeyFull {
    ApiKeyFull { key: ApiKey { id: 1, key: text.into(), name: "one".into() }, api_key_scopes: vec![] }
}

#[async_trait]
impl CloudConnectors for Fake {
    async fn index(&self, _: &Caller, listing: Listing, reveal: bool) -> Answer<Page<CloudConnector>> {
        self.list(&listing, connector("one", reveal))
    }
    async fn create(&self, _: &Caller, input: CloudConnectorInput) -> Answer<CloudConnector> {
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(connector(input.name.as_deref().unwrap_or_default(), false))
    }
    async fn show(&self, _: &Caller, at: &Reference, reveal: bool) -> Answer<CloudConnector> {
        self.find("cloud_connector_id", at).map(|()| connector("one", reveal))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: CloudConnectorInput) -> Answer<CloudConnector> {
        self.find("cloud_connector_id", at)?;
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(connector("one", false))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("cloud_connector_id", at)
    }
    async fn test(&self, _: &Caller, input: CloudConnectorInput) -> Answer<ActiveJob> {
        self.note(&input);
        Ok(queued())
    }
    async fn test_result(&self, _: &Caller, job: &str) -> Answer<Found> {
        found(job)
    }
}

#[async_trait]
impl CloudBuckets for Fake {
    async fn index(&self, _: &Caller, of: BucketsOf, listing: Listing) -> Answer<Page<CloudBucket>> {
        match &of {
            BucketsOf::Connector(at) => self.find("cloud_connector_id", at)?,
            BucketsOf::Pool(at) => self.find("pool_id", at)?,
            BucketsOf::All => {}
        }
        self.list(&listing, bucket())
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<CloudBucket> {
        self.find("cloud_bucket_id", at).map(|()| bucket())
    }
    async fn update(&self, _: &Caller, at: &Reference, input: CloudBucketInput) -> Answer<CloudBucket> {
        self.find("cloud_bucket_id", at).map(|()| CloudBucket { price: input.price, ..bucket() })
    }
    async fn sync(&self, _: &Caller, at: &Reference) -> Answer<ActiveJob> {
        self.find("cloud_connector_id", at).map(|()| queued())
    }
    async fn sync_result(&self, _: &Caller, at: &Reference, job: &str) -> Answer<Found> {
        self.find("cloud_connector_id", at)?;
        found(job)
    }
}

#[async_trait]
impl Pools for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Pool>> {
        self.list(&listing, pool("one"))
    }
    async fn create(&self, _: &Caller, input: PoolInput) -> Answer<Pool> {
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(pool(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Pool> {
        self.find("pool_id", at).map(|()| pool("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: PoolInput) -> Answer<Pool> {
        self.find("pool_id", at)?;
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(pool(input.name.as_deref().unwrap_or("one")))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("pool_id", at)
    }
    async fn sync_primary(&self, _: &Caller, at: &Reference, transaction: i64) -> Answer<()> {
        self.find("pool_id", at)?;
        self.note(transaction);
        Ok(())
    }
}

#[async_trait]
impl PrimaryScans for Fake {
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<PrimaryScan> {
        self.find("pool_id", at).map(|()| PrimaryScan { id: 1, pool_id: 1, enabled: true, operand: 4, unit: Unit::Minutes })
    }
    async fn create(&self, _: &Caller, at: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan> {
        self.find("pool_id", at)?;
        let operand = i64::from(input.whole_operand().unwrap_or_default());
        Ok(PrimaryScan { id: 1, pool_id: 1, enabled: true, operand, unit: input.unit.unwrap_or(Unit::Days) })
    }
    async fn update(&self, caller: &Caller, at: &Reference, input: PrimaryScanInput) -> Answer<PrimaryScan> {
        PrimaryScans::create(self, caller, at, input).await
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("pool_id", at)
    }
}

#[async_trait]
impl Mounts for Fake {
    async fn index(&self, _: &Caller) -> Answer<Vec<MountInfo>> {
        Ok(Vec::new())
    }
    async fn status(&self, _: &Caller, at: &Reference) -> Answer<MountStatus> {
        self.find("pool_id", at).map(|()| MountStatus { mounted: false, message: String::new(), status: None })
    }
    async fn mount(&self, caller: &Caller, at: &Reference) -> Answer<MountStatus> {
        self.status(caller, at).await
    }
    async fn unmount(&self, caller: &Caller, at: &Reference) -> Answer<MountStatus> {
        self.status(caller, at).await
    }
    async fn share_status(&self, _: &Caller, of: SharesOf, at: &Reference) -> Answer<MountStatus> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at).map(|()| MountStatus { mounted: false, message: String::new(), status: None })
    }
    async fn bucket_status(&self, _: &Caller, of: BucketsOf, at: &Reference) -> Answer<MountStatus> {
        self.within_buckets(&of)?;
        self.find("cloud_bucket_id", at).map(|()| MountStatus { mounted: false, message: String::new(), status: None })
    }
}

#[async_trait]
impl Containers for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Container>> {
        self.list(&listing, container("one"))
    }
    async fn create(&self, _: &Caller, input: ContainerInput) -> Answer<Container> {
        self.free(input.name.as_deref())?;
        Ok(container(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Container> {
        self.find("container_id", at).map(|()| container("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: ContainerInput) -> Answer<Container> {
        self.find("container_id", at)?;
        self.note(&input);
        Ok(container("one"))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("container_id", at)
    }
}

#[async_trait]
impl Files for Fake {
    async fn index(&self, _: &Caller, of: FilesOf, listing: Listing) -> Answer<Page<File>> {
        match &of {
            FilesOf::Container(at) => self.find("container_id", at)?,
            FilesOf::Pool(at) => self.find("pool_id", at)?,
            FilesOf::Folder(number) => self.number("file_parent_id", *number)?,
            FilesOf::Roots => {}
        }
        self.list(&listing, file())
    }
    async fn show(&self, _: &Caller, number: i64) -> Answer<FileWithPath> {
        self.number("file_id", number).map(|()| FileWithPath { file: file(), file_path: "/c/one".into() })
    }
}

fn nas(name: &str) -> Nas {
    Nas { id: 1, name: name.into(), host: "nas.example".into(), kind: NasProtocol::NfsV3, comment: None, price: None }
}

fn share(name: &str) -> NasShare {
    NasShare {
        id: 1,
        nas_id: Some(1),
        name: name.into(),
        path: Some("/export".into()),
        password: Some(CENSORED.into()),
        ..NasShare::default()
    }
}

impl Fake {
    fn within_shares(&self, of: &SharesOf) -> Answer<()> {
        match of {
            SharesOf::Nas(at) => self.find("nas_id", at),
            SharesOf::Pool(at) => self.find("pool_id", at),
            SharesOf::All => Ok(()),
        }
    }

    fn within_buckets(&self, of: &BucketsOf) -> Answer<()> {
        match of {
            BucketsOf::Connector(at) => self.find("cloud_connector_id", at),
            BucketsOf::Pool(at) => self.find("pool_id", at),
            BucketsOf::All => Ok(()),
        }
    }
}

#[async_trait]
impl NasServers for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Nas>> {
        self.list(&listing, nas("one"))
    }
    async fn create(&self, _: &Caller, input: NasInput) -> Answer<Nas> {
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(nas(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Nas> {
        self.find("nas_id", at).map(|()| nas("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: NasInput) -> Answer<Nas> {
        self.find("nas_id", at)?;
        self.note(&input);
        Ok(nas("one"))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("nas_id", at)
    }
}

#[async_trait]
impl NasShares for Fake {
    async fn index(&self, _: &Caller, of: SharesOf, listing: Listing) -> Answer<Page<NasShare>> {
        self.within_shares(&of)?;
        self.list(&listing, share("one"))
    }
    async fn create(&self, _: &Caller, at: &Reference, input: NasShareInput) -> Answer<NasShare> {
        self.find("nas_id", at)?;
        self.free(input.name.as_deref())?;
        self.note(&input);
        Ok(share(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, of: SharesOf, at: &Reference) -> Answer<NasShare> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at).map(|()| share("one"))
    }
    async fn update(&self, _: &Caller, of: SharesOf, at: &Reference, input: NasShareInput) -> Answer<NasShare> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at)?;
        self.note(&input);
        Ok(share("one"))
    }
    async fn destroy(&self, _: &Caller, of: SharesOf, at: &Reference) -> Answer<()> {
        self.within_shares(&of)?;
        self.find("nas_share_id", at)
    }
    async fn test(&self, _: &Caller, at: &Reference, input: NasShareInput) -> Answer<ActiveJob> {
        self.find("nas_id", at)?;
        self.note(&input);
        Ok(queued())
    }
    async fn test_result(&self, _: &Caller, at: &Reference, id: &str) -> Answer<ActiveJob> {
        self.find("nas_id", at)?;
        job(id)
    }
}

#[async_trait]
impl Tapes for Fake {
    async fn index_of_pool(&self, _: &Caller, at: &Reference, _: Listing) -> Answer<Page<Tape>> {
        self.find("pool_id", at).map(|()| Page::empty())
    }
}

#[async_trait]
impl Tasks for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<Task>> {
        self.list(&listing, task("one"))
    }
    async fn create(&self, _: &Caller, input: TaskInput) -> Answer<Task> {
        Ok(task(input.name.as_deref().unwrap_or_default()))
    }
    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Task> {
        self.find("task_id", at).map(|()| task("one"))
    }
    async fn update(&self, _: &Caller, at: &Reference, input: TaskInput) -> Answer<Task> {
        self.find("task_id", at)?;
        self.note(&input);
        Ok(task("one"))
    }
    async fn destroy(&self, _: &Caller, at: &Reference) -> Answer<()> {
        self.find("task_id", at)
    }
}

#[async_trait]
impl TaskActions for Fake {
    async fn request(&self, _: &Caller, at: &Reference, action: TaskAction) -> Answer<ActiveJob> {
        self.find("task_id", at)?;
        self.note(action);
        Ok(queued())
    }
    async fn result(&self, _: &Caller, at: &Reference, action: TaskAction, id: &str) -> Answer<ActiveJob> {
        self.find("task_id", at)?;
        self.note(action);
        job(id)
    }
}

#[async_trait]
impl TaskDestinations for Fake {
    async fn index(&self, _: &Caller, at: &Reference, listing: Listing) -> Answer<Page<TaskDestination>> {
        self.find("task_id", at)?;
        self.list(&listing, destination(TaskDestinationInput::default()))
    }
    async fn create(&self, _: &Caller, at: &Reference, input: TaskDestinationInput) -> Answer<TaskDestination> {
        self.find("task_id", at).map(|()| destination(input))
    }
    async fn show(&self, _: &Caller, at: &Reference, number: i64) -> Answer<TaskDestination> {
        self.find("task_id", at)?;
        self.number("task_destination_id", number).map(|()| destination(TaskDestinationInput::default()))
    }
    async fn update(&self, _: &Caller, at: &Reference, number: i64, input: TaskDestinationInput) -> Answer<TaskDestination> {
        self.find("task_id", at)?;
        self.number("task_destination_id", number).map(|()| destination(input))
    }
    async fn destroy(&self, _: &Caller, at: &Reference, number: i64) -> Answer<()> {
        self.find("task_id", at)?;
        self.number("task_destination_id", number)
    }
}

#[async_trait]
impl TaskSources for Fake {
    async fn index(&self, _: &Caller, at: &Reference, listing: Listing) -> Answer<Page<TaskSource>> {
        self.find("task_id", at)?;
        self.list(&listing, source(TaskSourceInput::default()))
    }
    async fn create(&self, _: &Caller, at: &Reference, input: TaskSourceInput) -> Answer<TaskSource> {
        self.find("task_id", at).map(|()| source(input))
    }
    async fn show(&self, _: &Caller, at: &Reference, number: i64) -> Answer<TaskSource> {
        self.find("task_id", at)?;
        self.number("task_source_id", number).map(|()| source(TaskSourceInput::default()))
    }
    async fn update(&self, _: &Caller, at: &Reference, number: i64, input: TaskSourceInput) -> Answer<TaskSource> {
        self.find("task_id", at)?;
        self.number("task_source_id", number).map(|()| source(input))
    }
    async fn destroy(&self, _: &Caller, at: &Reference, number: i64) -> Answer<()> {
        self.find("task_id", at)?;
        self.number("task_source_id", number)
    }
}

#[async_trait]
impl TaskExecutions for Fake {
    async fn index(&self, _: &Caller, at: Option<&Reference>, listing: Listing) -> Answer<Page<TaskExecution>> {
        if let Some(at) = at {
            self.find("task_id", at)?;
        }
        self.list(&listing, execution())
    }
    async fn show(&self, _: &Caller, at: Option<&Reference>, id: &str) -> Answer<TaskExecution> {
        if let Some(at) = at {
            self.find("task_id", at)?;
        }
        if id == "e1" { Ok(execution()) } else { Err(Error::not_found("task_execution_id", id)) }
    }
}

#[async_trait]
impl ApiKeys for Fake {
    async fn index(&self, _: &Caller, listing: Listing) -> Answer<Page<ApiKey>> {
        self.list(&listing, key("****cdef").key)
    }
    async fn create(&self, _: &Caller, input: ApiKeyInput) -> Answer<ApiKeyFull> {
        self.note(&input);
        Ok(key("0123456789abcdef"))
    }
    async fn show(&self, _: &Caller, number: i64) -> Answer<ApiKeyFull> {
        self.number("api_key_id", number).map(|()| key("****cdef"))
    }
    async fn update(&self, _: &Caller, number: i64, _: ApiKeyInput) -> Answer<ApiKeyFull> {
        self.number("api_key_id", number).map(|()| key("****cdef"))
    }
    async fn destroy(&self, _: &Caller, number: i64) -> Answer<()> {
        self.number("api_key_id", number)
    }
}
