//! What a view shows: a location of a pool, in the words of a table of mounts.

use capstan_domain::Failure;
use capstan_domain::cartridge::Cartridge;
use capstan_domain::ids::Number;
use capstan_domain::location::Location;
use capstan_domain::target::Target;
use serde_json::Value;

/// A location that a view shows.
#[derive(Clone, Debug)]
pub struct Member {
    pub plugin: String,
    /// Number and name.
    pub target: (Number, String),
    pub server: Option<(Number, String)>,
    /// Of a tape.
    pub library: Option<HeldIn>,
    pub location: (Number, String),
    /// Where it stands in the view; empty where it is all of it.
    pub folder: String,
    /// `server:/export`, `//server/share`, `bucket`.
    pub source: String,
    /// Its target was configured to be read only.
    pub read_only: bool,
}

/// The tape library that a tape is in.
#[derive(Clone, Debug)]
pub struct HeldIn {
    pub number: Number,
    pub name: String,
    pub serial: String,
}

impl HeldIn {
    /// None where the library of a tape is not registered any more.
    pub(super) fn of(cartridge: &Cartridge) -> Option<Self> {
        let name = cartridge.library_name.clone()?;
        Some(Self { number: cartridge.library_number?, name, serial: cartridge.library_serial.clone()? })
    }
}

impl Member {
    /// `before`: those that the view shows already; none where it shows this one alone.
    pub(super) fn new(
        target: &Target,
        server: Option<(Number, String)>,
        library: Option<HeldIn>,
        location: &Location,
        before: Option<&[Self]>,
    ) -> Self {
        Self {
            plugin: target.plugin.clone(),
            target: (target.number, target.name.clone()),
            server,
            library,
            location: (location.number, location.name.clone()),
            folder: before.map_or_else(String::new, |before| folder_of(location, before)),
            source: source_of(target, location),
            read_only: target.configuration.get("read-only") == Some(&Value::Bool(true)),
        }
    }
}

/// Of several locations, each has a folder of its name; of a name that another has, with its number behind it.
fn folder_of(location: &Location, before: &[Member]) -> String {
    match before.iter().any(|member| member.folder == location.name) {
        true => format!("{} ({})", location.name, location.number),
        false => location.name.clone(),
    }
}

fn source_of(target: &Target, location: &Location) -> String {
    let text = |name: &str| target.configuration.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("host"), text("export"), text("share"), text("root")) {
        (Some(host), Some(export), _, _) => format!("{host}:{export}"),
        (Some(host), None, Some(share), Some(root)) => format!("//{host}/{share}/{root}"),
        (Some(host), None, Some(share), None) => format!("//{host}/{share}"),
        _ => location.name.clone(),
    }
}

/// Which of several targets it was.
pub(super) fn of_target(name: &str, failure: Failure) -> Failure {
    let message = format!("{name}: {}", failure.message);
    Failure { message, ..failure }
}
