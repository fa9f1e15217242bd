//! NAS: servers whose shares are targets of the plugins that speak to file servers.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{Answer, Code, Error, Listing, Nas, NasInput, NasProtocol, NasServers, NasShareInput, Page};
use capstan_app::servers::ServerChange;
use capstan_app::targets::TargetChange;
use capstan_domain::listing::Operator;
use capstan_domain::server::{NewServer, Server};
use capstan_domain::target::Target;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::failures::{error, missing, sentence};
use super::listing::{Column, Columns, listing};
use super::share_settings::Spoken;
use super::{Door, attributes, protocols, share_settings, words};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("comment", Column::Is("attributes/nodeum/comment")),
    ("host", Column::Is("host")),
    ("type", Column::Is("protocol")),
    ("price", Column::Is("attributes/nodeum/price")),
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    comment: Option<String>,
    price: Option<String>,
}

fn nas(server: &Server) -> Nas {
    let kept: Kept = attributes::read(&server.attributes);
    Nas {
        id: server.number,
        name: server.name.clone(),
        host: server.host.clone(),
        kind: protocol(server),
        comment: kept.comment,
        price: kept.price,
    }
}

/// Servers are made by this door alone, so the word is always one of its own.
pub(super) fn protocol(server: &Server) -> NasProtocol {
    words::value(&server.protocol).unwrap_or(NasProtocol::NfsV3)
}

/// What the targets of a share are called: after the NAS and the share.
pub(super) fn target_name(nas: &str, share: &str) -> String {
    /// Bytes of a target's name.
    const NAME_MAX: usize = 255;
    let mut name = format!("{nas}:{share}");
    while name.len() > NAME_MAX {
        name.pop();
    }
    name
}

impl Door {
    pub(super) async fn nas(&self, at: &Reference) -> Answer<Server> {
        self.app.servers.find(at.text()).await.map_err(missing("nas_id", at.text()))
    }

    /// The plugin that speaks a protocol, which has to be installed.
    pub(super) fn nas_plugin(&self, protocol: NasProtocol) -> Answer<&'static str> {
        let plugin = protocols::plugin(protocol).map_err(|why| Error::because("type", Code::Invalid, why))?;
        self.app.targets.served_by(plugin).map_err(|failure| Error::because("type", Code::Invalid, sentence(&failure)))?;
        Ok(plugin)
    }

    /// What another name, host or protocol of the NAS comes to for one share.
    async fn moved(&self, share: &Target, name: &str, spoken: Spoken<'_>) -> Answer<TargetChange> {
        let asked = capstan_domain::listing::Listing::first(1).with("target", Operator::Equal, share.id);
        let location = self.app.locations.list(asked).await.map_err(error)?.items.into_iter().next();
        let shown = location.map_or_else(|| share.name.clone(), |location| location.name);
        let settings = share_settings::settings(spoken, &shown, NasShareInput::default(), Some(share))
            .map_err(|error| of_share(&shown, error))?;
        // A login that the new protocol has no use for is not left behind.
        let forgotten = share.secrets.iter().filter(|_| spoken.plugin != protocols::SMB);
        Ok(TargetChange {
            name: Some(target_name(name, &shown)),
            plugin: (spoken.plugin != share.plugin).then(|| spoken.plugin.to_owned()),
            configuration: Some(settings.configuration),
            secrets: forgotten.map(|name| (name.clone(), capstan_domain::secret::SecretText::new(""))).collect(),
            ..TargetChange::default()
        })
    }
}

/// A change of the NAS that one of its shares does not bear.
fn of_share(share: &str, error: Error) -> Error {
    let message = format!("The share {share} does not go with it: {}", error.body.messages.join("; "));
    Error::because("type", Code::Invalid, message)
}

#[async_trait]
impl NasServers for Door {
    async fn index(&self, _: &Caller, given: Listing) -> Answer<Page<Nas>> {
        let page = self.app.servers.list(listing(&given, COLUMNS)?).await.map_err(error)?;
        Ok(Page { count: page.count, items: page.items.iter().map(nas).collect() })
    }

    async fn create(&self, caller: &Caller, input: NasInput) -> Answer<Nas> {
        let Some(kind) = input.kind else { return Err(Error::attribute("type", Code::Blank)) };
        self.nas_plugin(kind)?;
        let kept = Kept { comment: input.comment, price: input.price };
        let new = NewServer {
            name: input.name.unwrap_or_default(),
            host: input.host.unwrap_or_default(),
            protocol: words::word(kind),
            attributes: attributes::write(&Value::Null, &kept)?,
        };
        self.app.servers.create(&self.caller(caller)?, new).await.map(|server| nas(&server)).map_err(error)
    }

    async fn show(&self, _: &Caller, at: &Reference) -> Answer<Nas> {
        self.nas(at).await.map(|server| nas(&server))
    }

    async fn update(&self, caller: &Caller, at: &Reference, input: NasInput) -> Answer<Nas> {
        let old = self.nas(at).await?;
        let was: Kept = attributes::read(&old.attributes);
        let kept = Kept { comment: input.comment.or(was.comment), price: input.price.or(was.price) };
        let kind = input.kind.unwrap_or_else(|| protocol(&old));
        let mut change = ServerChange {
            name: input.name.filter(|name| *name != old.name),
            host: input.host.filter(|host| *host != old.host),
            protocol: input.kind.filter(|kind| *kind != protocol(&old)).map(words::word),
            attributes: Some(attributes::write(&old.attributes, &kept)?),
            targets: Vec::new(),
        };
        if change.name.is_some() || change.host.is_some() || change.protocol.is_some() {
            let plugin = self.nas_plugin(kind)?;
            let (name, host) = (change.name.clone().unwrap_or(old.name.clone()), change.host.clone().unwrap_or(old.host.clone()));
            for share in self.app.servers.targets_of(old.id).await.map_err(error)? {
                let spoken = Spoken { plugin, protocol: Some(kind), host: &host };
                change.targets.push((share.id, self.moved(&share, &name, spoken).await?));
            }
        }
        self.app.servers.update(&self.caller(caller)?, old.id, change).await.map(|server| nas(&server)).map_err(error)
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let old = self.nas(at).await?;
        self.app.servers.delete(&self.caller(caller)?, old.id).await.map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_target_is_cut_between_characters() {
        assert_eq!(target_name("nas", "data"), "nas:data");
        let long = target_name(&"é".repeat(127), &"ü".repeat(127));
        assert!(long.len() <= 255 && long.starts_with("éé"));
    }
}
