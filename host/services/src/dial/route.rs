//! Where a connection leads, and which way.

/// A proxy, and what it wants to see of the user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Proxy {
    pub host: String,
    pub port: u16,
    pub authorization: Option<String>,
}

/// Everything two users must share to use the same connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub tls: bool,
    pub host: String,
    pub port: u16,
    pub proxy: Option<Proxy>,
    /// PEM; none: the system's authorities.
    pub authority: Option<String>,
    /// Do not check the server's certificate; needs its own grant.
    pub insecure: bool,
    pub source: Source,
}

/// The port a connection leaves from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Whichever the system gives.
    #[default]
    Any,
    /// One below 1024.
    Privileged,
}
