//! An object store in memory, with the faults that real ones have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use capstan_domain::content::{Body, Content};
use capstan_domain::failure::Kind;
use capstan_domain::ports::{
    ByteRange, GetOptions, KeyOutcome, ListOptions, LocationInfo, NamedValues, Object, ObjectEntry, ObjectPage, Objects, Part,
    PutOptions, Upload, Uploads,
};
use capstan_domain::{Failure, Outcome};
use futures::StreamExt;

#[derive(Clone)]
struct Held {
    bytes: Bytes,
    object: Object,
}

#[derive(Default)]
pub(crate) struct MemoryObjects {
    state: Mutex<State>,
    pub(crate) part_size: u64,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Held>,
    uploads: BTreeMap<String, (PutOptions, BTreeMap<u32, Bytes>)>,
    /// By key and attempt, as long as they stand.
    begun: BTreeMap<(String, String), String>,
    /// Uploads that were ever begun.
    begins: usize,
    clock: i64,
    /// Failures of the next calls of put, part and get, each used once.
    failures: Vec<(&'static str, usize, Failure)>,
    /// Every put stores something else than it was given.
    corrupts: bool,
    /// Keys that hold this text cannot be put.
    refused: Option<(&'static str, Failure)>,
    gone: bool,
    /// Nothing is stored under a condition.
    unconditional: bool,
    puts: usize,
    parts: usize,
}

impl MemoryObjects {
    pub(crate) fn new(part_size: u64) -> Arc<Self> {
        Arc::new(Self { part_size, ..Self::default() })
    }

    pub(crate) fn fail_next(&self, call: &'static str, failure: Failure) {
        self.fail_after(0, call, failure);
    }

    /// After so many more good calls of this kind.
    pub(crate) fn fail_after(&self, good: usize, call: &'static str, failure: Failure) {
        self.lock().failures.push((call, good, failure));
    }

    pub(crate) fn corrupt_puts(&self) {
        self.lock().corrupts = true;
    }

    pub(crate) fn refuse(&self, keys_with: &'static str, failure: Failure) {
        self.lock().refused = Some((keys_with, failure));
    }

    pub(crate) fn know_no_conditions(&self) {
        self.lock().unconditional = true;
    }

    /// As a target without conditions refuses one: before anything is stored.
    fn hold(&self, options: &PutOptions) -> Outcome<()> {
        match options.if_absent && self.lock().unconditional {
            true => Err(Failure::unsupported("no conditions here")),
            false => Ok(()),
        }
    }

    pub(crate) fn vanish(&self) {
        self.lock().gone = true;
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.lock().objects.keys().cloned().collect()
    }

    pub(crate) fn bytes_of(&self, key: &str) -> Option<Bytes> {
        self.lock().objects.get(key).map(|held| held.bytes.clone())
    }

    pub(crate) fn metadata_of(&self, key: &str) -> NamedValues {
        self.lock().objects.get(key).map(|held| held.object.metadata.clone()).unwrap_or_default()
    }

    pub(crate) fn spoil(&self, key: &str) {
        if let Some(held) = self.lock().objects.get_mut(key) {
            let mut bytes = held.bytes.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            held.bytes = bytes.into();
        }
    }

    /// (puts, parts) so far.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.puts, state.parts)
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    pub(crate) fn begins(&self) -> usize {
        self.lock().begins
    }

    pub(crate) fn put_foreign(&self, key: &str, bytes: &[u8]) {
        self.lock().insert(key, Bytes::copy_from_slice(bytes), &PutOptions::default());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before(&self, call: &'static str) -> Outcome<()> {
        let mut state = self.lock();
        if state.gone {
            return Err(Failure::not_found("no such bucket"));
        }
        if let Some(at) = state.failures.iter().position(|(of, good, _)| *of == call && *good == 0) {
            return Err(state.failures.remove(at).2);
        }
        for (_, good, _) in state.failures.iter_mut().filter(|(of, _, _)| *of == call) {
            *good -= 1;
        }
        Ok(())
    }
}

impl State {
    fn insert(&mut self, key: &str, bytes: Bytes, options: &PutOptions) -> Object {
        self.clock += 1_000_000_000;
        let object = Object {
            key: key.to_owned(),
            size: bytes.len() as u64,
            modified: Some(self.clock),
            etag: Some(blake3::hash(&bytes).to_hex().to_string()),
            version: None,
            checksums: Vec::new(),
            metadata: options.metadata.clone(),
            extras: Vec::new(),
        };
        self.objects.insert(key.to_owned(), Held { bytes, object: object.clone() });
        object
    }
}

async fn collect(mut body: Body) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes)
}

fn missing(key: &str) -> Failure {
    Failure::not_found(format!("no object {key}"))
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn list_locations(&self) -> Outcome<Vec<LocationInfo>> {
        Ok(Vec::new())
    }

    async fn create_location(&self, _: &str, _: &str, _: NamedValues) -> Outcome<LocationInfo> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn delete_location(&self, _: &str, _: &str) -> Outcome<()> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn put(&self, _: &str, key: &str, content: Content, _: &str, options: PutOptions) -> Outcome<Object> {
        self.before("put")?;
        self.hold(&options)?;
        if let Some((with, failure)) = &self.lock().refused
            && key.contains(with)
        {
            return Err(failure.clone());
        }
        let mut bytes = collect(content.open(0, content.size())).await?;
        let mut state = self.lock();
        if options.if_absent && state.objects.contains_key(key) {
            return Err(Failure::new(Kind::Conflict, "there already"));
        }
        state.puts += 1;
        if state.corrupts
            && let Some(first) = bytes.first_mut()
        {
            *first ^= 1;
        }
        Ok(state.insert(key, bytes.into(), &options))
    }

    async fn get(&self, _: &str, key: &str, range: Option<ByteRange>, options: GetOptions) -> Outcome<(Object, Body)> {
        self.before("get")?;
        let held = self.lock().objects.get(key).cloned().ok_or_else(|| missing(key))?;
        if options.if_match.is_some() && options.if_match != held.object.etag {
            return Err(Failure::new(Kind::Conflict, "another etag"));
        }
        let bytes = match range {
            Some(ByteRange { offset, length }) => {
                let end = length.map_or(held.object.size, |length| offset + length).min(held.object.size);
                held.bytes.slice(offset as usize..end as usize)
            }
            None => held.bytes,
        };
        let chunks: Vec<Outcome<Bytes>> = bytes.chunks(300_000).map(|chunk| Ok(bytes.slice_ref(chunk))).collect();
        Ok((held.object, Box::pin(futures::stream::iter(chunks))))
    }

    async fn head(&self, _: &str, key: &str, _: GetOptions) -> Outcome<Object> {
        self.before("head")?;
        self.lock().objects.get(key).map(|held| held.object.clone()).ok_or_else(|| missing(key))
    }

    async fn list(&self, _: &str, options: ListOptions) -> Outcome<ObjectPage> {
        self.before("list")?;
        let state = self.lock();
        let after = options.after.as_deref().unwrap_or_default();
        let matching = state
            .objects
            .values()
            .filter(|held| held.object.key.starts_with(&options.prefix) && held.object.key.as_str() > after);
        // Smaller pages than asked for: a target may.
        let limit = (options.limit as usize).min(7);
        let mut entries: Vec<ObjectEntry> = matching
            .take(limit + 1)
            .map(|held| ObjectEntry {
                key: held.object.key.clone(),
                size: held.object.size,
                modified: held.object.modified.unwrap_or(0) + 123_456,
                etag: held.object.etag.clone(),
                extras: Vec::new(),
            })
            .collect();
        if let Some(delimiter) = &options.delimiter {
            // Small stores of tests list a folder in one page.
            let under = |held: &&Held| held.object.key.starts_with(&options.prefix);
            let rest = |held: &Held| held.object.key.get(options.prefix.len()..).unwrap_or_default().to_owned();
            let mut page = ObjectPage::default();
            for held in state.objects.values().filter(under) {
                match rest(held).split_once(delimiter.as_str()) {
                    Some((name, _)) => page.prefixes.push(format!("{}{name}{delimiter}", options.prefix)),
                    None => page.entries.extend(entries.iter().find(|entry| entry.key == held.object.key).cloned()),
                }
            }
            page.prefixes.dedup();
            return Ok(page);
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|entry| entry.key.clone());
        Ok(ObjectPage { entries, prefixes: Vec::new(), next })
    }

    async fn delete_many(&self, _: &str, keys: Vec<String>, _: &str) -> Outcome<Vec<KeyOutcome>> {
        self.before("delete")?;
        let mut state = self.lock();
        let remove = |key: String| {
            state.objects.remove(&key);
            KeyOutcome { key, result: Ok(()) }
        };
        Ok(keys.into_iter().map(remove).collect())
    }

    async fn copy(&self, _: (&str, &str), _: (&str, &str), _: &str, _: PutOptions) -> Outcome<Object> {
        Err(Failure::unsupported("not in this test"))
    }

    async fn restore(&self, _: &str, _: &str, _: u32, _: &str, _: NamedValues) -> Outcome<Object> {
        Err(Failure::unsupported("not in this test"))
    }
}

#[async_trait]
impl Uploads for MemoryObjects {
    async fn begin(&self, _: &str, key: &str, _: u64, attempt: &str, options: PutOptions) -> Outcome<Upload> {
        self.before("begin")?;
        self.hold(&options)?;
        let mut state = self.lock();
        let by = (key.to_owned(), attempt.to_owned());
        let id = match state.begun.get(&by).filter(|id| state.uploads.contains_key(*id)) {
            Some(id) => id.clone(),
            None => {
                state.clock += 1;
                state.begins += 1;
                let id = format!("{key}-{}", state.clock);
                state.uploads.insert(id.clone(), (options, BTreeMap::new()));
                state.begun.insert(by, id.clone());
                id
            }
        };
        drop(state);
        self.before("begun")?;
        Ok(Upload { id, part_size: self.part_size, extras: Vec::new() })
    }

