//! Who calls, once proved; plain data that the host's side reads back.

/// One call that may be made, in the dialect's own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub noun: String,
    pub verb: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The host's identity of the user, opaque here.
    pub id: String,
    pub name: String,
    pub administrator: bool,
    /// None: all that the user may; else only these.
    pub scopes: Option<Vec<Scope>>,
}

impl Caller {
    pub fn may(&self, noun: &str, verb: &str) -> bool {
        match &self.scopes {
            None => self.administrator,
            Some(scopes) => scopes.iter().any(|scope| scope.noun == noun && scope.verb == verb),
        }
    }
}
