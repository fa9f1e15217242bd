//! Groups, who is in them, and what they and users are given.

use capstan_catalogue::Catalogue;
use capstan_domain::Kind;
use capstan_domain::group::{GroupChange, NewGroup, Standard};
use capstan_domain::identity::{
    AccountRequest, Enrolment, FIRST_ACCOUNT_NUMBER, NewUser, Person, Profile, Role, User, UserRecordChange,
};
use capstan_domain::ids::GroupId;
use capstan_domain::listing::{Listing, Operator};
use capstan_domain::permission::{Action, Given, Noun, ObjectPermission, Permission};

use crate::database::{Base, on_both};
use crate::nouns::space;

on_both! {
    the_groups_every_catalogue_has_are_made_once => standard,
    a_group_comes_with_its_members_and_permissions_and_goes_without_them => comes_and_goes,
    administrators_are_who_has_the_role => administrators,
    a_number_of_an_account_is_given_once => numbers,
    what_a_user_is_given_is_theirs_and_their_groups => given,
    a_list_can_be_of_what_a_user_may_view => viewed,
    what_is_told_of_a_user_is_kept_and_tokens_end_with_the_password => person,
}

const VIEW_SPACE: Permission = Permission::new(Action::View, Noun::Space);
const ADD_BUCKET: Permission = Permission::new(Action::Add, Noun::Bucket);

async fn user(catalogue: &Catalogue, name: &str, role: Role) -> User {
    let new = NewUser { name: name.to_owned(), role, password: "hash".to_owned() };
    catalogue.create_user(&new).await.unwrap()
}

async fn standard_group(catalogue: &Catalogue, standard: Standard) -> GroupId {
    catalogue.make_standard_groups().await.unwrap();
    catalogue.group(standard.name()).await.unwrap().id
}

async fn standard(catalogue: &Catalogue, _: &Base) {
    let users = standard_group(catalogue, Standard::Users).await;
    let none = GroupChange { permissions: Some(Vec::new()), ..GroupChange::default() };
    catalogue.update_group(users, none).await.unwrap();
    catalogue.make_standard_groups().await.unwrap();
    let all = catalogue.groups(&Listing::first(10)).await.unwrap().items;
    assert_eq!(all.iter().map(|group| group.standard).collect::<Vec<_>>(), Standard::ALL.map(Some));
    assert!(catalogue.permissions_of_groups(&[users]).await.unwrap().is_empty(), "what was taken away is not given again");
    assert_eq!(catalogue.delete_group(users).await.unwrap_err().kind, Kind::NotFound);
}

async fn comes_and_goes(catalogue: &Catalogue, _: &Base) {
    let (ada, eve) = (user(catalogue, "ada", Role::Member).await, user(catalogue, "eve", Role::Administrator).await);
    let new = NewGroup {
        name: "Film".to_owned(),
        members: vec![ada.id, eve.id],
        permissions: vec![VIEW_SPACE, ADD_BUCKET],
        objects: vec![ObjectPermission { permission: VIEW_SPACE, object: 7 }],
        ..NewGroup::default()
    };
    let group = catalogue.create_group(&new).await.unwrap();
    assert_eq!(catalogue.create_group(&new).await.unwrap_err().kind, Kind::AlreadyExists);
    catalogue.create_group(&NewGroup { name: "film".to_owned(), ..NewGroup::default() }).await.unwrap();
    let members = catalogue.members_of(&[group.id]).await.unwrap();
    assert_eq!(members.iter().map(|(_, user)| user.name.as_str()).collect::<Vec<_>>(), ["ada", "eve"]);
    assert_eq!(catalogue.permissions_of_groups(&[group.id]).await.unwrap().len(), 3);
    let of_ada = Listing::first(10).with("member", Operator::Equal, ada.id);
    assert_eq!(catalogue.groups(&of_ada).await.unwrap().count, 1);
    let in_film = Listing::first(10).with("group", Operator::Equal, group.id);
    assert_eq!(catalogue.users(&in_film).await.unwrap().count, 2);

    let change = GroupChange {
        name: Some("Films".to_owned()),
        members: Some(vec![eve.id]),
        permissions: Some(vec![VIEW_SPACE]),
        ..GroupChange::default()
    };
    assert_eq!(catalogue.update_group(group.id, change).await.unwrap().name, "Films");
    assert!(catalogue.groups_of(&[ada.id]).await.unwrap().is_empty());
    let left = catalogue.permissions_of_groups(&[group.id]).await.unwrap();
    assert_eq!(left.iter().map(|given| given.object).collect::<Vec<_>>(), [Some(7), None]);
    catalogue.delete_group(group.id).await.unwrap();
    assert!(catalogue.groups_of(&[ada.id, eve.id]).await.unwrap().is_empty());
    assert!(catalogue.permissions_of_groups(&[group.id]).await.unwrap().is_empty());
}

