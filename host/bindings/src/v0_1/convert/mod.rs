//! Records of the contract to and from the domain's nouns.

mod drives;
mod failure;
mod files;
mod media;
mod objects;
mod target;

use capstan_domain::ports::NamedValues;

pub use drives::attachment;

use super::host::types::NamedValue;

impl From<NamedValue> for (String, String) {
    fn from(value: NamedValue) -> Self {
        (value.name, value.value)
    }
}

impl From<(String, String)> for NamedValue {
    fn from((name, value): (String, String)) -> Self {
        Self { name, value }
    }
}

fn pairs(values: Vec<NamedValue>) -> NamedValues {
    values.into_iter().map(Into::into).collect()
}

fn named(values: NamedValues) -> Vec<NamedValue> {
    values.into_iter().map(Into::into).collect()
}
