//! The services of one target, and one store's way to them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use capstan_domain::context::JobContext;
use capstan_domain::failure::Blame;
use capstan_domain::ids::TargetId;
use capstan_domain::ports::StateStore;
use capstan_domain::secret::SecretText;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_grants::{DirectoryGrant, Grants};
use tokio::sync::Semaphore;
use wasmtime::AsContextMut;
use wasmtime::component::{Access, GuestTaskId, HasData, ResourceTable};

use crate::config::Configuration;
use crate::dial::ConnectionCounters;
use crate::files::Directory;
use crate::http::Client;
use crate::limits::Limits;
use crate::log::{Log, Speaker};
use crate::scsi::Devices;
use crate::secrets::Secrets;
use crate::state::State;
use crate::stream::StreamCounters;
use crate::tcp::Connector;

/// What a target's services are made of.
pub struct Settings {
    pub speaker: Speaker,
    pub configuration: serde_json::Value,
    pub secrets: Vec<(String, SecretText)>,
    pub grants: Arc<Grants>,
    /// None for a target that is not saved: it keeps no state.
    pub state: Option<(TargetId, Arc<dyn StateStore>)>,
    /// Counts how streams were read; may be shared by all targets.
    pub streams: Arc<StreamCounters>,
    /// Counts connections; may be shared by all targets.
    pub connections: Arc<ConnectionCounters>,
    pub limits: Limits,
}

/// Told of every denial that a plugin met, for the audit log.
pub type OnDenied = Box<dyn Fn(&Failure) + Send + Sync>;

/// Shared by all stores of a target, so that a store lives for a call and connections live on.
pub struct TargetServices {
    pub(crate) configuration: Configuration,
    pub(crate) secrets: Secrets,
    pub(crate) http: Arc<Client>,
    tcp: Connector,
    scsi: Devices,
    pub(crate) state: Option<State>,
    pub(crate) log: Log,
    pub(crate) streams: Arc<StreamCounters>,
    directories: RwLock<Directories>,
    operations: Arc<Semaphore>,
    on_denied: OnceLock<OnDenied>,
}

struct Directories {
    grants: Arc<Grants>,
    open: HashMap<String, (DirectoryGrant, Arc<Directory>)>,
}

impl TargetServices {
    /// Opens nothing yet: a directory that is missing, or a server that is down, fails the calls that need it.
    pub fn new(settings: Settings) -> Arc<Self> {
        let Settings { speaker, configuration, secrets, grants, state, streams, connections, limits } = settings;
        Arc::new(Self {
            configuration: Configuration::new(configuration),
            secrets: Secrets::new(secrets),
            state: state.map(|(target, store)| State::new(store, target)),
            log: Log::new(speaker, limits.log_lines_per_second),
            streams,
            directories: RwLock::new(Directories { grants: Arc::clone(&grants), open: HashMap::new() }),
            operations: Arc::new(Semaphore::new(limits.file_operations)),
            on_denied: OnceLock::new(),
            scsi: Devices::new(Arc::clone(&grants), limits.clone()),
            tcp: Connector::new(Arc::clone(&grants), limits.clone(), Arc::clone(&connections)),
            http: Arc::new(Client::counted(grants, limits, connections)),
        })
    }

    /// Whom to tell of denials; only the first one is told.
    pub fn set_on_denied(&self, on_denied: OnDenied) {
        drop(self.on_denied.set(on_denied));
    }

    /// Passes a denial by the host on; a target's own "denied" is not one.
    pub(crate) fn note_denied(&self, failure: &Failure) {
        if failure.kind == Kind::Denied
            && failure.blame != Blame::Target
            && let Some(on_denied) = self.on_denied.get()
        {
            on_denied(failure);
        }
    }

    /// Replaces the grants. Live connections and devices that are no longer covered are cut, directories no longer granted are closed.
    pub fn set_grants(&self, grants: Arc<Grants>) {
        {
            let mut directories = self.directories.write().unwrap_or_else(PoisonError::into_inner);
            directories.open.retain(|root, (held, _)| grants.directory(root).is_ok_and(|grant| grant == *held));
            directories.grants = Arc::clone(&grants);
        }
        self.tcp.set_grants(Arc::clone(&grants));
        self.scsi.set_grants(Arc::clone(&grants));
        self.http.set_grants(grants);
    }

    /// The directory granted under this name; nothing else leads to one.
    pub fn directory(&self, root: &str) -> Outcome<Arc<Directory>> {
        let grants = {
            let directories = self.directories.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, directory)) = directories.open.get(root) {
                return Ok(Arc::clone(directory));
            }
            Arc::clone(&directories.grants)
        };
        let grant = grants.directory(root).inspect_err(|failure| self.note_denied(failure))?;
        let directory = Arc::new(Directory::open(&grant, Arc::clone(&self.operations))?);
        let mut directories = self.directories.write().unwrap_or_else(PoisonError::into_inner);
        // Only if nobody revoked it meanwhile.
        directories.grants.directory(root)?;
        directories.open.insert(root.to_owned(), (grant, Arc::clone(&directory)));
        Ok(directory)
    }

    pub fn http(&self) -> &Arc<Client> {
        &self.http
    }

    pub fn tcp(&self) -> &Connector {
        &self.tcp
    }

    pub fn scsi(&self) -> &Devices {
        &self.scsi
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn streams(&self) -> &Arc<StreamCounters> {
        &self.streams
    }
}

