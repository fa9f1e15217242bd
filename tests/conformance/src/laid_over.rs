//! A configuration with some of its fields given anew.

use serde_json::Value;

pub(crate) fn laid_over(mut all: Value, more: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}
