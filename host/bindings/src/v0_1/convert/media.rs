//! Libraries, drives of tapes, what is in them and where it stands.

use capstan_domain::ports;

use super::pairs;
use crate::v0_1::types as wit;

impl From<wit::Library> for ports::LibraryInfo {
    fn from(library: wit::Library) -> Self {
        let wit::Library { name, vendor, product, extras } = library;
        Self { name, vendor, product, extras: pairs(extras) }
    }
}

impl From<wit::ElementKind> for ports::ElementKind {
    fn from(kind: wit::ElementKind) -> Self {
        match kind {
            wit::ElementKind::Arm => Self::Arm,
            wit::ElementKind::Slot => Self::Slot,
            wit::ElementKind::MailSlot => Self::MailSlot,
            wit::ElementKind::Drive => Self::Drive,
        }
    }
}

impl From<wit::Element> for ports::ElementInfo {
    fn from(element: wit::Element) -> Self {
        let wit::Element { address, kind, full, cartridge, drive, extras } = element;
        Self { address, kind: kind.into(), full, cartridge, drive, extras: pairs(extras) }
    }
}

impl From<wit::ElementPage> for ports::ElementPage {
    fn from(page: wit::ElementPage) -> Self {
        Self { elements: page.elements.into_iter().map(Into::into).collect(), next: page.next }
    }
}

impl From<wit::TapeDrive> for ports::TapeDriveInfo {
    fn from(drive: wit::TapeDrive) -> Self {
        let wit::TapeDrive { name, vendor, product, library, element, cartridge, ready, extras } = drive;
        Self { name, vendor, product, library, element, cartridge, ready, extras: pairs(extras) }
    }
}

impl From<wit::Medium> for ports::MediumInfo {
    fn from(medium: wit::Medium) -> Self {
        let wit::Medium { cartridge, write_protected, block_minimum, block_maximum, partitions, counters, extras } = medium;
        let partitions =
            partitions.into_iter().map(|part| ports::PartitionInfo { capacity: part.capacity, remaining: part.remaining });
        Self {
            cartridge,
            write_protected,
            block_minimum,
            block_maximum,
            partitions: partitions.collect(),
            counters: pairs(counters),
            extras: pairs(extras),
        }
    }
}

impl From<wit::Severity> for ports::Severity {
    fn from(severity: wit::Severity) -> Self {
        match severity {
            wit::Severity::Information => Self::Information,
            wit::Severity::Warning => Self::Warning,
            wit::Severity::Critical => Self::Critical,
        }
    }
}

impl From<wit::Health> for ports::MediaHealth {
    fn from(health: wit::Health) -> Self {
        let alerts = health.alerts.into_iter().map(|alert| {
            let wit::Alert { flag, severity, name } = alert;
            ports::MediaAlert { flag, severity: severity.into(), name }
        });
        Self { alerts: alerts.collect(), counters: pairs(health.counters), extras: pairs(health.extras) }
    }
}

impl From<wit::Place> for ports::TapePlace {
    fn from(place: wit::Place) -> Self {
        let wit::Place { partition, object, met } = place;
        Self { partition, object, met }
    }
}

impl From<ports::Spacing> for wit::Spacing {
    fn from(by: ports::Spacing) -> Self {
        match by {
            ports::Spacing::Blocks => Self::Blocks,
            ports::Spacing::Filemarks => Self::Filemarks,
            ports::Spacing::EndOfData => Self::EndOfData,
        }
    }
}

impl From<wit::Written> for ports::Written {
    fn from(written: wit::Written) -> Self {
        let wit::Written { bytes, place, near_end, extras } = written;
        Self { bytes, place: place.into(), near_end, extras: pairs(extras) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v0_1::host::types::NamedValue;

    fn named(name: &str) -> Vec<NamedValue> {
        vec![NamedValue { name: name.to_owned(), value: "7".to_owned() }]
    }

    fn pair(name: &str) -> ports::NamedValues {
        vec![(name.to_owned(), "7".to_owned())]
    }

    #[test]
    fn an_element_keeps_every_member() {
        for (kind, wanted) in [
            (wit::ElementKind::Arm, ports::ElementKind::Arm),
            (wit::ElementKind::Slot, ports::ElementKind::Slot),
            (wit::ElementKind::MailSlot, ports::ElementKind::MailSlot),
            (wit::ElementKind::Drive, ports::ElementKind::Drive),
        ] {
            let text = |text: &str| Some(text.to_owned());
            let element =
                wit::Element { address: 256, kind, full: true, cartridge: text("A"), drive: text("D"), extras: named("medium") };
            let expected = ports::ElementInfo {
                address: 256,
                kind: wanted,
                full: true,
                cartridge: text("A"),
                drive: text("D"),
                extras: pair("medium"),
            };
            assert_eq!(ports::ElementInfo::from(element), expected);
        }
    }

    #[test]
    fn health_and_what_is_in_keep_what_they_count() {
        let alerts = vec![wit::Alert { flag: 20, severity: wit::Severity::Critical, name: "clean now".to_owned() }];
        let health = ports::MediaHealth::from(wit::Health { alerts, counters: named("loads"), extras: named("state") });
        assert_eq!((health.alerts[0].flag, health.alerts[0].severity), (20, ports::Severity::Critical));
        assert_eq!((health.counters, health.extras), (pair("loads"), pair("state")));
        let medium = ports::MediumInfo::from(wit::Medium {
            cartridge: Some("A".to_owned()),
            write_protected: true,
            block_minimum: 1,
            block_maximum: 2,
            partitions: vec![wit::Partition { capacity: Some(3), remaining: None }],
            counters: named("loads"),
            extras: named("density"),
        });
        assert_eq!(medium.partitions, [ports::PartitionInfo { capacity: Some(3), remaining: None }]);
        assert!(medium.write_protected && (medium.block_minimum, medium.block_maximum) == (1, 2));
        assert_eq!((medium.counters, medium.extras), (pair("loads"), pair("density")));
    }
}
