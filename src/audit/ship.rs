//! Shipping: closed segments are copied elsewhere as they are, encrypted and signed, and make room here.
//!
//! ```text
//! TO/POD-SIGNER/signer.pub
//!              /000000000001-0123456789abcdef.seg         as in the log's own folder: `audit verify TO/POD-SIGNER` works
//!              /tenants/TENANT/000000000001-….json        which segments hold a tenant's records
//! ```
//!
//! A thread of its own looks after the folder, a second one at how much waits, since the first may hang at a store that does not answer; the writer knows nothing of them. Objects are made if absent and never replaced: one that is there
//! already must be the same. The file `shipped` remembers what is done, so a start goes on where the last process ended; without it
//! everything is compared once more. What has been shipped is removed here, oldest first, when the folder is larger than the spool; what
//! has not never is.

#[cfg(feature = "object-store")]
mod cloud;
mod index;
pub mod target;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::audit::behind::Place;
use crate::audit::folder::{Entry, entries};
use crate::audit::segment::number_in;
use crate::keys::file_stem;
use crate::keys::pair::hex;
use target::Target;

/// Remembers what has been shipped: `SEGMENT TARGET` a line.
const SHIPPED: &str = "shipped";
/// How long to leave a failing place alone.
const RETRY: Duration = Duration::from_secs(5);
/// Segments that stay here whatever the spool: a start goes on from the last, whose predecessor it names.
const KEPT: usize = 2;
/// Digits of the signer's key in a log's name: logs of pods of one name are told apart.
const SIGNER_DIGITS: usize = 16;

/// Where closed segments go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ship {
    /// A folder, or the URL of an object store.
    pub to: String,
    /// LIMIT: bytes of segments in the log's folder; shipped ones are removed beyond. Are more than these not shipped yet, the shipper is behind.
    pub spool_bytes: u64,
    /// Refuse new exchanges while it is behind; otherwise the folder grows.
    pub refuse: bool,
    /// How often to look for what has been closed.
    pub look: Duration,
}

/// The running shipper. Dropped, it ends with what it is at.
pub(crate) struct Shipper {
    end: SyncSender<oneshot::Sender<()>>,
}

impl Shipper {
    /// Starts the thread for the log in `dir` of the pod and signer.
    pub(crate) fn start(ship: &Ship, dir: PathBuf, pod: &str, signer: &[u8; 32], place: Place) -> io::Result<Self> {
        let target = target::open(&ship.to)?;
        let pod = file_stem(pod).unwrap_or_else(|_unnamed| "pod".to_owned());
        let prefix = format!("{pod}-{}", hex(signer).get(..SIGNER_DIGITS).unwrap_or_default());
        let (end, ended) = sync_channel(1);
        let spool = Arc::new(Spool { ship: ship.clone(), done: Mutex::new(shipped(&dir, &target.name())?), dir });
        let (at_work, gone) = sync_channel(0);
        let watched = Arc::clone(&spool);
        std::thread::Builder::new().name("audit-ship-watch".to_owned()).spawn(move || watched.watch(place, &gone))?;
        let mut work = Work { spool, prefix, signer: *signer, target, introduced: false, _at_work: at_work };
        std::thread::Builder::new().name("audit-ship".to_owned()).spawn(move || work.run(&ended))?;
        Ok(Self { end })
    }

    /// The log is closed: ships its last segment too, and ends. The answer comes when that is done, or has failed.
    pub(crate) fn end(&self) -> oneshot::Receiver<()> {
        let (reply, done) = oneshot::channel();
        // Full: it is ending already.
        let _ = self.end.try_send(reply);
        done
    }
}

/// The log's folder, and what of it is elsewhere.
struct Spool {
    ship: Ship,
    dir: PathBuf,
    /// Names of segments that are there.
    done: Mutex<BTreeSet<String>>,
}

