//! The user `ada` of the fake host.

use async_trait::async_trait;
use capstan_api_http::{Caller, Secret};
use capstan_api_hub::*;

use super::{AT, Fake};

fn user() -> User {
    User {
        id: 1,
        url: Link::to(Noun::User, "ada"),
        username: "ada".into(),
        email: "ada@example".into(),
        first_name: "Ada".into(),
        last_name: String::new(),
        is_active: true,
        date_joined: AT,
        last_login: None,
        groups: vec![GroupOfUser { id: 1, url: Link::to(Noun::Group, 1), name: "one".into() }],
        profile: Profile::default(),
        nas_user: Some(NasUser { uid: 100_000, primary_group: "one".into(), allow_ssh: false }),
    }
}

impl Fake {
    fn named(&self, username: &str) -> Answer<User> {
        self.note(username);
        if username == "ada" { Ok(user()) } else { Err(Error::not_found("user")) }
    }
}

#[async_trait]
impl Users for Fake {
    async fn list(&self, _: &Caller, window: Window) -> Answer<Page<User>> {
        self.page((), window, user())
    }

    async fn create(&self, _: &Caller, input: UserInput) -> Answer<User> {
        self.note(&input);
        Ok(user())
    }

    async fn show(&self, _: &Caller, username: &str) -> Answer<User> {
        self.named(username)
    }

    async fn update(&self, _: &Caller, username: &str, input: UserInput) -> Answer<User> {
        let found = self.named(username)?;
        self.note(&input);
        Ok(found)
    }

    async fn delete(&self, _: &Caller, username: &str) -> Answer<()> {
        self.named(username).map(|_| ())
    }

    async fn activate(&self, _: &Caller, username: &str, active: bool) -> Answer<User> {
        self.named(username).map(|user| User { is_active: active, ..user })
    }

    async fn change_password(&self, _: &Caller, old: &Secret, _: &Secret) -> Answer<()> {
        if old.reveal() == "pw" { Ok(()) } else { Err(Error::field("old_password", "This is not the password.")) }
    }

    async fn sync(&self, _: &Caller) -> Answer<String> {
        Ok("t1".into())
    }
}
