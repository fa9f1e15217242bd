//! Users as requests ask for them.

use capstan_api_http::{Given, Secret};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::Answer;
use crate::validation::{Check, For, NAME_LIMIT, REQUIRED, given};

/// Characters of a username, and of a group's name.
pub const USERNAME_LIMIT: usize = 150;

/// Names that stand in paths for something else.
const RESERVED: &[&str] = &["change_password", "sync"];

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = nas_user_input)]
pub struct NasUserInput {
    /// Name of a group; given when the account is new to the sites.
    pub primary_group: Option<String>,
    pub allow_ssh: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = profile_input)]
pub struct ProfileInput {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub country: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub department: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub home_site: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub default_site: Given<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub line_manager: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub phone: Given<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub timezone: Given<String>,
}

/// Members that are left out stay as they are; username and password are given on create.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = user_input)]
pub struct UserInput {
    /// Cannot be changed later, and is not looked at then.
    pub username: Option<String>,
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Names; they replace the ones there were.
    pub groups: Option<Vec<String>>,
    pub profile: Option<ProfileInput>,
    /// Null takes the account from the sites.
    #[serde(default)]
    #[schema(value_type = Option<NasUserInput>)]
    pub nas_user: Given<NasUserInput>,
}

impl UserInput {
    pub(crate) fn check(&self, purpose: For) -> Answer<()> {
        let mut check = Check::new(purpose);
        if purpose == For::Create {
            username(&mut check, self.username.as_deref());
        }
        check.secret("password", self.password.as_ref());
        for (field, value) in [("first_name", &self.first_name), ("last_name", &self.last_name)] {
            check.line(field, value.as_deref(), NAME_LIMIT);
        }
        check.line("email", self.email.as_deref(), NAME_LIMIT);
        if self.email.as_ref().is_some_and(|email| !email.is_empty() && !looks_like_an_email(email)) {
            check.refuse("email", "Enter a valid email address.");
        }
        check.texts("groups", self.groups.iter().flatten());
        if let Some(profile) = &self.profile {
            for (field, value) in [
                ("profile.country", &profile.country),
                ("profile.department", &profile.department),
                ("profile.line_manager", &profile.line_manager),
                ("profile.phone", &profile.phone),
                ("profile.timezone", &profile.timezone),
            ] {
                check.line(field, given(value).map(String::as_str), NAME_LIMIT);
            }
        }
        if let Given::Value(nas) = &self.nas_user {
            if nas.primary_group.is_none() && purpose == For::Create {
                check.refuse("nas_user.primary_group", REQUIRED);
            }
            check.line("nas_user.primary_group", nas.primary_group.as_deref(), USERNAME_LIMIT);
        }
        check.finish()
    }
}

/// Letters and digits of any script, and a few signs.
fn username(check: &mut Check, name: Option<&str>) {
    let allowed = |c: char| c.is_alphanumeric() || "@.+-_".contains(c);
    check.word("username", name, USERNAME_LIMIT, allowed, "letters, digits and @/./+/-/_ only");
    if name.is_some_and(|name| RESERVED.contains(&name) || matches!(name, "." | "..")) {
        check.refuse("username", "This name has another meaning in addresses.");
    }
}

fn looks_like_an_email(text: &str) -> bool {
    let sides = text.rsplit_once('@');
    sides.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !text.chars().any(char::is_whitespace))
}

#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = password_change)]
pub struct PasswordChange {
    #[schema(value_type = String)]
    pub old_password: Option<Secret>,
    #[schema(value_type = String)]
    pub new_password: Option<Secret>,
}

impl PasswordChange {
    pub(crate) fn check(&self) -> Answer<()> {
        let mut check = Check::new(For::Create);
        check.secret("old_password", self.old_password.as_ref());
        check.secret("new_password", self.new_password.as_ref());
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(name: &str) -> bool {
        let mut check = Check::new(For::Create);
        username(&mut check, Some(name));
        check.finish().is_ok()
    }

    #[test]
    fn usernames_are_letters_digits_and_a_few_signs() {
        for name in ["ada", "ada.lovelace@example+x-y_z", "Jürgen", "7", &"x".repeat(150)] {
            assert!(good(name), "{name}");
        }
        for name in ["", " ", "a b", "a/b", "a!", "a\n", "..", ".", "sync", "change_password", &"x".repeat(151)] {
            assert!(!good(name), "{name:?}");
        }
    }

    #[test]
    fn an_email_has_two_sides() {
        assert!(looks_like_an_email("a@b") && looks_like_an_email("\"a@b\"@c.d"));
        assert!(
            !looks_like_an_email("a")
                && !looks_like_an_email("@b")
                && !looks_like_an_email("a@")
                && !looks_like_an_email("a b@c")
        );
    }
}
