//! The routes of a dialect: router, rules and document, grown together from `Operation`s.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, any, get, on};
use http::Method;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{HttpMethod, PathsBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, Schema};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApiBuilder, PathItem, RefOr};

use crate::authenticator::Authenticator;
use crate::document::Document;
use crate::guard::{Guard, Rules, guard};
use crate::operation::Operation;
use crate::problem::Problem;

pub struct Routes<S = ()> {
    router: Router<S>,
    operations: Vec<Operation>,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self { router: Router::new(), operations: Vec::new(), schemas: BTreeMap::new() }
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn new() -> Self {
        Self::default()
    }

    /// A path that ends in a slash is served without it too, under the same rule; the document names the path as it is given here.
    #[must_use]
    pub fn on<H, T>(mut self, mut operation: Operation, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let (filter, _) = verbs(&operation.method);
        if let Some(bare) = bare(operation.path) {
            self.router = self.router.route(bare, on(filter, handler.clone()));
        }
        self.router = self.router.route(operation.path, on(filter, handler));
        self.schemas.extend(std::mem::take(&mut operation.schemas));
        self.operations.push(operation);
        self
    }

    /// Gives the handlers what they work on, so that routes of different nouns can be merged.
    pub fn with_state(self, state: S) -> Routes<()> {
        Routes { router: self.router.with_state(state), operations: self.operations, schemas: self.schemas }
    }

    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self.schemas.extend(other.schemas);
        self
    }
}

impl Routes<()> {
    /// The finished dialect under `base`, such as `/api/v2`, and its document, which is also served at `base/openapi.json`.
    ///
    /// `E` is the dialect's error; `complete` adds what every operation of it has in common, such as error answers.
    pub fn finish<E>(
        self,
        base: &'static str,
        title: &str,
        version: &str,
        authenticator: Arc<dyn Authenticator>,
        complete: impl Fn(Operation) -> Operation,
    ) -> (Router, Document)
    where
        E: From<Problem> + IntoResponse + Send + 'static,
    {
        let mut rules = Rules::new();
        let mut paths = PathsBuilder::new();
        let mut schemas = self.schemas;
        for operation in self.operations {
            let Operation { method, path, access, builder, marks, schemas: more } = complete(operation);
            let (_, verb) = verbs(&method);
            let full = format!("{base}{path}");
            schemas.extend(more);
            paths = paths.path(full.clone(), PathItem::new(verb, builder.extensions(Some(Extensions::from_iter(marks))).build()));
            if let Some(bare) = bare(path) {
                rules.entry(format!("{base}{bare}")).or_default().push((method.clone(), access));
            }
            rules.entry(full).or_default().push((method, access));
        }
        let components = ComponentsBuilder::new()
            .schemas_from_iter(schemas)
            .security_scheme("BasicAuth", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).build()))
            .security_scheme("ApiKey", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("Authorization"))));
        let document = Document::new(
            &OpenApiBuilder::new()
                .info(InfoBuilder::new().title(title).version(version).build())
                .paths(paths)
                .components(Some(components.build()))
                .security(Some([
                    SecurityRequirement::new("BasicAuth", [] as [&str; 0]),
                    SecurityRequirement::new("ApiKey", [] as [&str; 0]),
                ]))
                .build(),
        );
        let served = document.clone();
        let guarded = self.router.route_layer(from_fn_with_state(Arc::new(Guard { authenticator, rules }), guard::<E>));
        let inner = guarded
            .route("/openapi.json", get(move || async move { served }))
            .fallback(|| async { E::from(Problem::NotFound) })
            .method_not_allowed_fallback(|| async { E::from(Problem::MethodNotAllowed) });
        let bare = format!("{base}/");
        (Router::new().nest(base, inner).route(&bare, any(|| async { E::from(Problem::NotFound) })), document)
    }
}

/// The path without the slash at its end, if it has one and is more than that.
fn bare(path: &'static str) -> Option<&'static str> {
    path.strip_suffix('/').filter(|bare| !bare.is_empty())
}

/// Operations are made with these four methods only; anything else is served as GET would be, which the guard then refuses.
fn verbs(method: &Method) -> (MethodFilter, HttpMethod) {
    match *method {
        Method::POST => (MethodFilter::POST, HttpMethod::Post),
        Method::PUT => (MethodFilter::PUT, HttpMethod::Put),
        Method::DELETE => (MethodFilter::DELETE, HttpMethod::Delete),
        _ => (MethodFilter::GET, HttpMethod::Get),
    }
}
