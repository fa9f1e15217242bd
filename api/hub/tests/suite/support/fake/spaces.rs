//! Space 1, its files, and workflow 1 of the fake host.

use std::collections::BTreeMap;

use async_trait::async_trait;
use capstan_api_http::Caller;
use capstan_api_hub::*;

use super::{AT, Fake};

fn space() -> Space {
    Space {
        id: 1,
        url: Link::to(Noun::Space, 1),
        uuid: "018f0000-0000-7000-8000-000000000001".into(),
        name: "one".into(),
        mountpoint: "/mmfs1/one".into(),
        sites: vec![SiteOfSpace { id: 1, name: "one".into(), label: "One".into(), pool: None, usage: vec![1, 2] }],
        on_sites: BTreeMap::from([("one".into(), true)]),
        is_ready: true,
        editable: true,
        immutable: false,
        size: None,
        permission_mode: None,
        color: Vec::new(),
        created: AT,
        snapshot_schedule: None,
        nested_shares: Vec::new(),
        relationships: Vec::new(),
    }
}

fn entry(path: &str) -> FileEntry {
    FileEntry {
        url: Link::file("one", path),
        site: "one".into(),
        path: path.into(),
        name: path.rsplit('/').next().unwrap().into(),
        path_depth: Some(1),
        kind: Some(FileKind::File),
        size: Some(1),
        data_size: None,
        disk_usage: None,
        total_files: None,
        atime: None,
        ctime: None,
        mtime: Some(AT),
        status: Some(FileStatus::Migrated),
        remote_locations: Vec::new(),
        deleted: false,
        restricted: false,
        error: None,
        time_refreshed: Some(AT),
        metadata: serde_json::Map::new(),
        thumbnail: None,
        image_preview: None,
        video_preview: None,
    }
}

fn workflow() -> Workflow {
    Workflow {
        id: 1,
        name: "one".into(),
        label: "One".into(),
        icon_classes: Vec::new(),
        discovery: Some(Discovery::Recursive),
        discovery_options: None,
        fields: Vec::new(),
        filter_rules: Vec::new(),
        enabled: true,
        visible: true,
        external_only: false,
        schedule_only: false,
        preferred_queue: None,
    }
}

#[async_trait]
impl Spaces for Fake {
    async fn list(&self, _: &Caller, filter: SpaceFilter, window: Window) -> Answer<Page<Space>> {
        self.page(filter, window, space())
    }

    async fn create(&self, _: &Caller, input: SpaceInput) -> Answer<Space> {
        self.note(&input);
        self.free(input.name.as_deref()).map(|()| space())
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Space> {
        self.find("space", id).map(|()| space())
    }

    async fn update(&self, _: &Caller, id: i64, input: SpaceInput) -> Answer<Space> {
        self.find("space", id)?;
        self.note(&input);
        Ok(space())
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("space", id)
    }
}

#[async_trait]
impl Files for Fake {
    async fn show(&self, _: &Caller, query: FileQuery, window: Window) -> Answer<Folder> {
        match &query.within {
            Within::Space { space, .. } => self.find("space", *space)?,
            Within::Site(site) if site != "one" => return Err(Error::field("site", "There is no such site.")),
            Within::Site(_) => {}
        }
        let children = self.page(&query, window, entry("/a b/c&d"))?;
        Ok(Folder { entry: entry(&query.path), children })
    }
}

#[async_trait]
impl Workflows for Fake {
    async fn list(&self, _: &Caller, window: Window) -> Answer<Page<Workflow>> {
        self.page((), window, workflow())
    }

    async fn create(&self, _: &Caller, input: WorkflowInput) -> Answer<Workflow> {
        self.note(&input);
        self.free(input.name.as_deref())?;
        match input.filter_rules {
            Some(rules) if rules.iter().any(|rule| !rule.contains_key("action")) => {
                Err(Error::field("filter_rules[0].action", "This field is required."))
            }
            _ => Ok(workflow()),
        }
    }

    async fn show(&self, _: &Caller, id: i64) -> Answer<Workflow> {
        self.find("workflow", id).map(|()| workflow())
    }

    async fn update(&self, _: &Caller, id: i64, input: WorkflowInput) -> Answer<Workflow> {
        self.find("workflow", id)?;
        self.note(&input);
        Ok(workflow())
    }

    async fn delete(&self, _: &Caller, id: i64) -> Answer<()> {
        self.find("workflow", id)
    }
}
