//! Filters, order, windows and counts, alike on both databases.

use capstan_catalogue::{Catalogue, WINDOW};
use capstan_domain::Kind;
use capstan_domain::listing::{Filter, Listing, Operator, Sort};
use serde_json::json;

use crate::database::{Base, on_both};
use crate::nouns::{info, target};

on_both! {
    each_operator_selects_what_it_says => operators,
    text_compares_bytewise_and_patterns_ignore_ascii_case => text,
    only_percent_and_underscore_are_special_in_a_pattern => patterns,
    a_part_of_a_text_is_found_as_it_stands_there => parts,
    an_absent_value_matches_only_negative_operators => absent,
    windows_neither_repeat_nor_leave_out => windows,
    unknown_fields_and_wrong_values_are_refused => refused,
    members_of_open_records_can_be_named => open,
}

async fn names(catalogue: &Catalogue, field: &str, operator: Operator, values: &[&str]) -> Vec<String> {
    let mut listing = Listing::first(100);
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    listing.filters.push(Filter { field: field.to_owned(), operator, values });
    let page = catalogue.locations(&listing).await.unwrap();
    assert_eq!(page.count, page.items.len() as u64);
    page.items.into_iter().map(|location| location.name).collect()
}

async fn locations(catalogue: &Catalogue, list: &[&str]) -> i64 {
    let t = target(catalogue, "t").await;
    let found: Vec<_> = list.iter().map(|name| info(name)).collect();
    let first = catalogue.sync_locations(t.id, &found).await.unwrap();
    first.iter().map(|location| location.number).min().unwrap()
}

async fn operators(catalogue: &Catalogue, _: &Base) {
    use Operator as O;
    let first = locations(catalogue, &["a", "b", "c", "d"]).await;
    let number = |at: i64| (first + at).to_string();
    let (one, two) = (number(1), number(2));
    assert_eq!(names(catalogue, "number", O::Equal, &[&one]).await, ["b"]);
    assert_eq!(names(catalogue, "number", O::NotEqual, &[&one]).await, ["a", "c", "d"]);
    assert_eq!(names(catalogue, "number", O::Greater, &[&one]).await, ["c", "d"]);
    assert_eq!(names(catalogue, "number", O::GreaterOrEqual, &[&one]).await, ["b", "c", "d"]);
    assert_eq!(names(catalogue, "number", O::Less, &[&one]).await, ["a"]);
    assert_eq!(names(catalogue, "number", O::LessOrEqual, &[&one]).await, ["a", "b"]);
    assert_eq!(names(catalogue, "number", O::In, &[&one, &two]).await, ["b", "c"]);
    assert_eq!(names(catalogue, "number", O::NotIn, &[&one, &two]).await, ["a", "d"]);
    assert_eq!(names(catalogue, "name", O::In, &[]).await, Vec::<String>::new());
    assert_eq!(names(catalogue, "name", O::NotIn, &[]).await.len(), 4);
    assert_eq!(names(catalogue, "name", O::Greater, &["b"]).await, ["c", "d"]);
    assert_eq!(names(catalogue, "number", O::Like, &[&format!("%{one}")]).await, ["b"]);
    assert_eq!(names(catalogue, "present", O::Equal, &["true"]).await.len(), 4);
    // Numbers compare as numbers.
    assert_eq!(names(catalogue, "number", O::Greater, &["-1"]).await.len(), 4);
}

async fn text(catalogue: &Catalogue, _: &Base) {
    use Operator as O;
    locations(catalogue, &["B", "a", "É", "é"]).await;
    assert_eq!(names(catalogue, "name", O::Equal, &["A"]).await, Vec::<String>::new());
    assert_eq!(names(catalogue, "name", O::Like, &["A"]).await, ["a"]);
    assert_eq!(names(catalogue, "name", O::Like, &["é"]).await, ["é"]);
    assert_eq!(names(catalogue, "name", O::NotLike, &["b"]).await, ["a", "É", "é"]);
    let mut listing = Listing::first(10);
    listing.sort.push(Sort { field: "name".to_owned(), descending: false });
    let sorted: Vec<_> = catalogue.locations(&listing).await.unwrap().items.into_iter().map(|l| l.name).collect();
    assert_eq!(sorted, ["B", "a", "É", "é"]);
}

async fn patterns(catalogue: &Catalogue, _: &Base) {
    use Operator as O;
    locations(catalogue, &["a_b", "axb", "a%b", r"a\b", "it's"]).await;
    assert_eq!(names(catalogue, "name", O::Like, &["a_b"]).await, ["a_b", "axb", "a%b", r"a\b"]);
    assert_eq!(names(catalogue, "name", O::Like, &[r"a\b"]).await, [r"a\b"]);
    assert_eq!(names(catalogue, "name", O::Like, &["%'%"]).await, ["it's"]);
    assert_eq!(names(catalogue, "name", O::Equal, &["' OR 1=1 --"]).await, Vec::<String>::new());
}

