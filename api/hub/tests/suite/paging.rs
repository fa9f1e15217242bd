//! Pages, by the rules of the published API, at a route.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::Request;

use crate::support::{ADMIN, door};

#[tokio::test]
async fn a_page_has_20_items_and_absolute_addresses_of_its_neighbours() {
    let door = door();
    door.fake.count.store(45, Ordering::Relaxed);
    let page = async |path: &str| {
        let request = Request::get(path).header("authorization", ADMIN).header("host", "hub.example:8000");
        let body = door.send(request.body(Body::empty()).unwrap()).await.expect(200).body;
        let results = body["results"].as_array().unwrap().len();
        (body["count"].as_u64().unwrap(), body["next"].clone(), body["previous"].clone(), results)
    };
    let at = |query: &str| format!("http://hub.example:8000/api/buckets/{query}");
    assert_eq!(page("/api/buckets/").await, (45, at("?page=2").into(), serde_json::Value::Null, 20));
    assert_eq!(page("/api/buckets/?page=2").await, (45, at("?page=3").into(), at("").into(), 20));
    assert_eq!(page("/api/buckets?page=3").await, (45, serde_json::Value::Null, at("?page=2").replace("/?", "?").into(), 5));
    let neighbours = (at("?a=%26&page_size=21&page=3").into(), at("?a=%26&page_size=21").into());
    assert_eq!(page("/api/buckets/?a=%26&page_size=21&page=2").await, (45, neighbours.0, neighbours.1, 21));
}

#[tokio::test]
async fn the_size_of_a_page_is_20_to_100_and_0_is_everything() {
    let door = door();
    door.fake.count.store(150, Ordering::Relaxed);
    for (size, items) in
        [("", 20), ("1", 20), ("19", 20), ("x", 20), ("-1", 20), ("33", 33), ("100", 100), ("5000", 100), ("0", 150)]
    {
        let body = door.get(&format!("/jobs/?page_size={size}")).await.expect(200).body;
        assert_eq!(body["results"].as_array().unwrap().len(), items, "{size}");
        assert_eq!(body["next"].is_null(), size == "0", "{size}");
    }
}

#[tokio::test]
async fn a_page_past_the_end_is_not_there_and_an_empty_list_has_one_page() {
    let door = door();
    for path in ["/users/?page=2", "/users/?page=0", "/users/?page=x", "/users/?page_size=0&page=2"] {
        let reply = door.get(path).await.expect(404);
        assert_eq!(reply.detail(), "Invalid page.", "{path}");
    }
    let body = door.get("/users/").await.expect(200).body;
    assert_eq!(body, serde_json::json!({ "count": 0, "next": null, "previous": null, "results": [] }));
    door.fake.count.store(40, Ordering::Relaxed);
    door.get("/users/?page=2").await.expect(200);
    door.get("/users/?page=3").await.expect(404);
}

#[tokio::test]
async fn what_is_too_much_for_one_page_is_refused_and_not_cut() {
    let door = door();
    door.fake.count.store(capstan_api_hub::EVERYTHING_LIMIT + 1, Ordering::Relaxed);
    let reply = door.get("/jobstats/?page_size=0").await.expect(400);
    assert!(reply.body["page_size"][0].as_str().unwrap().contains("100001"), "{}", reply.body);
}

#[tokio::test]
async fn recent_jobs_are_five_whatever_the_size_of_a_page() {
    let door = door();
    door.fake.count.store(45, Ordering::Relaxed);
    let body = door.get("/jobs/recent/?page_size=100").await.expect(200).body;
    assert_eq!((body["count"].as_u64(), body["results"].as_array().map(Vec::len)), (Some(5), Some(5)));
    door.get("/jobs/recent/?page=2").await.expect(404);
}

#[tokio::test]
async fn the_pages_of_a_folder_are_those_of_its_children() {
    let door = door();
    door.fake.count.store(30, Ordering::Relaxed);
    let body = door.get("/file/?path=/a&site=one&page=2").await.expect(200).body;
    assert_eq!((body["path"].as_str(), body["count"].as_u64()), (Some("/a"), Some(30)));
    assert_eq!(body["children"].as_array().unwrap().len(), 10);
    assert_eq!(body["previous"], "http://localhost/api/file/?path=%2Fa&site=one");
    assert_eq!(body["children"][0]["url"], "http://localhost/api/file/?path=%2Fa+b%2Fc%26d&site=one");
}
