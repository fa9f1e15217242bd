//! A component made ready: compiled, linked, looked through. Immutable, and shared by every store that runs it.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use capstan_bindings::function::{Function, Visitor};
use capstan_bindings::latest::{drives, files, media, objects, target, uploads};
use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure, Kind};
use capstan_domain::plugin::{Description, Facet};
use wasmtime::AsContextMut;
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, Linker, TypedFunc};

use crate::faults::Ledger;
use crate::state::StoreState;

/// `description.capabilities`: a target whose session only one store may hold.
const SESSION: (&str, &str) = ("session", "exclusive");

/// A component linked with the host's imports.
#[derive(Clone)]
pub(crate) struct Linked {
    pub pre: InstancePre<StoreState>,
    functions: HashMap<(&'static str, &'static str), ComponentExportIndex>,
}

impl Linked {
    pub(crate) fn new(component: &Component, linker: &Linker<StoreState>) -> Outcome<Self> {
        let pre = linker.instantiate_pre(component).map_err(|error| {
            Failure::new(Kind::Unsupported, "The plugin uses an import differently from how this host's contract has it.")
                .with_blame(Blame::Plugin)
                .with_code("import-mismatch")
                .with_detail(format!("{error:#}"))
                .with_next_step("Rebuild the plugin with the released SDK of this contract.")
        })?;
        let mut finder = Finder { component, found: HashMap::new() };
        target::each(&mut finder);
        objects::each(&mut finder);
        uploads::each(&mut finder);
        files::each(&mut finder);
        drives::each(&mut finder);
        media::each(&mut finder);
        Ok(Self { pre, functions: finder.found })
    }

    /// The function of an instance, type-checked.
    pub(crate) fn function<F: Function>(
        &self,
        store: impl AsContextMut<Data = StoreState>,
        instance: &Instance,
    ) -> wasmtime::Result<TypedFunc<F::Parameters, (F::Answer,)>> {
        let index = self
            .functions
            .get(&(F::INTERFACE, F::NAME))
            .ok_or_else(|| wasmtime::Error::msg(format!("{} has no function {}", F::INTERFACE, F::NAME)))?;
        instance.get_typed_func(store, index)
    }
}

/// Looks up where each function stands, once for all stores.
struct Finder<'a> {
    component: &'a Component,
    found: HashMap<(&'static str, &'static str), ComponentExportIndex>,
}

impl Visitor for Finder<'_> {
    fn visit<F: Function>(&mut self) {
        // The lookup accepts any patch of the interface's track.
        if let Some(interface) = self.component.get_export_index(None, F::INTERFACE)
            && let Some(index) = self.component.get_export_index(Some(&interface), F::NAME)
        {
            self.found.insert((F::INTERFACE, F::NAME), index);
        }
    }
}

/// Checks the type of every function of the interfaces a plugin exports.
pub(crate) struct TypeCheck<'a, S: AsContextMut<Data = StoreState>> {
    pub linked: &'a Linked,
    pub store: S,
    pub instance: &'a Instance,
    pub problems: Vec<String>,
}

impl<S: AsContextMut<Data = StoreState>> Visitor for TypeCheck<'_, S> {
    fn visit<F: Function>(&mut self) {
        if let Err(error) = self.linked.function::<F>(&mut self.store, self.instance) {
            self.problems.push(format!("{}#{}: {error:#}", F::INTERFACE, F::NAME));
        }
    }
}

/// A version that passed the gate.
pub(crate) struct Prepared {
    pub linked: Linked,
    pub description: Description,
    pub digest: String,
    pub facets: Vec<Facet>,
    pub exclusive: bool,
    pub ledger: Ledger,
    /// Why it serves no more, until somebody activates it again.
    pub quarantined: ArcSwapOption<Failure>,
}

impl Prepared {
    pub(crate) fn new(linked: Linked, description: Description, digest: String, facets: Vec<Facet>) -> Arc<Self> {
        let exclusive = description.capabilities.iter().any(|(name, value)| (name.as_str(), value.as_str()) == SESSION);
        Arc::new(Self {
            linked,
            description,
            digest,
            facets,
            exclusive,
            ledger: Ledger::new(),
            quarantined: ArcSwapOption::empty(),
        })
    }

    pub(crate) fn has(&self, facet: Facet) -> bool {
        self.facets.contains(&facet)
    }

    /// Adds to a failure which plugin it comes from.
    pub(crate) fn sign(&self, failure: Failure) -> Failure {
        failure.at(|origin| {
            origin.plugin.get_or_insert_with(|| self.description.id.clone());
            origin.version.get_or_insert_with(|| self.description.version.clone());
            origin.digest.get_or_insert_with(|| self.digest.clone());
        })
    }
}
