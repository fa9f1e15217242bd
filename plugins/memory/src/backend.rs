//! What is held: locations, objects, uploads under way.
//!
//! An attempt leaves its mark on what it made, so the same put made twice answers the same object instead of "already exists".

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use capstan_sdk::failure::{already_exists, conflict, invalid, no_space, not_found};
use capstan_sdk::types::{Checksum, Consumption, Location, Object, Outcome as KeyOutcome, Part, PutOptions, Upload};
use capstan_sdk::{Kept, NamedValue, Outcome};

use crate::config::Config;

pub(crate) const MAX_KEY_BYTES: usize = 4096;
/// Bytes of a part, all but the last.
pub(crate) const PART_BYTES: u64 = 5 << 20;
/// Highest number of a part; what the contract takes where no capability says otherwise.
const MAX_PARTS: u32 = 10_000;
/// Uploads under way at once; one more is refused.
const MAX_UPLOADS: usize = 1_000;

/// An object's bytes and what was said of them. Shared, so that a download goes on while the key is replaced.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) data: Rc<Vec<u8>>,
    pub(crate) etag: String,
    modified: i64,
    digest: Option<Vec<u8>>,
    metadata: Vec<NamedValue>,
    attempt: String,
}

impl Stored {
    pub(crate) fn object(&self, key: &str) -> Object {
        let checksums =
            self.digest.iter().map(|value| Checksum { algorithm: "blake3".to_owned(), value: value.clone() }).collect();
        Object {
            key: key.to_owned(),
            size: self.data.len() as u64,
            modified: Some(self.modified),
            etag: Some(self.etag.clone()),
            version: None,
            checksums,
            metadata: self.metadata.clone(),
            extras: Vec::new(),
        }
    }

    pub(crate) fn modified(&self) -> i64 {
        self.modified
    }
}

#[derive(Debug)]
struct Begun {
    place: (String, String),
    attempt: String,
    parts: BTreeMap<u32, (Rc<Vec<u8>>, String)>,
}

#[derive(Debug)]
pub(crate) struct Store {
    locations: BTreeMap<String, (i64, BTreeMap<String, Stored>)>,
    uploads: BTreeMap<String, Begun>,
    capacity: u64,
    used: u64,
    serial: u64,
}

thread_local! {
    static STORE: Kept<RefCell<Store>> = const { Kept::new() };
}

/// The instance's one store.
pub(crate) fn store() -> Outcome<Rc<RefCell<Store>>> {
    STORE.with(|kept| kept.get(|| Ok(RefCell::new(Store::new(&capstan_sdk::config::load()?)))))
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX))
}

fn no_location(name: &str) -> capstan_sdk::Failure {
    not_found(format!("there is no location {name:?}"))
}

impl Store {
    pub(crate) fn new(config: &Config) -> Self {
        let created = now();
        let locations = config.locations.iter().map(|name| (name.clone(), (created, BTreeMap::new()))).collect();
        Self { locations, uploads: BTreeMap::new(), capacity: config.capacity_bytes, used: 0, serial: 0 }
    }

    pub(crate) fn locations(&self) -> Vec<Location> {
        let line = |(name, (created, _)): (&String, &(i64, _))| Location {
            name: name.clone(),
            created: Some(*created),
            extras: Vec::new(),
        };
        self.locations.iter().map(line).collect()
    }

    pub(crate) fn usage(&self, location: Option<&str>) -> Outcome<Consumption> {
        let (used, objects) = match location {
            None => (self.used, self.locations.values().map(|(_, objects)| objects.len()).sum()),
            Some(name) => {
                let objects = self.keys(name)?;
                (objects.values().map(|stored| stored.data.len() as u64).sum(), objects.len())
            }
        };
        Ok(Consumption { used: Some(used), capacity: Some(self.capacity), objects: Some(objects as u64), extras: Vec::new() })
    }

