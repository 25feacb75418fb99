//! Generated crash histories on a simulated disk: no acknowledged record is lost, and nothing that is missing goes undeclared.
//!
//! A crash keeps any subset of the sectors written since a file's last sync, the old or the new length, and any of the names
//! made or removed since the last rename (which syncs the folder). A failed sync keeps any subset too, and forgets that the rest
//! was ever dirty, as Linux does. `SIDEWALL_CRASH_HISTORIES` says how many histories (default 1,000), `SIDEWALL_CRASH_SEED` runs
//! one again.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sidewall::audit::verify::{Evidence, verify};
use sidewall::audit::{Anchor, AuditLog, SegmentFile, Settings, Storage};
use sidewall::keys::{Algorithm, PrivateKey, generate, write_pair};

use crate::audit_support::{read_exchanges, record};

const SECTOR: usize = 512;

/// Sector of a byte and its place in it.
fn place(at: u64) -> (u64, usize) {
    (at / SECTOR as u64, usize::try_from(at % SECTOR as u64).unwrap())
}

const TENANTS: [&str; 2] = ["acme", "other"];

/// SplitMix64 (Steele, Lea, Flood 2014): small, and a seed is one number.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A file's content. Sectors that were never written, or are zero, are absent.
#[derive(Clone, Default)]
struct Content {
    len: u64,
    sectors: BTreeMap<u64, [u8; SECTOR]>,
}

impl Content {
    fn write(&mut self, offset: u64, bytes: &[u8], mut touched: impl FnMut(u64)) {
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (sector, start) = place(at);
            let (now, later) = rest.split_at(rest.len().min(SECTOR - start));
            touched(sector);
            if now.iter().any(|byte| *byte != 0) || self.sectors.contains_key(&sector) {
                self.sectors.entry(sector).or_insert([0; SECTOR])[start..start + now.len()].copy_from_slice(now);
            }
            (at, rest) = (at + now.len() as u64, later);
        }
        self.len = self.len.max(at);
    }
    fn truncate(&mut self, len: u64) {
        self.len = len;
        self.sectors.retain(|sector, _| sector * (SECTOR as u64) < len);
        let (last, start) = place(len);
        if let Some(sector) = self.sectors.get_mut(&last) {
            sector[start..].fill(0);
        }
    }
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0; usize::try_from(self.len).unwrap()];
        for (sector, bytes) in &self.sectors {
            let start = usize::try_from(*sector).unwrap() * SECTOR;
            let end = (start + SECTOR).min(out.len());
            if start < end {
                out[start..end].copy_from_slice(&bytes[..end - start]);
            }
        }
        out
    }
}

#[derive(Clone, Default)]
struct File {
    durable: Content,
    cached: Content,
    dirty: BTreeSet<u64>,
    resized: bool,
}

impl File {
    /// Some of what is dirty reaches the disk.
    fn settle(&mut self, chance: &mut Chance, all: bool) {
        if self.resized && (all || chance.one_in(2)) {
            let len = self.cached.len;
            if len < self.durable.len {
                self.durable.truncate(len);
            }
            self.durable.len = len;
        }
        for sector in std::mem::take(&mut self.dirty) {
            let inside = sector * (SECTOR as u64) < self.durable.len;
            if inside && (all || chance.one_in(2)) {
                match self.cached.sectors.get(&sector) {
                    Some(bytes) => self.durable.sectors.insert(sector, *bytes),
                    None => self.durable.sectors.remove(&sector),
                };
            }
        }
        self.resized = false;
    }
}

type Files = BTreeMap<String, Arc<Mutex<File>>>;

struct Disk {
    /// As a running process sees it.
    files: Files,
    /// As the disk has it.
    durable: Files,
    chance: Chance,
    /// Operations until the machine stops; then every operation fails.
    left: u64,
    /// One sync in so many fails.
    failing: Option<u64>,
}

/// A disk that stops at a chosen operation.
#[derive(Clone)]
struct Sim(Arc<Mutex<Disk>>);

struct SimFile(Arc<Mutex<File>>, Sim);

impl Sim {
    fn new(files: Files, chance: Chance, left: u64, failing: Option<u64>) -> Self {
        let durable = files.clone();
        Self(Arc::new(Mutex::new(Disk { files, durable, chance, left, failing })))
    }

    fn operation(disk: &mut Disk) -> io::Result<()> {
        disk.left = disk.left.checked_sub(1).ok_or_else(|| io::Error::other("the machine has stopped"))?;
        Ok(())
    }

