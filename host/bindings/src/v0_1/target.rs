//! `capstan:target/target`: what every plugin exports.

use super::WitFailure;
use super::types::{Consumption, Description, Problem, Report};
use crate::function::functions;

functions! { "capstan:target/target@0.1.0" {
    Describe = "describe" () -> Description;
    Validate = "validate" (String) -> Result<Vec<Problem>, WitFailure>;
    Probe = "probe" () -> Result<Report, WitFailure>;
    Usage = "usage" (Option<String>) -> Result<Consumption, WitFailure>;
} }
