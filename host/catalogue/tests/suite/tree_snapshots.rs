//! Looks at trees: their order, and which one counts.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::entry::EntryKind;
use capstan_domain::ids::{Number, SpaceId};
use capstan_domain::time::Timestamp;
use capstan_domain::tree_snapshot::Node;

use crate::database::{Base, on_both};
use crate::nouns::space;

on_both! {
    nodes_come_in_the_order_of_their_bytes_whatever_order_they_were_written_in => order,
    a_look_counts_from_when_its_run_is_over => current,
    an_inode_is_found_by_all_of_its_names => inodes,
    what_a_file_holds_can_be_learnt_until_the_run_is_over => learnt,
    what_is_left_is_cleared_away => cleared,
}

fn node(path: &str, inode: u64) -> Node {
    let (modified, changed) = (Timestamp(3), Timestamp(4));
    Node { path: path.to_owned(), inode, kind: EntryKind::File, size: 2, modified, changed, blake3: Some([9; 32]) }
}

async fn begin(catalogue: &Catalogue, space: SpaceId) -> Number {
    catalogue.begin_tree_snapshot("schedule 1", space, "p", Timestamp::now()).await.unwrap().number
}

async fn order(catalogue: &Catalogue, _: &Base) {
    let space = space(catalogue, "s").await.id;
    let look = begin(catalogue, space).await;
    let deep = "é/".repeat(700);
    let mut paths = vec!["a".to_owned(), "a-b".to_owned(), "a/c".to_owned(), "ab".to_owned(), "é".to_owned(), "z".to_owned()];
    paths.extend(["x", "é", "", "y", "\u{10ffff}"].map(|end| format!("{deep}{end}")));
    // Where the index cuts, a whole character or none must make no difference.
    paths
        .extend([996, 997, 998, 999].into_iter().flat_map(|at| ["é1", "e1", "🚛"].map(|end| format!("{}{end}", "q".repeat(at)))));
    paths.extend((0..2_000).map(|at| format!("n/{at}")));
    let nodes: Vec<Node> = paths.iter().rev().map(|path| node(path, 1)).collect();
    catalogue.add_to_tree_snapshot(look, nodes).await.unwrap();
    paths.sort_unstable();
    for page in [7, 10_000] {
        let mut seen: Vec<Node> = Vec::new();
        loop {
            let last = seen.last().map(|node| node.path.clone());
            let next = catalogue.tree_snapshot_nodes(look, last.as_deref(), page).await.unwrap();
            if next.is_empty() {
                break;
            }
            seen.extend(next);
        }
        assert_eq!(seen.iter().map(|node| node.path.as_str()).collect::<Vec<_>>(), paths, "in pages of {page}");
        assert_eq!(seen[0], node("a", 1));
    }
    assert_eq!(catalogue.tree_snapshot_nodes(look, None, 10_001).await.unwrap_err().kind, Kind::Invalid);
}

async fn current(catalogue: &Catalogue, _: &Base) {
    let space = space(catalogue, "s").await.id;
    let found = async |series: &str, path: &str| {
        catalogue.current_tree_snapshot(series, space, path).await.unwrap().map(|snapshot| snapshot.number)
    };
    assert_eq!(found("schedule 1", "p").await, None, "the first run has nothing before it");
    let first = begin(catalogue, space).await;
    assert_eq!(found("schedule 1", "p").await, None);
    catalogue.keep_tree_snapshot(first).await.unwrap();
    let second = begin(catalogue, space).await;
    catalogue.add_to_tree_snapshot(second, vec![node("a", 1)]).await.unwrap();
    assert_eq!(found("schedule 1", "p").await, Some(first));
    catalogue.keep_tree_snapshot(second).await.unwrap();
    assert_eq!(found("schedule 1", "p").await, Some(second));
    assert_eq!(found("schedule 2", "p").await, None);
    assert_eq!(found("schedule 1", "q").await, None);
    for over in [first, second] {
        assert_eq!(catalogue.keep_tree_snapshot(over).await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(catalogue.add_to_tree_snapshot(over, vec![node("b", 1)]).await.unwrap_err().kind, Kind::NotFound);
    }
    assert_eq!(found("schedule 1", "p").await, Some(second));
    catalogue.delete_space(space).await.unwrap();
    assert!(catalogue.tree_snapshot_nodes(second, None, 10).await.unwrap().is_empty());
}

async fn inodes(catalogue: &Catalogue, _: &Base) {
    let space = space(catalogue, "s").await.id;
    let look = begin(catalogue, space).await;
    catalogue.add_to_tree_snapshot(look, vec![node("a", 5), node("b", 6), node("c", 5)]).await.unwrap();
    let mut names: Vec<_> = catalogue.tree_snapshot_inode(look, 5, 10).await.unwrap().into_iter().map(|node| node.path).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "c"]);
    assert_eq!(catalogue.tree_snapshot_inode(look, 5, 1).await.unwrap().len(), 1);
}

async fn learnt(catalogue: &Catalogue, _: &Base) {
    let space = space(catalogue, "s").await.id;
    let look = begin(catalogue, space).await;
    let deep = "é/".repeat(700);
    let unknown = |path: &str| Node { blake3: None, ..node(path, 1) };
    catalogue.add_to_tree_snapshot(look, vec![unknown("a"), unknown("b"), unknown(&deep)]).await.unwrap();
    let hashes = vec![("a".to_owned(), [1; 32]), (deep.clone(), [2; 32]), ("not there".to_owned(), [3; 32])];
    catalogue.hash_in_tree_snapshot(look, hashes).await.unwrap();
    let known: Vec<_> =
        catalogue.tree_snapshot_nodes(look, None, 10).await.unwrap().into_iter().map(|node| node.blake3).collect();
    assert_eq!(known, [Some([1; 32]), None, Some([2; 32])]);
    catalogue.keep_tree_snapshot(look).await.unwrap();
    assert_eq!(catalogue.hash_in_tree_snapshot(look, Vec::new()).await.unwrap_err().kind, Kind::NotFound);
}

async fn cleared(catalogue: &Catalogue, _: &Base) {
    let space = space(catalogue, "s").await.id;
    let nodes = || (0..12_000).map(|at| node(&format!("{at}"), at)).collect::<Vec<_>>();
    let [kept, died, running] = [begin(catalogue, space).await, begin(catalogue, space).await, begin(catalogue, space).await];
    for look in [kept, died, running] {
        catalogue.add_to_tree_snapshot(look, nodes()).await.unwrap();
    }
    catalogue.keep_tree_snapshot(kept).await.unwrap();
    catalogue.leave_tree_snapshot(died).await.unwrap();
    assert_eq!(catalogue.clear_tree_snapshots(Timestamp(0)).await.unwrap(), 1);
    let left = async |look| catalogue.tree_snapshot_nodes(look, None, 5).await.unwrap().len();
    assert_eq!([left(kept).await, left(died).await, left(running).await], [5, 0, 5]);
    assert_eq!(catalogue.clear_tree_snapshots(Timestamp::now()).await.unwrap(), 1, "begun long ago, and never ended");
    assert_eq!([left(kept).await, left(running).await], [5, 0]);
}