async fn parts(catalogue: &Catalogue, _: &Base) {
    use Operator as O;
    locations(catalogue, &["Web-1", "web_2", "a%b", "it's", "É"]).await;
    assert_eq!(names(catalogue, "name", O::Contains, &["EB"]).await, ["Web-1", "web_2"]);
    assert_eq!(names(catalogue, "name", O::Contains, &["b_"]).await, ["web_2"], "nothing stands for any character");
    assert_eq!(names(catalogue, "name", O::Contains, &["%"]).await, ["a%b"]);
    assert_eq!(names(catalogue, "name", O::Contains, &["-1", "T'S", "nowhere"]).await, ["Web-1", "it's"]);
    assert_eq!(names(catalogue, "name", O::Contains, &["É"]).await, ["É"]);
    assert_eq!(names(catalogue, "name", O::Contains, &[""]).await.len(), 5);
    assert_eq!(names(catalogue, "name", O::Contains, &[]).await, Vec::<String>::new());
    let mut listing = Listing::first(1);
    listing.filters.push(Filter { field: "name".to_owned(), operator: O::Contains, values: vec!["x".to_owned(); 101] });
    assert_eq!(catalogue.locations(&listing).await.unwrap_err().code.as_deref(), Some("too-many"));
    let number = Listing::first(1).with("number", O::Contains, 1);
    assert_eq!(catalogue.locations(&number).await.unwrap_err().kind, Kind::Invalid);
}

async fn absent(catalogue: &Catalogue, _: &Base) {
    use Operator as O;
    locations(catalogue, &["a"]).await;
    assert_eq!(names(catalogue, "pool_number", O::Equal, &["1"]).await.len(), 0);
    assert_eq!(names(catalogue, "pool_number", O::Less, &["100"]).await.len(), 0);
    assert_eq!(names(catalogue, "pool_number", O::NotEqual, &["1"]).await.len(), 1);
    assert_eq!(names(catalogue, "pool_number", O::NotIn, &["1"]).await.len(), 1);
    assert_eq!(names(catalogue, "pool_name", O::NotLike, &["%"]).await.len(), 1);
}

async fn windows(catalogue: &Catalogue, _: &Base) {
    let list: Vec<String> = (0..25).map(|at| format!("l{at:02}")).collect();
    locations(catalogue, &list.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut seen = Vec::new();
    for offset in (0..40).step_by(10) {
        let mut listing = Listing::first(10);
        listing.offset = offset;
        listing.sort.push(Sort { field: "present".to_owned(), descending: true });
        let page = catalogue.locations(&listing).await.unwrap();
        assert_eq!(page.count, 25);
        seen.extend(page.items.into_iter().map(|location| location.name));
    }
    assert_eq!(seen, list);
    let none = catalogue.locations(&Listing::first(0)).await.unwrap();
    assert_eq!((none.count, none.items.len()), (25, 0));
    let mut beyond = Listing::first(10);
    beyond.offset = u64::MAX;
    assert_eq!(catalogue.locations(&beyond).await.unwrap().count, 25);
}

async fn refused(catalogue: &Catalogue, _: &Base) {
    let code = async |listing: Listing| {
        let failure = catalogue.locations(&listing).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Invalid);
        failure.code.unwrap()
    };
    assert_eq!(code(Listing::first(1).with("nonsense", Operator::Equal, "1")).await, "unknown-field");
    assert_eq!(code(Listing::first(1).with("attributes/a'b", Operator::Equal, "1")).await, "unknown-field");
    assert_eq!(code(Listing::first(1).with("secrets/a", Operator::Equal, "1")).await, "unknown-field");
    let mut sorted = Listing::first(1);
    sorted.sort.push(Sort { field: "name; DROP TABLE targets".to_owned(), descending: false });
    assert_eq!(code(sorted).await, "unknown-field");
    assert_eq!(code(Listing::first(1).with("number", Operator::Equal, "one")).await, "invalid-value");
    assert_eq!(code(Listing::first(1).with("id", Operator::Equal, "one")).await, "invalid-value");
    assert_eq!(code(Listing::first(1).with("present", Operator::Equal, "maybe")).await, "invalid-value");
    assert_eq!(code(Listing::first(WINDOW + 1)).await, "too-many");
    let mut two = Listing::first(1);
    two.filters.push(Filter { field: "name".to_owned(), operator: Operator::Equal, values: vec!["a".into(), "b".into()] });
    assert_eq!(code(two).await, "invalid-value");
    let mut many = Listing::first(1);
    many.filters.push(Filter { field: "name".to_owned(), operator: Operator::In, values: vec!["a".into(); 10_001] });
    assert_eq!(code(many).await, "too-many");
}

async fn open(catalogue: &Catalogue, _: &Base) {
    let a = target(catalogue, "a").await;
    let mut b = target(catalogue, "b").await;
    b.attributes = json!({"nodeum": {"provider": "wasabi", "size": 5}});
    catalogue.update_target(&b, Vec::new(), Vec::new(), Vec::new()).await.unwrap();
    let by = |field: &str, value: &str| Listing::first(10).with(field, Operator::Equal, value);
    let page = catalogue.targets(&by("attributes/nodeum/provider", "generic_s3")).await.unwrap();
    assert_eq!((page.count, page.items[0].id), (1, a.id));
    assert_eq!(catalogue.targets(&by("attributes/nodeum/size", "5")).await.unwrap().count, 1);
    assert_eq!(catalogue.targets(&by("configuration/endpoint", "http://127.0.0.1:1")).await.unwrap().count, 2);
    let mut sorted = Listing::first(10);
    sorted.sort.push(Sort { field: "attributes/nodeum/provider".to_owned(), descending: true });
    assert_eq!(catalogue.targets(&sorted).await.unwrap().items[0].id, b.id);
}
