//! Changes of what is told of users, for people: what is left out stays as it is.

use capstan_domain::identity::{Person, Profile};
use capstan_domain::ids::Number;

/// An empty text clears.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub country: Option<String>,
    pub department: Option<String>,
    /// `Some(None)`: none any more.
    pub home_site: Option<Option<Number>>,
    pub default_site: Option<Option<Number>>,
    pub line_manager: Option<String>,
    pub phone: Option<String>,
    pub timezone: Option<String>,
}

impl PersonChange {
    pub fn applied(self, old: Person) -> Person {
        let profile = old.profile;
        Person {
            email: self.email.unwrap_or(old.email),
            first_name: self.first_name.unwrap_or(old.first_name),
            last_name: self.last_name.unwrap_or(old.last_name),
            profile: Profile {
                country: self.country.unwrap_or(profile.country),
                department: self.department.unwrap_or(profile.department),
                home_site: self.home_site.unwrap_or(profile.home_site),
                default_site: self.default_site.unwrap_or(profile.default_site),
                line_manager: self.line_manager.unwrap_or(profile.line_manager),
                phone: self.phone.unwrap_or(profile.phone),
                timezone: self.timezone.unwrap_or(profile.timezone),
            },
        }
    }
}
