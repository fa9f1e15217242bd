use capstan_domain::Kind;
use capstan_domain::identity::{Caller, Person, Role};
use capstan_domain::listing::Listing;
use capstan_domain::permission::{Action, Given, Noun, ObjectPermission, Permission};
use capstan_domain::secret::SecretText;
use serde_json::json;

use super::host::{Host, bare};
use crate::groups::GroupInput;
use crate::spaces::SpaceRequest;
use crate::users::{AccountInput, Member, Pushed, UserChange};

const OF_ADA: &str = "one more password";
const VIEW_SPACE: Permission = Permission::new(Action::View, Noun::Space);
const ADD_BUCKET: Permission = Permission::new(Action::Add, Noun::Bucket);

fn member(name: &str, groups: &[&str]) -> Member {
    Member {
        name: name.into(),
        password: SecretText::new(OF_ADA),
        person: Person::default(),
        account: None,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn group(name: &str, permissions: &[Permission]) -> GroupInput {
    GroupInput { name: Some(name.into()), permissions: Some(permissions.to_vec()), ..GroupInput::default() }
}

async fn comes_in(host: &Host, name: &str) -> Caller {
    host.app.identity.verify_basic(name, &SecretText::new(OF_ADA)).await.unwrap()
}

async fn space(host: &Host, name: &str) -> i64 {
    let new = SpaceRequest {
        name: name.into(),
        comment: None,
        directory: None,
        quota_bytes: None,
        cache_quota_bytes: None,
        push_pool: None,
        cleaning_pool: None,
        attributes: json!({}),
    };
    host.app.spaces.create(&host.admin, new).await.unwrap().number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_has_what_their_groups_give_from_the_next_request_on() {
    let host = bare().await;
    let identity = &host.app.identity;
    identity.enrol_user(&host.admin, member("ada", &[])).await.unwrap();
    let ada = comes_in(&host, "ada").await;
    assert!(!ada.may("containers", "index") && ada.may("own_password", "update"));
    let into_users = UserChange { groups: Some(vec!["Users".into()]), ..UserChange::default() };
    identity.update_user_named(&host.admin, "ada", into_users).await.unwrap();
    let ada = comes_in(&host, "ada").await;
    assert!(ada.may("containers", "index") && ada.may("files", "index") && !ada.may("containers", "create"));
    let mine = identity.my_permissions(&ada).await.unwrap();
    assert_eq!((mine.user.len(), mine.group.len()), (0, 2));
    let into_administrators = UserChange { groups: Some(vec!["Administrators".into()]), ..UserChange::default() };
    identity.update_user_named(&host.admin, "ada", into_administrators).await.unwrap();
    let ada = comes_in(&host, "ada").await;
    assert!(ada.is_administrator());
    assert_eq!(identity.my_permissions(&ada).await.unwrap().group.len(), Permission::all().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_on_one_space_shows_that_one_and_no_other() {
    let host = bare().await;
    let identity = &host.app.identity;
    let (first, second) = (space(&host, "first").await, space(&host, "second").await);
    identity.enrol_user(&host.admin, member("ada", &[])).await.unwrap();
    let objects = vec![ObjectPermission { permission: VIEW_SPACE, object: first }];
    let input = GroupInput { members: Some(vec!["ada".into()]), objects: Some(objects), ..group("Film", &[]) };
    identity.create_group(&host.admin, input).await.unwrap();
    let ada = comes_in(&host, "ada").await;
    ada.check_on("containers", "show", first).unwrap();
    assert_eq!(ada.check_on("containers", "show", second).unwrap_err().kind, Kind::NotFound);
    assert_eq!(ada.check_on("containers", "destroy", first).unwrap_err().kind, Kind::Denied);
    let seen = host.app.spaces.list(ada.narrowed("containers", "index", Listing::first(10))).await.unwrap();
    assert_eq!(seen.items.iter().map(|space| space.number).collect::<Vec<_>>(), [first]);
    assert_eq!(identity.my_permissions(&ada).await.unwrap().group_objects.len(), 1);

    let nowhere = vec![ObjectPermission { permission: VIEW_SPACE, object: second + 1 }];
    let input = GroupInput { objects: Some(nowhere), ..GroupInput::default() };
    assert_eq!(identity.update_group(&host.admin, "Film", input).await.unwrap_err().code.as_deref(), Some("object"));
    let of_users = vec![ObjectPermission { permission: Permission::new(Action::View, Noun::User), object: 1 }];
    let input = GroupInput { objects: Some(of_users), ..GroupInput::default() };
    assert_eq!(identity.update_group(&host.admin, "Film", input).await.unwrap_err().code.as_deref(), Some("object"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_groups_that_are_always_there_stay_what_they_are() {
    let host = bare().await;
    let identity = &host.app.identity;
    for name in ["Administrators", "Users"] {
        assert_eq!(identity.delete_group(&host.admin, name).await.unwrap_err().code.as_deref(), Some("protected"));
        let renamed = identity.update_group(&host.admin, name, group("Others", &[])).await;
        assert_eq!(renamed.unwrap_err().code.as_deref(), Some("protected"));
    }
    let administrators = identity.group(&host.admin, "Administrators").await.unwrap();
    assert_eq!(administrators.permissions.len(), Permission::all().count());
    assert_eq!(administrators.members.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["admin"]);
    let nobody = GroupInput { members: Some(Vec::new()), ..GroupInput::default() };
    let refused = identity.update_group(&host.admin, "Administrators", nobody).await;
    assert_eq!(refused.unwrap_err().code.as_deref(), Some("last-administrator"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_change_users_and_groups_gives_nothing_they_do_not_have_and_takes_over_nobody() {
    let host = bare().await;
    let identity = &host.app.identity;
    let on = |noun| Action::ALL.map(|action| Permission::new(action, noun)).to_vec();
    let stewardship = [on(Noun::User), on(Noun::Group), vec![VIEW_SPACE]].concat();
    identity.create_group(&host.admin, group("Stewards", &stewardship)).await.unwrap();
    identity.create_group(&host.admin, group("Buckets", &[ADD_BUCKET])).await.unwrap();
    identity.enrol_user(&host.admin, member("ada", &["Stewards"])).await.unwrap();
    identity.enrol_user(&host.admin, member("bob", &["Buckets"])).await.unwrap();
    let ada = comes_in(&host, "ada").await;

    identity.enrol_user(&ada, member("cyd", &["Stewards"])).await.unwrap();
    for more in [&["Buckets"][..], &["Administrators"]] {
        assert_eq!(identity.enrol_user(&ada, member("eve", more)).await.unwrap_err().kind, Kind::Denied);
    }
    let password = || UserChange { password: Some(SecretText::new("two more passwords")), ..UserChange::default() };
    for greater in ["admin", "bob"] {
        assert_eq!(identity.update_user_named(&ada, greater, password()).await.unwrap_err().kind, Kind::Denied);
        assert_eq!(identity.delete_user_named(&ada, greater).await.unwrap_err().kind, Kind::Denied);
    }
    identity.update_user_named(&ada, "cyd", password()).await.unwrap();
    let promote = UserChange { role: Some(Role::Administrator), ..UserChange::default() };
    assert_eq!(identity.update_user_named(&ada, "cyd", promote).await.unwrap_err().kind, Kind::Denied);

    assert_eq!(identity.create_group(&ada, group("More", &[ADD_BUCKET])).await.unwrap_err().kind, Kind::Denied);
    identity.create_group(&ada, group("Same", &[VIEW_SPACE])).await.unwrap();
    for greater in ["Administrators", "Buckets"] {
        let join = GroupInput { members: Some(vec!["ada".into()]), ..GroupInput::default() };
        assert_eq!(identity.update_group(&ada, greater, join).await.unwrap_err().kind, Kind::Denied);
    }
    let given = Given { everywhere: [ADD_BUCKET].into(), ..Given::default() };
    assert_eq!(identity.set_permissions_of_user(&ada, "cyd", given.clone()).await.unwrap_err().kind, Kind::Denied);
    identity.set_permissions_of_user(&host.admin, "cyd", given).await.unwrap();
    let cyd = identity.verify_basic("cyd", &SecretText::new("two more passwords")).await.unwrap();
    assert!(cyd.may("nas_shares", "create"));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_numbered_by_the_host_and_pushed_to_the_servers_there_are() {
    let host = bare().await;
    let identity = &host.app.identity;
    identity.create_group(&host.admin, group("Plain", &[])).await.unwrap();
    identity.create_group(&host.admin, GroupInput { account: Some(true), ..group("Film", &[]) }).await.unwrap();
    let account = |primary_group: &str| Some(AccountInput { primary_group: Some(primary_group.into()), allow_ssh: None });
    let refused = identity.enrol_user(&host.admin, Member { account: account("Plain"), ..member("ada", &[]) }).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("primary-group"));
    let ada = identity.enrol_user(&host.admin, Member { account: account("Film"), ..member("ada", &["Film"]) }).await.unwrap();
    assert_eq!(ada.user.account.map(|account| account.uid), Some(100_000));
    let pushed = Pushed { accounts: 1, servers: 0 };
    assert_eq!(identity.push_users(&host.admin).await.unwrap(), pushed);
    assert_eq!(identity.push_groups(&host.admin).await.unwrap(), pushed);
    assert_eq!(identity.push_groups(&comes_in(&host, "ada").await).await.unwrap_err().kind, Kind::Denied);
}
