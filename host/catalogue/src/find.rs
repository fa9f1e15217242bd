//! One record, by id, number or name.

use capstan_domain::Outcome;
use capstan_domain::ids::Reference;

use crate::Catalogue;
use crate::answers::Question;
use crate::connection::Connection;
use crate::failure::missing;
use crate::query::{Row, Value, sql};
use crate::select::Select;

impl Catalogue {
    pub(crate) async fn find<I: Into<Value>, T: Clone + Send + Sync + 'static>(
        &self,
        select: &Select,
        noun: &str,
        reference: Reference<I>,
        read: fn(&mut Row) -> Outcome<T>,
    ) -> Outcome<T> {
        // The way to the database is long and seldom: it stands on the heap, so that the callers' futures stay short.
        let (Some(answers), Reference::Given(given)) = (&self.answers, &reference) else {
            return Box::pin(self.look(select, noun, reference, read)).await;
        };
        let question = Question::one(select, given);
        if let Some(record) = answers.get(&question) {
            return Ok(record);
        }
        let moment = answers.moment();
        let record = Box::pin(self.look(select, noun, reference, read)).await?;
        answers.keep(moment, question, &record);
        Ok(record)
    }

    async fn look<I: Into<Value>, T>(
        &self,
        select: &Select,
        noun: &str,
        reference: Reference<I>,
        read: fn(&mut Row) -> Outcome<T>,
    ) -> Outcome<T> {
        find(&mut self.read().await?, select, noun, reference, read).await
    }
}

/// The noun's table has the alias `t`. Where a name is not unique, the newest of that name.
pub(crate) async fn find<I: Into<Value>, T>(
    connection: &mut Connection,
    select: &Select,
    noun: &str,
    reference: Reference<I>,
    read: fn(&mut Row) -> Outcome<T>,
) -> Outcome<T> {
    let mut wanted: Vec<(&str, Value)> = Vec::with_capacity(2);
    match reference {
        Reference::Id(id) => wanted.push(("id", id.into())),
        Reference::Number(number) => wanted.push(("number", number.into())),
        Reference::Given(text) => {
            if let Ok(number) = text.parse::<i64>() {
                wanted.push(("number", number.into()));
            }
            let named = select.fields.iter().any(|field| field.0 == "name");
            if named && !text.contains('\0') {
                wanted.push(("name", text.into()));
            }
        }
    }
    for (column, value) in wanted {
        let text = format!("{} WHERE t.{column} = $1 ORDER BY t.number DESC LIMIT 1", select.text());
        if let Some(mut row) = connection.one(sql(text).bind(value)).await? {
            return read(&mut row);
        }
    }
    Err(missing(noun))
}
