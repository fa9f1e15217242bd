//! The locations of a target become rows of the catalogue; those no longer found are marked absent, not removed: entries refer to them.

use capstan_domain::Outcome;
use capstan_domain::ids::TargetId;
use capstan_mover::Control;
use serde_json::json;

use crate::engine::Engine;
use crate::work::End;

pub(super) async fn sync(engine: &Engine, target: TargetId, control: &Control) -> Outcome<End> {
    let connection = engine.places.connect(target).await?;
    let list = async {
        match (connection.objects(), connection.files()) {
            // A probe also learns what the service checks uploads against, which the plugin keeps.
            (Some(_), _) => Ok(connection.probe().await?.locations),
            (None, Some(files)) => files.list_locations().await,
            (None, None) => Ok(connection.probe().await?.locations),
        }
    };
    let locations = tokio::select! {
        locations = list => locations?,
        () = control.stopped() => return Err(super::stopped()),
    };
    engine.catalogue.sync_locations(target, &locations).await?;
    Ok(End::answer(json!({ "locations": locations })))
}
