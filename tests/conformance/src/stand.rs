//! What one case works with: the target's ports, a place of its own in it, and the kit behind them where there is one.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use capstan_domain::content::Content;
use capstan_domain::failure::Kind;
use capstan_domain::ports::{Connection, Drives, Files, ListOptions, Media, NamedValues, Objects, PutOptions, Upload, Uploads};

use crate::case::Want;
use crate::kit::Kit;
use crate::size::Size;
use crate::store::Store;
use crate::told;

pub struct Stand<'a> {
    objects: Option<&'a dyn Objects>,
    uploads: Option<&'a dyn Uploads>,
    files: Option<&'a dyn Files>,
    drives: Option<&'a dyn Drives>,
    media: Option<&'a dyn Media>,
    capabilities: NamedValues,
    pub location: &'a str,
    /// Ends with a slash; nobody else uses it.
    pub prefix: String,
    pub size: Size,
    kit: Option<&'a Kit>,
    begun: Mutex<Vec<(String, String)>>,
    drives_made: Mutex<BTreeSet<String>>,
    made: Mutex<Vec<String>>,
}

impl<'a> Stand<'a> {
    pub fn new(kit: &'a Kit, location: &'a str, prefix: String) -> Self {
        Self {
            objects: kit.main.objects.as_deref(),
            uploads: kit.main.uploads.as_deref(),
            files: kit.main.files.as_deref(),
            drives: kit.main.drives.as_deref(),
            media: kit.main.media.as_deref(),
            capabilities: kit.capabilities().clone(),
            location,
            prefix,
            size: kit.size,
            kit: Some(kit),
            begun: Mutex::default(),
            drives_made: Mutex::default(),
            made: Mutex::default(),
        }
    }