async fn administrators(catalogue: &Catalogue, _: &Base) {
    let group = standard_group(catalogue, Standard::Administrators).await;
    let (ada, eve) = (user(catalogue, "ada", Role::Administrator).await, user(catalogue, "eve", Role::Operator).await);
    assert_eq!(catalogue.members_of(&[group]).await.unwrap().len(), 1);
    let become_members = |members| GroupChange { members: Some(members), ..GroupChange::default() };
    let refused = catalogue.update_group(group, become_members(Vec::new())).await.unwrap_err();
    assert_eq!(refused.code.as_deref(), Some("last-administrator"));
    catalogue.update_group(group, become_members(vec![eve.id])).await.unwrap();
    let (ada, eve) = (catalogue.user(ada.id).await.unwrap(), catalogue.user(eve.id).await.unwrap());
    assert_eq!((ada.role, eve.role), (Role::Member, Role::Administrator));
    assert!(ada.generation > 0 && eve.generation > 0, "whose role changed proves it anew");

    let join = UserRecordChange { groups: Some(vec![group]), ..UserRecordChange::default() };
    assert_eq!(catalogue.update_user(ada.id, join).await.unwrap().role, Role::Administrator);
    let leave = || UserRecordChange { groups: Some(Vec::new()), ..UserRecordChange::default() };
    assert_eq!(catalogue.update_user(eve.id, leave()).await.unwrap().role, Role::Member);
    assert_eq!(catalogue.update_user(ada.id, leave()).await.unwrap_err().code.as_deref(), Some("last-administrator"));
    let disable = UserRecordChange { disabled: Some(true), ..UserRecordChange::default() };
    assert_eq!(catalogue.update_user(ada.id, disable).await.unwrap_err().code.as_deref(), Some("last-administrator"));
    assert!(!catalogue.user(ada.id).await.unwrap().disabled);
}

async fn numbers(catalogue: &Catalogue, _: &Base) {
    let plain = catalogue.create_group(&NewGroup { name: "plain".to_owned(), ..NewGroup::default() }).await.unwrap();
    let with = |name: &str| NewGroup { name: name.to_owned(), account: true, ..NewGroup::default() };
    let first = catalogue.create_group(&with("first")).await.unwrap();
    catalogue.delete_group(first.id).await.unwrap();
    let second = catalogue.create_group(&with("second")).await.unwrap();
    assert_eq!((plain.gid, first.gid, second.gid), (None, Some(FIRST_ACCOUNT_NUMBER), Some(FIRST_ACCOUNT_NUMBER + 1)));

    let account = |primary_group| AccountRequest { primary_group, allow_ssh: true };
    let enrol = |name: &str, group| {
        let new = NewUser { name: name.to_owned(), role: Role::Administrator, password: "hash".to_owned() };
        (new, Enrolment { account: Some(account(group)), ..Enrolment::default() })
    };
    let (new, enrolment) = enrol("ada", plain.id);
    assert_eq!(catalogue.enrol_user(&new, enrolment).await.unwrap_err().code.as_deref(), Some("primary-group"));
    let (new, enrolment) = enrol("ada", second.id);
    let ada = catalogue.enrol_user(&new, enrolment).await.unwrap();
    let uid = |user: &User| user.account.as_ref().map(|account| account.uid);
    // The refused one took no number with it.
    assert_eq!(uid(&ada), Some(FIRST_ACCOUNT_NUMBER));
    assert_eq!(catalogue.delete_group(second.id).await.unwrap_err().code.as_deref(), Some("in-use"));
    let no_gid = GroupChange { account: Some(false), ..GroupChange::default() };
    assert_eq!(catalogue.update_group(second.id, no_gid.clone()).await.unwrap_err().code.as_deref(), Some("in-use"));

    let change = |account| UserRecordChange { account: Some(account), ..UserRecordChange::default() };
    assert_eq!(uid(&catalogue.update_user(ada.id, change(None)).await.unwrap()), None);
    catalogue.update_group(second.id, no_gid).await.unwrap();
    let again = GroupChange { account: Some(true), ..GroupChange::default() };
    assert_eq!(catalogue.update_group(second.id, again).await.unwrap().gid, Some(FIRST_ACCOUNT_NUMBER + 2));
    let back = catalogue.update_user(ada.id, change(Some(account(second.id)))).await.unwrap();
    assert_eq!(uid(&back), Some(FIRST_ACCOUNT_NUMBER), "a user has one uid");
}