struct Work {
    spool: Arc<Spool>,
    prefix: String,
    signer: [u8; 32],
    target: Box<dyn Target>,
    /// The signer's key is there.
    introduced: bool,
    /// Dropped, the watch ends.
    _at_work: SyncSender<()>,
}

impl Work {
    fn run(&mut self, ended: &Receiver<oneshot::Sender<()>>) {
        let mut retry = Instant::now();
        loop {
            let (end, gone) = match ended.recv_timeout(self.spool.ship.look) {
                Ok(reply) => (Some(reply), false),
                Err(RecvTimeoutError::Timeout) => (None, false),
                Err(RecvTimeoutError::Disconnected) => (None, true),
            };
            if gone {
                return;
            }
            if (end.is_some() || retry <= Instant::now())
                && let Err(error) = self.look(end.is_some())
            {
                metrics::counter!("sidewall_audit_shipped_total", "result" => "failed").increment(1);
                tracing::warn!(%error, target = self.target.name(), "audit: a segment could not be shipped; it stays here and will be tried again");
                retry = Instant::now() + RETRY.min(self.spool.ship.look * 8);
            }
            if let Some(reply) = end {
                // Whoever closed the log may have stopped waiting.
                let _ = reply.send(());
                return;
            }
        }
    }

    /// Ships what is closed and not there yet, in order, then makes room. `last`: nobody writes any more.
    fn look(&mut self, last: bool) -> io::Result<()> {
        let names = self.spool.names()?;
        let closed = names.len().saturating_sub(usize::from(!last));
        let waiting = names.iter().take(closed).any(|(name, _)| !self.spool.is_done(name));
        if waiting {
            for entry in entries(&self.spool.dir).map_err(io::Error::other)?.iter().take(closed) {
                if !self.spool.is_done(&entry.name) {
                    self.ship(entry, last)?;
                }
            }
        }
        self.spool.make_room(names)
    }

    fn ship(&mut self, entry: &Entry, last: bool) -> io::Result<()> {
        if !std::mem::replace(&mut self.introduced, true) {
            let signer = format!("{}\n", hex(&self.signer));
            self.put("signer.pub", signer.as_bytes()).inspect_err(|_| self.introduced = false)?;
        }
        let (bytes, _void) = entry.read()?;
        let indexed = index::index(&entry.name, &bytes);
        // The last one of a closed log is whole if it ends with a SEAL; the next start goes on with it otherwise.
        if last && entry.vouched.is_none() && !indexed.as_ref().is_some_and(|(scan, _)| scan.sealed) {
            return Ok(());
        }
        for (tenant, row) in indexed.into_iter().flat_map(|(_, rows)| rows) {
            let name = entry.name.trim_end_matches(".seg");
            let row = serde_json::to_vec(&row).map_err(io::Error::other)?;
            self.put(&format!("tenants/{tenant}/{name}.json"), &row)?;
        }
        self.put(&entry.name, &bytes)?;
        let mut list = OpenOptions::new().append(true).create(true).open(self.spool.dir.join(SHIPPED))?;
        list.write_all(format!("{} {}\n", entry.name, self.target.name()).as_bytes())?;
        list.sync_data()?;
        self.spool.done().insert(entry.name.clone());
        metrics::counter!("sidewall_audit_shipped_total", "result" => "shipped").increment(1);
        Ok(())
    }

    /// Makes an object; one that is there must be the same.
    fn put(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let key = format!("{}/{name}", self.prefix);
        match self.target.create(&key, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if self.target.read(&key)? == bytes {
                    return Ok(());
                }
                metrics::counter!("sidewall_audit_shipped_total", "result" => "conflict").increment(1);
                tracing::error!(
                    key,
                    target = self.target.name(),
                    "audit: ALARM: another object stands where a segment belongs; it is not replaced"
                );
                Err(io::Error::new(io::ErrorKind::InvalidData, "another object stands where a segment belongs"))
            }
            made => made,
        }
    }
}

