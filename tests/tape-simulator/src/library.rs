//! The smallest library that the transports can be tried with: a robot that is there, and nothing in it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::devices::{Answer, Devices, Nexus};

/// What the library has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {}

/// What it is told to do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    Describe,
}

pub struct Library;

impl Library {
    /// # Errors
    /// None in this one.
    pub fn open(_: &Plan, _: &Path) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self))
    }

    /// # Errors
    /// None in this one.
    pub fn control(&self, order: Order) -> Result<Value, String> {
        match order {
            Order::Describe => Ok(json!({ "units": 1 })),
        }
    }
}

#[async_trait]
impl Devices for Library {
    fn greet(&self, _: &Nexus) {}

    fn leave(&self, _: &Nexus) {}

    fn reset(&self, _: Option<u64>) {}

    async fn execute(&self, _: &Nexus, lun: u64, cdb: &[u8], _: &[u8]) -> Option<Answer> {
        Some(match cdb.first() {
            Some(0x00) => Answer::default(),
            Some(0xa0) if lun == 0 => Answer { data: vec![0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], ..Answer::default() },
            _ => Answer {
                status: 2,
                sense: vec![0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0],
                ..Answer::default()
            },
        })
    }
}
