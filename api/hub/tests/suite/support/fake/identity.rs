//! Client keys, groups, permissions and tokens of the fake host.

use async_trait::async_trait;
use capstan_api_http::{Caller, Secret};
use capstan_api_hub::*;

use super::{AT, Fake};

fn key() -> ClientKey {
    ClientKey { id: 1, url: Link::to(Noun::ClientKey, 1), name: "one".into(), user: "ada".into() }
}

fn group() -> Group {
    let member = GroupMember {
        username: "ada".into(),
        email: String::new(),
        first_name: String::new(),
        last_name: String::new(),
        date_joined: AT,
        last_login: None,
    };
    let permission = ObjectPermission { model: "space".into(), object_pk: "1".into(), permission: 1 };
    Group {
        id: 1,
        name: "one".into(),
        description: String::new(),
        nas_group: Some(NasGroup { gid: 100_000 }),
        users: vec![member],
        permissions: vec![1],
        object_permissions: vec![permission],
    }
}

fn permission() -> Permission {
    Permission {
        id: 1,
        app_label: "filebrowser".into(),
        codename: "view_space".into(),
        model: "space".into(),
        name: "Can view space".into(),
    }
}

#[async_trait]
impl ClientKeys for Fake {
    async fn list(&self, _: &Caller, window: Window) -> Answer<Page<ClientKey>> {
        self.page((), window, key())
    }

    async fn create(&self, _: &Caller, input: ClientKeyInput) -> Answer<NewClientKey> {
        self.note(&input);
        Ok(NewClientKey { key: key(), api_key: Disclosed(Secret::new("hush")) })
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<ClientKey> {
        self.find("client key", id).map(|()| key())
    }

    async fn update(&self, _: &Caller, id: i64, _: ClientKeyInput) -> Answer<ClientKey> {
        self.find("client key", id).map(|()| key())
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("client key", id)
    }
}

#[async_trait]
impl Groups for Fake {
    async fn list(&self, _: &Caller, window: Window) -> Answer<Page<Group>> {
        self.page((), window, group())
    }

    async fn create(&self, _: &Caller, input: GroupInput) -> Answer<Group> {
        self.note(&input);
        self.free(input.name.as_deref()).map(|()| group())
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Group> {
        self.find("group", id).map(|()| group())
    }

    async fn update(&self, _: &Caller, id: i64, _: GroupInput) -> Answer<Group> {
        self.find("group", id).map(|()| group())
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("group", id)
    }

    async fn sync(&self, _: &Caller) -> Answer<String> {
        Ok("t1".into())
    }
}

#[async_trait]
impl Permissions for Fake {
    async fn list(&self, _: &Caller, window: Window) -> Answer<Page<Permission>> {
        self.page((), window, permission())
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Permission> {
        self.find("permission", id).map(|()| permission())
    }

    async fn mine(&self, _: &Caller) -> Answer<MyPermissions> {
        let on_object = PermissionOnObject { permission: permission(), object_pk: "1".into() };
        Ok(MyPermissions { group: vec![permission()], group_object: vec![on_object], ..MyPermissions::default() })
    }
}

#[async_trait]
impl Tokens for Fake {
    async fn obtain(&self, username: &str, password: &Secret) -> Answer<TokenPair> {
        if username != "ada" || password.reveal() != "pw" {
            return Err(Error::no_account());
        }
        Ok(TokenPair { access: Disclosed(Secret::new("a1")), refresh: Disclosed(Secret::new("r1")) })
    }

    async fn refresh(&self, refresh: &Secret) -> Answer<AccessToken> {
        if refresh.reveal() == "r1" { Ok(AccessToken(Secret::new("a2"))) } else { Err(Error::token_refused()) }
    }

    async fn verify(&self, token: &Secret, kind: TokenType) -> Answer<()> {
        match (token.reveal(), kind) {
            ("a1", TokenType::Access) | ("r1", TokenType::Refresh) => Ok(()),
            _ => Err(Error::token_refused()),
        }
    }

    async fn public_key(&self) -> Answer<PublicKey> {
        Ok(PublicKey { public_key: "-----BEGIN PUBLIC KEY-----\n".into(), algorithm: "EdDSA".into() })
    }
}
