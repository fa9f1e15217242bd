//! The JSON API, version 1: what a client's control calls need, with what the emulator leaves out (preconditions, pages, projects, copies in
//! rounds, answers cut to their `fields`). Everything else is the emulator's own answer.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::http::{Answer, Asked};
use super::objects::{generation, is_bucket, is_class, is_key, page};
use super::store::Store;

/// Copies that are under way: what they are of, and how many rounds are left.
pub(super) type Rewrites = HashMap<String, (String, u64)>;

pub(super) struct Json<'a> {
    pub(super) store: &'a Store,
    pub(super) project: &'a str,
    pub(super) rewrites: &'a mut Rewrites,
    /// Rounds of a copy.
    pub(super) rounds: u64,
}

fn not_found(what: &str) -> Answer {
    Answer::json_error(404, "notFound", &format!("The specified {what} does not exist."))
}

impl Json<'_> {
    /// None: for the emulator.
    pub(super) fn serve(&mut self, asked: &Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let words = asked.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = match (asked.method(), words.as_slice()) {
            ("GET", ["b"]) => self.buckets(asked)?,
            ("POST", ["b"]) => self.create(asked)?,
            ("DELETE", ["b", bucket]) => self.remove(bucket)?,
            ("GET", ["b", bucket, "o"]) => self.list(asked, bucket)?,
            ("POST", ["b", bucket, "o", key, "rewriteTo", "b", to_bucket, "o", to_key]) => {
                self.rewrite(asked, (bucket, key), (to_bucket, to_key))?
            }
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }

    fn of_project(&self, asked: &Asked<'_>) -> Result<(), Answer> {
        match asked.asks("project") {
            None => Err(Answer::json_error(400, "required", "Required parameter: project")),
            Some(project) if project != self.project => {
                Err(Answer::json_error(403, "forbidden", "The account does not have storage.buckets access to the project."))
            }
            Some(_) => Ok(()),
        }
    }

    fn buckets(&self, asked: &Asked<'_>) -> anyhow::Result<Answer> {
        if let Err(refusal) = self.of_project(asked) {
            return Ok(refusal);
        }
        let mut all = self.store.buckets()?;
        all.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
        let limit = asked.asks("maxResults").and_then(|text| text.parse().ok()).unwrap_or(1000);
        let found = page(all, "", None, token(asked).as_deref(), limit);
        Ok(cut(asked, listing("storage#buckets", found)))
    }

    fn create(&self, asked: &Asked<'_>) -> anyhow::Result<Answer> {
        if let Err(refusal) = self.of_project(asked) {
            return Ok(refusal);
        }
        let Ok(document) = serde_json::from_slice::<Value>(&asked.request.body) else {
            return Ok(Answer::json_error(400, "parseError", "Parse Error"));
        };
        let name = document["name"].as_str().unwrap_or_default();
        if !is_bucket(name) {
            return Ok(Answer::json_error(400, "invalid", "Invalid bucket name"));
        }
        if document["storageClass"].as_str().is_some_and(|class| !is_class(class)) {
            return Ok(Answer::json_error(400, "invalid", "Invalid argument: storage class"));
        }
        if self.store.has(name)? {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Ok(Answer::json_error(409, "conflict", message));
        }
        Ok(Answer::json(200, &self.store.create(&document)?))
    }

    fn remove(&self, bucket: &str) -> anyhow::Result<Answer> {
        Ok(match self.store.list(bucket, "")? {
            None => not_found("bucket"),
            Some(items) if !items.is_empty() => {
                Answer::json_error(409, "conflict", "The bucket you tried to delete is not empty.")
            }
            Some(_) => {
                self.store.remove(bucket)?;
                Answer::empty(204)
            }
        })
    }

    fn list(&self, asked: &Asked<'_>, bucket: &str) -> anyhow::Result<Answer> {
        let prefix = asked.asks("prefix").unwrap_or_default();
        let Some(all) = self.store.list(bucket, prefix)? else { return Ok(not_found("bucket")) };
        let limit = asked.asks("maxResults").and_then(|text| text.parse::<usize>().ok()).unwrap_or(1000).min(1000);
        let found = page(all, prefix, asked.asks("delimiter"), token(asked).as_deref(), limit);
        Ok(cut(asked, listing("storage#objects", found)))
    }

    /// A body is the new object's resource in whole; without one the source's comes along.
    fn rewrite(&mut self, asked: &Asked<'_>, from: (&str, &str), to: (&str, &str)) -> anyhow::Result<Answer> {
        let Some(source) = self.store.object(from.0, from.1)? else { return Ok(not_found("source object")) };
        if !self.store.has(to.0)? {
            return Ok(not_found("bucket"));
        }
        if !is_key(to.1) {
            return Ok(Answer::json_error(400, "invalid", "Invalid object name"));
        }
        if asked.asks("sourceGeneration").is_some_and(|wanted| source["generation"] != wanted) {
            return Ok(not_found("generation of the source object"));
        }
        let wanted = asked.asks("ifGenerationMatch").map(|text| text.parse::<u64>());
        let there = generation(self.store.object(to.0, to.1)?.as_ref());
        match wanted {
            Some(Err(_)) => return Ok(Answer::json_error(400, "invalidParameter", "Invalid value for ifGenerationMatch")),
            Some(Ok(wanted)) if wanted != there => {
                return Ok(Answer::json_error(
                    412,
                    "conditionNotMet",
                    "At least one of the pre-conditions you specified did not hold.",
                ));
            }
            _ => {}
        }
        // A token holds for the request it was given for and for no other.
        let body = String::from_utf8_lossy(&asked.request.body);
        let same = format!("{from:?} {to:?} {there} {:?} {body}", source["generation"]);
        let left = match asked.asks("rewriteToken") {
            None => self.rounds.saturating_sub(1),
            Some(token) => match self.rewrites.remove(token) {
                Some((of, left)) if of == same => left - 1,
                _ => return Ok(Answer::json_error(400, "invalid", "The rewrite token is invalid for this request.")),
            },
        };
        let size: u64 = source["size"].as_str().and_then(|size| size.parse().ok()).unwrap_or(0);
        if left > 0 {
            let token = format!("rewrite-{}-{left}", self.rewrites.len() + 1);
            self.rewrites.insert(token.clone(), (same, left));
            let done = size / self.rounds * (self.rounds - left);
            let answer = json!({
                "kind": "storage#rewriteResponse", "totalBytesRewritten": done.to_string(), "objectSize": size.to_string(),
                "done": false, "rewriteToken": token
            });
            return Ok(cut(asked, answer));
        }
        let given: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        let resource = if given.as_object().is_some_and(|members| !members.is_empty()) { given } else { inherited(&source) };
        if resource["storageClass"].as_str().is_some_and(|class| !is_class(class)) {
            return Ok(Answer::json_error(400, "invalid", "Invalid argument: storage class"));
        }
        let data = self.store.read(from.0, from.1)?;
        let made = self.store.put(to.0, to.1, &resource, data)?;
        let answer = json!({
            "kind": "storage#rewriteResponse", "totalBytesRewritten": size.to_string(), "objectSize": size.to_string(), "done": true,
            "resource": made
        });
        Ok(cut(asked, answer))
    }
}

