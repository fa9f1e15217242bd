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

/// Operations are made with these five methods only; anything else is served as GET would be, which the guard then refuses.
fn verbs(method: &Method) -> (MethodFilter, HttpMethod) {
    match *method {
        Method::POST => (MethodFilter::POST, HttpMethod::Post),
        Method::PUT => (MethodFilter::PUT, HttpMethod::Put),
        Method::PATCH => (MethodFilter::PATCH, HttpMethod::Patch),
        Method::DELETE => (MethodFilter::DELETE, HttpMethod::Delete),
        _ => (MethodFilter::GET, HttpMethod::Get),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use axum::body::Body;
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;
    use crate::authenticator::NotAuthenticated;
    use crate::caller::{Caller, Rights};
    use crate::credentials::Credentials;
    use crate::operation::{Access, Kind};

    struct Refusal(Problem);

    impl From<Problem> for Refusal {
        fn from(problem: Problem) -> Self {
            Self(problem)
        }
    }

    impl IntoResponse for Refusal {
        fn into_response(self) -> axum::response::Response {
            match self.0 {
                Problem::Forbidden { .. } => StatusCode::FORBIDDEN,
                Problem::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
                _ => StatusCode::NOT_FOUND,
            }
            .into_response()
        }
    }

    /// At all things, and to replace some.
    struct Looks;

    impl Rights for Looks {
        fn may(&self, _: &str, verb: &str) -> bool {
            verb == "index"
        }

        fn may_some(&self, _: &str, verb: &str) -> bool {
            verb == "replace"
        }
    }

    /// Whoever comes may look, and replace some.
    struct Porter;

    #[async_trait]
    impl Authenticator for Porter {
        async fn authenticate(&self, _: Credentials) -> Result<Caller, NotAuthenticated> {
            Ok(Caller { name: "ada".into(), rights: Arc::new(Looks) })
        }
    }

    fn dialect() -> (Router, Document) {
        let handler = || async { StatusCode::OK };
        let scope = |verb| Access::Scope("things", verb);
        Routes::<()>::new()
            .on(Operation::get("/things/", "list", scope("index")).query("do", Kind::OneOf(&["a", "b"]), true, ""), handler)
            .on(Operation::post("/things/", "create", scope("create")), handler)
            .on(Operation::patch("/things/", "change", scope("update")), handler)
            .on(Operation::put("/some", "replace", scope("replace")), handler)
            .on(Operation::delete("/some", "destroy", scope("destroy")), handler)
            .on(Operation::get("/bare", "bare", scope("index")), handler)
            .on(Operation::post("/login/", "log_in", Access::Public), handler)
            .finish::<Refusal>("/x", "", "", Arc::new(Porter), |operation| operation)
    }

    #[tokio::test]
    async fn a_path_with_a_slash_at_its_end_is_guarded_and_served_without_it_too() {
        for (method, path, status) in [
            ("GET", "/x/things/", StatusCode::OK),
            ("GET", "/x/things", StatusCode::OK),
            ("POST", "/x/things/", StatusCode::FORBIDDEN),
            ("POST", "/x/things", StatusCode::FORBIDDEN),
            ("PATCH", "/x/things/", StatusCode::FORBIDDEN),
            ("PUT", "/x/things", StatusCode::METHOD_NOT_ALLOWED),
            ("GET", "/x/bare", StatusCode::OK),
            ("GET", "/x/bare/", StatusCode::NOT_FOUND),
        ] {
            let request = Request::builder().method(method).uri(path).header("authorization", "k").body(Body::empty()).unwrap();
            let response = dialect().0.oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn what_is_open_to_everybody_is_so_with_any_credentials_and_with_none() {
        for (path, authorization) in
            [("/x/login/", ""), ("/x/login", ""), ("/x/login/", "Bearer expired"), ("/x/login/", "Digest a")]
        {
            let request = Request::post(path).header("authorization", authorization).body(Body::empty()).unwrap();
            let response = dialect().0.oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path} with {authorization:?}");
        }
        assert_eq!(dialect().1.value()["paths"]["/x/login/"]["post"]["security"], serde_json::json!([]));
        assert!(dialect().1.value()["paths"]["/x/things/"]["post"]["security"].is_null());
    }

    #[tokio::test]
    async fn a_dialect_can_lie_below_the_base_of_another() {
        let below = Routes::<()>::new()
            .on(Operation::get("/things/", "list", Access::Anyone), || async { StatusCode::ACCEPTED })
            .finish::<Refusal>("/x/v2", "", "", Arc::new(Porter), |operation| operation)
            .0;
        let both = dialect().0.merge(below);
        for (path, status) in [
            ("/x/things/", StatusCode::OK),
            ("/x/v2/things/", StatusCode::ACCEPTED),
            ("/x/v2/none/", StatusCode::NOT_FOUND),
            ("/x/v3/things/", StatusCode::NOT_FOUND),
            ("/x/v2/openapi.json", StatusCode::OK),
        ] {
            let request = Request::get(path).header("authorization", "k").body(Body::empty()).unwrap();
            assert_eq!(both.clone().oneshot(request).await.unwrap().status(), status, "{path}");
        }
    }

    #[tokio::test]
    async fn who_may_on_some_objects_is_let_in_to_be_asked_which() {
        for (method, status) in [("PUT", StatusCode::OK), ("DELETE", StatusCode::FORBIDDEN)] {
            let request =
                Request::builder().method(method).uri("/x/some").header("authorization", "k").body(Body::empty()).unwrap();
            assert_eq!(dialect().0.oneshot(request).await.unwrap().status(), status, "{method}");
        }
    }

    #[test]
    fn the_document_names_a_path_once_and_a_choice_with_its_words() {
        let (_, document) = dialect();
        let paths = document.value()["paths"].as_object().unwrap();
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/x/bare", "/x/login/", "/x/some", "/x/things/"]);
        assert_eq!(paths["/x/things/"]["get"]["parameters"][0]["schema"]["enum"], serde_json::json!(["a", "b"]));
    }
}
