//! Who calls, once proved; plain data that the host's side reads back.

/// One call that may be made, in the dialect's own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub noun: String,
    pub verb: String,
}

/// What a role allows, by noun and verb; the host's side knows the roles.
pub type Rights = fn(noun: &str, verb: &str) -> bool;

#[derive(Clone, Debug)]
pub struct Caller {
    /// The host's identity of the user, opaque here.
    pub id: String,
    pub name: String,
    /// The host's word for the user's role, opaque here.
    pub role: String,
    /// What the role allows.
    pub rights: Rights,
    /// None: all that the role allows; else only these of it.
    pub scopes: Option<Vec<Scope>>,
}

impl Caller {
    pub fn may(&self, noun: &str, verb: &str) -> bool {
        let within = |scopes: &Vec<Scope>| scopes.iter().any(|scope| scope.noun == noun && scope.verb == verb);
        (self.rights)(noun, verb) && self.scopes.as_ref().is_none_or(within)
    }
}