/// What a copy keeps where nothing else is said.
pub(super) fn inherited(source: &Value) -> Value {
    let mut resource = json!({});
    for name in ["contentType", "metadata", "storageClass"] {
        if !source[name].is_null() {
            resource[name] = source[name].clone();
        }
    }
    resource
}

fn token(asked: &Asked<'_>) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(asked.asks("pageToken")?).ok()?).ok()
}

fn listing(kind: &str, found: super::objects::Page) -> Value {
    let mut answer = json!({ "kind": kind });
    if !found.items.is_empty() {
        answer["items"] = json!(found.items);
    }
    if !found.prefixes.is_empty() {
        answer["prefixes"] = json!(found.prefixes);
    }
    if let Some(next) = found.next {
        answer["nextPageToken"] = json!(URL_SAFE_NO_PAD.encode(next));
    }
    answer
}

fn cut(asked: &Asked<'_>, answer: Value) -> Answer {
    match asked.asks("fields") {
        Some(fields) => Answer::json(200, &select(&answer, fields)),
        None => Answer::json(200, &answer),
    }
}

/// "Partial response": `a,b(c,d)` of a document.
fn select(value: &Value, fields: &str) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(|item| select(item, fields)).collect()),
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, inner) in words(fields) {
                if let Some(member) = members.get(name) {
                    kept.insert(name.to_owned(), inner.map_or_else(|| member.clone(), |inner| select(member, inner)));
                }
            }
            Value::Object(kept)
        }
        other => other.clone(),
    }
}

/// Names at this level, each with what stands in its parentheses.
fn words(fields: &str) -> Vec<(&str, Option<&str>)> {
    let (mut words, mut depth, mut start) = (Vec::new(), 0, 0);
    let ends = fields.char_indices().chain([(fields.len(), ',')]);
    for (at, character) in ends {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                let word = fields.get(start..at).unwrap_or_default();
                words.push(match word.split_once('(') {
                    Some((name, inner)) => (name, inner.strip_suffix(')')),
                    None => (word, None),
                });
                start = at + 1;
            }
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_cut_to_its_fields() {
        let answer = json!({ "items": [{ "name": "a", "size": "1", "etag": "e" }], "prefixes": ["p/"], "kind": "k" });
        assert_eq!(
            select(&answer, "items(name,size),prefixes,nextPageToken"),
            json!({ "items": [{ "name": "a", "size": "1" }], "prefixes": ["p/"] })
        );
    }
}
