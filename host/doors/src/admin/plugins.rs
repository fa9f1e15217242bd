//! Plugins, in this dialect.

use std::collections::BTreeMap;

use async_trait::async_trait;
use axum::body::Body;
use capstan_api_admin::AdminError;
use capstan_api_admin::plugins::{Plugin, PluginList, PluginVersion, Plugins};
use capstan_api_http::Caller;
use capstan_domain::plugin::{PluginVersion as Version, VersionState};
use capstan_domain::{Failure, Kind};
use futures::StreamExt;

use super::AdminDoor;
use super::words::{error, instant, word};
use crate::authenticator::caller_of;

#[async_trait]
impl Plugins for AdminDoor {
    async fn list_plugins(&self, _: &Caller) -> Result<PluginList, AdminError> {
        let mut plugins: BTreeMap<String, Vec<Version>> = BTreeMap::new();
        let mut refused = Vec::new();
        for version in self.app.plugins.list().await.map_err(error)? {
            if matches!(version.state, VersionState::Refused { .. }) {
                refused.push(wire(version));
            } else {
                plugins.entry(version.plugin.clone()).or_default().push(version);
            }
        }
        Ok(PluginList { plugins: plugins.into_iter().map(|(id, versions)| plugin(id, versions)).collect(), refused })
    }

    async fn show_plugin(&self, _: &Caller, id: &str) -> Result<Plugin, AdminError> {
        let versions = self.app.plugins.versions(id).await.map_err(error)?;
        Ok(plugin(id.to_owned(), versions))
    }

    async fn install_plugin(
        &self,
        caller: &Caller,
        component: Body,
        signature: Option<Vec<u8>>,
    ) -> Result<PluginVersion, AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        let bytes = component.into_data_stream().map(|chunk| {
            chunk
                .map_err(|cause| Failure::new(Kind::Invalid, "the component broke off on its way").with_detail(cause.to_string()))
        });
        self.app.plugins.install(&caller, bytes.boxed(), signature.map(Into::into)).await.map(wire).map_err(error)
    }

    async fn activate_plugin(&self, caller: &Caller, id: &str, version: &str) -> Result<Plugin, AdminError> {
        let by = caller_of(caller).map_err(error)?;
        self.app.plugins.activate(&by, id, version).await.map_err(error)?;
        self.show_plugin(caller, id).await
    }

    async fn roll_back_plugin(&self, caller: &Caller, id: &str) -> Result<Plugin, AdminError> {
        let by = caller_of(caller).map_err(error)?;
        self.app.plugins.roll_back(&by, id).await.map_err(error)?;
        self.show_plugin(caller, id).await
    }

    async fn remove_plugin(&self, caller: &Caller, id: &str, version: Option<&str>) -> Result<(), AdminError> {
        let caller = caller_of(caller).map_err(error)?;
        self.app.plugins.remove(&caller, id, version).await.map_err(error)
    }
}

fn plugin(id: String, versions: Vec<Version>) -> Plugin {
    let active = versions.iter().find(|version| version.state == VersionState::Active);
    let shown = active.or_else(|| versions.first()).and_then(|version| version.description.as_ref());
    Plugin {
        active: active.map(|version| version.version.clone()),
        title: shown.map(|description| description.title.clone()),
        vendor: shown.map(|description| description.vendor.clone()),
        id,
        versions: versions.into_iter().map(wire).collect(),
    }
}

fn wire(version: Version) -> PluginVersion {
    let (state, failure) = match version.state {
        VersionState::Active => ("active", None),
        VersionState::Idle => ("idle", None),
        VersionState::Quarantined { failure } => ("quarantined", Some(failure)),
        VersionState::Refused { failure } => ("refused", Some(failure)),
    };
    PluginVersion {
        plugin: version.plugin,
        version: version.version,
        digest: version.digest,
        size: version.size,
        track: version.track,
        facets: version.facets.iter().map(word).collect(),
        imports: version.imports,
        grants: version.description.map(|description| description.grants).unwrap_or_default(),
        state: state.to_owned(),
        failure: failure.map(error),
        installed: instant(version.installed),
        installed_by: version.installed_by,
        activated: version.activated.map(instant),
    }
}
