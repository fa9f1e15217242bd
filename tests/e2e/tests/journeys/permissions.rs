//! The matrix of rights: every operation of every door, as the doors' own documents list them, is tried by everybody there can be.
//!
//! What an operation needs stands in its document (`x-scope`, a noun and a verb). Things that are named are not there: whoever is let in
//! is told so, and nothing is changed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use capstan_e2e::{Client, Host, HostOptions, PASSWORD, USER};
use capstan_test_servers::{WrongClock, server_or_skip};
use serde_json::{Value, json};

use crate::hub_identity::comes_in;

/// Each with the fewest operations that it can have.
const DOCUMENTS: [(&str, usize); 4] =
    [("/api/v2/openapi.json", 100), ("/api/2.0/openapi.json", 40), ("/capstan/v1/openapi.json", 40), ("/api/openapi.json", 82)];
const OF_THEM: &str = "one more password";
/// Named in paths: nothing has it.
const NOTHING: &str = "999999999";
/// Verbs that change nothing.
const LOOKS: [&str; 5] = ["devices", "index", "mount_status", "show", "tapes"];
/// Everybody's own.
const OWN: [&str; 2] = ["api_keys", "own_password"];
/// What only administrators look at, and those it is given to.
const GUARDED: [&str; 3] = ["audit", "groups", "users"];
/// What doors call spaces and what is in them.
const SPACES: [&str; 4] = ["containers", "files", "on_tapes_files", "spaces"];
const HOURS: i64 = 60 * 60;

struct Operation {
    method: String,
    /// With nothing's name in it, and what its query has to have.
    path: String,
    /// Noun and verb; none: whoever has come in.
    scope: Option<(String, String)>,
    /// To everybody.
    open: bool,
}

impl Operation {
    fn of(path: &str, method: &str, entry: &Value) -> Self {
        let path = path.split('/').map(|part| if part.starts_with('{') { NOTHING } else { part }).collect::<Vec<_>>().join("/");
        let parameters = entry["parameters"].as_array().into_iter().flatten();
        let required = parameters.filter(|one| one["in"] == "query" && one["required"] == true);
        let given =
            |one: &Value| format!("{}={}", one["name"].as_str().unwrap(), one["schema"]["enum"][0].as_str().unwrap_or("1"));
        let query: Vec<String> = required.map(given).collect();
        let scope = entry["x-scope"].as_str().map(|scope| scope.split_once('/').unwrap());
        Self {
            method: method.to_uppercase(),
            path: if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) },
            scope: scope.map(|(noun, verb)| (noun.to_owned(), verb.to_owned())),
            open: entry["security"].as_array().is_some_and(Vec::is_empty),
        }
    }

    /// Whether it needs nothing, or this holds of its noun and its verb.
    fn needs(&self, of: impl Fn(&str, &str) -> bool) -> bool {
        self.open || self.scope.as_ref().is_none_or(|(noun, verb)| OWN.contains(&noun.as_str()) || of(noun, verb))
    }

    /// As it stands in the document, and in its other spelling if it has one.
    fn spellings(&self) -> Vec<String> {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let bare = path.strip_suffix('/').map(|bare| if query.is_empty() { bare.to_owned() } else { format!("{bare}?{query}") });
        std::iter::once(self.path.clone()).chain(bare).collect()
    }

    fn tried(&self, client: &Client, path: &str) -> u16 {
        let answer = match self.method.as_str() {
            "GET" | "DELETE" => client.raw(&self.method, path, None, b""),
            _ => client.send(&self.method, path, &json!({})),
        };
        let answer = answer.unwrap();
        assert_ne!(answer.status, 500, "{} {path}: {}", self.method, answer.text);
        answer.status
    }
}

fn operations(client: &Client) -> Vec<Operation> {
    let nobody = client.with_authorization(None);
    let mut all = Vec::new();
    for (document, least) in DOCUMENTS {
        let document_of = nobody.get(document).unwrap();
        let before = all.len();
        for (path, entries) in document_of["paths"].as_object().unwrap() {
            let methods = entries.as_object().unwrap().iter().filter(|(_, entry)| entry["operationId"].is_string());
            all.extend(methods.map(|(method, entry)| Operation::of(path, method, entry)));
        }
        assert!(all.len() - before >= least, "{document} has {} operations", all.len() - before);
    }
    all
}

