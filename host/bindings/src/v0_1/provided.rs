//! What the host provides, function by function: the table a plugin's imports are compared with before anything is linked.

/// An interface without its version, and its functions as the binary format spells them.
pub type Provided = (&'static str, &'static [&'static str]);

pub const PROVIDED: [Provided; 14] = [
    ("capstan:host/clock", &["wait"]),
    ("capstan:host/config", &["document", "get"]),
    (
        "capstan:host/content",
        &[
            "[method]content.broken",
            "[method]content.checksum",
            "[method]content.digest",
            "[method]content.open",
            "[method]content.size",
        ],
    ),
    ("capstan:host/crypto", &["digest", "mac", "open", "seal"]),
    (
        "capstan:host/files",
        &[
            "copy",
            "discard",
            "extents",
            "get-xattrs",
            "make-directory",
            "make-link",
            "read",
            "read-directory",
            "read-link",
            "reflink",
            "remove",
            "rename",
            "resize",
            "set-attributes",
            "set-xattr",
            "space",
            "stat",
            "sync",
            "write",
        ],
    ),
    ("capstan:host/http", &["exchange", "send"]),
    ("capstan:host/job", &["cancelled", "progress"]),
    ("capstan:host/log", &["write"]),
    ("capstan:host/scsi", &["[method]device.execute", "[method]device.send", "open"]),
    ("capstan:host/secrets", &["digest", "hmac", "reveal", "sign"]),
    ("capstan:host/state", &["get", "keys", "remove", "set"]),
    (
        "capstan:host/tcp",
        &[
            "[method]connection.finish",
            "[method]connection.read",
            "[method]connection.send",
            "[method]connection.write",
            "connect",
        ],
    ),
    ("capstan:host/types", &[]),
    ("capstan:target/types", &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use wit_parser::Resolve;

    use super::*;

    #[test]
    fn the_table_is_what_the_contract_says() {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
        for package in ["capstan-host/0.1", "capstan-target/0.1"] {
            resolve.push_path(wit.join(package)).unwrap();
        }
        let mut written = BTreeMap::new();
        for (_, interface) in &resolve.interfaces {
            let package = &resolve.packages[interface.package.unwrap()].name;
            let name = format!("{}:{}/{}", package.namespace, package.name, interface.name.as_deref().unwrap());
            let mut functions: Vec<String> = interface.functions.keys().map(|name| plain(name)).collect();
            functions.sort();
            if name.starts_with("capstan:host/") || name == "capstan:target/types" {
                written.insert(name, functions);
            }
        }
        let table: BTreeMap<String, Vec<String>> = PROVIDED
            .iter()
            .map(|(name, functions)| ((*name).to_owned(), functions.iter().map(|&function| function.to_owned()).collect()))
            .collect();
        assert_eq!(table, written);
    }

    /// An async function stands in the binary under the name of its like that is not.
    fn plain(name: &str) -> String {
        name.replace("[async method]", "[method]").replace("[async]", "")
    }
}
