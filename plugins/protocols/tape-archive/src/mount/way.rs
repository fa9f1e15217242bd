//! Ways to the beginning of a section.

use super::{Action, Mount};

/// Where the tape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Unknown,
    /// At the beginning of a section.
    Beginning(u32),
    /// In it, or at its end.
    Within(u32),
}

impl Mount {
    /// `object`: where the section begins, if that is known.
    pub(super) fn go(&mut self, section: u32, object: Option<u64>) {
        let at = std::mem::replace(&mut self.at, At::Beginning(section));
        let from = match at {
            At::Beginning(there) if there == section => return,
            At::Beginning(there) | At::Within(there) => Some(there),
            At::Unknown => None,
        };
        let marks = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        match (object, from) {
            (Some(object), _) if self.abilities.locate => self.todo.push_back(Action::Locate { object }),
            _ if section == 0 => self.todo.push_back(Action::Rewind),
            (_, Some(from)) if from < section => {
                self.todo.push_back(Action::SpaceFilemarks { count: marks(section.saturating_sub(from)) });
            }
            // To before the mark in front of it, and over that.
            (_, Some(from)) if self.abilities.backwards => {
                let count = marks(from.saturating_sub(section).saturating_add(1)).saturating_neg();
                self.todo.extend([Action::SpaceFilemarks { count }, Action::SpaceFilemarks { count: 1 }]);
            }
            _ => self.todo.extend([Action::Rewind, Action::SpaceFilemarks { count: marks(section) }]),
        }
    }
}