/// Everybody it is refused to gets `refusal`; everybody else gets past the door, whatever they find behind it.
fn judge(all: &[Operation], who: &str, client: &Client, refusal: u16, let_in: impl Fn(&Operation) -> bool) {
    let (mut opened, mut wrong) = (0, Vec::new());
    for operation in all {
        for path in operation.spellings() {
            let status = operation.tried(client, &path);
            let good = if let_in(operation) { !matches!(status, 401 | 403) } else { status == refusal };
            opened += usize::from(let_in(operation));
            if !good {
                wrong.push(format!("{} {path} {:?}: {status}", operation.method, operation.scope));
            }
        }
    }
    assert!(wrong.is_empty(), "{who}, to whom {opened} are open:\n{}", wrong.join("\n"));
}

/// Numbers of the permissions on these models, or on all others.
fn permissions(client: &Client, models: &[&str], of_them: bool) -> Vec<Value> {
    let all = client.get("/api/permissions/?page_size=0").unwrap();
    let wanted = |one: &&Value| models.contains(&one["model"].as_str().unwrap()) == of_them;
    all["results"].as_array().unwrap().iter().filter(wanted).map(|one| one["id"].clone()).collect()
}

#[test]
fn every_operation_of_every_door_is_open_to_those_who_may_and_to_nobody_else() {
    let (host, _room) = Host::bare().unwrap();
    let client = comes_in(&host.client(), USER, PASSWORD);
    let all = operations(&client);
    let reader = json!({ "name": "reader", "password": OF_THEM, "role": "reader" });
    client.post("/capstan/v1/users", &reader).unwrap();
    for (user, group, given) in [("film", "Film", true), ("sound", "Sound", false)] {
        client.post("/api/users/", &json!({ "username": user, "password": OF_THEM })).unwrap();
        let permissions = permissions(&client, &["space", "file"], given);
        client.post("/api/groups/", &json!({ "name": group, "users": [user], "permissions": permissions })).unwrap();
    }
    client.post("/api/users/", &json!({ "username": "newcomer", "password": OF_THEM })).unwrap();

    judge(&all, "nobody", &client.with_authorization(None), 401, |one| one.open);
    for wrong in ["Bearer nonsense", "Bearer a.b.c", "Api-Key nonsense", "Digest a=b"] {
        judge(&all, wrong, &client.with_authorization(Some(wrong)), 401, |one| one.open);
    }
    let of_spaces = |noun: &str| SPACES.contains(&noun);
    let looks = |noun: &str, verb: &str| LOOKS.contains(&verb) && !GUARDED.contains(&noun);
    judge(&all, "a newcomer", &comes_in(&client, "newcomer", OF_THEM), 403, |one| one.needs(|_, _| false));
    judge(&all, "a reader", &comes_in(&client, "reader", OF_THEM), 403, |one| one.needs(looks));
    judge(&all, "who has spaces", &comes_in(&client, "film", OF_THEM), 403, |one| one.needs(|noun, _| of_spaces(noun)));
    judge(&all, "who has all else", &comes_in(&client, "sound", OF_THEM), 403, |one| one.needs(|noun, _| !of_spaces(noun)));
    judge(&all, "an administrator", &client, 403, |_| true);
    judge(&all, "an administrator with a password", &host.client(), 403, |_| true);
    let key = client.post("/api/auth/clientkeys/", &json!({ "name": "all" })).unwrap();
    let key = client.with_authorization(Some(&format!("Api-Key {}", key["api_key"].as_str().unwrap())));
    // Everything but its user's password, which it does not change.
    judge(&all, "an administrator's key", &key, 403, |_| true);
    host.stop().unwrap();
}

/// The host that gave it had a clock that was behind; on the same data, another one's is right.
#[test]
fn an_expired_token_opens_nothing() {
    let clock = server_or_skip!(WrongClock::ahead(-2 * HOURS));
    let room = tempfile::tempdir().unwrap();
    let options = HostOptions::bare(&room.path().join("data"));
    let host = Host::start(HostOptions { clock: Some(clock), ..options.clone() }).unwrap();
    let token = comes_in(&host.client(), USER, PASSWORD);
    assert_eq!(token.raw("GET", "/api/users/", None, b"").unwrap().status, 200);
    let authorization = token.authorization().unwrap().to_owned();
    host.stop().unwrap();

    let host = Host::start(options).unwrap();
    let expired = host.client().with_authorization(Some(&authorization));
    judge(&operations(&expired), "with an expired token", &expired, 401, |one| one.open);
    host.stop().unwrap();
}
