//! One operation, declared once: its route, the right it needs, and what the OpenAPI document says of it.

use http::Method;
use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Required, ResponseBuilder};

/// Schemas that an operation speaks of, by name.
pub(crate) type Schemas = Vec<(String, RefOr<Schema>)>;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever may this verb on the noun, by their role or by what they were given; of keys with scopes those that name it.
    Scope(&'static str, &'static str),
    /// Everybody who has proved who they are.
    Anyone,
    /// Everybody, and what they say of themselves is not looked at.
    Public,
}

/// The type of a query parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Boolean,
    TextList,
    IntegerList,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

pub struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) builder: OperationBuilder,
    /// Extensions of the entry in the document.
    pub(crate) marks: Vec<(&'static str, String)>,
    pub(crate) schemas: Schemas,
}

impl Operation {
    /// `id` is unique in the dialect; `path` is relative to its base.
    pub fn new(method: Method, path: &'static str, id: &'static str, access: Access) -> Self {
        let mut builder = OperationBuilder::new().operation_id(Some(id));
        let mut marks = Vec::new();
        for name in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
            builder = builder.parameter(path_parameter(name));
        }
        if let Access::Scope(noun, verb) = access {
            builder = builder.tag(noun);
            marks.push(("x-scope", format!("{noun}/{verb}")));
        }
        if access == Access::Public {
            builder = builder.securities(Some([]));
        }
        Self { method, path, access, builder, marks, schemas: Vec::new() }
    }

    pub fn get(path: &'static str, id: &'static str, access: Access) -> Self {
        Self::new(Method::GET, path, id, access)
    }

    pub fn post(path: &'static str, id: &'static str, access: Access) -> Self {
        Self::new(Method::POST, path, id, access)
    }

    pub fn put(path: &'static str, id: &'static str, access: Access) -> Self {
        Self::new(Method::PUT, path, id, access)
    }

    pub fn patch(path: &'static str, id: &'static str, access: Access) -> Self {
        Self::new(Method::PATCH, path, id, access)
    }

    pub fn delete(path: &'static str, id: &'static str, access: Access) -> Self {
        Self::new(Method::DELETE, path, id, access)
    }

    #[must_use]
    pub fn summary(mut self, text: &str) -> Self {
        self.builder = self.builder.summary(Some(text));
        self
    }

    /// A further right that changes what the answer shows.
    #[must_use]
    pub fn explicit_scope(mut self, noun: &'static str, verb: &'static str) -> Self {
        self.marks.push(("x-explicit-scope", format!("{noun}/{verb}")));
        self
    }

    #[must_use]
    pub fn query(mut self, name: &str, kind: Kind, required: bool, text: &str) -> Self {
        let schema: Schema = match kind {
            Kind::Text => ObjectBuilder::new().schema_type(Type::String).into(),
            Kind::Integer => ObjectBuilder::new().schema_type(Type::Integer).into(),
            Kind::Boolean => ObjectBuilder::new().schema_type(Type::Boolean).into(),
            Kind::OneOf(words) => ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).into(),
            Kind::TextList => ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)).into(),
            Kind::IntegerList => ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Integer)).into(),
        };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(if required { Required::True } else { Required::False })
            .description(Some(text))
            .schema(Some(schema));
        self.builder = self.builder.parameter(parameter.build());
        self
    }

    /// A header it may come with.
    #[must_use]
    pub fn header(mut self, name: &str, text: &str) -> Self {
        let schema: Schema = ObjectBuilder::new().schema_type(Type::String).into();
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(text))
            .schema(Some(schema));
        self.builder = self.builder.parameter(parameter.build());
        self
    }

    /// The JSON body it takes.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(self.refer::<T>())).build();
        let body = RequestBodyBuilder::new().content("application/json", content).build();
        self.builder = self.builder.request_body(Some(body));
        self
    }

    /// The raw bytes it takes, of this media type.
    #[must_use]
    pub fn takes_bytes(mut self, media_type: &str) -> Self {
        let schema: Schema =
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).into();
        let content = ContentBuilder::new().schema(Some(schema)).build();
        self.builder = self.builder.request_body(Some(RequestBodyBuilder::new().content(media_type, content).build()));
        self
    }

    /// What it answers with this status.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self, status: u16, text: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(self.refer::<T>())).build();
        let response = ResponseBuilder::new().description(text).content("application/json", content).build();
        self.builder = self.builder.response(status.to_string(), response);
        self
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_nothing(mut self, status: u16, text: &str) -> Self {
        self.builder = self.builder.response(status.to_string(), ResponseBuilder::new().description(text).build());
        self
    }

    /// Whether a body is read, so that the answers to a wrong one can be documented.
    pub fn has_body(&self) -> bool {
        matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }

    pub fn has_path_values(&self) -> bool {
        self.path.contains('{')
    }

    fn refer<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        Ref::from_schema_name(T::name()).into()
    }
}

fn path_parameter(name: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