    /// What stands on the disk after the machine has stopped.
    fn crash(&self) -> Files {
        let mut guard = self.0.lock().unwrap();
        let disk = &mut *guard;
        disk.left = 0;
        let mut names = disk.durable.clone();
        for (name, file) in &disk.files {
            if !names.contains_key(name) && disk.chance.one_in(2) {
                names.insert(name.clone(), Arc::clone(file));
            }
        }
        names.retain(|name, _| disk.files.contains_key(name) || disk.chance.one_in(2));
        for file in names.values() {
            file.lock().unwrap().settle(&mut disk.chance, false);
        }
        let fresh = |file: &Arc<Mutex<File>>| {
            let durable = file.lock().unwrap().durable.clone();
            Arc::new(Mutex::new(File { cached: durable.clone(), durable, ..File::default() }))
        };
        names.iter().map(|(name, file)| (name.clone(), fresh(file))).collect()
    }
}

impl Storage for Sim {
    fn lock(&self) -> io::Result<Box<dyn Any + Send>> {
        Ok(Box::new(()))
    }
    fn list(&self) -> io::Result<Vec<String>> {
        let mut disk = self.0.lock().unwrap();
        Self::operation(&mut disk)?;
        Ok(disk.files.keys().cloned().collect())
    }
    fn read(&self, name: &str, _limit: u64) -> io::Result<Vec<u8>> {
        let mut disk = self.0.lock().unwrap();
        Self::operation(&mut disk)?;
        let file = disk.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(file.lock().unwrap().cached.bytes())
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let mut disk = self.0.lock().unwrap();
        Self::operation(&mut disk)?;
        let file = Arc::new(Mutex::new(File::default()));
        assert!(disk.files.insert(name.to_owned(), Arc::clone(&file)).is_none(), "{name} exists");
        Ok(Box::new(SimFile(file, self.clone())))
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let mut disk = self.0.lock().unwrap();
        Self::operation(&mut disk)?;
        let file = disk.files.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile(Arc::clone(file), self.clone())))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let file = disk.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        disk.files.insert(to.to_owned(), file);
        // The machine may stop between the rename and the sync of the folder, or that sync may fail.
        Self::operation(&mut disk)?;
        disk.durable = disk.files.clone();
        Ok(())
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        Self::operation(&mut disk)?;
        disk.files.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl SegmentFile for SimFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.1.0.lock().unwrap();
        Sim::operation(&mut disk)?;
        let mut file = self.0.lock().unwrap();
        let File { cached, dirty, resized, .. } = &mut *file;
        let before = cached.len;
        cached.write(offset, bytes, |sector| {
            dirty.insert(sector);
        });
        *resized |= cached.len != before;
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut guard = self.1.0.lock().unwrap();
        let disk = &mut *guard;
        Sim::operation(disk)?;
        let fails = disk.failing.is_some_and(|n| disk.chance.one_in(n));
        self.0.lock().unwrap().settle(&mut disk.chance, !fails);
        if fails { Err(io::Error::other("injected")) } else { Ok(()) }
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.1.0.lock().unwrap();
        Sim::operation(&mut disk)?;
        let mut file = self.0.lock().unwrap();
        file.cached.truncate(len);
        file.dirty.insert(len / SECTOR as u64);
        file.resized = true;
        Ok(())
    }
}

/// An anchor in memory; what it has kept outlives every crash.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<String>>);

impl Anchor for Kept {
    fn name(&self) -> String {
        "memory".to_owned()
    }
    fn keep(&mut self, note: &str) -> io::Result<()> {
        self.0.lock().unwrap().push_str(note);
        Ok(())
    }
}

struct Ground {
    dir: tempfile::TempDir,
    settings: Settings,
    keys: Vec<PrivateKey>,
}

impl Ground {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let make = |tenant: &&str| {
            // X25519, for the speed of it: a crash knows nothing of curves.
            let key = generate(Algorithm::X25519).unwrap();
            write_pair(&dir.path().join("keys"), tenant, &key).unwrap();
            key
        };
        let keys = TENANTS.iter().map(make).collect();
        let mut settings = Settings::new(dir.path().join("log"), dir.path().join("keys"));
        settings.signer = Some(dir.path().join("signer.key"));
        settings.segment_bytes = 4096;
        settings.checkpoint_interval = std::time::Duration::ZERO;
        Self { dir, settings, keys }
    }

    fn lay_out(&self, files: &Files) -> std::path::PathBuf {
        let dir = self.dir.path().join("image");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        for (name, file) in files {
            write_sparse(&dir.join(name), &file.lock().unwrap().cached);
        }
        dir
    }
}

