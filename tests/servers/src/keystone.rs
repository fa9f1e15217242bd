//! Keystone of Debian over SQLite, behind gunicorn: the web server that it brings itself drops connections.
//!
//! One project has an object store in its catalogue, one has none. Passwords are hashed weakly, because tests hash many.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use crate::process::{Keeper, http_ok};
use crate::program::{find, run};

const CURE: &str = "apt-get install python3-keystone gunicorn";
const APPLICATION: &str = "keystone.server.wsgi:initialize_public_application()";
const ADMIN_PASSWORD: &str = "administrator";
/// How the object store's own middleware comes in to verify tokens.
pub(crate) const SERVICE_USER: &str = "swift";
pub(crate) const SERVICE_PASSWORD: &str = "verifier";

/// Somebody beside the usual user, whose tokens are taken back.
const PASSENGER: &str = "passenger";

/// What a user of the cloud knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// `http://127.0.0.1:PORT/v3`
    pub auth_url: String,
    /// `http://127.0.0.1:PORT`: the server that the catalogue names.
    pub storage_url: String,
    pub user: String,
    pub password: String,
    pub user_domain: String,
    pub project: String,
    pub project_domain: String,
    pub region: String,
    /// A project without an object store.
    pub bare_project: String,
    /// Bound to the project.
    pub credential_id: String,
    pub credential_secret: String,
}

impl Cloud {
    fn fields(&self) -> [&String; 11] {
        [
            &self.auth_url,
            &self.storage_url,
            &self.user,
            &self.password,
            &self.user_domain,
            &self.project,
            &self.project_domain,
            &self.region,
            &self.bare_project,
            &self.credential_id,
            &self.credential_secret,
        ]
    }

    /// As the environment carries it.
    pub fn to_text(&self) -> String {
        self.fields().map(String::as_str).join(",")
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(',').map(str::to_owned);
        let mut next = || fields.next();
        Some(Self {
            auth_url: next()?,
            storage_url: next()?,
            user: next()?,
            password: next()?,
            user_domain: next()?,
            project: next()?,
            project_domain: next()?,
            region: next()?,
            bare_project: next()?,
            credential_id: next()?,
            credential_secret: next()?,
        })
    }

    /// Another user of the same project.
    pub fn passenger(&self) -> Self {
        Self { user: PASSENGER.to_owned(), ..self.clone() }
    }

    /// Takes back every token the user has, as an administrator does who suspects a theft.
    pub fn take_back_tokens(&self) -> anyhow::Result<()> {
        let admin = Admin::new(self.auth_url.trim_end_matches("/v3"))?;
        let users = admin.call("GET", &format!("/v3/users?name={}", self.user), &Value::Null)?;
        let id = text(&users, "/users/0/id")?;
        for enabled in [false, true] {
            admin.call("PATCH", &format!("/v3/users/{id}"), &json!({ "user": { "enabled": enabled } }))?;
        }
        Ok(())
    }
}

/// A running Keystone; who starts it keeps its directory.
pub(crate) struct Keystone {
    pub(crate) process: Keeper,
    url: String,
}

impl Keystone {
    pub(crate) fn start(directory: &Path, port: u16) -> anyhow::Result<Self> {
        for program in ["keystone-manage", "gunicorn"] {
            find(program, &["/usr/bin"], CURE)?;
        }
        let url = format!("http://127.0.0.1:{port}");
        for repository in ["tokens", "credentials"] {
            keys(&directory.join(repository))?;
        }
        let configuration = directory.join("keystone.conf");
        fs::write(&configuration, settings(directory))?;
        let configuration = configuration.display().to_string();
        run("keystone-manage", ["--config-file", &configuration, "db_sync"]).context("Keystone's tables")?;
        // It reads on one connection while it writes on another.
        let wal = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('pragma journal_mode = wal')";
        run("/usr/bin/python3", ["-c", wal, &directory.join("keystone.db").display().to_string()])?;
        let public = format!("--bootstrap-public-url={url}/v3");
        let password = format!("--bootstrap-password={ADMIN_PASSWORD}");
        let bootstrap = ["--config-file", &configuration, "bootstrap", &password, "--bootstrap-region-id=one", &public];
        run("keystone-manage", bootstrap).context("Keystone's administrator")?;
        // Keystone reads the command line of whatever it runs in, so there is none.
        let server = directory.join("gunicorn.py");
        fs::write(&server, format!("wsgi_app = \"{APPLICATION}\"\nbind = \"127.0.0.1:{port}\"\nworkers = 1\nthreads = 4\n"))?;
        let server = format!("-c {}", server.display());
        let environment = [("GUNICORN_CMD_ARGS", server.as_str()), ("OS_KEYSTONE_CONFIG_FILES", &configuration)];
        let process = Keeper::start_with(directory, "keystone", "/usr/bin/gunicorn", [""; 0], &environment)?;
        process.wait_until(Duration::from_secs(60), || http_ok(&format!("{url}/v3")))?;
        Ok(Self { process, url })
    }