    pub fn objects(&self) -> anyhow::Result<&'a dyn Objects> {
        self.objects.context("the plugin has no objects now")
    }

    pub fn uploads(&self) -> anyhow::Result<&'a dyn Uploads> {
        self.uploads.context("the plugin has no uploads now")
    }

    pub fn files(&self) -> anyhow::Result<&'a dyn Files> {
        self.files.context("the plugin has no files now")
    }

    pub fn drives(&self) -> anyhow::Result<&'a dyn Drives> {
        self.drives.context("the plugin has no drives now")
    }

    pub fn media(&self) -> anyhow::Result<&'a dyn Media> {
        self.media.context("the plugin has no media now")
    }

    pub fn store(&self) -> anyhow::Result<Store<'a>> {
        Store::of(self.objects, self.files)
    }

    pub fn kit(&self) -> anyhow::Result<&'a Kit> {
        self.kit.context("this case needs a whole host")
    }

    pub fn connection(&self) -> anyhow::Result<&'a dyn Connection> {
        Ok(&*self.kit()?.main.connection)
    }

    /// A key, or a path, of this case's own.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The name of a drive of this case's own, which is deleted when the case ends.
    pub fn drive(&self, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
        let drive: String = self.prefix.chars().chain(name.chars()).map(plain).collect();
        if !name.is_empty() {
            self.remember_drive(&drive);
        }
        drive
    }

    pub fn remember_drive(&self, name: &str) {
        self.drives_made.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }

    pub fn said(&self, capability: &str) -> Option<&str> {
        self.capabilities.iter().find(|(name, _)| name == capability).map(|(_, value)| value.as_str())
    }

    pub fn says(&self, capability: &str, value: &str) -> bool {
        self.said(capability) == Some(value)
    }

    pub fn number(&self, capability: &str, left_out: u64) -> u64 {
        self.said(capability).and_then(|value| value.parse().ok()).unwrap_or(left_out)
    }

    /// None: the case applies. Else why it says nothing here.
    pub fn lacks(&self, want: Want) -> Option<String> {
        let absent = |what: &str, here: bool| (!here).then(|| format!("the plugin does not export {what}"));
        match want {
            Want::Objects => absent("objects", self.objects.is_some()),
            Want::Uploads => absent("uploads", self.uploads.is_some() && self.objects.is_some()),
            Want::Files => absent("files", self.files.is_some()),
            Want::Drives => absent("drives", self.drives.is_some()),
            Want::Media => absent("media", self.media.is_some()),
            Want::Store => absent("objects or files", self.objects.is_some() || self.files.is_some()),
            Want::Capability(name, value) => {
                let said = self.said(name);
                let more = name == "conditional-put" && value == "if-absent" && said == Some("true");
                (said != Some(value) && !more).then(|| format!("capability {name} = {value} is not claimed"))
            }
            Want::Claimed(name) => self.said(name).is_none().then(|| format!("capability {name} is not claimed")),
            Want::Without(name) => self.said(name).map(|_| format!("capability {name} is claimed")),
            Want::Durable => {
                self.says("durability", "none").then(|| "data does not outlive the instance (durability = none)".to_owned())
            }
            Want::Shared => self
                .says("session", "exclusive")
                .then(|| "one instance at a time serves the target (session = exclusive)".to_owned()),
            Want::Host => self.kit.is_none().then(|| "there is no host behind the port".to_owned()),
            Want::Locations => match self.kit {
                Some(kit) if kit.file.create_location && self.objects.is_some() => None,
                _ => Some(
                    "the target file does not allow to make locations (create-location = true), or the plugin cannot".to_owned(),
                ),
            },
            Want::Secrets => match self.kit {
                Some(kit) if !kit.secrets.is_empty() => None,
                _ => Some("the target is configured without secrets".to_owned()),
            },
            Want::WrongCredentials => match self.kit {
                Some(kit) if !kit.file.wrong_credentials.is_empty() => None,
                _ => Some("the target file names no wrong credentials".to_owned()),
            },
            Want::Http | Want::Wire => match self.kit {
                None => Some("there is no host behind the port".to_owned()),
                Some(kit) => match &kit.endpoint {
                    Ok(endpoint) => endpoint.refuses(want == Want::Http),
                    Err(why) => Some(why.clone()),
                },
            },
        }
    }

    /// Begins an upload that is given up when the case ends, however it ends.
    pub async fn begin(&self, key: &str, size: u64, attempt: &str, options: PutOptions) -> anyhow::Result<Upload> {
        let upload = self.uploads()?.begin(self.location, key, size, attempt, options).await.map_err(told).context("begin")?;
        self.remember(key, &upload.id);
        Ok(upload)
    }

    pub fn remember(&self, key: &str, upload: &str) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push((key.to_owned(), upload.to_owned()));
    }

    /// A name for a location that is removed when the case ends. At most 60 characters of [a-z0-9-].
    pub fn location_name(&self, what: &str) -> String {
        let base = self.prefix.trim_end_matches('/');
        let name = format!("{base}-{what}");
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        name
    }

    /// Takes away what the case made.
    pub async fn clean(&self) -> anyhow::Result<()> {
        if let Some(uploads) = self.uploads {
            let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
            for (key, upload) in begun {
                uploads.abort(self.location, &key, &upload).await.map_err(told).with_context(|| format!("abort of {key:?}"))?;
            }
        }
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        for name in made {
            remove_location(self.objects()?, &name).await.with_context(|| format!("location {name:?}"))?;
        }
        if let Some(drives) = self.drives {
            let made = std::mem::take(&mut *self.drives_made.lock().unwrap_or_else(PoisonError::into_inner));
            for name in made {
                drives.delete(self.location, &name, "clean").await.map_err(told).with_context(|| format!("drive {name:?}"))?;
            }
        }
        if let Some(objects) = self.objects {
            Store::Objects(objects).clear(self.location, &self.prefix).await?;
        }
        match self.files {
            Some(files) => Store::Files(files).clear(self.location, &self.prefix).await,
            None => Ok(()),
        }
    }

    pub async fn put(&self, key: &str, content: Content) -> anyhow::Result<()> {
        let size = content.size();
        let claimed = self.store()?.put(self.location, key, content, &format!("put {key} {size}"), PutOptions::default()).await;
        let claimed = claimed.map_err(told).with_context(|| format!("put {key:?}"))?;
        if claimed != size {
            bail!("a put of {size} bytes says {claimed}");
        }
        Ok(())
    }
}

async fn remove_location(port: &dyn Objects, name: &str) -> anyhow::Result<()> {
    match port.list(name, ListOptions { limit: 1, ..ListOptions::default() }).await {
        Err(failure) if failure.kind == Kind::NotFound => return Ok(()),
        _ => Store::Objects(port).clear(name, "").await?,
    }
    match port.delete_location(name, "clean").await {
        Err(failure) if failure.kind != Kind::NotFound => Err(told(failure)),
        _ => Ok(()),
    }
}
