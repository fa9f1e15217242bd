//! Spaces as they are managed over sites: the row of a space, with its profile and its sites.

use std::collections::HashMap;

use capstan_domain::failure::Kind;
use capstan_domain::ids::{Number, Reference, SpaceId};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::space::{NewSpace, Space};
use capstan_domain::space_profile::{ManagedSpace, SpaceProfile};
use capstan_domain::time::Timestamp;
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::connection::{Connection, Flavour};
use crate::failure::missing;
use crate::find::find;
use crate::paths::CHUNK;
use crate::query::{Value, json, sql};
use crate::space::{SPACES, insert_space, read};

/// What stands beside a space's row.
struct Beside {
    profile: SpaceProfile,
    is_default: bool,
    deleting: Option<Timestamp>,
}

impl Catalogue {
    /// A space on these sites, by number; none: on the default one.
    pub async fn create_managed_space(&self, new: &NewSpace, profile: &SpaceProfile, sites: &[Number]) -> Outcome<ManagedSpace> {
        let (new, profile, sites) = (new.clone(), profile.clone(), sites.to_vec());
        self.write(move |connection| Box::pin(async move { insert(connection, &new, &profile, &sites, false).await })).await
    }

    /// The default space; made where there is none, on the default site. May be called at every start.
    pub async fn default_space(&self, new: &NewSpace, profile: &SpaceProfile) -> Outcome<ManagedSpace> {
        let (new, profile) = (new.clone(), profile.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let known = connection.one(sql("SELECT space FROM space_profiles WHERE standard = 1")).await?;
                match known {
                    Some(mut row) => by_number(connection, row.take()?).await,
                    None => insert(connection, &new, &profile, &[], true).await,
                }
            })
        })
        .await
    }

    pub async fn managed_space(&self, reference: impl Into<Reference<SpaceId>>) -> Outcome<ManagedSpace> {
        let mut connection = self.read().await?;
        let space = find(&mut connection, &SPACES, "space", reference.into(), read).await?;
        managed(&mut connection, vec![space]).await?.pop().ok_or_else(|| missing("space"))
    }

    /// Fields are those of spaces: `site_number`, `mountpoint` and `words` (name and mountpoint) are among them.
    pub async fn managed_spaces(&self, listing: &Listing) -> Outcome<Page<ManagedSpace>> {
        let page = self.spaces(listing).await?;
        Ok(Page { count: page.count, items: managed(&mut self.read().await?, page.items).await? })
    }

    /// `sites`: those it is on from now on; none: as before.
    pub async fn set_space_profile(
        &self,
        id: SpaceId,
        profile: &SpaceProfile,
        sites: Option<&[Number]>,
    ) -> Outcome<ManagedSpace> {
        let (profile, sites) = (profile.clone(), sites.map(<[Number]>::to_vec));
        self.write(move |connection| {
            Box::pin(async move {
                let space = find(connection, &SPACES, "space", id.into(), read).await?;
                put(connection, space.number, &profile).await?;
                if let Some(sites) = sites {
                    connection.run(sql("DELETE FROM space_sites WHERE space = $1").bind(space.number)).await?;
                    place(connection, space.number, &sites).await?;
                }
                by_number(connection, space.number).await
            })
        })
        .await
    }

    /// From now on no job begins on it. Its row stays until `delete_space`, when its jobs have ended and its directory is gone.
    /// `Conflict` "default" for the default space.
    pub async fn begin_space_deletion(&self, id: SpaceId) -> Outcome<ManagedSpace> {
        self.write(move |connection| {
            Box::pin(async move {
                let space = find(connection, &SPACES, "space", id.into(), read).await?;
                hold_space(connection, space.number).await?;
                let current = by_number(connection, space.number).await?;
                if current.is_default {
                    return Err(Failure::new(Kind::Conflict, "the default space stays").with_code("default"));
                }
                if current.deleting.is_none() {
                    put(connection, space.number, &current.profile).await?;
                    let mark = sql("UPDATE space_profiles SET deleting = $2 WHERE space = $1");
                    connection.run(mark.bind(space.number).bind(Timestamp::now())).await?;
                }
                by_number(connection, space.number).await
            })
        })
        .await
    }

    /// Jobs of workflows on it that have not ended.
    pub async fn jobs_on_space(&self, id: SpaceId) -> Outcome<u64> {
        let count = sql(
            "SELECT count(*) FROM workflow_jobs w JOIN spaces s ON s.number = w.space WHERE s.id = $1 AND w.completed IS NULL",
        );
        self.read().await?.value(count.bind(id)).await
    }
}

