//! Definitions: what a dialect's users set up to be run, with the ends it runs between.

use capstan_catalogue::Catalogue;
use capstan_domain::identity::Caller;
use capstan_domain::ids::{DefinitionId, Number};
use capstan_domain::job::{Definition, End, Endpoint, NewDefinition, NewEndpoint, Place};
use capstan_domain::listing::{Listing, Operator, Page};
use capstan_domain::{Failure, Outcome};
use serde_json::{Value, json};

use crate::audit::Audit;

/// Sources, or destinations, of one definition; more are refused.
const ENDPOINTS_MAX: u64 = 1000;

#[derive(Clone)]
pub struct Definitions {
    catalogue: Catalogue,
    audit: Audit,
}

/// What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct DefinitionChange {
    pub name: Option<String>,
    pub comment: Option<Option<String>>,
    pub workflow: Option<String>,
    pub action: Option<String>,
    pub active: Option<bool>,
    pub options: Option<Value>,
    pub attributes: Option<Value>,
}

impl Definitions {
    pub(crate) fn new(catalogue: Catalogue, audit: Audit) -> Self {
        Self { catalogue, audit }
    }

    pub async fn list(&self, listing: Listing) -> Outcome<Page<Definition>> {
        self.catalogue.definitions(&listing).await
    }

    /// Names are not unique; the newest of a name wins.
    pub async fn find(&self, reference: &str) -> Outcome<Definition> {
        self.catalogue.definition(reference).await
    }

    pub async fn get(&self, id: DefinitionId) -> Outcome<Definition> {
        self.catalogue.definition(id).await
    }

    pub async fn create(&self, caller: &Caller, new: NewDefinition) -> Outcome<Definition> {
        check_name(&new.name)?;
        let definition = self.catalogue.create_definition(&new).await?;
        let detail = json!({ "number": definition.number, "workflow": definition.workflow, "action": definition.action });
        self.audit.done(caller, "create", "definition", &definition.name, detail).await?;
        Ok(definition)
    }

    pub async fn update(&self, caller: &Caller, id: DefinitionId, change: DefinitionChange) -> Outcome<Definition> {
        let mut definition = self.catalogue.definition(id).await?;
        if let Some(name) = change.name {
            check_name(&name)?;
            definition.name = name;
        }
        definition.comment = change.comment.unwrap_or(definition.comment);
        definition.workflow = change.workflow.unwrap_or(definition.workflow);
        definition.action = change.action.unwrap_or(definition.action);
        definition.active = change.active.unwrap_or(definition.active);
        definition.options = change.options.unwrap_or(definition.options);
        definition.attributes = change.attributes.unwrap_or(definition.attributes);
        let definition = self.catalogue.update_definition(&definition).await?;
        self.audit.done(caller, "update", "definition", &definition.name, json!({ "number": definition.number })).await?;
        Ok(definition)
    }

    pub async fn delete(&self, caller: &Caller, id: DefinitionId) -> Outcome<()> {
        let definition = self.catalogue.definition(id).await?;
        self.catalogue.delete_definition(id).await?;
        self.audit.done(caller, "delete", "definition", &definition.name, json!({ "number": definition.number })).await
    }

    pub async fn list_endpoints(&self, id: DefinitionId, end: End, listing: Listing) -> Outcome<Page<Endpoint>> {
        let listing = listing.with("definition", Operator::Equal, id).with("end", Operator::Equal, word(end));
        self.catalogue.endpoints(&listing).await
    }

    pub async fn find_endpoint(&self, id: DefinitionId, end: End, number: Number) -> Outcome<Endpoint> {
        let endpoint = self.catalogue.endpoint(number).await?;
        if endpoint.definition == id && endpoint.end == end {
            Ok(endpoint)
        } else {
            Err(Failure::not_found(format!("there is no such {}", word(end))).with_code("not-found"))
        }
    }

    pub async fn create_endpoint(
        &self,
        caller: &Caller,
        id: DefinitionId,
        end: End,
        given: Value,
        place: Place,
    ) -> Outcome<Endpoint> {
        let definition = self.catalogue.definition(id).await?;
        if self.list_endpoints(id, end, Listing::first(0)).await?.count >= ENDPOINTS_MAX {
            return Err(Failure::invalid(format!("at most {ENDPOINTS_MAX} of a kind")).with_code("too-long"));
        }
        let endpoint = self.catalogue.create_endpoint(&NewEndpoint { definition: id, end, given, place }).await?;
        self.audit.done(caller, "create", word(end), &definition.name, json!({ "number": endpoint.number })).await?;
        Ok(endpoint)
    }

    pub async fn update_endpoint(
        &self,
        caller: &Caller,
        id: DefinitionId,
        end: End,
        number: Number,
        given: Value,
        place: Place,
    ) -> Outcome<Endpoint> {
        let endpoint = Endpoint { given, place, ..self.find_endpoint(id, end, number).await? };
        let endpoint = self.catalogue.update_endpoint(&endpoint).await?;
        self.audit
            .done(caller, "update", word(end), &number.to_string(), json!({ "definition": endpoint.definition_number }))
            .await?;
        Ok(endpoint)
    }

    pub async fn delete_endpoint(&self, caller: &Caller, id: DefinitionId, end: End, number: Number) -> Outcome<()> {
        let endpoint = self.find_endpoint(id, end, number).await?;
        self.catalogue.delete_endpoint(number).await?;
        self.audit
            .done(caller, "delete", word(end), &number.to_string(), json!({ "definition": endpoint.definition_number }))
            .await
    }
}

fn word(end: End) -> &'static str {
    match end {
        End::Source => "source",
        End::Destination => "destination",
    }
}

/// A definition's name is free text; it only has to be one.
fn check_name(name: &str) -> Outcome<()> {
    if name.trim().is_empty() {
        return Err(Failure::invalid("a name cannot be empty").with_code("blank"));
    }
    if name.len() > 255 {
        return Err(Failure::invalid("a name has at most 255 bytes").with_code("too-long"));
    }
    if name.contains('\0') {
        return Err(Failure::invalid("a name holds no NUL").with_code("invalid"));
    }
    Ok(())
}
