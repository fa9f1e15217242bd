//! All imports, given to a linker. What a target may do with them is decided by what its services hold, not by what is linked.

use capstan_bindings::latest::host;
use wasmtime::component::Linker;

use crate::services::{Imports, Services};

/// Links every interface of `capstan:host`; `get` finds a store's services in its data.
pub fn add_to_linker<T: Send + 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> &mut Services) -> wasmtime::Result<()> {
    host::types::add_to_linker::<T, Imports>(linker, get)?;
    host::config::add_to_linker::<T, Imports>(linker, get)?;
    host::secrets::add_to_linker::<T, Imports>(linker, get)?;
    host::crypto::add_to_linker::<T, Imports>(linker, get)?;
    host::log::add_to_linker::<T, Imports>(linker, get)?;
    host::job::add_to_linker::<T, Imports>(linker, get)?;
    host::clock::add_to_linker::<T, Imports>(linker, get)?;
    host::content::add_to_linker::<T, Imports>(linker, get)?;
    host::http::add_to_linker::<T, Imports>(linker, get)?;
    host::files::add_to_linker::<T, Imports>(linker, get)?;
    host::scsi::add_to_linker::<T, Imports>(linker, get)?;
    host::state::add_to_linker::<T, Imports>(linker, get)?;
    host::tcp::add_to_linker::<T, Imports>(linker, get)?;
    Ok(())
}

impl host::types::Host for Services {}