    /// Projects, users and endpoints around an object store.
    pub(crate) fn furnish(&self, storage_url: &str) -> anyhow::Result<Cloud> {
        let admin = Admin::new(&self.url)?;
        let member = text(&admin.call("GET", "/v3/roles?name=member", &Value::Null)?, "/roles/0/id")?;
        let service = admin.project("service", "default")?;
        let role = text(&admin.call("GET", "/v3/roles?name=admin", &Value::Null)?, "/roles/0/id")?;
        admin.user(SERVICE_USER, SERVICE_PASSWORD, "default", &service, &role)?;
        let store = admin.call("POST", "/v3/services", &json!({ "service": { "type": "object-store", "name": "swift" } }))?;
        let store = text(&store, "/service/id")?;
        admin.call("POST", "/v3/regions", &json!({ "region": { "id": "two" } }))?;
        // Nobody listens at the second region's.
        for (region, interface, server) in
            [("one", "public", storage_url), ("one", "internal", storage_url), ("two", "public", "http://127.0.0.1:9")]
        {
            let url = format!("{server}/v1/AUTH_%(tenant_id)s");
            let endpoint = json!({ "service_id": store, "region_id": region, "interface": interface, "url": url });
            admin.call("POST", "/v3/endpoints", &json!({ "endpoint": endpoint }))?;
        }
        let domain = admin.call("POST", "/v3/domains", &json!({ "domain": { "name": "People" } }))?;
        let domain = text(&domain, "/domain/id")?;
        let project = admin.project("cargo", "default")?;
        let bare = admin.project("bare", "default")?;
        let user = admin.user("loader", "let-me-load", &domain, &project, &member)?;
        admin.user(PASSENGER, "let-me-load", &domain, &project, &member)?;
        admin.call("PUT", &format!("/v3/projects/{bare}/users/{user}/roles/{member}"), &Value::Null)?;
        // A project with a list of its own sees nothing else.
        let identity = admin.call("GET", "/v3/endpoints?interface=public", &Value::Null)?;
        let identity = identity.get("endpoints").and_then(Value::as_array).context("endpoints")?;
        let identity = identity.iter().find(|endpoint| endpoint.get("service_id") != Some(&Value::from(store.clone())));
        let identity = text(identity.context("Keystone's own endpoint")?, "/id")?;
        admin.call("PUT", &format!("/v3/OS-EP-FILTER/projects/{bare}/endpoints/{identity}"), &Value::Null)?;
        let mut cloud = Cloud {
            auth_url: format!("{}/v3", self.url),
            storage_url: storage_url.to_owned(),
            user: "loader".to_owned(),
            password: "let-me-load".to_owned(),
            user_domain: "People".to_owned(),
            project: "cargo".to_owned(),
            project_domain: "default".to_owned(),
            region: "one".to_owned(),
            bare_project: "bare".to_owned(),
            credential_id: String::new(),
            credential_secret: "application".to_owned(),
        };
        // Only users themselves make their credentials.
        let own = Admin::of(&self.url, &cloud.user, &cloud.password, &domain, &project)?;
        let credential = json!({ "application_credential": { "name": "capstan", "secret": cloud.credential_secret } });
        let made = own.call("POST", &format!("/v3/users/{user}/application_credentials"), &credential)?;
        cloud.credential_id = text(&made, "/application_credential/id")?;
        Ok(cloud)
    }
}

fn settings(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "[DEFAULT]\nlog_file = {directory}/keystone-own.log\n\
         [database]\nconnection = sqlite:///{directory}/keystone.db\n\
         [fernet_tokens]\nkey_repository = {directory}/tokens\n\
         [fernet_receipts]\nkey_repository = {directory}/tokens\n\
         [credential]\nkey_repository = {directory}/credentials\n\
         [cache]\nenabled = false\n\
         [identity]\npassword_hash_rounds = 4\n"
    )
}

/// A key repository: one key in use, and the one that comes next.
fn keys(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    for name in ["0", "1"] {
        let mut key = [0; 32];
        fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
        fs::write(directory.join(name), URL_SAFE.encode(key))?;
    }
    Ok(())
}

/// Somebody with a token.
struct Admin {
    url: String,
    token: String,
}

impl Admin {
    fn new(url: &str) -> anyhow::Result<Self> {
        let scope = json!({ "project": { "name": "admin", "domain": { "id": "default" } } });
        Self::authenticate(url, "admin", ADMIN_PASSWORD, "default", &scope)
    }

    fn of(url: &str, user: &str, password: &str, domain: &str, project: &str) -> anyhow::Result<Self> {
        Self::authenticate(url, user, password, domain, &json!({ "project": { "id": project } }))
    }

    fn authenticate(url: &str, user: &str, password: &str, domain: &str, scope: &Value) -> anyhow::Result<Self> {
        let user = json!({ "name": user, "password": password, "domain": { "id": domain } });
        let identity = json!({ "methods": ["password"], "password": { "user": user } });
        let body = json!({ "auth": { "identity": identity, "scope": scope } }).to_string();
        let answer = ureq::post(&format!("{url}/v3/auth/tokens")).header("content-type", "application/json").send(body)?;
        let token = answer.headers().get("x-subject-token").context("no token")?.to_str()?.to_owned();
        Ok(Self { url: url.to_owned(), token })
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut text = String::new();
        if !body.is_null() {
            write!(text, "{body}")?;
        }
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("x-auth-token", &self.token)
            .header("content-type", "application/json")
            .body(text)?;
        let mut answer = agent.run(request)?;
        let (status, text) = (answer.status(), answer.body_mut().read_to_string()?);
        if !status.is_success() {
            bail!("{method} {path}: {status}: {text}");
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    fn project(&self, name: &str, domain: &str) -> anyhow::Result<String> {
        let project = json!({ "project": { "name": name, "domain_id": domain } });
        text(&self.call("POST", "/v3/projects", &project)?, "/project/id")
    }

    /// With one role in one project.
    fn user(&self, name: &str, password: &str, domain: &str, project: &str, role: &str) -> anyhow::Result<String> {
        let user = json!({ "user": { "name": name, "password": password, "domain_id": domain } });
        let id = text(&self.call("POST", "/v3/users", &user)?, "/user/id")?;
        self.call("PUT", &format!("/v3/projects/{project}/users/{id}/roles/{role}"), &Value::Null)?;
        Ok(id)
    }
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no {pointer} in {value}"))
}