    pub(crate) fn create_location(&mut self, name: &str) -> Outcome<Location> {
        if name.is_empty() || name.contains('/') {
            return Err(invalid("a location's name is not empty and holds no slash"));
        }
        let (created, _) = self.locations.entry(name.to_owned()).or_insert_with(|| (now(), BTreeMap::new()));
        Ok(Location { name: name.to_owned(), created: Some(*created), extras: Vec::new() })
    }

    pub(crate) fn delete_location(&mut self, name: &str) -> Outcome<()> {
        match self.locations.get(name) {
            None => Err(no_location(name)),
            Some((_, objects)) if !objects.is_empty() => Err(conflict(format!("location {name:?} is not empty"))),
            Some(_) => {
                self.locations.remove(name);
                Ok(())
            }
        }
    }

    pub(crate) fn keys(&self, location: &str) -> Outcome<&BTreeMap<String, Stored>> {
        self.locations.get(location).map(|(_, objects)| objects).ok_or_else(|| no_location(location))
    }

    pub(crate) fn stored(&self, location: &str, key: &str, if_match: Option<&str>) -> Outcome<&Stored> {
        let stored = self.keys(location)?.get(key).ok_or_else(|| not_found(format!("there is no object {key:?}")))?;
        match if_match {
            Some(etag) if etag != stored.etag => Err(conflict("the object is not the expected one")),
            _ => Ok(stored),
        }
    }