impl Spool {
    /// The set holds at every step, whoever panicked.
    fn done(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self, name: &str) -> bool {
        self.done().contains(name)
    }

    /// Segments here and their sizes, in order.
    fn names(&self) -> io::Result<Vec<(String, u64)>> {
        let mut names = Vec::new();
        for file in fs::read_dir(&self.dir)? {
            let file = file?;
            if let Ok(name) = file.file_name().into_string()
                && let Some(number) = number_in(&name)
            {
                names.push((number, name, file.metadata()?.len()));
            }
        }
        names.sort();
        Ok(names.into_iter().map(|(_, name, len)| (name, len)).collect())
    }

    fn make_room(&self, names: Vec<(String, u64)>) -> io::Result<()> {
        let mut total: u64 = names.iter().map(|(_, len)| len).sum();
        let may_go = names.len().saturating_sub(KEPT);
        for (name, len) in names.into_iter().take(may_go) {
            if total <= self.ship.spool_bytes || !self.is_done(&name) {
                break;
            }
            fs::remove_file(self.dir.join(&name))?;
            metrics::counter!("sidewall_audit_removed_total").increment(1);
            total -= len;
        }
        Ok(())
    }

    /// Judges until nobody ships any more.
    fn watch(&self, mut place: Place, gone: &Receiver<()>) {
        while gone.recv_timeout(self.ship.look) == Err(RecvTimeoutError::Timeout) {
            self.judge(&mut place);
        }
    }

    /// Says how much waits, and whether that is too much.
    fn judge(&self, place: &mut Place) {
        let Ok(names) = self.names() else { return };
        let closed = names.len().saturating_sub(1);
        let waiting = names.iter().take(closed).filter(|(name, _)| !self.is_done(name));
        let waiting: u64 = waiting.map(|(_, len)| len).sum();
        metrics::gauge!("sidewall_audit_unshipped_bytes").set(waiting as f64);
        let behind = waiting > self.ship.spool_bytes;
        metrics::gauge!("sidewall_audit_ship_behind").set(f64::from(u8::from(behind)));
        if place.say(behind && self.ship.refuse) {
            if behind {
                tracing::error!(
                    waiting,
                    "audit: shipping is behind by more than the spool; new exchanges are refused until it has caught up"
                );
            } else {
                tracing::warn!("audit: shipping has caught up; exchanges are served again");
            }
        }
    }
}

