//! Parses and validates the whole binary, and says what stands at its top: imports and exports.

use capstan_domain::Outcome;
use capstan_domain::failure::{Blame, Failure};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    pub imports: Vec<String>,
    /// The functions of each imported interface that the component wants, in the order of `imports`; none for what is no interface.
    pub functions: Vec<Vec<String>>,
    pub exports: Vec<String>,
}

pub(crate) fn outline(bytes: &[u8]) -> Outcome<Outline> {
    let types =
        Validator::new_with_features(WasmFeatures::all()).validate_all(bytes).map_err(|error| malformed(&error.to_string()))?;
    let mut outline = Outline::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| malformed(&error.to_string()))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(refused("The file is a core WebAssembly module, not a component.", "not-a-component")
                    .with_next_step("Build for wasm32-wasip2, or wrap the module with `wasm-tools component new`."));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import.map_err(|error| malformed(&error.to_string()))?.name.name;
                    outline.imports.push(name.to_owned());
                    outline.functions.push(functions(types.as_ref(), name));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    outline.exports.push(export.map_err(|error| malformed(&error.to_string()))?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(outline)
}

/// The functions of an imported interface.
fn functions(types: TypesRef<'_>, import: &str) -> Vec<String> {
    let Some(ComponentEntityType::Instance(instance)) = types.component_item_for_import(import).map(|item| item.ty) else {
        return Vec::new();
    };
    let Some(instance) = types.get(instance) else { return Vec::new() };
    let functions = instance.exports.iter().filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
    functions.map(|(name, _)| name.clone()).collect()
}

fn malformed(why: &str) -> Failure {
    refused("The file is not a whole, valid WebAssembly component.", "malformed")
        .with_detail(why.to_owned())
        .with_next_step("Check that the file was copied completely; compare its SHA-256 with the vendor's.")
}

fn refused(message: &str, code: &str) -> Failure {
    Failure::invalid(message).with_code(code).with_blame(Blame::Plugin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_whole_component_is_refused_by_name() {
        for (bytes, code) in [
            (&b""[..], "malformed"),
            (b"#!/bin/sh", "malformed"),
            (b"\0asm\x01\0\0\0", "not-a-component"),
            (b"\0asm\x0d\0\x01\0\x01", "malformed"),
        ] {
            assert_eq!(outline(bytes).unwrap_err().code.as_deref(), Some(code), "{bytes:?}");
        }
        assert_eq!(outline(b"\0asm\x0d\0\x01\0").unwrap(), Outline::default());
    }
}
