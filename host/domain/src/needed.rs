//! What a call needs: each door's nouns and verbs, translated to permissions.
//!
//! Doors name calls in the words of their dialects; permissions are the same on all doors. A call that stands in no table is for
//! administrators only, so a new one is closed until somebody says here what it needs.

use std::collections::BTreeSet;

use crate::identity::Role;
use crate::permission::{Action, Noun, Permission};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    Permission(Permission),
    /// Nothing but to have come in: it is about the caller's own.
    Nothing,
    /// No permission gives it.
    Administrator,
}

/// What a door calls a noun, and the noun.
const NOUNS: &[(&str, Noun)] = &[
    ("alerts", Noun::Alert),
    ("actions", Noun::HostAction),
    ("analytics", Noun::Analytics),
    ("audit", Noun::AuditEvent),
    ("buckets", Noun::Bucket),
    ("cloud_buckets", Noun::Bucket),
    ("cloud_connectors", Noun::Target),
    ("configurations", Noun::Configuration),
    ("containers", Noun::Space),
    ("datastores", Noun::Datastore),
    ("drives", Noun::Drive),
    ("driveusers", Noun::DriveUser),
    ("external_targets", Noun::ExternalTarget),
    ("features", Noun::Feature),
    ("files", Noun::File),
    ("filesets", Noun::Fileset),
    ("filestatustypes", Noun::FileStatusType),
    ("filesystems", Noun::Filesystem),
    ("grants", Noun::Grant),
    ("groups", Noun::Group),
    ("ipaddresses", Noun::IpAddress),
    ("jobs", Noun::Job),
    ("mounts", Noun::Mount),
    ("nas", Noun::Target),
    ("nas_shares", Noun::Bucket),
    ("nodes", Noun::Node),
    ("on_tapes_files", Noun::File),
    ("permissions", Noun::Group),
    ("pki", Noun::CertificateLifetime),
    ("plugins", Noun::Plugin),
    ("policies", Noun::Policy),
    ("pools", Noun::Pool),
    ("primary_scans", Noun::Pool),
    ("profile", Noun::Profile),
    ("queues", Noun::Queue),
    ("schedules", Noun::Schedule),
    ("search", Noun::Search),
    ("servers", Noun::Machine),
    ("settings", Noun::Setting),
    ("shares", Noun::Share),
    ("site_certificates", Noun::SiteCertificate),
    ("sitelinks", Noun::SiteLink),
    ("sites", Noun::Site),
    ("snapshots", Noun::Snapshot),
    ("spaces", Noun::Space),
    ("storage_servers", Noun::StorageServer),
    ("storagepools", Noun::StoragePool),
    ("tags", Noun::Tag),
    ("tape_drives", Noun::TapeDrive),
    ("tape_libraries", Noun::TapeLibrary),
    ("tape_stats", Noun::Tape),
    ("tapes", Noun::Tape),
    ("targets", Noun::Target),
    ("task_destinations", Noun::Definition),
    ("task_executions", Noun::Job),
    ("task_options", Noun::Definition),
    ("task_sources", Noun::Definition),
    ("tasks", Noun::Definition),
    ("users", Noun::User),
    ("workflows", Noun::Workflow),
];

/// What a verb does to its noun, where no exception says otherwise.
const VERBS: &[(&str, Action)] = &[
    ("index", Action::View),
    ("show", Action::View),
    ("mount_status", Action::View),
    ("devices", Action::View),
    ("tapes", Action::View),
    ("create", Action::Add),
    // Tries settings that a create would take.
    ("test", Action::Add),
    ("run", Action::Change),
    ("update", Action::Change),
    ("action", Action::Change),
    ("activate", Action::Change),
    ("deactivate", Action::Change),
    ("pause", Action::Change),
    ("resume", Action::Change),
    ("cancel", Action::Change),
    ("resubmit", Action::Change),
    ("mount", Action::Change),
    ("unmount", Action::Change),
    ("refresh", Action::Change),
    ("sync", Action::Change),
    ("sync_primary", Action::Change),
    ("destroy", Action::Delete),
];