/// What the last process shipped to this target.
fn shipped(dir: &std::path::Path, target: &str) -> io::Result<BTreeSet<String>> {
    match fs::read_to_string(dir.join(SHIPPED)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        read => {
            let text = read?;
            let ours = text.lines().filter_map(|line| line.split_once(' ')).filter(|(_, to)| *to == target);
            Ok(ours.map(|(name, _)| name.to_owned()).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::audit::read::read;
    use crate::audit::testing::{completion, record, settings};
    use crate::audit::verify::{Evidence, verify};
    use crate::audit::{AuditError, AuditLog, Settings};

    fn shipping(dir: &Path, spool_bytes: u64) -> (Settings, Vec<crate::keys::PrivateKey>) {
        let (mut settings, keys) = settings(dir, &["acme", "org/1"]);
        let to = dir.join("archive").display().to_string();
        settings.ship = Some(Ship { to, spool_bytes, refuse: true, look: Duration::from_millis(5) });
        settings.pod = "pod-0".to_owned();
        (settings, keys)
    }

    /// A life of the process with one exchange.
    async fn life(settings: &Settings, exchange: &str) {
        let log = AuditLog::open(settings).unwrap();
        log.append(record("acme", exchange)).await.unwrap();
        log.append(record("org/1", exchange)).await.unwrap();
        log.append(completion("acme", exchange)).await.unwrap();
        log.close().await.unwrap();
    }

    fn only_folder(dir: &Path) -> PathBuf {
        let mut folders = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let only = folders.next().unwrap();
        assert!(folders.next().is_none());
        only
    }

    #[tokio::test]
    async fn closed_segments_are_shipped_and_make_room_and_the_copy_verifies_and_opens() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, keys) = shipping(dir.path(), 1);
        for exchange in ["e1", "e2", "e3", "e4"] {
            life(&settings, exchange).await;
        }
        let copy = only_folder(&dir.path().join("archive"));
        assert!(copy.file_name().unwrap().to_str().unwrap().starts_with("pod-0-"));
        let there = verify(&copy, &Evidence::default()).unwrap();
        assert_eq!((there.exit(), there.segments.len()), (0, 4), "{:?}", there.problems);
        let mut read_there = 0;
        read(&copy, &keys[0].clone().into(), |_, _| {
            read_there += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(read_there, 8);
        let rows = fs::read_dir(copy.join("tenants/org%2F1")).unwrap().count();
        assert_eq!(rows, 4, "a row a segment for each tenant");
        // Here, the two newest are left.
        let here = verify(&settings.dir, &Evidence::default()).unwrap();
        assert_eq!((here.exit(), here.segments.len()), (4, 2), "{:?}", here.problems);
        let from_three = Evidence { from: 3, ..Evidence::default() };
        assert_eq!(verify(&settings.dir, &from_three).unwrap().exit(), 0);
        let from_two = Evidence { from: 2, ..Evidence::default() };
        assert_eq!(verify(&settings.dir, &from_two).unwrap().exit(), 4, "said to be here, and is not");
    }

    #[tokio::test]
    async fn a_process_that_forgot_compares_and_another_object_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, _keys) = shipping(dir.path(), u64::MAX);
        life(&settings, "e1").await;
        fs::remove_file(settings.dir.join(SHIPPED)).unwrap();
        life(&settings, "e2").await;
        let copy = only_folder(&dir.path().join("archive"));
        assert_eq!(fs::read_to_string(settings.dir.join(SHIPPED)).unwrap().lines().count(), 2);
        assert_eq!(verify(&copy, &Evidence::default()).unwrap().exit(), 0);
        // Somebody changed the copy, and the list is gone again.
        let first = entries(&copy).unwrap().remove(0).path;
        let mut bytes = fs::read(&first).unwrap();
        bytes[300] ^= 1;
        fs::write(&first, &bytes).unwrap();
        fs::remove_file(settings.dir.join(SHIPPED)).unwrap();
        life(&settings, "e3").await;
        assert_eq!(fs::read(&first).unwrap(), bytes, "evidence is not replaced");
        assert!(!settings.dir.join(SHIPPED).exists(), "nothing behind it passes for shipped");
    }

    #[tokio::test]
    async fn behind_by_more_than_the_spool_new_exchanges_are_refused_until_it_has_caught_up() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, keys) = shipping(dir.path(), 1);
        // Where the archive should be stands a file.
        fs::write(dir.path().join("archive"), "").unwrap();
        life(&settings, "e1").await;
        let log = AuditLog::open(&settings).unwrap();
        let refused = async {
            loop {
                match log.append(record("acme", "e2")).await {
                    Err(error) => return error,
                    Ok(_) => tokio::task::yield_now().await,
                }
            }
        };
        assert!(matches!(refused.await, AuditError::Behind));
        log.append(completion("acme", "e2")).await.expect("what was admitted is seen to its end");
        fs::remove_file(dir.path().join("archive")).unwrap();
        while log.append(record("acme", "e3")).await.is_err() {
            tokio::task::yield_now().await;
        }
        log.close().await.unwrap();
        let copy = only_folder(&dir.path().join("archive"));
        let there = verify(&copy, &Evidence::default()).unwrap();
        assert_eq!((there.exit(), there.segments.len()), (0, 2), "{:?}", there.problems);
        let mut last = Vec::new();
        read(&copy, &keys[0].clone().into(), |_, json| {
            last = json.to_vec();
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        assert!(String::from_utf8(last).unwrap().contains("e3"));
    }
}
