//! The plugin under test with its target: one host that is patient as in production, one that is not, for what must take long.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use capstan_domain::context::JobContext;
use capstan_domain::failure::Failure;
use capstan_domain::ids::TargetId;
use capstan_domain::plugin::Description;
use capstan_domain::ports::{Connection, Drives, Files, Media, NamedValues, Objects, Uploads};
use capstan_domain::secret::SecretText;
use capstan_runtime::{Limits, Runtime, TargetSettings};

use crate::fronts::Endpoint;
use crate::host::Loaded;
use crate::size::Size;
use crate::states::States;
use crate::store::Store;
use crate::target_file::TargetFile;
use crate::told;

/// Wall clock of a call on the impatient host.
pub const IMPATIENT_CALL: Duration = Duration::from_secs(20);
/// Silence of a server before, and in the middle of, an answer there.
pub const IMPATIENT_SILENCE: Duration = Duration::from_secs(2);

pub struct Kit {
    pub file: TargetFile,
    pub size: Size,
    pub patient: Arc<Loaded>,
    impatient: Arc<Loaded>,
    states: Arc<States>,
    pub secrets: Vec<(String, SecretText)>,
    pub main: Opened,
    main_id: TargetId,
    /// Of the main target, as it was opened or restarted last.
    settings: Mutex<TargetSettings>,
    /// Held by the case that works with what there is one of.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// Where the plugin's bytes go, if they go over a network.
    pub endpoint: Result<Endpoint, String>,
}

/// A target, and the facets it has.
pub struct Opened {
    pub connection: Arc<dyn Connection>,
    pub objects: Option<Arc<dyn Objects>>,
    pub uploads: Option<Arc<dyn Uploads>>,
    pub files: Option<Arc<dyn Files>>,
    pub drives: Option<Arc<dyn Drives>>,
    pub media: Option<Arc<dyn Media>>,
    _closing: Option<Closing>,
}

/// Closes a target that is done with: its stores count among those that a host has for all its targets.
struct Closing {
    runtime: Arc<Runtime>,
    target: TargetId,
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.runtime.close_target(self.target);
    }
}

/// Why no case can run.
#[derive(Debug)]
pub enum NotLoaded {
    /// The target file does not fit the plugin.
    Usage(anyhow::Error),
    /// The load gate said no.
    Refused(Failure),
}

impl Opened {
    fn new(connection: Arc<dyn Connection>) -> Self {
        let (objects, uploads) = (connection.objects(), connection.uploads());
        let (files, drives, media) = (connection.files(), connection.drives(), connection.media());
        Self { connection, objects, uploads, files, drives, media, _closing: None }
    }

    pub fn store(&self) -> anyhow::Result<Store<'_>> {
        Store::of(self.objects.as_deref(), self.files.as_deref())
    }
}

impl Kit {
    pub async fn load(component: Bytes, file: TargetFile, size: Size) -> Result<Self, NotLoaded> {
        file.check().map_err(NotLoaded::Usage)?;
        let states = Arc::<States>::default();
        let usual = capstan_services::Limits::default();
        let usual = Loaded::with_states(component.clone(), Limits::default(), usual, Arc::clone(&states));
        let patient = usual.await.map_err(NotLoaded::Refused)?;
        let limits = Limits { call_deadline: IMPATIENT_CALL, ..Limits::default() };
        let services = capstan_services::Limits {
            first_byte: IMPATIENT_SILENCE,
            idle_body: IMPATIENT_SILENCE,
            connect: IMPATIENT_SILENCE,
            ..capstan_services::Limits::default()
        };
        let impatient =
            Loaded::with_states(component, limits, services, Arc::clone(&states)).await.map_err(NotLoaded::Refused)?;
        Self::of((Arc::new(patient), Arc::new(impatient)), states, file, size).await
    }

