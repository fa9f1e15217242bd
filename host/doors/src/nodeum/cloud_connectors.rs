//! Cloud connectors: targets of the plugins that speak to object stores.

use async_trait::async_trait;
use capstan_api_http::{Caller, Reference};
use capstan_api_nodeum::{
    ActiveJob, ActiveJobState, Answer, CloudConnector, CloudConnectorInput, CloudConnectors, Code, Error, Found, Listing, Page,
};
use capstan_app::targets::TargetChange;
use capstan_domain::identity;
use capstan_domain::job::Work;
use capstan_domain::listing::{self, Filter, Operator};
use capstan_domain::target::{NewTarget, Target};
use serde_json::Value;

use super::connector_settings::{Settings, connector, settings};
use super::failures::{error, missing};
use super::listing::{Column, Columns, filter, listing};
use super::providers::{CLOUD_PLUGINS, fields};
use super::{Door, attributes, jobs, words};

const COLUMNS: Columns = &[
    ("id", Column::Is("number")),
    ("name", Column::Is("name")),
    ("url", Column::Is("configuration/endpoint")),
    ("url_proxy", Column::Is("configuration/proxy")),
    ("provider", Column::Is(PROVIDER)),
    ("region", Column::Is("configuration/region")),
    ("access_key", Column::Is("configuration/access-key")),
];

const PROVIDER: &str = "attributes/nodeum/provider";
/// Connectors whose provider is looked at for one list, a page at a time; with more, a filter by provider is refused.
const LOOKED_AT_MAX: u64 = 10_000;
const LOOKED_AT: u32 = 1_000;

/// As the dialect compares words.
pub(super) fn matches(criterion: &Filter, word: &str) -> bool {
    let one = criterion.values.first().map(String::as_str).unwrap_or_default();
    let any = criterion.values.iter().any(|value| value == word);
    match criterion.operator {
        Operator::Equal | Operator::In => any,
        Operator::NotEqual | Operator::NotIn => !any,
        Operator::Greater => word > one,
        Operator::GreaterOrEqual => word >= one,
        Operator::Less => word < one,
        Operator::LessOrEqual => word <= one,
        Operator::Like => like(one.as_bytes(), word.as_bytes()),
        Operator::Contains => {
            let word = word.to_ascii_lowercase();
            criterion.values.iter().any(|part| word.contains(&part.to_ascii_lowercase()))
        }
        Operator::NotLike => !like(one.as_bytes(), word.as_bytes()),
    }
}

/// A pattern of SQL: `%` any run, `_` one character. Providers are ASCII words.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'%', rest)), None) => like(rest, text),
        (Some((b'%', rest)), Some((_, tail))) => like(rest, text) || like(pattern, tail),
        (Some((b'_', rest)), Some((_, tail))) => like(rest, tail),
        (Some((wanted, rest)), Some((found, tail))) => wanted.eq_ignore_ascii_case(found) && like(rest, tail),
        _ => false,
    }
}

impl Door {
    /// A target that another door made says no provider: it is told from its plugin and its address, which no column holds. So filters
    /// by provider become the numbers of the connectors that match.
    async fn by_provider(&self, asked: &mut listing::Listing) -> Answer<()> {
        let (wanted, others) = std::mem::take(&mut asked.filters).into_iter().partition(|filter| filter.field == PROVIDER);
        let wanted: Vec<Filter> = wanted;
        asked.filters = others;
        if wanted.is_empty() {
            return Ok(());
        }
        let mut numbers = Vec::new();
        let mut window = listing::Listing::first(LOOKED_AT);
        window.filters.push(filter("plugin", Operator::In, CLOUD_PLUGINS.map(str::to_owned).to_vec()));
        loop {
            let page = self.app.targets.list(window.clone()).await.map_err(error)?;
            if page.count > LOOKED_AT_MAX {
                let message = format!("more than {LOOKED_AT_MAX} connectors cannot be filtered by provider");
                return Err(Error::because("provider", Code::TooLong, message));
            }
            for target in &page.items {
                let provider = words::word(connector(target, None).provider);
                if wanted.iter().all(|criterion| matches(criterion, &provider)) {
                    numbers.push(target.number.to_string());
                }
            }
            window.offset += u64::from(LOOKED_AT);
            if window.offset >= page.count {
                break;
            }
        }
        asked.filters.push(filter("number", Operator::In, numbers));
        Ok(())
    }

    /// A target that is a cloud connector in this dialect.
    pub(super) async fn connector(&self, at: &Reference) -> Answer<Target> {
        let target = self.app.targets.find(at.text()).await.map_err(missing("cloud_connector_id", at.text()))?;
        if CLOUD_PLUGINS.contains(&target.plugin.as_str()) {
            return Ok(target);
        }
        Err(Error::not_found("cloud_connector_id", at.text()))
    }

