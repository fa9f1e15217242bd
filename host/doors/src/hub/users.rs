//! Users.

use async_trait::async_trait;
use capstan_api_http::{Caller, Given, Secret};
use capstan_api_hub::{
    Answer, Error, GroupOfUser, Link, Moment, NasUser, NasUserInput, Noun, Page, Profile, ProfileInput, User, UserInput, Users,
    Window,
};
use capstan_app::person::PersonChange;
use capstan_app::users::{AccountInput, Member, UserChange, UserView};
use capstan_domain::failure::{Failure, Kind};
use capstan_domain::group::Group;
use capstan_domain::identity::{self, Account, Person};
use capstan_domain::listing::Listing;
use capstan_domain::secret::SecretText;

use super::Door;
use super::failures::{Fields, error, missing, missing_or, wrong_field};
use super::groups::nobody_to_tell;
use super::listing::{page, window};

const NOUN: &str = "user";
const FIELDS: Fields = &[
    ("taken", "username"),
    ("name", "username"),
    ("password", "password"),
    ("blank", "password"),
    ("too-long", "password"),
    ("email", "email"),
    ("first_name", "first_name"),
    ("last_name", "last_name"),
    ("country", "profile.country"),
    ("department", "profile.department"),
    ("home_site", "profile.home_site"),
    ("default_site", "profile.default_site"),
    ("line_manager", "profile.line_manager"),
    ("phone", "profile.phone"),
    ("timezone", "profile.timezone"),
    ("not-found", "groups"),
    ("too-many", "groups"),
    ("primary-group", "nas_user.primary_group"),
];
const FIELDS_OF_PASSWORDS: Fields = &[("password", "new_password"), ("blank", "new_password"), ("too-long", "new_password")];

fn shown(UserView { user, groups }: UserView) -> User {
    let group = |group: Group| GroupOfUser { id: group.number, url: Link::to(Noun::Group, group.number), name: group.name };
    let Person { email, first_name, last_name, profile } = user.person;
    User {
        id: user.number,
        url: Link::to(Noun::User, &user.name),
        username: user.name,
        email,
        first_name,
        last_name,
        is_active: !user.disabled,
        date_joined: Moment(user.created.0),
        last_login: user.last_login.map(|login| Moment(login.0)),
        groups: groups.into_iter().map(group).collect(),
        profile: shown_profile(profile),
        nas_user: user.account.map(shown_account),
    }
}

fn shown_profile(profile: identity::Profile) -> Profile {
    let told = |text: String| (!text.is_empty()).then_some(text);
    Profile {
        country: told(profile.country),
        department: told(profile.department),
        home_site: profile.home_site,
        default_site: profile.default_site,
        line_manager: told(profile.line_manager),
        phone: told(profile.phone),
        timezone: told(profile.timezone),
    }
}

fn shown_account(account: Account) -> NasUser {
    NasUser { uid: account.uid, primary_group: account.primary_group_name, allow_ssh: account.allow_ssh }
}

/// Null clears a text.
fn person(
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    profile: Option<ProfileInput>,
) -> PersonChange {
    let text = |given: Given<String>| given.change().map(Option::unwrap_or_default);
    let profile = profile.unwrap_or_default();
    PersonChange {
        email,
        first_name,
        last_name,
        country: text(profile.country),
        department: text(profile.department),
        home_site: profile.home_site.change(),
        default_site: profile.default_site.change(),
        line_manager: text(profile.line_manager),
        phone: text(profile.phone),
        timezone: text(profile.timezone),
    }
}

fn account(given: NasUserInput) -> AccountInput {
    AccountInput { primary_group: given.primary_group, allow_ssh: given.allow_ssh }
}

fn secret(given: &Secret) -> SecretText {
    SecretText::new(given.reveal())
}

#[async_trait]
impl Users for Door {
    async fn list(&self, caller: &Caller, given: Window) -> Answer<Page<User>> {
        let caller = self.caller(caller)?;
        let found = window(given, Listing::first(0), |asked| self.app.identity.list_user_views(&caller, asked)).await?;
        Ok(page(found, shown))
    }

    async fn create(&self, caller: &Caller, input: UserInput) -> Answer<User> {
        let told = person(input.email, input.first_name, input.last_name, input.profile);
        let member = Member {
            name: input.username.unwrap_or_default(),
            password: input.password.as_ref().map_or_else(|| SecretText::new(""), secret),
            person: told.applied(Person::default()),
            account: input.nas_user.value().map(account),
            groups: input.groups.unwrap_or_default(),
        };
        let made = self.app.identity.enrol_user(&self.caller(caller)?, member).await;
        made.map(shown).map_err(wrong_field(FIELDS))
    }

    async fn show(&self, caller: &Caller, username: &str) -> Answer<User> {
        self.app.identity.user_view(&self.caller(caller)?, username).await.map(shown).map_err(missing(NOUN))
    }

    async fn update(&self, caller: &Caller, username: &str, input: UserInput) -> Answer<User> {
        let change = UserChange {
            password: input.password.as_ref().map(secret),
            person: Some(person(input.email, input.first_name, input.last_name, input.profile)),
            account: input.nas_user.change().map(|given| given.map(account)),
            groups: input.groups,
            ..UserChange::default()
        };
        let updated = self.app.identity.update_user_named(&self.caller(caller)?, username, change).await;
        updated.map(shown).map_err(missing_or(NOUN, FIELDS))
    }

    async fn delete(&self, caller: &Caller, username: &str) -> Answer<()> {
        self.app.identity.delete_user_named(&self.caller(caller)?, username).await.map_err(missing(NOUN))
    }

    async fn activate(&self, caller: &Caller, username: &str, active: bool) -> Answer<User> {
        let activated = self.app.identity.activate_user(&self.caller(caller)?, username, active).await;
        activated.map(shown).map_err(missing(NOUN))
    }

    async fn change_password(&self, caller: &Caller, old: &Secret, new: &Secret) -> Answer<()> {
        let wrong = |failure: Failure| match failure.kind {
            Kind::Unauthenticated => Error::field("old_password", "The old password is wrong."),
            _ => wrong_field(FIELDS_OF_PASSWORDS)(failure),
        };
        self.app.identity.change_password(&self.caller(caller)?, secret(old), secret(new)).await.map_err(wrong)
    }

    async fn sync(&self, caller: &Caller) -> Answer<String> {
        let pushed = self.app.identity.push_users(&self.caller(caller)?).await.map_err(error)?;
        Err(nobody_to_tell(pushed.accounts))
    }
}
