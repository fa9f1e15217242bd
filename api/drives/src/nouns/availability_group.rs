//! Availability groups: which drives share a storage host, so that clients can see whether `avoid` was heard.

use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use capstan_api_http::{Access, Caller, Operation, Routes};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{At, Who};
use crate::answer::{Answer, streamed};

/// Some of the drives of one group. The groups are counted, and what is of one comes one part after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPart {
    pub group: usize,
    pub drives: Vec<Uuid>,
}

/// The published API has neither window nor limit for them: they are read as they are sent, and never held as a whole.
pub type GroupParts = BoxStream<'static, Answer<GroupPart>>;

#[async_trait]
pub trait AvailabilityGroups: Send + Sync + 'static {
    /// One group a storage host, with the drives that the caller may see.
    async fn list(&self, caller: &Caller) -> Answer<GroupParts>;
    /// The drives that share this one's storage host, itself among them: one group.
    async fn of_drive(&self, caller: &Caller, drive: Uuid) -> Answer<GroupParts>;
}

/// Without an envelope.
#[derive(ToSchema)]
#[schema(as = availability_group)]
#[expect(dead_code, reason = "what it holds is only read by the document")]
struct Group(Vec<String>);

#[derive(ToSchema)]
#[schema(as = availability_groups)]
#[expect(dead_code, reason = "what it holds is only read by the document")]
struct Groups(Vec<Vec<String>>);

type Shared = State<Arc<dyn AvailabilityGroups>>;

pub(crate) fn routes(groups: Arc<dyn AvailabilityGroups>) -> Routes {
    let scope = |verb| Access::Scope("drives", verb);
    Routes::new()
        .on(
            Operation::get("/drives/availability_groups/", "list_availability_groups", scope("index"))
                .summary("Lists which drives share a storage host.")
                .answers::<Groups>(200, "A list of drives for each storage host."),
            list,
        )
        .on(
            Operation::get("/drives/availability_groups/{uuid}/", "show_availability_group", scope("show"))
                .summary("Lists the drives that share the storage host of this one.")
                .answers::<Group>(200, "Drives, this one among them."),
            show,
        )
        .with_state(groups)
}

async fn list(State(groups): Shared, Extension(caller): Who) -> Answer<Response> {
    answer(groups.list(&caller).await?, Form::Groups).await
}

async fn show(State(groups): Shared, Extension(caller): Who, at: At) -> Answer<Response> {
    answer(groups.of_drive(&caller, at.0).await?, Form::Group).await
}

/// What fails before the first part is there is still an error of the dialect.
async fn answer(parts: GroupParts, form: Form) -> Answer<Response> {
    let mut parts = parts.fuse();
    let first = parts.try_next().await?;
    let mut text = Text { form, begun: false, group: None };
    let parts = stream::iter(first.map(Ok)).chain(parts).map_ok(Some).chain(stream::iter([Ok(None)]));
    Ok(streamed(parts.map_ok(move |part| text.piece(part))))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `[[…], […]]`
    Groups,
    /// `[…]`
    Group,
}

/// What was written of an answer.
struct Text {
    form: Form,
    begun: bool,
    /// The group that is open.
    group: Option<usize>,
}

impl Text {
    /// What comes next; behind the last part, the end.
    fn piece(&mut self, part: Option<GroupPart>) -> String {
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) && self.form == Form::Groups {
            text.push('[');
        }
        let Some(GroupPart { group, drives }) = part else {
            text.push_str(match (self.form, self.group) {
                (Form::Groups, Some(_)) => "]]",
                (Form::Groups, None) | (Form::Group, Some(_)) => "]",
                (Form::Group, None) => "[]",
            });
            return text;
        };
        for drive in drives {
            text.push_str(match self.group.replace(group) {
                Some(open) if open == group => ",",
                Some(_) => "],[",
                None => "[",
            });
            // Writing to a string does not fail.
            let _ = write!(text, "\"{drive}\"");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(form: Form, parts: &[(usize, &[u128])]) -> Value {
        let mut text = Text { form, begun: false, group: None };
        let part = |(group, drives): &(usize, &[u128])| GroupPart {
            group: *group,
            drives: drives.iter().map(|id| Uuid::from_u128(*id)).collect(),
        };
        let pieces: String = parts.iter().map(part).map(Some).chain([None]).map(|part| text.piece(part)).collect();
        serde_json::from_str(&pieces).unwrap()
    }

    #[test]
    fn parts_of_a_group_become_one_list_wherever_they_are_cut() {
        let id = |number| Uuid::from_u128(number).to_string();
        let whole = json!([[id(1), id(2), id(3)], [id(4)]]);
        assert_eq!(written(Form::Groups, &[(0, &[1, 2, 3]), (1, &[4])]), whole);
        assert_eq!(written(Form::Groups, &[(0, &[1]), (0, &[2, 3]), (0, &[]), (1, &[]), (2, &[4])]), whole);
        assert_eq!(written(Form::Group, &[(0, &[1, 2]), (0, &[3])]), json!([id(1), id(2), id(3)]));
        for form in [Form::Groups, Form::Group] {
            assert_eq!(written(form, &[]), json!([]));
            assert_eq!(written(form, &[(0, &[])]), json!([]));
        }
    }
}
