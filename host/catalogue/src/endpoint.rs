//! Endpoints of definitions. What they refer to cannot be deleted while they do.

use capstan_domain::failure::Kind;
use capstan_domain::ids::{LocationId, Number, PoolId, SpaceId};
use capstan_domain::job::{Endpoint, NewEndpoint, Place};
use capstan_domain::listing::{Listing, Page};
use capstan_domain::{Failure, Outcome};

use crate::Catalogue;
use crate::query::{Row, Value, json, sql, word};
use crate::select::{Field, Select, Type};

const ENDPOINTS: Select = Select {
    columns: "t.number, t.definition, d.number, t.direction, t.given, t.space, t.pool, t.location, t.path",
    from: "endpoints t JOIN definitions d ON d.id = t.definition LEFT JOIN spaces s ON s.id = t.space \
           LEFT JOIN pools p ON p.id = t.pool LEFT JOIN locations l ON l.id = t.location",
    fields: &[
        Field("number", Type::Integer, "t.number"),
        Field("definition", Type::Id, "t.definition"),
        Field("definition_number", Type::Integer, "d.number"),
        Field("end", Type::Text, "t.direction"),
        Field("space_number", Type::Integer, "s.number"),
        Field("pool_number", Type::Integer, "p.number"),
        Field("pool_name", Type::Text, "p.name"),
        Field("location_number", Type::Integer, "l.number"),
        Field("path", Type::Text, "t.path"),
    ],
    open: &["given"],
    order: "t.number",
};

fn read(row: &mut Row) -> Outcome<Endpoint> {
    let number = row.take()?;
    let definition = row.take()?;
    let definition_number = row.take()?;
    let end = row.word()?;
    let given = row.json()?;
    let (space, pool, location): (Option<SpaceId>, Option<PoolId>, Option<LocationId>) = (row.take()?, row.take()?, row.take()?);
    let path = row.take()?;
    let place = match (space, pool, location) {
        (Some(space), _, _) => Place::Space { space, path },
        (_, Some(pool), _) => Place::Pool { pool, path },
        (_, _, Some(location)) => Place::Location { location, path },
        _ => return Err(Failure::host("a record of the catalogue cannot be read", "an endpoint has no place")),
    };
    Ok(Endpoint { number, definition, definition_number, end, given, place })
}

/// Space, pool, location (one of them), path.
fn columns(place: &Place) -> [Value; 4] {
    let none = || Value::Bytes(None);
    match place {
        Place::Space { space, path } => [(*space).into(), none(), none(), path.into()],
        Place::Pool { pool, path } => [none(), (*pool).into(), none(), path.into()],
        Place::Location { location, path } => [none(), none(), (*location).into(), path.into()],
    }
}

impl Catalogue {
    pub async fn create_endpoint(&self, new: &NewEndpoint) -> Outcome<Endpoint> {
        let insert = sql("INSERT INTO endpoints (definition, direction, given, space, pool, location, path) \
                          VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING number");
        let insert = insert.bind(new.definition).bind(word(&new.end)).bind(json(&new.given)).bind_all(columns(&new.place));
        let number: Number = self.write(move |connection| Box::pin(connection.value(insert))).await?;
        self.endpoint(number).await
    }

    /// Writes what was given and the place.
    pub async fn update_endpoint(&self, endpoint: &Endpoint) -> Outcome<Endpoint> {
        let update = sql("UPDATE endpoints SET given = $2, space = $3, pool = $4, location = $5, path = $6 WHERE number = $1");
        let update = update.bind(endpoint.number).bind(json(&endpoint.given)).bind_all(columns(&endpoint.place));
        self.change("endpoint", update).await?;
        self.endpoint(endpoint.number).await
    }

    pub async fn endpoint(&self, number: Number) -> Outcome<Endpoint> {
        let text = format!("{} WHERE t.number = $1", ENDPOINTS.text());
        match self.read().await?.one(sql(text).bind(number)).await? {
            Some(mut row) => read(&mut row),
            None => Err(Failure::new(Kind::NotFound, "there is no such endpoint").with_code("not-found")),
        }
    }

    pub async fn endpoints(&self, listing: &Listing) -> Outcome<Page<Endpoint>> {
        self.list(&ENDPOINTS, listing, read).await
    }

    pub async fn delete_endpoint(&self, number: Number) -> Outcome<()> {
        self.delete("endpoint", sql("DELETE FROM endpoints WHERE number = $1").bind(number)).await
    }
}