/// One store's view: its own table of resources, its target's services, and the jobs its calls work for.
pub struct Services {
    pub table: ResourceTable,
    target: Arc<TargetServices>,
    /// By the call in flight; those that work for no job are not here.
    jobs: HashMap<GuestTaskId, JobContext>,
}

impl Services {
    pub fn new(target: Arc<TargetServices>) -> Self {
        Self { table: ResourceTable::new(), target, jobs: HashMap::new() }
    }

    pub fn target(&self) -> &Arc<TargetServices> {
        &self.target
    }

    /// Says for which job a call runs, until `end_call`.
    pub fn begin_call(&mut self, call: GuestTaskId, job: JobContext) {
        self.jobs.insert(call, job);
    }

    pub fn end_call(&mut self, call: GuestTaskId) {
        self.jobs.remove(&call);
    }
}

/// The job of the call that this import came out of. A store makes many calls at a time, so the store is asked which one it is.
pub(crate) fn job<T: Send + 'static>(access: &mut Access<'_, T, Imports>) -> wasmtime::Result<Option<JobContext>> {
    if access.get().jobs.is_empty() {
        return Ok(None);
    }
    let call = access.as_context_mut().async_call_stack()?.last();
    Ok(call.and_then(|call| access.get().jobs.get(&call).cloned()))
}

/// The work, unless the job of its call is cancelled while it goes on. What a call begins after that goes on: it takes away what
/// it left.
pub(crate) async fn unless_cancelled<A>(job: Option<JobContext>, work: impl Future<Output = Outcome<A>>) -> Outcome<A> {
    let Some(job) = job.filter(|job| !job.is_cancelled()) else { return work.await };
    tokio::select! {
        biased;
        outcome = work => outcome,
        () = job.cancelled() => {
            Err(Failure::new(Kind::Cancelled, "the job was cancelled while the target was waited for").with_code(WAIT_ENDED))
        }
    }
}

/// The code of a wait that ended with its job.
pub(crate) const WAIT_ENDED: &str = "wait-ended";

/// Names `Services` as what the imports of a store work on.
pub struct Imports;

impl HasData for Imports {
    type Data<'a> = &'a mut Services;
}

#[cfg(test)]
mod tests {
    use capstan_domain::grant::Power;
    use capstan_grants::Granted;

    use super::*;
    use crate::http::{Payload, Request};

    fn grants(powers: &[Power]) -> Arc<Grants> {
        let granted: Vec<Granted> = powers.iter().map(|power| Granted { power: power.clone(), configured: false }).collect();
        Arc::new(Grants::new("t", &[], &granted, Arc::default()))
    }

    fn services(powers: &[Power]) -> Arc<TargetServices> {
        TargetServices::new(Settings {
            speaker: Speaker::default(),
            configuration: serde_json::json!({}),
            secrets: Vec::new(),
            grants: grants(powers),
            state: None,
            streams: Arc::default(),
            connections: Arc::default(),
            limits: Limits::default(),
        })
    }

    #[tokio::test]
    async fn without_a_grant_no_import_reaches_anything() {
        let services = services(&[]);
        let request = Request { method: "GET".into(), url: "http://127.0.0.1:1/".into(), ..Request::default() };
        assert_eq!(services.http().exchange(&request, Payload::Empty, 1).await.unwrap_err().kind, Kind::Denied);
        let unreached = services.tcp().connect("127.0.0.1", 1, &Vec::new()).await.err().unwrap();
        assert_eq!(unreached.kind, Kind::Denied);
        assert_eq!(services.scsi().open("/dev/sg0").await.err().unwrap().kind, Kind::Denied);
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        services.set_on_denied(Box::new(move |failure| teller.lock().unwrap().push(failure.code.clone())));
        assert_eq!(services.directory("root").err().unwrap().kind, Kind::Denied);
        assert_eq!(*told.lock().unwrap(), [Some("not-granted".to_owned())]);
        assert_eq!(services.secrets.get("secret-key").unwrap_err().kind, Kind::NotFound);
        assert!(services.state.is_none());
        assert_eq!(services.configuration.document(), "{}");
    }

    #[tokio::test]
    async fn a_wait_ends_with_its_job_and_one_that_begins_later_does_not() {
        let job = JobContext::new("1");
        let waiting = unless_cancelled(Some(job.clone()), std::future::pending::<Outcome<()>>());
        let cancelling = async { job.cancel() };
        let (ended, ()) = futures::future::join(waiting, cancelling).await;
        let failure = ended.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::Cancelled, Some(WAIT_ENDED)));
        let tidying = async {
            tokio::task::yield_now().await;
            Ok(7)
        };
        assert_eq!(unless_cancelled(Some(job), tidying).await.unwrap(), 7);
        assert_eq!(unless_cancelled(None, async { Ok(8) }).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_directory_is_open_as_long_as_it_is_granted() {
        let place = tempfile::tempdir().unwrap();
        let power = |write| Power::Directory { root: "root".into(), path: place.path().to_str().unwrap().into(), write };
        let services = services(&[power(true)]);
        services.directory("root").unwrap().make_directory("d").await.unwrap();
        assert_eq!(services.directory("other").err().unwrap().kind, Kind::Denied);
        services.set_grants(grants(&[power(false)]));
        let directory = services.directory("root").unwrap();
        assert_eq!(directory.make_directory("e").await.unwrap_err().kind, Kind::Denied);
        assert!(directory.stat("d").await.is_ok());
        services.set_grants(grants(&[]));
        assert_eq!(services.directory("root").err().unwrap().kind, Kind::Denied);
    }
}
