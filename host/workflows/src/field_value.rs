//! The values that one call gives to a workflow's fields.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::field::Field;
use crate::field_error::{FieldErrors, FieldPath};
use crate::members::{Members, REQUIRED};

/// Checked against the fields of a workflow, its defaults filled in. A field that was not given, is not required and has no default
/// has no value: what it stands for then keeps its own default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldValues(BTreeMap<String, Value>);

impl FieldValues {
    /// `given`: the member `fields` of a call, an object; null for none.
    ///
    /// # Errors
    /// Under `fields`: a field that the workflow has not, one of the wrong kind, a required one that is missing.
    pub fn read(fields: &[Field], given: &Value) -> Result<Self, FieldErrors> {
        let at = FieldPath::root().then("fields");
        let empty = Value::Object(serde_json::Map::new());
        let given = if given.is_null() { &empty } else { given };
        let mut errors = FieldErrors::default();
        let mut values = BTreeMap::new();
        if let Some(members) = Members::of(given, at, &mut errors) {
            let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
            members.refuse_others(&names, &mut errors);
            for field in fields {
                let at = members.at(&field.name);
                match members.get(&field.name).or(field.default.as_ref()) {
                    None if field.required => errors.add(&at, REQUIRED),
                    None => {}
                    Some(value) => match field.kind.objection(value) {
                        Some(objection) => errors.add(&at, objection),
                        None => _ = values.insert(field.name.clone(), value.clone()),
                    },
                }
            }
        }
        errors.unless_any(Self(values))
    }

    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    pub fn to_json(&self) -> Value {
        Value::Object(self.0.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::field::FieldKind;

    fn fields() -> Vec<Field> {
        let field = |name: &str, kind, required, default| Field {
            name: name.to_owned(),
            label: name.to_owned(),
            description: String::new(),
            kind,
            required,
            default,
        };
        vec![
            field("site", FieldKind::String, true, None),
            field("queue", FieldKind::String, false, None),
            field("hydrate", FieldKind::Bool, true, Some(json!(false))),
            field("level", FieldKind::Choice(vec!["none".into(), "partial".into()]), false, Some(json!("partial"))),
            field("size", FieldKind::Int, false, None),
        ]
    }

    #[test]
    fn defaults_fill_what_a_call_leaves_out() {
        let values = FieldValues::read(&fields(), &json!({"site": "b"})).unwrap();
        assert_eq!(values.to_json(), json!({"site": "b", "hydrate": false, "level": "partial"}));
        assert_eq!(values.get("queue"), None);
    }

    #[test]
    fn each_wrong_value_is_named() {
        let given = json!({"queue": 1, "hydrate": "yes", "level": "all", "size": 1.5, "color": "red"});
        let errors = FieldValues::read(&fields(), &given).unwrap_err().nested();
        let named: Vec<_> = errors["fields"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(named, ["color", "hydrate", "level", "queue", "site", "size"]);
        assert_eq!(errors["fields"]["site"], json!([REQUIRED]));
        assert!(FieldValues::read(&fields(), &json!([])).is_err());
    }
}
