//! The clauses of the contract that cases hold a plugin to. Each is an anchor in a document under `wit/`, so that a failure leads
//! its reader to the very sentence; a test below sees to it that none leads nowhere.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Clause(pub &'static str);

macro_rules! clauses {
    ($($name:ident = $anchor:literal;)*) => {
        $(pub const $name: Clause = Clause($anchor);)*
        /// Every one of them.
        pub const ALL: &[Clause] = &[$($name),*];
    };
}

clauses! {
    // How the host runs a plugin
    INSTANCES = "wit/README.md#instances";
    OVERLAP = "wit/README.md#overlap";
    DEADLINES = "wit/README.md#deadlines";
    // Rules for every function
    TEXT = "wit/README.md#text";
    UNITS = "wit/README.md#units";
    ATTEMPT = "wit/README.md#attempt";
    MAYBE_DONE = "wit/README.md#maybe-done";
    RETRIES = "wit/README.md#retries";
    EXTRAS = "wit/README.md#extras";
    PAGES = "wit/README.md#pages";
    CHECKSUMS = "wit/README.md#checksums";
    SUCCESS = "wit/README.md#success";
    // target
    DESCRIBE = "wit/README.md#target-describe";
    VALIDATE = "wit/README.md#target-validate";
    PROBE = "wit/README.md#target-probe";
    USAGE = "wit/README.md#target-usage";
    DESCRIPTION = "wit/README.md#description";
    GRANTS = "wit/README.md#grants";
    CAPABILITIES = "wit/CAPABILITIES.md#capabilities";
    // objects
    KEYS = "wit/README.md#objects-keys";
    LIST_LOCATIONS = "wit/README.md#objects-list-locations";
    CREATE_LOCATION = "wit/README.md#objects-create-location";
    DELETE_LOCATION = "wit/README.md#objects-delete-location";
    PUT = "wit/README.md#objects-put";
    GET = "wit/README.md#objects-get";
    HEAD = "wit/README.md#objects-head";
    LIST = "wit/README.md#objects-list";
    DELETE_MANY = "wit/README.md#objects-delete-many";
    COPY = "wit/README.md#objects-copy";
    RESTORE = "wit/README.md#objects-restore";
    // uploads
    BEGIN = "wit/README.md#uploads-begin";
    PUT_PART = "wit/README.md#uploads-put-part";
    LIST_PARTS = "wit/README.md#uploads-list-parts";
    COMPLETE = "wit/README.md#uploads-complete";
    ABORT = "wit/README.md#uploads-abort";
    // files
    PATHS = "wit/README.md#files-paths";
    STAT = "wit/README.md#files-stat";
    READ_DIRECTORY = "wit/README.md#files-read-directory";
    READ = "wit/README.md#files-read";
    WRITE = "wit/README.md#files-write";
    MAKE_DIRECTORY = "wit/README.md#files-make-directory";
    REMOVE = "wit/README.md#files-remove";
    RENAME = "wit/README.md#files-rename";
    SET_ATTRIBUTES = "wit/README.md#files-set-attributes";
    OPTIONAL = "wit/README.md#files-optional";
    SYNC = "wit/README.md#files-sync";
    // drives
    DRIVE_NAMES = "wit/README.md#drives-names";
    DRIVE_LIMITS = "wit/README.md#drives-limits";
    DRIVE_GET = "wit/README.md#drives-get";
    DRIVE_LIST = "wit/README.md#drives-list";
    DRIVE_CREATE = "wit/README.md#drives-create";
    DRIVE_RESIZE = "wit/README.md#drives-resize";
    DRIVE_CLONE = "wit/README.md#drives-clone";
    DRIVE_DELETE = "wit/README.md#drives-delete";
    DRIVE_SNAPSHOTS = "wit/README.md#drives-snapshots";
    DRIVE_READ = "wit/README.md#drives-read";
    DRIVE_WRITE = "wit/README.md#drives-write";
    DRIVE_DISCARD = "wit/README.md#drives-discard";
    DRIVE_FLUSH = "wit/README.md#drives-flush";
    DRIVE_EXTENTS = "wit/README.md#drives-extents";
    DRIVE_ATTACH = "wit/README.md#drives-attach";
    DRIVE_DETACH = "wit/README.md#drives-detach";
    // media
    MEDIA_ABSENT = "wit/README.md#media-absent";
    MEDIA_DRIVES = "wit/README.md#media-list-drives";
    MEDIA_ELEMENTS = "wit/README.md#media-list-elements";
    MEDIA_INVENTORY = "wit/README.md#media-take-inventory";
    MEDIA_MOVE = "wit/README.md#media-move-cartridge";
    MEDIA_EJECT = "wit/README.md#media-eject-cartridge";
    MEDIA_ADMIT = "wit/README.md#media-admit-cartridge";
    MEDIA_LOAD = "wit/README.md#media-load";
    MEDIA_UNLOAD = "wit/README.md#media-unload";
    MEDIA_INSPECT = "wit/README.md#media-inspect";
    MEDIA_EXAMINE = "wit/README.md#media-examine";
    MEDIA_PLAN = "wit/README.md#media-plan-reading";
    MEDIA_LOCATE = "wit/README.md#media-locate";
    MEDIA_SPACE = "wit/README.md#media-space";
    MEDIA_READ = "wit/README.md#media-read";
    MEDIA_WRITE = "wit/README.md#media-write";
    MEDIA_SYNCHRONIZE = "wit/README.md#media-synchronize";
    MEDIA_FORMAT = "wit/README.md#media-format";
    MEDIA_VALUES = "wit/CAPABILITIES.md#media";
    // imports
    CONTENT = "wit/README.md#import-content";
    JOB = "wit/README.md#import-job";
    // failures
    KINDS = "wit/ERRORS.md#kinds";
    TRAP = "wit/ERRORS.md#trap";
    FAULT = "wit/ERRORS.md#fault";
    TWO_THAT_FIT = "wit/ERRORS.md#two-that-fit";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_clause_leads_to_an_anchor_of_the_contract() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for clause in ALL {
            let (document, anchor) = clause.0.split_once('#').unwrap();
            let text = std::fs::read_to_string(root.join(document)).unwrap();
            let marks = text.matches(&format!("<a id=\"{anchor}\"></a>")).count();
            assert_eq!(marks, 1, "{document} has the anchor {anchor} {marks} times");
        }
    }
}
