//! What the audit tests share: a disk in memory that can be copied, cut, made to fail and made to hang.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use sidewall::audit::read::{Summary, read};
use sidewall::audit::verify::{Evidence, Verification, verify};
use sidewall::audit::{AuditLog, Event, Record, SegmentFile, Settings, Storage, Timings};
use sidewall::keys::{Algorithm, PrivateKey, generate, write_pair};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// A disk in memory.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Bytes>,
    syncs: u64,
    /// Numbers of the syncs that fail.
    failing: Vec<u64>,
    held: bool,
    waiting: u64,
}

impl Memory {
    pub(crate) fn with(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let memory = Self::default();
        let files = files.iter().map(|(name, bytes)| (name.clone(), Arc::new(Mutex::new(bytes.clone()))));
        memory.state.0.lock().unwrap().files = files.collect();
        memory
    }
    /// Everything on the disk now.
    pub(crate) fn image(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.0.lock().unwrap();
        state.files.iter().map(|(name, bytes)| (name.clone(), bytes.lock().unwrap().clone())).collect()
    }
    pub(crate) fn syncs(&self) -> u64 {
        self.state.0.lock().unwrap().syncs
    }
    /// The syncs with these numbers (from 0, over all files) will fail.
    pub(crate) fn fail(&self, syncs: impl IntoIterator<Item = u64>) {
        self.state.0.lock().unwrap().failing = syncs.into_iter().collect();
    }
    /// Syncs hang from now on.
    pub(crate) fn hold(&self) {
        self.state.0.lock().unwrap().held = true;
    }
    pub(crate) fn release(&self) {
        self.state.0.lock().unwrap().held = false;
        self.state.1.notify_all();
    }
    /// Returns when a sync hangs.
    pub(crate) fn wait_for_held_sync(&self) {
        let (lock, condvar) = &*self.state;
        let _guard = condvar.wait_while(lock.lock().unwrap(), |state| state.waiting == 0).unwrap();
    }
}

struct MemoryFile {
    bytes: Bytes,
    memory: Memory,
}

impl Storage for Memory {
    fn lock(&self) -> io::Result<Box<dyn Any + Send>> {
        Ok(Box::new(()))
    }
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state.0.lock().unwrap().files.keys().cloned().collect())
    }
    fn read(&self, name: &str, _limit: u64) -> io::Result<Vec<u8>> {
        let state = self.state.0.lock().unwrap();
        let bytes = state.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes.lock().unwrap().clone())
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let bytes = Bytes::default();
        let before = self.state.0.lock().unwrap().files.insert(name.to_owned(), Arc::clone(&bytes));
        assert!(before.is_none(), "{name} exists");
        Ok(Box::new(MemoryFile { bytes, memory: self.clone() }))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let state = self.state.0.lock().unwrap();
        let bytes = Arc::clone(state.files.get(name).ok_or(io::ErrorKind::NotFound)?);
        Ok(Box::new(MemoryFile { bytes, memory: self.clone() }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state.0.lock().unwrap();
        let bytes = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), bytes);
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = self.state.0.lock().unwrap().files.remove(name);
        removed.map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl SegmentFile for MemoryFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let mut file = self.bytes.lock().unwrap();
        let end = offset + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[offset..end].copy_from_slice(bytes);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        let (lock, condvar) = &*self.memory.state;
        let mut state = lock.lock().unwrap();
        let number = state.syncs;
        state.syncs += 1;
        if state.held {
            state.waiting += 1;
            condvar.notify_all();
            state = condvar.wait_while(state, |state| state.held).unwrap();
            state.waiting -= 1;
        }
        if state.failing.contains(&number) { Err(io::Error::other("injected")) } else { Ok(()) }
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().truncate(usize::try_from(len).unwrap());
        Ok(())
    }
}

/// A folder for keys and for images that readers look at.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) settings: Settings,
    pub(crate) keys: Vec<PrivateKey>,
}

impl Bench {
    /// Keys for these tenants.
    pub(crate) fn new(tenants: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let make = |tenant: &&str| {
            let key = generate(Algorithm::P256).unwrap();
            write_pair(&dir.path().join("keys"), tenant, &key).unwrap();
            key
        };
        let keys = tenants.iter().map(make).collect();
        let mut settings = Settings::new(dir.path().join("log"), dir.path().join("keys"));
        std::fs::create_dir(&settings.dir).unwrap();
        settings.signer = Some(dir.path().join("signer.key"));
        Self { dir, settings, keys }
    }
    /// Another with the same keys and signer, whose settings may differ.
    pub(crate) fn clone_settings(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = self.settings.clone();
        settings.dir = dir.path().join("log");
        Self { dir, settings, keys: self.keys.clone() }
    }
    pub(crate) fn open(&self, memory: &Memory) -> AuditLog {
        AuditLog::open_with(&self.settings, Arc::new(memory.clone()), Vec::new()).unwrap()
    }
    /// Puts an image into a folder.
    pub(crate) fn lay_out(&self, image: &BTreeMap<String, Vec<u8>>) -> PathBuf {
        let dir = self.dir.path().join("image");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        for (name, bytes) in image {
            std::fs::write(dir.join(name), bytes).unwrap();
        }
        dir
    }
    /// Verifies an image.
    pub(crate) fn verify(&self, image: &BTreeMap<String, Vec<u8>>) -> Verification {
        verify(&self.lay_out(image), &Evidence::default()).unwrap()
    }
    /// The exchange ids that the first key reads.
    pub(crate) fn exchanges(&self, image: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
        read_exchanges(&self.lay_out(image), &self.keys[0]).0
    }
}

pub(crate) fn read_exchanges(dir: &Path, key: &PrivateKey) -> (Vec<String>, Summary) {
    let mut ids = Vec::new();
    let summary = read(dir, &key.clone().into(), |_, json| {
        let record: serde_json::Value = serde_json::from_str(std::str::from_utf8(json).unwrap()).unwrap();
        ids.push(record["exchange"].as_str().unwrap().to_owned());
        ControlFlow::Continue(())
    });
    (ids, summary.unwrap())
}

pub(crate) fn record(tenant: &str, exchange: impl Into<String>) -> Record {
    Record {
        event: Event::Admission,
        exchange: exchange.into(),
        time: jiff::Timestamp::UNIX_EPOCH,
        tenant: Arc::from(tenant),
        principal: Arc::from("p"),
        roles: Arc::from([]),
        scopes: Arc::from([]),
        dialect: "openai",
        endpoint: "chat",
        upstream: Arc::from("u"),
        stream: false,
        status: None,
        outcome: None,
        verdict: "allow",
        refusal: None,
        request: None,
        response: None,
        ruleset: Arc::from("r"),
        policies: Arc::from(""),
        timings: Timings::default(),
    }
}

/// Segments of an image, in order.
pub(crate) fn segments(image: &BTreeMap<String, Vec<u8>>) -> Vec<&String> {
    image.keys().filter(|name| name.ends_with(".seg")).collect()
}