async fn given(catalogue: &Catalogue, _: &Base) {
    let ada = user(catalogue, "ada", Role::Member).await;
    let one = ObjectPermission { permission: VIEW_SPACE, object: 3 };
    let own = Given { everywhere: [ADD_BUCKET].into(), objects: [one].into() };
    catalogue.set_permissions_of_user(ada.id, &own).await.unwrap();
    assert_eq!(catalogue.given(ada.id).await.unwrap(), own);
    let group = NewGroup { name: "g".to_owned(), members: vec![ada.id], permissions: vec![VIEW_SPACE], ..NewGroup::default() };
    let group = catalogue.create_group(&group).await.unwrap();
    let both = Given { everywhere: [ADD_BUCKET, VIEW_SPACE].into(), objects: [one].into() };
    assert_eq!(catalogue.given(ada.id).await.unwrap(), both);
    catalogue.delete_group(group.id).await.unwrap();
    assert_eq!(catalogue.given(ada.id).await.unwrap(), own);
}

async fn viewed(catalogue: &Catalogue, _: &Base) {
    let (ada, eve) = (user(catalogue, "ada", Role::Member).await, user(catalogue, "eve", Role::Member).await);
    let (first, second) = (space(catalogue, "first").await, space(catalogue, "second").await);
    let view = |number| ObjectPermission { permission: VIEW_SPACE, object: number };
    let own = Given { objects: [view(first.number)].into(), ..Given::default() };
    catalogue.set_permissions_of_user(ada.id, &own).await.unwrap();
    let group =
        NewGroup { name: "g".to_owned(), members: vec![ada.id], objects: vec![view(second.number)], ..NewGroup::default() };
    catalogue.create_group(&group).await.unwrap();
    let seen_by = |user: &User| Listing::first(10).with("viewer", Operator::Equal, user.id);
    let seen = catalogue.spaces(&seen_by(&ada)).await.unwrap();
    assert_eq!(seen.items.iter().map(|space| space.number).collect::<Vec<_>>(), [first.number, second.number]);
    assert_eq!(catalogue.spaces(&seen_by(&eve)).await.unwrap().count, 0);
    for none in [
        catalogue.locations(&seen_by(&ada)).await.unwrap().count,
        catalogue.targets(&seen_by(&ada)).await.unwrap().count,
        catalogue.jobs(&seen_by(&ada)).await.unwrap().count,
    ] {
        assert_eq!(none, 0);
    }
    catalogue.delete_space(first.id).await.unwrap();
    assert_eq!(catalogue.given(ada.id).await.unwrap().objects, [view(second.number)].into(), "it goes with its object");
}

async fn person(catalogue: &Catalogue, _: &Base) {
    let ada = user(catalogue, "ada", Role::Administrator).await;
    let profile = Profile { country: "UK".to_owned(), home_site: Some(2), ..Profile::default() };
    let person = Person { email: "ada@example.org".to_owned(), profile, ..Person::default() };
    let change = UserRecordChange { person: Some(person.clone()), ..UserRecordChange::default() };
    let changed = catalogue.update_user(ada.id, change).await.unwrap();
    assert_eq!((changed.person, changed.generation), (person, ada.generation));
    let by_email = Listing::first(10).with("email", Operator::Like, "%EXAMPLE%");
    assert_eq!(catalogue.users(&by_email).await.unwrap().count, 1);
    catalogue.set_password(ada.id, "other").await.unwrap();
    assert_eq!(catalogue.user(ada.id).await.unwrap().generation, ada.generation + 1);
    catalogue.touch_user(ada.number, capstan_domain::time::Timestamp(9)).await.unwrap();
    assert_eq!(catalogue.user_named("ada").await.unwrap().last_login, Some(capstan_domain::time::Timestamp(9)));
}