    /// Says whether a put may go on before its bytes are read; `Some` is the answer of the same attempt made before.
    pub(crate) fn admit(
        &self,
        (location, key): (&str, &str),
        size: u64,
        attempt: &str,
        options: &PutOptions,
    ) -> Outcome<Option<Object>> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(invalid(format!("a key has 1 to {MAX_KEY_BYTES} bytes")));
        }
        let present = self.keys(location)?.get(key);
        if let Some(stored) = present.filter(|stored| !attempt.is_empty() && stored.attempt == attempt) {
            return Ok(Some(stored.object(key)));
        }
        match (present, &options.if_match) {
            (Some(_), _) if options.if_absent => return Err(already_exists(format!("there is an object {key:?} already"))),
            (Some(stored), Some(etag)) if *etag != stored.etag => return Err(conflict("the object is not the expected one")),
            (None, Some(_)) => return Err(conflict("there is no object to replace")),
            _ => {}
        }
        let freed = present.map_or(0, |stored| stored.data.len() as u64);
        if self.used.saturating_sub(freed).saturating_add(size) > self.capacity {
            return Err(no_space(format!("the target holds {} bytes at most", self.capacity)));
        }
        Ok(None)
    }

    pub(crate) fn insert(
        &mut self,
        (location, key): (&str, &str),
        data: Rc<Vec<u8>>,
        digest: Option<Vec<u8>>,
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        self.serial += 1;
        let stored =
            Stored { etag: format!("{:x}", self.serial), modified: now(), digest, metadata: options.metadata, attempt, data };
        let object = stored.object(key);
        let (_, objects) = self.locations.get_mut(location).ok_or_else(|| no_location(location))?;
        self.used += object.size;
        if let Some(replaced) = objects.insert(key.to_owned(), stored) {
            self.used -= replaced.data.len() as u64;
        }
        Ok(object)
    }

    pub(crate) fn delete(&mut self, location: &str, keys: Vec<String>) -> Outcome<Vec<KeyOutcome>> {
        let (_, objects) = self.locations.get_mut(location).ok_or_else(|| no_location(location))?;
        for key in &keys {
            if let Some(removed) = objects.remove(key) {
                self.used -= removed.data.len() as u64;
            }
        }
        Ok(keys.into_iter().map(|key| KeyOutcome { key, failed: None }).collect())
    }

    pub(crate) fn copy(
        &mut self,
        source: (&str, &str),
        place: (&str, &str),
        attempt: String,
        mut options: PutOptions,
    ) -> Outcome<Object> {
        let from = self.stored(source.0, source.1, None)?.clone();
        if let Some(done) = self.admit(place, from.data.len() as u64, &attempt, &options)? {
            return Ok(done);
        }
        if options.metadata.is_empty() {
            options.metadata = from.metadata;
        }
        self.insert(place, from.data, from.digest, attempt, options)
    }

    /// Parts grow with the object, so that the largest has no more of them than are allowed.
    pub(crate) fn begin(
        &mut self,
        (location, key): (&str, &str),
        size: u64,
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Upload> {
        self.admit((location, key), 0, "", &options)?;
        let place = (location.to_owned(), key.to_owned());
        let again =
            self.uploads.iter().find(|(_, begun)| !attempt.is_empty() && begun.attempt == attempt && begun.place == place);
        let id = match again {
            Some((id, _)) => id.clone(),
            None if self.uploads.len() >= MAX_UPLOADS => return Err(no_space("too many uploads are under way")),
            None => {
                self.serial += 1;
                let id = format!("upload-{}", self.serial);
                self.uploads.insert(id.clone(), Begun { place, attempt, parts: BTreeMap::new() });
                id
            }
        };
        Ok(Upload { id, part_size: PART_BYTES.max(size.div_ceil(u64::from(MAX_PARTS))), extras: Vec::new() })
    }

    pub(crate) fn keep_part(&mut self, upload: &str, number: u32, data: Vec<u8>) -> Outcome<Part> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(invalid(format!("parts have the numbers 1 to {MAX_PARTS}")));
        }
        self.serial += 1;
        let etag = format!("part-{:x}", self.serial);
        let size = data.len() as u64;
        let begun = self.uploads.get_mut(upload).ok_or_else(|| not_found("there is no such upload"))?;
        if let Some((replaced, _)) = begun.parts.insert(number, (Rc::new(data), etag.clone())) {
            self.used -= replaced.len() as u64;
        }
        self.used += size;
        Ok(Part { number, size, etag, checksums: Vec::new() })
    }

    pub(crate) fn has_room(&self, size: u64) -> Outcome<()> {
        if self.used.saturating_add(size) > self.capacity {
            return Err(no_space(format!("the target holds {} bytes at most", self.capacity)));
        }
        Ok(())
    }

    pub(crate) fn parts(&self, upload: &str, after: u32, limit: u32) -> Outcome<Vec<Part>> {
        let begun = self.uploads.get(upload).ok_or_else(|| not_found("there is no such upload"))?;
        let line = |(number, (data, etag)): (&u32, &(Rc<Vec<u8>>, String))| Part {
            number: *number,
            size: data.len() as u64,
            etag: etag.clone(),
            checksums: Vec::new(),
        };
        Ok(begun.parts.iter().filter(|(number, _)| **number > after).take(limit as usize).map(line).collect())
    }

    pub(crate) fn complete(
        &mut self,
        place: (&str, &str),
        upload: &str,
        parts: &[Part],
        attempt: String,
        options: PutOptions,
    ) -> Outcome<Object> {
        let Some(begun) = self.uploads.get(upload) else {
            // The answer to the first complete may have been lost.
            return self.admit(place, 0, &attempt, &options)?.ok_or_else(|| not_found("there is no such upload"));
        };
        if parts.is_empty() {
            return Err(invalid("an upload is completed with at least one part"));
        }
        let mut data = Vec::new();
        let mut before = 0;
        for part in parts {
            let known = begun.parts.get(&part.number).filter(|(_, etag)| *etag == part.etag && part.number > before);
            let (bytes, _) = known.ok_or_else(|| invalid(format!("part {} is unknown or out of order", part.number)))?;
            data.extend_from_slice(bytes);
            before = part.number;
        }
        self.admit(place, 0, "", &options)?;
        self.abort(upload);
        self.has_room(data.len() as u64)?;
        self.insert(place, Rc::new(data), None, attempt, options)
    }

    pub(crate) fn abort(&mut self, upload: &str) {
        if let Some(begun) = self.uploads.remove(upload) {
            self.used -= begun.parts.values().map(|(data, _)| data.len() as u64).sum::<u64>();
        }
    }
}
