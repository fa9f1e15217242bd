//! Bodies: one object, `{"objects": […]}` or a bare list of them, and nothing at all, which is an object without members (clients
//! send an empty body, `null` or `{}` where they have nothing to say).

use std::borrow::Cow;

use capstan_api_http::{Problem, read_as};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Ref, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::answer::{Answer, many as list_of};
use crate::errors::{Error, ErrorItem};
use crate::validation::Check;

/// Objects of one request; more is refused.
pub const OBJECTS_LIMIT: usize = 256;

/// What a request looks like, and what it means when nothing in it is wrong.
pub(crate) trait Form: DeserializeOwned + ToSchema {
    type Meaning;
    /// None only when the check has something to say.
    fn meaning(self, check: &mut Check) -> Option<Self::Meaning>;
}

/// A body that is about one object.
pub(crate) fn one<F: Form>(body: Value) -> Answer<F::Meaning> {
    let body = if body.is_null() { Value::Object(Map::new()) } else { body };
    read::<F>(body, String::new()).map_err(Error::all)
}

/// A body in one of its three forms; all that is wrong with any object of it is said.
pub(crate) fn many<F: Form>(body: Value) -> Answer<Vec<F::Meaning>> {
    let items = match body {
        Value::Array(items) => items,
        Value::Object(mut members) => match members.remove("objects") {
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Error::invalid("objects", "Has to be a list")),
            None => vec![Value::Object(members)],
        },
        Value::Null => vec![Value::Object(Map::new())],
        other => vec![other],
    };
    if items.is_empty() || items.len() > OBJECTS_LIMIT {
        return Err(Error::invalid("objects", format!("Has to name at least one object, and {OBJECTS_LIMIT} at most")));
    }
    let single = items.len() == 1;
    let mut meanings = Vec::with_capacity(items.len());
    let mut wrong = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match read::<F>(item, if single { String::new() } else { format!("objects[{index}].") }) {
            Ok(meaning) => meanings.push(meaning),
            Err(items) => wrong.extend(items),
        }
    }
    if wrong.is_empty() { Ok(meanings) } else { Err(Error::all(wrong)) }
}

fn read<F: Form>(value: Value, prefix: String) -> Result<F::Meaning, Vec<ErrorItem>> {
    let mut check = Check::new(prefix);
    // A list would be read as an object whose members have lost their names.
    if !value.is_object() {
        check.refuse("", "Has to be an object");
        return Err(check.finish());
    }
    match read_as::<F>(value) {
        Ok(form) => {
            let meaning = form.meaning(&mut check);
            let wrong = check.finish();
            match meaning {
                Some(meaning) if wrong.is_empty() => Ok(meaning),
                _ => Err(wrong),
            }
        }
        Err(Problem::WrongTypes(wrong)) => {
            for one in wrong {
                check.refuse(if one.attribute == "." { "" } else { &one.attribute }, one.message);
            }
            Err(check.finish())
        }
        Err(other) => Err(Error::from(other).items),
    }
}

/// The three forms, as the document shows them.
pub(crate) struct OneOrMany<F>(std::marker::PhantomData<F>);

impl<F: ToSchema> PartialSchema for OneOrMany<F> {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(RefOr::<Schema>::Ref(Ref::from_schema_name(F::name())))
            .item(ObjectBuilder::new().property("objects", list_of::<F>()).required("objects"))
            .item(list_of::<F>())
            .into()
    }
}

impl<F: ToSchema> ToSchema for OneOrMany<F> {
    fn name() -> Cow<'static, str> {
        format!("{}_or_many", F::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((F::name().into_owned(), F::schema()));
        F::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, ToSchema)]
    struct Thing {
        name: Option<String>,
        count: Option<u32>,
    }

    impl Form for Thing {
        type Meaning = (String, Option<u32>);

        fn meaning(self, check: &mut Check) -> Option<Self::Meaning> {
            Some((check.name(self.name)?, self.count))
        }
    }

    fn points(body: Value) -> Vec<Option<String>> {
        many::<Thing>(body).unwrap_err().items.into_iter().map(|item| item.error_point).collect()
    }

    #[test]
    fn all_three_forms_mean_the_same() {
        let thing = json!({ "name": "a", "colour": "red" });
        for body in [thing.clone(), json!({ "objects": [thing] }), json!([thing])] {
            assert_eq!(many::<Thing>(body.clone()).unwrap(), [("a".to_owned(), None)], "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_the_object_when_there_are_several() {
        assert_eq!(points(json!({ "objects": [{}] })), [Some("name".to_owned())]);
        assert_eq!(points(Value::Null), [Some("name".to_owned())]);
        assert_eq!(
            points(json!([{ "name": "a" }, { "name": 1, "count": -1 }, {}, 7])),
            ["objects[1].count", "objects[1].name", "objects[2].name", "objects[3]"].map(|point| Some(point.to_owned()))
        );
    }

    #[test]
    fn a_body_without_objects_or_with_too_many_is_refused() {
        for body in [json!([]), json!({ "objects": [] }), json!({ "objects": 7 }), json!(vec![json!({ "name": "a" }); 257])] {
            assert_eq!(points(body), [Some("objects".to_owned())]);
        }
        assert_eq!(points(json!("x")), [None]);
    }

    #[test]
    fn nothing_is_an_object_without_members() {
        assert_eq!(one::<Thing>(Value::Null).unwrap_err().items[0].error_point.as_deref(), Some("name"));
        for body in [json!([1]), json!(["a", 7]), json!("a"), json!(7), json!(true)] {
            assert_eq!(one::<Thing>(body.clone()).unwrap_err().items[0].error_point, None, "{body}");
        }
    }
}
