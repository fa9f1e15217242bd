//! A view put up: the trees it shows, once their targets were reached, and the way its writes take.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use capstan_domain::entry;
use capstan_domain::ids::Number;
use capstan_domain::job::Place;
use capstan_domain::location::Location;
use capstan_domain::pool::Pool;
use capstan_domain::space::Space;
use capstan_domain::target::Target;
use capstan_domain::{Failure, Kind, Outcome};
use capstan_jobs::{ByHand, Places as _, Plot};
use capstan_view::{Mounted, Shown, View, Writes};

use super::member::HeldIn;
use super::{Member, Mount, Mounts, Of, Writing, blocking, member, through};

impl Mounts {
    /// Puts the view up; the mount tells what the kernel tells of it.
    pub(super) async fn show(
        &self,
        number: Number,
        directory: &Path,
        of: Of,
        read_only: bool,
        for_all: bool,
    ) -> Outcome<(Mount, Mounted)> {
        let mut mount = Mount {
            number,
            major_minor: String::new(),
            directory: directory.to_string_lossy().into_owned(),
            source: String::new(),
            kind: String::new(),
            options: String::new(),
            pool: None,
            space: None,
            members: Vec::new(),
        };
        let shown = match of {
            Of::Pool(pool) => {
                let pool = self.catalogue.pool(pool).await?;
                mount.pool = Some((pool.number, pool.name.clone()));
                self.show_pool(&pool, read_only, &mut mount).await?
            }
            Of::Space(space) => {
                let space = self.catalogue.space(space).await?;
                mount.space = Some((space.number, space.name.clone()));
                mount.source.clone_from(&space.name);
                self.show_space(&space, read_only).await?
            }
        };
        let access = if shown.iter().any(|shown| shown.writes.is_some()) { "rw" } else { "ro" };
        mount.options = format!("{access},nosuid,nodev,noexec{}", if for_all { ",allow_other" } else { "" });
        let view = View {
            directory: directory.to_owned(),
            source: mount.source.clone(),
            shown,
            spool: Some(Arc::clone(&self.spool)),
            for_all,
        };
        let work = self.work.clone();
        let view = blocking(move || capstan_view::mount(view, work)).await??;
        // What the API tells of a mount is what `mount` tells of it.
        let line = view.line()?;
        (mount.major_minor, mount.kind, mount.source) = (line.device, line.kind, line.source);
        Ok((mount, view))
    }

    /// Each location of a pool, if it is reached.
    async fn show_pool(&self, pool: &Pool, read_only: bool, mount: &mut Mount) -> Outcome<Vec<Shown>> {
        let members = self.catalogue.members(pool.id).await?;
        if members.is_empty() {
            return Err(Failure::invalid("the pool has no location").with_code("empty-pool"));
        }
        let mut targets: BTreeMap<Number, (Target, Option<(Number, String)>)> = BTreeMap::new();
        let mut shown = Vec::with_capacity(members.len());
        for location in &members {
            let (target, server) = match targets.get(&location.target_number) {
                Some(reached) => reached.clone(),
                None => {
                    let reached = self.reach(location).await?;
                    targets.insert(location.target_number, reached.clone());
                    reached
                }
            };
            let before = (members.len() > 1).then_some(mount.members.as_slice());
            let library = self.held_in(location).await?;
            let member = Member::new(&target, server, library, location, before);
            let tree = self.grounds.tree(location, "").await?;
            let (catalogued, shown_under) = self.grounds.shown(location).await?;
            let plot = Plot { tree: Arc::clone(&tree), path: String::new(), shown_under };
            let writes = (!read_only && !member.read_only).then(|| self.writes(catalogued, &plot));
            shown.push(Shown { name: member.folder.clone(), tree, writes });
            mount.members.push(member);
        }
        mount.source = mount.members.iter().map(|member| member.source.as_str()).collect::<Vec<_>>().join(",");
        Ok(shown)
    }

    async fn reach(&self, location: &Location) -> Outcome<(Target, Option<(Number, String)>)> {
        let target = self.catalogue.target(location.target).await?;
        let reached = match self.targets.connect(location.target).await {
            Ok(connection) => connection.probe().await,
            Err(failure) => Err(failure),
        };
        reached.map_err(|failure| member::of_target(&target.name, failure))?;
        let server = match target.server {
            Some(server) => Some(self.catalogue.server(server).await?),
            None => None,
        };
        Ok((target, server.map(|server| (server.number, server.name))))
    }

    /// Of a location that is no tape: none.
    async fn held_in(&self, location: &Location) -> Outcome<Option<HeldIn>> {
        match self.catalogue.cartridge(location.id).await {
            Ok(cartridge) => Ok(HeldIn::of(&cartridge)),
            Err(failure) if failure.kind == Kind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn show_space(&self, space: &Space, read_only: bool) -> Outcome<Vec<Shown>> {
        let ground = self.grounds.source(&Place::Space { space: space.id, path: String::new() }).await?;
        let shown = ground.plots.iter().map(|plot| Shown {
            name: String::new(),
            tree: Arc::clone(&plot.tree),
            writes: (!read_only).then(|| self.writes(ground.catalogued, plot)),
        });
        Ok(shown.collect())
    }

    fn writes(&self, catalogued: Option<entry::Tree>, plot: &Plot) -> Arc<dyn Writes> {
        let Writing { verify, limits, .. } = &self.writing;
        let by_hand = ByHand::new(self.catalogue.clone(), catalogued, plot, Arc::clone(&self.waiting), *verify, limits.clone());
        Arc::new(through::ThroughView(by_hand))
    }
}