    /// With the caller, who may make the call about it.
    async fn connector_for(&self, caller: &Caller, verb: &str, at: &Reference) -> Answer<(identity::Caller, Target)> {
        let target = self.connector(at).await?;
        let caller = self
            .caller_on(caller, ("cloud_connectors", verb), target.number)
            .map_err(missing("cloud_connector_id", at.text()))?;
        Ok((caller, target))
    }

    async fn shown(&self, caller: &identity::Caller, target: &Target, reveal: bool) -> Answer<CloudConnector> {
        let secret_key = fields(&target.plugin).secret_key.iter().find(|field| target.secrets.iter().any(|name| name == *field));
        let secret = match secret_key.filter(|_| reveal) {
            Some(name) => self.app.targets.reveal_secret(caller, target.id, name).await.map_err(error)?,
            None => None,
        };
        Ok(connector(target, secret))
    }
}

fn new_target(name: String, settings: Settings, owner: &identity::Caller) -> Answer<NewTarget> {
    Ok(NewTarget {
        name,
        plugin: settings.plugin.to_owned(),
        pinned: None,
        configuration: settings.configuration,
        attributes: attributes::write(&Value::Null, &settings.kept)?,
        secrets: settings.secrets,
        owner: Some(owner.user),
    })
}

#[async_trait]
impl CloudConnectors for Door {
    async fn index(&self, caller: &Caller, given: Listing, reveal: bool) -> Answer<Page<CloudConnector>> {
        let caller = self.caller(caller)?;
        let mut asked = caller.narrowed("cloud_connectors", "index", listing(&given, COLUMNS)?);
        self.by_provider(&mut asked).await?;
        asked.filters.push(filter("plugin", Operator::In, CLOUD_PLUGINS.map(str::to_owned).to_vec()));
        let page = self.app.targets.list(asked).await.map_err(error)?;
        let mut items = Vec::with_capacity(page.items.len());
        for target in &page.items {
            items.push(self.shown(&caller, target, reveal).await?);
        }
        Ok(Page { count: page.count, items })
    }

    async fn create(&self, caller: &Caller, mut input: CloudConnectorInput) -> Answer<CloudConnector> {
        let caller = self.caller(caller)?;
        let name = input.name.take().unwrap_or_default();
        let new = new_target(name, settings(input, None), &caller)?;
        let target = self.app.targets.create(&caller, new).await.map_err(error)?;
        Ok(connector(&target, None))
    }

    async fn show(&self, caller: &Caller, at: &Reference, reveal: bool) -> Answer<CloudConnector> {
        let (caller, target) = self.connector_for(caller, "show", at).await?;
        self.shown(&caller, &target, reveal).await
    }

    async fn update(&self, caller: &Caller, at: &Reference, mut input: CloudConnectorInput) -> Answer<CloudConnector> {
        let (caller, old) = self.connector_for(caller, "update", at).await?;
        let name = input.name.take();
        let new = settings(input, Some(&old));
        let change = TargetChange {
            name,
            plugin: (new.plugin != old.plugin).then(|| new.plugin.to_owned()),
            configuration: Some(new.configuration),
            attributes: Some(attributes::write(&old.attributes, &new.kept)?),
            secrets: new.secrets,
            ..TargetChange::default()
        };
        let target = self.app.targets.update(&caller, old.id, change).await.map_err(error)?;
        Ok(connector(&target, None))
    }

    async fn destroy(&self, caller: &Caller, at: &Reference) -> Answer<()> {
        let (caller, target) = self.connector_for(caller, "destroy", at).await?;
        self.app.targets.delete(&caller, target.id).await.map_err(error)
    }

    async fn test(&self, caller: &Caller, mut input: CloudConnectorInput) -> Answer<ActiveJob> {
        let caller = self.caller(caller)?;
        let name = input.name.take().unwrap_or_else(|| "unsaved connector".to_owned());
        let new = new_target(name, settings(input, None), &caller)?;
        let job = self.app.jobs.probe_unsaved(&caller, new).await.map_err(error)?;
        Ok(jobs::request(&job, ActiveJobState::Queued))
    }

    async fn test_result(&self, _: &Caller, job: &str) -> Answer<Found> {
        let job = self.job(job, |job| matches!(job.work, Work::Probe { .. })).await?;
        let active = jobs::active(&job);
        if active.status == ActiveJobState::Completed { jobs::found(&job).map(Found::Buckets) } else { Ok(Found::NotYet(active)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_compared_as_the_catalogue_compares_words() {
        let of = |operator, value: &str| matches(&filter(PROVIDER, operator, vec![value.to_owned()]), "amazon_aws_s3");
        assert!(of(Operator::Equal, "amazon_aws_s3") && !of(Operator::NotEqual, "amazon_aws_s3"));
        assert!(of(Operator::Like, "amazon%") && of(Operator::Like, "%S3") && of(Operator::Like, "amazon_aws_s_"));
        assert!(!of(Operator::Like, "amazon") && of(Operator::NotLike, "generic%"));
        assert!(of(Operator::Less, "b") && !of(Operator::Greater, "b"));
    }
}