    /// The same component with another target, without going through the load gate again.
    pub async fn beside(other: &Self, file: TargetFile) -> anyhow::Result<Self> {
        file.check()?;
        let hosts = (Arc::clone(&other.patient), Arc::clone(&other.impatient));
        let kit = Self::of(hosts, Arc::clone(&other.states), file, other.size).await;
        kit.map_err(|why| match why {
            NotLoaded::Usage(wrong) => wrong,
            NotLoaded::Refused(failure) => told(failure),
        })
    }

    async fn of(
        (patient, impatient): (Arc<Loaded>, Arc<Loaded>),
        states: Arc<States>,
        file: TargetFile,
        size: Size,
    ) -> Result<Self, NotLoaded> {
        let secrets = file.secrets().map_err(NotLoaded::Usage)?;
        let settings = patient.settings(file.configuration.clone(), secrets.clone(), |_| true);
        let settings = settings.map_err(|failure| NotLoaded::Usage(told(failure)))?;
        patient.runtime.check(&settings).await.map_err(|failure| NotLoaded::Usage(told(failure)))?;
        let endpoint = Endpoint::find(&patient.description.grants, file.front.as_ref(), &file.configuration);
        let main_id = settings.id;
        let main = Opened::new(patient.runtime.open_target(settings.clone()));
        let settings = Mutex::new(settings);
        Ok(Self {
            file,
            size,
            patient,
            impatient,
            states,
            secrets,
            main,
            main_id,
            settings,
            turn: tokio::sync::Mutex::default(),
            endpoint,
        })
    }

    pub fn description(&self) -> &Description {
        &self.patient.description
    }

    /// What another load of the same component says of itself.
    pub fn described_again(&self) -> &Description {
        &self.impatient.description
    }

    pub fn capabilities(&self) -> &NamedValues {
        &self.patient.description.capabilities
    }

    /// The main target, as a job sees it.
    pub async fn for_job(&self, job: &JobContext) -> anyhow::Result<Opened> {
        let connection = job.scope(async { self.patient.runtime.connection(self.main_id) }).await;
        Ok(Opened::new(connection.context("the main target is not open")?))
    }

    /// New instances serve the main target, as when another version takes over: nothing is left but what the target holds and what was kept
    /// in state. Calls that are under way end before.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let settings = {
            let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
            // Pinned to the version it runs anyway, or not any more: to the runtime that is another way to be served.
            settings.pinned = match settings.pinned {
                None => Some(self.patient.version.version.clone()),
                Some(_) => None,
            };
            settings.clone()
        };
        self.patient.runtime.update_target(settings).await.map_err(told).context("restart")
    }

    /// The target once more: other instances, with the same state.
    pub fn another(&self, change: impl FnOnce(&mut TargetSettings)) -> anyhow::Result<Opened> {
        self.open(&self.patient, change)
    }

    /// The same on the impatient host.
    pub fn impatient(&self, change: impl FnOnce(&mut TargetSettings)) -> anyhow::Result<Opened> {
        self.open(&self.impatient, change)
    }

    /// Settings of a target that is not opened.
    pub fn settings(&self, configuration: serde_json::Value) -> anyhow::Result<TargetSettings> {
        self.patient.settings(configuration, self.secrets.clone(), |_| true).map_err(told)
    }

    fn open(&self, on: &Loaded, change: impl FnOnce(&mut TargetSettings)) -> anyhow::Result<Opened> {
        let mut settings =
            on.settings(self.file.configuration.clone(), self.secrets.clone(), |_| true).map_err(told).context("settings")?;
        change(&mut settings);
        // The configuration may lead elsewhere now, and grants what it names.
        let again = on.settings(settings.configuration, settings.secrets, |_| true).map_err(told).context("grants")?;
        self.states.is_same(again.id, self.main_id);
        let closing = Closing { runtime: Arc::clone(&on.runtime), target: again.id };
        Ok(Opened { _closing: Some(closing), ..Opened::new(on.runtime.open_target(again)) })
    }
}
