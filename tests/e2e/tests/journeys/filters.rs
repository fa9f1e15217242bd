//! Filters, order and windows of lists on a live host, every operator as the API's documents have it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "everything here is a test")]

use capstan_e2e::{Client, Host, HostOptions};
use serde_json::{Value, json};

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn names(list: &Value, plural: &str) -> Vec<String> {
    list[plural].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

fn found(client: &Client, plural: &str, filters: &[(&str, &str)]) -> Vec<String> {
    let query: Vec<String> = filters.iter().map(|(field, value)| format!("{field}={}", encode(value))).collect();
    let list = client.get(&format!("/api/v2/{plural}?sort_by=name&{}", query.join("&"))).unwrap();
    let found = names(&list, plural);
    assert_eq!(list["count"], found.len(), "{filters:?}: the count is of all that match");
    found
}

#[test]
fn every_operator_selects_what_it_says() {
    let room = tempfile::tempdir().unwrap();
    let host = Host::start(HostOptions { data: room.path().join("data"), ..HostOptions::default() }).unwrap();
    let client = host.client();
    let mut ids = Vec::new();
    for (name, quota) in [("alpha", Some(100)), ("beta", Some(200)), ("gamma_1", Some(300)), ("gammaX1", None)] {
        let made =
            client.post("/api/v2/containers", &json!({ "name": name, "comment": name, "quota_total_size": quota })).unwrap();
        ids.push(made["id"].as_i64().unwrap().to_string());
    }
    let all = ["alpha", "beta", "gammaX1", "gamma_1"];
    let some = |wanted: &[&str]| all.iter().copied().filter(|name| wanted.contains(name)).map(str::to_owned).collect::<Vec<_>>();
    let but =
        |left_out: &[&str]| all.iter().copied().filter(|name| !left_out.contains(name)).map(str::to_owned).collect::<Vec<_>>();
    let (second, third) = (ids[1].clone(), ids[2].clone());
    let cases = [
        ("name", "beta".to_owned(), some(&["beta"])),
        ("name", "=beta".to_owned(), some(&["beta"])),
        ("name", "!=beta".to_owned(), but(&["beta"])),
        ("name", "><alpha|gamma_1".to_owned(), some(&["alpha", "gamma_1"])),
        ("name", "!><alpha|gamma_1".to_owned(), but(&["alpha", "gamma_1"])),
        ("name", "~gam%".to_owned(), some(&["gamma_1", "gammaX1"])),
        ("name", "~%a".to_owned(), some(&["alpha", "beta"])),
        ("name", "~gamma_1".to_owned(), some(&["gamma_1", "gammaX1"])),
        ("name", "!~gam%".to_owned(), some(&["alpha", "beta"])),
        ("name", "~nothing%".to_owned(), Vec::new()),
        ("name", "= beta".to_owned(), Vec::new()),
        ("id", second.clone(), some(&["beta"])),
        ("id", format!("!={second}"), but(&["beta"])),
        ("id", format!(">{second}"), some(&["gamma_1", "gammaX1"])),
        ("id", format!(">={second}"), but(&["alpha"])),
        ("id", format!("<{third}"), some(&["alpha", "beta"])),
        ("id", format!("<={third}"), but(&["gammaX1"])),
        ("id", format!("><{second}|{third}"), some(&["beta", "gamma_1"])),
        ("id", format!("!><{second}|{third}"), but(&["beta", "gamma_1"])),
        ("quota_total_size", ">100".to_owned(), some(&["beta", "gamma_1"])),
        ("quota_total_size", "<=200".to_owned(), some(&["alpha", "beta"])),
        // What has no value is unequal to every value.
        ("quota_total_size", "!=100".to_owned(), but(&["alpha"])),
    ];
    for (field, value, wanted) in cases {
        let mut wanted = wanted;
        wanted.sort();
        let mut seen = found(&client, "containers", &[(field, &value)]);
        seen.sort();
        assert_eq!(seen, wanted, "{field}={value}");
    }
    // All filters hold together.
    assert_eq!(found(&client, "containers", &[("name", "~gam%"), ("quota_total_size", ">=300")]), ["gamma_1"]);
    // Values are data, not part of the question.
    for hostile in ["' OR 1=1 --", "=%' OR '1'='1", "~%' UNION SELECT 1 --", "=|", "><|"] {
        assert!(found(&client, "containers", &[("name", hostile)]).is_empty(), "{hostile:?}");
    }
    for wrong in ["name=%00", "id=%3Emany", "id=%3E%3C1%7Cx", "id=~1%25", "quota_total_size=%3E%3D"] {
        let answer = client.raw("GET", &format!("/api/v2/containers?{wrong}"), None, b"").unwrap();
        assert!(matches!(answer.status, 200 | 422), "{wrong}: {}: {}", answer.status, answer.text);
        assert!(wrong.starts_with("id=~") || answer.status == 422, "{wrong}: {}", answer.text);
    }

    // Order by several, both spellings; a window does not change the count.
    for separator in ["|", ","] {
        let order = encode(&format!("quota_total_size:desc{separator}name:asc"));
        let list = client.get(&format!("/api/v2/containers?quota_total_size=%3E0&sort_by={order}&limit=2&offset=1")).unwrap();
        assert_eq!((names(&list, "containers"), &list["count"]), (vec!["beta".to_owned(), "alpha".to_owned()], &json!(3)));
    }
    let pools = [("first", "primary"), ("second", "data_exchange"), ("third", "active_archive")];
    for (name, kind) in pools {
        client.post("/api/v2/pools", &json!({ "name": name, "type": kind, "content": "cloud" })).unwrap();
    }
    assert_eq!(found(&client, "pools", &[("type", "primary")]), ["first"]);
    assert_eq!(found(&client, "pools", &[("type", "!=primary")]), ["second", "third"]);
    assert_eq!(found(&client, "pools", &[("type", "><primary|active_archive")]), ["first", "third"]);
    assert_eq!(found(&client, "pools", &[("type", "!><primary|active_archive")]), ["second"]);
    host.stop().unwrap();
}
