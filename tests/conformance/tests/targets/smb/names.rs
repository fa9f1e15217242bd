//! Names the protocol cannot hold, names that differ in case alone, and directories larger than a page.

use capstan_conformance::content::counting;
use capstan_conformance::fails;
use capstan_domain::failure::Kind;
use capstan_domain::ports::PutOptions;
use capstan_test_servers::{Samba, server_or_skip};
use serde_json::json;

use super::{host, port, put};

#[tokio::test]
async fn names_the_protocol_cannot_hold_come_back_as_they_were() {
    let server = server_or_skip!(Samba::start());
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    let mut names = vec![
        "CON",
        "a:b",
        "what?",
        "x*y",
        "quo\"te",
        "<angle>",
        "pi|pe",
        "back\\slash",
        "dot.",
        "space ",
        "tab\there",
        "grün 日本語 🗄",
        " leading",
        "per%cent",
        "AUX.txt",
        "~1",
        "new\nline",
        "...",
    ];
    for name in &names {
        put(&*port, "share", &format!("names/{name}"), 3).await;
        assert_eq!(port.stat("share", &format!("names/{name}")).await.unwrap().name, *name);
    }
    names.sort_unstable();
    let page = port.read_directory("share", "names", None, 1000).await.unwrap();
    assert_eq!(page.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), names);
    let long = "n".repeat(255);
    put(&*port, "share", &long, 1).await;
    let longer = port.write("share", &"n".repeat(256), counting(1), "long", PutOptions::default()).await;
    fails(longer, Kind::Invalid, "a name of 256 units").unwrap();
}

#[tokio::test]
async fn of_two_names_that_differ_in_case_alone_the_second_is_refused_and_the_first_kept() {
    let server = server_or_skip!(Samba::start());
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    put(&*port, "share", "Case/File", 3).await;
    for path in ["Case/file", "Case/FILE"] {
        let failure = port.write("share", path, counting(9), "pair", PutOptions::default()).await.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_deref()), (Kind::AlreadyExists, Some("same-name")), "{failure:?}");
    }
    let failure = port.make_directory("share", "case", "dir").await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("same-name"));
    assert_eq!(port.stat("share", "Case/File").await.unwrap().size, 3);
    // A rename may change the case of a name.
    port.rename("share", "Case/File", "Case/file", false, "rename").await.unwrap();
    let page = port.read_directory("share", "Case", None, 10).await.unwrap();
    assert_eq!(page.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["file"]);
}

#[tokio::test]
async fn a_large_directory_is_paged_without_losing_or_repeating_a_name() {
    let server = server_or_skip!(Samba::start());
    let directory = server.share("share").join("many");
    std::fs::create_dir(&directory).unwrap();
    for number in 0..5_000 {
        std::fs::write(directory.join(format!("file-{number:05}")), b"").unwrap();
    }
    let host = host(&server, "share", json!({})).await;
    let port = port(&host);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = port.read_directory("share", "many", after.as_deref(), 700).await.unwrap();
        seen.extend(page.nodes.into_iter().map(|node| node.name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let wanted: Vec<String> = (0..5_000).map(|number| format!("file-{number:05}")).collect();
    assert_eq!(seen, wanted);
}
