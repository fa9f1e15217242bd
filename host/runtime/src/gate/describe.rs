//! The last step of the gate: the component runs for the first time, with nothing in reach, and says what it is.

use std::sync::Arc;

use capstan_bindings::latest::{drives, files, media, objects, target, uploads};
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind, Retry};
use capstan_domain::plugin::{Description, Facet};
use capstan_services::TargetServices;
use semver::Version;

use crate::faults::broken;
use crate::machine::Machine;
use crate::prepared::{Linked, TypeCheck};
use crate::state::{StoreState, Usage, new_store};

/// Characters of a plugin's id.
const ID_CHARACTERS: usize = 64;

/// Instantiates, checks the type of every function, asks for the description; all of it within the deadline. `services` hold no
/// configuration, no secret and no grant.
pub(crate) async fn describe(
    machine: &Machine,
    linked: &Linked,
    facets: &[Facet],
    services: Arc<TargetServices>,
) -> Outcome<Description> {
    let mut store = new_store(machine, services, Arc::new(Usage::default()));
    let run = ask(linked, facets, &mut store);
    let answer = tokio::time::timeout(machine.limits.describe_deadline, run).await;
    let description = match answer {
        Err(_) => {
            return Err(Failure::new(
                Kind::PluginFault,
                format!("The plugin did not describe itself within {:?}.", machine.limits.describe_deadline),
            )
            .with_retry(Retry::Never)
            .with_code("describe-deadline")
            .with_next_step("Report it to the plugin's vendor."));
        }
        Ok(Err(Ended::Types(problems))) => {
            return Err(Failure::new(
                Kind::Unsupported,
                "Functions of the plugin differ from the contract they claim to follow.",
            )
            .with_blame(Blame::Plugin)
            .with_code("export-mismatch")
            .with_detail(problems.join("\n"))
            .with_next_step("Rebuild the plugin with the released SDK of this contract."));
        }
        Ok(Err(Ended::Broken(error))) => {
            return Err(broken(&error, store.data(), &machine.limits).with_retry(Retry::Never));
        }
        Ok(Ok(description)) => description,
    };
    let description = Description::try_from(description)?;
    sane(&description)?;
    Ok(description)
}

enum Ended {
    Types(Vec<String>),
    Broken(wasmtime::Error),
}

async fn ask(
    linked: &Linked,
    facets: &[Facet],
    store: &mut wasmtime::Store<StoreState>,
) -> Result<capstan_bindings::latest::types::Description, Ended> {
    let instance = linked.pre.instantiate_async(&mut *store).await.map_err(Ended::Broken)?;
    let mut check = TypeCheck { linked, store: &mut *store, instance: &instance, problems: Vec::new() };
    target::each(&mut check);
    for facet in facets {
        match facet {
            Facet::Objects => objects::each(&mut check),
            Facet::Uploads => uploads::each(&mut check),
            Facet::Files => files::each(&mut check),
            Facet::Drives => drives::each(&mut check),
            Facet::Media => media::each(&mut check),
        }
    }
    if !check.problems.is_empty() {
        return Err(Ended::Types(check.problems));
    }
    let function = linked.function::<target::Describe>(&mut *store, &instance).map_err(Ended::Broken)?;
    let (description,) = store
        .run_concurrent(async |accessor| function.call_concurrent(accessor, ()).await)
        .await
        .flatten()
        .map_err(Ended::Broken)?;
    Ok(description)
}

/// What paths, commands and rows are made of must be harmless.
fn sane(description: &Description) -> Outcome<()> {
    let wrong = |what: &str| {
        Failure::invalid(format!("The plugin's description is not usable: {what}."))
            .with_blame(Blame::Plugin)
            .with_code("description-invalid")
            .with_next_step("Report it to the plugin's vendor.")
    };
    let id = &description.id;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || id.len() > ID_CHARACTERS || !id.starts_with(|c: char| c.is_ascii_lowercase()) || !id.chars().all(plain) {
        return Err(wrong("its id is not a short name of a-z, 0-9 and '-'"));
    }
    Version::parse(&description.version).map_err(|error| wrong(&format!("its version is not a semantic version ({error})")))?;
    if !description.configuration.is_object() {
        return Err(wrong("its configuration is not a JSON Schema object"));
    }
    Ok(())
}
