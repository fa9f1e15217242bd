//! What a dialect keeps beside a noun, under its own name among the open attributes.

use capstan_domain::{Failure, Outcome};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What the dialect keeps; defaults where another door made the noun.
pub(crate) fn read<T: DeserializeOwned + Default>(dialect: &str, attributes: &Value) -> T {
    attributes.get(dialect).cloned().and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default()
}

/// The attributes with the dialect's part of them written anew; what other doors keep stays.
pub(crate) fn write<T: Serialize>(dialect: &str, attributes: &Value, kept: &T) -> Outcome<Value> {
    let kept = serde_json::to_value(kept).map_err(|cause| Failure::host("The attributes cannot be kept", cause))?;
    let mut all = match attributes {
        Value::Object(all) => all.clone(),
        _ => Map::new(),
    };
    all.insert(dialect.to_owned(), kept);
    Ok(Value::Object(all))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dialect_writes_its_own_part_and_reads_nobody_elses() {
        let kept = write("a", &json!({ "b": [1], "a": "old" }), &vec![7]).unwrap();
        assert_eq!(kept, json!({ "a": [7], "b": [1] }));
        assert_eq!(read::<Vec<i64>>("a", &kept), [7]);
        assert_eq!(read::<Vec<i64>>("c", &kept), Vec::<i64>::new());
        assert_eq!(write("a", &Value::Null, &1).unwrap(), json!({ "a": 1 }));
    }
}