fn write_sparse(path: &Path, content: &Content) {
    let file = std::fs::File::create(path).unwrap();
    for (sector, bytes) in &content.sectors {
        file.write_all_at(bytes, sector * SECTOR as u64).unwrap();
    }
    file.set_len(content.len).unwrap();
}

/// One life of the process: records until the machine stops, or until the log is closed.
async fn life(
    ground: &Ground,
    sim: &Sim,
    kept: &Kept,
    chance: &mut Chance,
    name: &str,
    acknowledged: &mut Vec<(usize, String)>,
) {
    let anchors: Vec<Box<dyn Anchor>> = vec![Box::new(kept.clone())];
    let Ok(log) = AuditLog::open_with(&ground.settings, Arc::new(sim.clone()), anchors) else { return };
    for round in 0..1 + chance.below(5) {
        let mut tickets = Vec::new();
        for at in 0..1 + chance.below(3) {
            let tenant = usize::from(chance.one_in(3));
            let id = format!("{name}-{round}-{at}-{}", "x".repeat(usize::try_from(chance.below(900)).unwrap()));
            if let Ok(ticket) = log.try_submit(record(TENANTS[tenant], id.as_str())) {
                tickets.push((tenant, id, ticket));
            }
        }
        for (tenant, id, ticket) in tickets {
            if ticket.await.is_ok() {
                acknowledged.push((tenant, id));
            }
        }
    }
    if chance.one_in(3) {
        let _ = log.close().await;
    }
}

async fn history(ground: &Ground, seed: u64) {
    let mut chance = Chance(seed);
    let kept = Kept::default();
    let mut files = Files::new();
    let mut acknowledged = Vec::new();
    let lives = 1 + chance.below(3);
    for at in 0..=lives {
        // The last life has no crash in it.
        let (left, failing) = match chance.below(3) {
            _ if at == lives => (u64::MAX, None),
            0 => (chance.below(120), Some(2 + chance.below(12))),
            _ => (chance.below(120), None),
        };
        let sim = Sim::new(files, Chance(chance.next()), left, failing);
        life(ground, &sim, &kept, &mut chance, &format!("{seed}-{at}"), &mut acknowledged).await;
        files = if at == lives { sim.0.lock().unwrap().files.clone() } else { sim.crash() };
        let anchors = vec![kept.0.lock().unwrap().clone()];
        let anchors = if anchors[0].is_empty() { Vec::new() } else { anchors };
        let dir = ground.lay_out(&files);
        let signers = sidewall::audit::verify::parse_signer(
            &std::fs::read_to_string(ground.dir.path().join("signer.pub")).unwrap(),
        );
        let evidence = Evidence { signers: signers.into_iter().collect(), anchors, ..Evidence::default() };
        let result = verify(&dir, &evidence).unwrap();
        assert!([0, 7].contains(&result.exit()), "seed {seed}, life {at}: {:?}", result.problems);
        if at == lives {
            let torn = files.keys().any(|name| name.ends_with(".torn"));
            assert!(!torn || result.exit() == 7, "seed {seed}: torn and not declared");
        }
        for (tenant, key) in ground.keys.iter().enumerate() {
            let (ids, summary) = read_exchanges(&dir, key);
            assert_eq!(summary.unreadable, 0, "seed {seed}, life {at}");
            let mut found = ids.iter();
            for (_, id) in acknowledged.iter().filter(|(of, _)| *of == tenant) {
                assert!(found.any(|found| found == id), "seed {seed}, life {at}: {id} was acknowledged and is lost");
            }
        }
    }
}

#[test]
fn no_generated_crash_loses_an_acknowledged_record() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let one = number("SIDEWALL_CRASH_SEED");
    let count = number("SIDEWALL_CRASH_HISTORIES").unwrap_or(1000);
    let seeds = one.map_or(0..count, |seed| seed..seed + 1);
    let workers = 2;
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let seeds = seeds.clone();
            scope.spawn(move || {
                let ground = Ground::new();
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                for seed in seeds.filter(|seed| seed % workers == worker) {
                    runtime.block_on(history(&ground, seed));
                }
            });
        }
    });
    println!("{} crash histories", seeds.end - seeds.start);
}
