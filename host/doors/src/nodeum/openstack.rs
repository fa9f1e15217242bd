//! Who comes in to OpenStack, between the dialect and the plugin: the dialect has one access key, OpenStack a project beside the user.
//!
//! Here the project stands before the user, as `project:user`; with version 1 of its authentication the user is `account:user` as a whole.

use serde_json::{Map, Value};

const AUTH_URL: &str = "auth-url";
const PROJECT: &str = "project";
const USER: &str = "user";

/// Sets who comes in; empty text takes it away. To be called when the address stands.
pub(super) fn lay(configuration: &mut Map<String, Value>, given: &str) {
    if is_v1(configuration.get(AUTH_URL)) {
        configuration.remove(PROJECT);
        return set(configuration, USER, given);
    }
    match given.split_once(':') {
        Some((project, user)) => {
            set(configuration, PROJECT, project);
            set(configuration, USER, user);
        }
        // The project stays as another door set it.
        None => set(configuration, USER, given),
    }
}

pub(super) fn user(configuration: &Value) -> Option<String> {
    let text = |name: &str| configuration.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text(PROJECT), text(USER)) {
        (Some(project), Some(user)) => Some(format!("{project}:{user}")),
        (_, user) => user.map(str::to_owned),
    }
}

/// Empty text takes the member away.
fn set(configuration: &mut Map<String, Value>, name: &str, text: &str) {
    match text.is_empty() {
        true => drop(configuration.remove(name)),
        false => drop(configuration.insert(name.to_owned(), Value::from(text))),
    }
}

/// The address of version 1 of OpenStack's authentication, as the plugin tells it.
fn is_v1(url: Option<&Value>) -> bool {
    let url = url.and_then(Value::as_str).unwrap_or_default().trim_end_matches('/');
    ["/auth/v1.0", "/auth/1.0", "/auth/v1"].iter().any(|end| url.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with_user(url: &str, user: &str) -> Value {
        let mut configuration = Map::from_iter([(AUTH_URL.to_owned(), Value::from(url))]);
        lay(&mut configuration, user);
        configuration.remove(AUTH_URL);
        Value::Object(configuration)
    }

    #[test]
    fn a_project_stands_before_the_user_but_not_with_version_1() {
        assert_eq!(with_user("http://k:5000/v3", "cargo:loader"), json!({ "project": "cargo", "user": "loader" }));
        assert_eq!(with_user("http://h:8080/auth/v1.0", "test:tester"), json!({ "user": "test:tester" }));
        assert_eq!(with_user("http://h:8080/auth/1.0/", "test:tester"), json!({ "user": "test:tester" }));
        assert_eq!(with_user("http://k:5000/v3", ""), json!({}));
    }

    #[test]
    fn who_comes_in_is_shown_as_it_was_given() {
        for (url, given) in
            [("http://k:5000/v3", "cargo:loader"), ("http://h/auth/v1.0", "test:tester"), ("http://k/v3", "loader")]
        {
            assert_eq!(user(&with_user(url, given)).as_deref(), Some(given));
        }
    }
}
