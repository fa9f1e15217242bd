//! Whether the workers of each site answer.

use capstan_catalogue::Catalogue;
use capstan_domain::Outcome;
use capstan_domain::identity::Caller;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::node::Node;
use capstan_domain::time::Timestamp;

/// Sites that are told of, and nodes of each; there are a few.
const SITES_MAX: u32 = 1_000;
const NODES_MAX: u32 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Well,
    /// Some of its nodes do not answer.
    Ailing,
    /// None does.
    Down,
}

#[derive(Clone, Debug)]
pub struct SiteHealth {
    /// Name of the site.
    pub site: String,
    pub state: State,
    /// By name, with whether it was heard of lately.
    pub nodes: Vec<(String, bool)>,
}

#[derive(Clone)]
pub struct Health {
    catalogue: Catalogue,
}

impl Health {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        Self { catalogue }
    }

    /// Of the sites that the caller may look at.
    pub async fn sites(&self, caller: &Caller) -> Outcome<Vec<SiteHealth>> {
        let sites = self.catalogue.sites(&Listing::first(SITES_MAX)).await?.items;
        let now = Timestamp::now();
        let mut told = Vec::with_capacity(sites.len());
        for site in sites.into_iter().filter(|site| caller.may_on("sites", "index", site.number)) {
            let of_site = Listing::first(NODES_MAX).with("site_number", Operator::Equal, site.number);
            let nodes = self.catalogue.nodes(&of_site).await?.items;
            told.push(health(site.name, nodes, now));
        }
        Ok(told)
    }
}

fn health(site: String, nodes: Vec<Node>, now: Timestamp) -> SiteHealth {
    let told = |node: Node| {
        let online = node.is_online(now);
        (node.name, online)
    };
    let nodes: Vec<(String, bool)> = nodes.into_iter().map(told).collect();
    let online = nodes.iter().filter(|(_, online)| *online).count();
    let state = match online {
        0 => State::Down,
        some if some < nodes.len() => State::Ailing,
        _ => State::Well,
    };
    SiteHealth { site, state, nodes }
}

#[cfg(test)]
mod tests {
    use capstan_domain::ids::NodeId;

    use super::*;

    fn node(name: &str, heartbeat: Option<i64>) -> Node {
        Node {
            id: NodeId::new(),
            number: 1,
            site_number: 1,
            site_name: "s".to_owned(),
            name: name.to_owned(),
            heartbeat: heartbeat.map(Timestamp),
            has_default_queue: true,
            created: Timestamp(0),
        }
    }

    #[test]
    fn a_site_is_down_when_none_of_its_nodes_answers() {
        let state = |nodes| health("s".to_owned(), nodes, Timestamp(7)).state;
        assert_eq!(state(vec![node("a", Some(5)), node("b", Some(6))]), State::Well);
        assert_eq!(state(vec![node("a", Some(5)), node("b", None)]), State::Ailing);
        assert_eq!(state(vec![node("a", None)]), State::Down);
        assert_eq!(state(vec![]), State::Down);
    }
}
