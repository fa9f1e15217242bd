//! Which external target a file of a space goes to, by its name or by what its path matches.

use capstan_catalogue::Catalogue;
use capstan_domain::external_target::ExternalTarget;
use capstan_domain::ids::{LocationId, Number, SpaceId};
use capstan_domain::{Failure, Outcome};
use capstan_workflows::Router;

pub(crate) struct Routes {
    targets: Vec<ExternalTarget>,
    /// Indexes of `targets`.
    router: Router<usize>,
    /// The one that a step names.
    named: Option<usize>,
    site: Number,
}

impl Routes {
    /// Fails with `Invalid` (`unknown-endpoint`) when the step names an external target that does not serve the space here.
    pub(crate) async fn load(catalogue: &Catalogue, space: SpaceId, site: Number, endpoint: Option<&str>) -> Outcome<Self> {
        let targets = catalogue.routes(space, site).await?;
        let routes = targets.iter().enumerate().map(|(at, target)| (target.rule.local_file_regex.as_str(), at));
        let router = Router::new(routes).map_err(|refusal| Failure::invalid(refusal.to_string()).with_code("bad-regex"))?;
        let named = match endpoint {
            None => None,
            Some(name) => {
                let at = targets.iter().position(|target| target.name == name);
                Some(at.ok_or_else(|| unknown(name))?)
            }
        };
        Ok(Self { targets, router, named, site })
    }

    /// Where a file is stored. `to_stub`: its content is to leave the disk for that copy; a target that only backs up is taken where
    /// there is no other. `absolute`: the path as clients see it.
    pub(crate) fn storing(&self, absolute: &str, to_stub: bool) -> Outcome<&ExternalTarget> {
        let may =
            |target: &&ExternalTarget| !target.rule.backup_only || target.rule.backup_site.is_none_or(|site| site == self.site);
        let fitting: Vec<&ExternalTarget> = match self.named {
            Some(at) => self.targets.get(at).into_iter().filter(may).collect(),
            None => self.router.fitting(absolute).filter_map(|at| self.targets.get(*at)).filter(may).collect(),
        };
        let stubs = fitting.iter().find(|target| !target.rule.backup_only).filter(|_| to_stub);
        stubs.or(fitting.first()).copied().ok_or_else(|| no_target(absolute))
    }

    /// Whether a copy there goes once the file was recalled.
    pub(crate) fn deletes_on_recall(&self, absolute: &str, location: LocationId) -> bool {
        let mut fitting = self.router.fitting(absolute).filter_map(|at| self.targets.get(*at));
        fitting.any(|target| target.location == location && target.rule.delete_on_recall)
    }

    /// The bucket of the target that the step names.
    pub(crate) fn named(&self) -> Option<LocationId> {
        self.named.and_then(|at| self.targets.get(at)).map(|target| target.location)
    }

    /// Buckets that a file may be in, by its path; the likeliest first.
    pub(crate) fn reading(&self, absolute: &str) -> Vec<LocationId> {
        match self.named {
            Some(at) => self.targets.get(at).map(|target| target.location).into_iter().collect(),
            None => self.router.fitting(absolute).filter_map(|at| self.targets.get(*at)).map(|target| target.location).collect(),
        }
    }
}

fn unknown(name: &str) -> Failure {
    Failure::invalid(format!("There is no external target {name:?} for this space on this site"))
        .with_code("unknown-endpoint")
        .with_next_step("Name one that is enabled and whose bucket stays.")
}

fn no_target(absolute: &str) -> Failure {
    Failure::not_found(format!("No external target takes {absolute:?}"))
        .with_code("no-target")
        .with_next_step("Make an external target for the space whose regex is found in the path, or enable one.")
}