/// The permission a call of a door needs.
pub fn needed(noun: &str, verb: &str) -> Needed {
    let permission = |action, noun| Needed::Permission(Permission::new(action, noun));
    match (noun, verb) {
        ("api_keys" | "own_password", _) => return Needed::Nothing,
        (_, "get_secret_key") => return Needed::Administrator,
        // Starting what is defined makes a job.
        ("tasks", "action") | ("workflows", "run") => return permission(Action::Add, Noun::Job),
        // Parts of another noun come and go with a change of it.
        ("task_sources" | "task_destinations" | "task_options", "create" | "destroy") => {
            return permission(Action::Change, Noun::Definition);
        }
        ("primary_scans", "create" | "destroy") => return permission(Action::Change, Noun::Pool),
        _ => {}
    }
    let noun = NOUNS.iter().find(|(word, _)| *word == noun);
    let action = VERBS.iter().find(|(word, _)| *word == verb);
    match (noun, action) {
        (Some((_, noun)), Some((_, action))) => permission(*action, *noun),
        _ => Needed::Administrator,
    }
}

/// Whether a verb changes nothing.
pub(crate) fn looks(verb: &str) -> bool {
    VERBS.iter().any(|(word, action)| *word == verb && *action == Action::View)
}

/// What a role gives, said as permissions on all objects.
pub fn of_role(role: Role) -> BTreeSet<Permission> {
    const PLAIN: [(&str, Action); 4] =
        [("index", Action::View), ("create", Action::Add), ("update", Action::Change), ("destroy", Action::Delete)];
    let calls = NOUNS.iter().flat_map(|(word, noun)| PLAIN.map(|(verb, action)| (word, verb, Permission::new(action, *noun))));
    calls.filter(|(word, verb, _)| role.may(word, verb)).map(|(_, _, permission)| permission).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks of the doors' documents, as noun/verb.
    fn calls_of(document: &str) -> Vec<(String, String)> {
        let document: serde_json::Value = serde_json::from_str(document).unwrap();
        let operations = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
        let marks = operations.flat_map(|operation| [&operation["x-scope"], &operation["x-explicit-scope"]]);
        let calls = marks.filter_map(|mark| mark.as_str()?.split_once('/'));
        calls.map(|(noun, verb)| (noun.to_owned(), verb.to_owned())).collect()
    }

    #[test]
    fn every_call_of_the_doors_documents_has_its_permission() {
        for document in [
            include_str!("../../../tests/golden/nodeum-openapi.json"),
            include_str!("../../../tests/golden/drives-openapi.json"),
            include_str!("../../../tests/golden/admin-openapi.json"),
            include_str!("../../../tests/golden/hub-openapi.json"),
        ] {
            let calls = calls_of(document);
            assert!(!calls.is_empty());
            for (noun, verb) in calls {
                let meant = verb == "get_secret_key";
                assert_eq!(needed(&noun, &verb) == Needed::Administrator, meant, "{noun}/{verb}");
            }
        }
    }

    #[test]
    fn what_is_not_in_the_tables_is_for_administrators() {
        assert_eq!(needed("spells", "index"), Needed::Administrator);
        assert_eq!(needed("spaces", "enchant"), Needed::Administrator);
    }

    #[test]
    fn a_role_gives_what_it_lets_do() {
        assert_eq!(of_role(Role::Administrator), Permission::all().collect());
        assert!(of_role(Role::Member).is_empty());
        let reader = of_role(Role::Reader);
        assert!(reader.contains(&Permission::new(Action::View, Noun::Space)));
        assert!(
            !reader.contains(&Permission::new(Action::Add, Noun::Space))
                && !reader.contains(&Permission::new(Action::View, Noun::User))
        );
    }

    #[test]
    fn doors_that_speak_of_one_noun_need_one_permission() {
        assert_eq!(needed("containers", "show"), needed("spaces", "show"));
        assert_eq!(needed("cloud_buckets", "index"), needed("buckets", "index"));
        assert_eq!(needed("task_executions", "index"), needed("jobs", "index"));
    }
}