/// On PostgreSQL the row is held, so that a deletion and a job that would begin take turns.
pub(crate) async fn hold_space(connection: &mut Connection, space: Number) -> Outcome<()> {
    if connection.flavour() == Flavour::Postgres {
        connection.all(sql("SELECT number FROM spaces WHERE number = $1 FOR UPDATE").bind(space)).await?;
    }
    Ok(())
}

async fn insert(
    connection: &mut Connection,
    new: &NewSpace,
    profile: &SpaceProfile,
    sites: &[Number],
    standard: bool,
) -> Outcome<ManagedSpace> {
    let space = insert_space(connection, new).await?;
    put(connection, space.number, profile).await?;
    if standard {
        connection.run(sql("UPDATE space_profiles SET standard = 1 WHERE space = $1").bind(space.number)).await?;
    }
    place(connection, space.number, sites).await?;
    by_number(connection, space.number).await
}

async fn put(connection: &mut Connection, space: Number, profile: &SpaceProfile) -> Outcome<()> {
    let upsert = sql("INSERT INTO space_profiles (space, mountpoint, profile, ready) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT (space) DO UPDATE SET mountpoint = excluded.mountpoint, profile = excluded.profile, \
                      ready = excluded.ready");
    let upsert = upsert.bind(space).bind(profile.mountpoint.clone()).bind(json(profile)).bind(profile.is_ready);
    connection.run(upsert).await.map(|_| ())
}

async fn place(connection: &mut Connection, space: Number, sites: &[Number]) -> Outcome<()> {
    if sites.is_empty() {
        let standard = sql("INSERT INTO space_sites (space, site) SELECT $1, s.number FROM sites s WHERE s.standard = 1");
        connection.run(standard.bind(space)).await?;
    }
    for site in sites {
        let insert = sql("INSERT INTO space_sites (space, site) VALUES ($1, $2) ON CONFLICT (space, site) DO NOTHING");
        connection.run(insert.bind(space).bind(*site)).await?;
    }
    Ok(())
}

async fn by_number(connection: &mut Connection, number: Number) -> Outcome<ManagedSpace> {
    let space = find(connection, &SPACES, "space", Reference::<SpaceId>::Number(number), read).await?;
    managed(connection, vec![space]).await?.pop().ok_or_else(|| missing("space"))
}

/// In the order given.
async fn managed(connection: &mut Connection, spaces: Vec<Space>) -> Outcome<Vec<ManagedSpace>> {
    let mut beside: HashMap<Number, Beside> = HashMap::new();
    let mut sites: HashMap<Number, Vec<Number>> = HashMap::new();
    for chunk in spaces.chunks(CHUNK) {
        let marks: Vec<String> = (1..=chunk.len()).map(|at| format!("${at}")).collect();
        let marks = marks.join(", ");
        let values = || chunk.iter().map(|space| Value::from(space.number));
        let text = format!("SELECT space, profile, ready, standard, deleting FROM space_profiles WHERE space IN ({marks})");
        for mut row in connection.all(sql(text).bind_all(values())).await? {
            let space = row.take()?;
            let profile: SpaceProfile = row.json()?;
            let is_ready = row.take()?;
            let profile = SpaceProfile { is_ready, ..profile };
            beside.insert(space, Beside { profile, is_default: row.take()?, deleting: row.take()? });
        }
        let text = format!("SELECT space, site FROM space_sites WHERE space IN ({marks}) ORDER BY site");
        for mut row in connection.all(sql(text).bind_all(values())).await? {
            sites.entry(row.take()?).or_default().push(row.take()?);
        }
    }
    let whole = |space: Space| {
        let sites = sites.remove(&space.number).unwrap_or_default();
        let unprofiled =
            || Beside { profile: SpaceProfile { is_ready: true, ..SpaceProfile::default() }, is_default: false, deleting: None };
        let Beside { profile, is_default, deleting } = beside.remove(&space.number).unwrap_or_else(unprofiled);
        ManagedSpace { space, profile, is_default, deleting, sites }
    };
    Ok(spaces.into_iter().map(whole).collect())
}