    async fn put_part(&self, _: &str, _: &str, upload: &str, number: u32, content: Content, range: (u64, u64)) -> Outcome<Part> {
        self.before("part")?;
        let bytes = collect(content.open(range.0, range.1)).await?;
        let mut state = self.lock();
        state.parts += 1;
        let (_, parts) = state.uploads.get_mut(upload).ok_or_else(|| missing(upload))?;
        let part =
            Part { number, size: bytes.len() as u64, etag: blake3::hash(&bytes).to_hex().to_string(), checksums: Vec::new() };
        parts.insert(number, bytes.into());
        Ok(part)
    }

    async fn list_parts(&self, _: &str, _: &str, upload: &str, after: u32, limit: u32) -> Outcome<Vec<Part>> {
        let state = self.lock();
        let (_, parts) = state.uploads.get(upload).ok_or_else(|| missing(upload))?;
        let part = |(number, bytes): (&u32, &Bytes)| Part {
            number: *number,
            size: bytes.len() as u64,
            etag: blake3::hash(bytes).to_hex().to_string(),
            checksums: Vec::new(),
        };
        Ok(parts.range(after + 1..).take(limit as usize).map(part).collect())
    }

    async fn complete(&self, _: &str, key: &str, upload: &str, parts: Vec<Part>, _: &str, given: PutOptions) -> Outcome<Object> {
        self.before("complete")?;
        self.hold(&given)?;
        let mut state = self.lock();
        let (options, held) = state.uploads.remove(upload).ok_or_else(|| missing(upload))?;
        let bytes: Vec<u8> = parts.iter().filter_map(|part| held.get(&part.number)).flatten().copied().collect();
        let object = state.insert(key, bytes.into(), &options);
        drop(state);
        self.before("completed")?;
        Ok(object)
    }

    async fn abort(&self, _: &str, _: &str, upload: &str) -> Outcome<()> {
        self.lock().uploads.remove(upload);
        Ok(())
    }
}
