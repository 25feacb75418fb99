//! The log as the proxy sees it: submit a record, wait until it is on disk.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::audit::anchor::{Anchor, Anchors, FileAnchor};
use crate::audit::behind::Behind;
use crate::audit::error::AuditError;
use crate::audit::queue::{End, Job, Jobs, Queue};
use crate::audit::record::{Event, Outcome, Record};
use crate::audit::recover::recover;
use crate::audit::settings::{Durability, Settings};
use crate::audit::shed::Shed;
use crate::audit::ship::Shipper;
use crate::audit::signer::Signer;
use crate::audit::storage::{Disk, Storage};
use crate::audit::writer::Writer;
use crate::keys::file::read_public;
use crate::keys::{Directory, Recipients};

/// The queue is counted in units of this many bytes.
const UNIT: usize = 64;
/// What a queued record costs beside its text, in units.
const OVERHEAD: usize = 4;
/// How long the end of a log may take: a disk that hangs must not keep a process from leaving.
const CLOSE: std::time::Duration = std::time::Duration::from_secs(10);

/// The audit log. Cheap to clone; every clone writes through the same thread.
#[derive(Clone)]
pub struct AuditLog {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    keys: Directory,
    room: Arc<Semaphore>,
    capacity: usize,
    settings: Settings,
    behind: Behind,
    shipper: Option<Shipper>,
}

/// Where a durable record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Segment number.
    pub segment: u64,
    /// Batch in the segment.
    pub batch: u64,
    /// Number among the tenant's records in the segment.
    pub sequence: u64,
}

/// A record that has been submitted. Await it (or [`wait`](Self::wait)) to know that it is durable. It is written when it is
/// awaited, or with the next record that is, or after 2 ms.
#[must_use = "a submitted record is durable only when its ticket says so"]
pub struct Ticket {
    queue: Arc<Queue>,
    number: u64,
    reply: oneshot::Receiver<Result<Receipt, AuditError>>,
    deadline: Instant,
}

impl AuditLog {
    /// Opens the log in `settings.dir` (made if absent): recovers what the last process left and begins a new segment.
    /// Blocks for a few syncs.
    ///
    /// # Errors
    /// [`AuditError::Open`] if the folder, the keys folder or the signer's key cannot be used, or another process
    /// writes there; [`AuditError::Storage`] if no segment can be made. A torn or damaged log is never an error.
    pub fn open(settings: &Settings) -> Result<Self, AuditError> {
        std::fs::create_dir_all(&settings.dir).map_err(|error| AuditError::open(&settings.dir, error))?;
        Self::open_with(settings, Arc::new(Disk::new(&settings.dir)), Vec::new())
    }

    /// As [`open`](Self::open), with another disk, and anchors beside those that the settings name.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with(
        settings: &Settings,
        storage: Arc<dyn Storage>,
        mut anchors: Vec<Box<dyn Anchor>>,
    ) -> Result<Self, AuditError> {
        let keys = open_keys(settings)?;
        let lock = storage.lock().map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => {
                AuditError::open(&settings.dir, "another process writes this audit log; give each its own folder")
            }
            _ => AuditError::open(&settings.dir, error),
        })?;
        let signer = settings.signer.clone().unwrap_or_else(|| settings.dir.join("signer.key"));
        let signer = Signer::load_or_make(&signer)?;
        let next = recover(storage.as_ref()).map_err(|error| AuditError::open(&settings.dir, error))?;
        if let Some(problem) = &next.tampered {
            metrics::counter!("sidewall_audit_tampered_total").increment(1);
            tracing::error!(
                problem,
                "audit: ALARM: the last segment was changed after it had been written. It is kept as it is; \
                 a new segment begins. Run `sidewall audit verify`"
            );
        }
        for gap in &next.gaps {
            metrics::counter!("sidewall_audit_gaps_total").increment(1);
            tracing::warn!(
                segment = gap.segment,
                bytes = gap.to - gap.from,
                "audit: the last process ended in the middle of a write; the unacknowledged tail was moved aside"
            );
        }
        for path in &settings.anchors {
            anchors.push(Box::new(FileAnchor(path.clone())));
        }
        let behind = Behind::default();
        let anchors = Anchors::start(anchors, &behind).map_err(|error| AuditError::open(&settings.dir, error))?;
        let public = *signer.public();
        // Its threads end with the writer; without one, now.
        let writer = Writer::start(storage, signer, settings, &next, anchors.clone(), lock);
        let writer = writer.inspect_err(|_| anchors.end())?;
        let ship = |ship| {
            Shipper::start(ship, settings.dir.clone(), &settings.pod, &public, behind.place())
                .map_err(|error| AuditError::open(&ship.to, error))
        };
        let shipper = settings.ship.as_ref().map(ship).transpose()?;
        let queue = Arc::new(Queue::default());
        let jobs = Jobs::new(Arc::clone(&queue));
        std::thread::Builder::new()
            .name("audit-writer".to_owned())
            .spawn(move || writer.run(jobs))
            .map_err(|error| AuditError::open(&settings.dir, error))?;
        let capacity = usize::try_from(settings.queue_bytes).unwrap_or(usize::MAX) / UNIT;
        let capacity = capacity.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            inner: Arc::new(Inner {
                queue,
                keys,
                room: Arc::new(Semaphore::new(capacity)),
                capacity,
                settings: settings.clone(),
                behind,
                shipper,
            }),
        })
    }

    /// Writes a record; returns when it is durable.
    ///
    /// # Errors
    /// [`AuditError`]: the record is not known to be durable, and the exchange must not go on.
    pub async fn append(&self, record: Record) -> Result<Receipt, AuditError> {
        let deadline = Instant::now() + self.inner.settings.deadline;
        let result = async {
            let (recipients, text, units) = self.prepare(&record)?;
            let room = timeout_at(deadline, Arc::clone(&self.inner.room).acquire_many_owned(units))
                .await
                .map_err(|_elapsed| AuditError::QueueFull)?
                .map_err(|_closed| AuditError::Closed)?;
            self.push(record.tenant, recipients, text, room, deadline, true)?.resolve().await
        };
        result.await.inspect_err(count_failure)
    }

    /// Submits a record without waiting: it shares the commit of the next record that is awaited, or is written after 2 ms.
    /// Serialises on the calling thread. Records are written in the order in which they are submitted.
    ///
    /// # Errors
    /// [`AuditError::NoKey`], [`AuditError::QueueFull`], [`AuditError::TooLarge`], [`AuditError::Closed`].
    #[expect(clippy::needless_pass_by_value, reason = "a record is handed over, as to `append`")]
    pub fn try_submit(&self, record: Record) -> Result<Ticket, AuditError> {
        let deadline = Instant::now() + self.inner.settings.deadline;
        let submit = || {
            let (recipients, text, units) = self.prepare(&record)?;
            let room = Arc::clone(&self.inner.room).try_acquire_many_owned(units);
            let room = room.map_err(|_full| AuditError::QueueFull)?;
            self.push(Arc::clone(&record.tenant), recipients, text, room, deadline, false)
        };
        submit().inspect_err(count_failure)
    }

    /// Submits a record as its tenant's [`Durability`] says. `None`: the exchange need not wait.
    ///
    /// # Errors
    /// As [`try_submit`](Self::try_submit), where the exchange must not go on without its record.
    pub fn submit(&self, record: Record) -> Result<Option<Ticket>, AuditError> {
        let durability = self.inner.settings.of(&record.tenant).durability;
        // Nobody is left to be told that it was not written.
        let left = record.outcome == Some(Outcome::Aborted);
        let tenant = Arc::clone(&record.tenant);
        match self.try_submit(record) {
            Ok(ticket) if durability == Durability::Strict && !left => Ok(Some(ticket)),
            Ok(_written_soon) => Ok(None),
            Err(_counted) if durability == Durability::BestEffort || left => {
                self.inner.queue.shed(&tenant, Shed::one(self.inner.keys.recipients(&tenant).ok()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes out everything submitted so far and ends the log; later records are refused. Its last segment is shipped, or left to the next start.
    ///
    /// # Errors
    /// [`AuditError::Storage`] if the segment could not be finished; [`AuditError::Closed`] if it was closed before;
    /// [`AuditError::Deadline`] if the disk hangs.
    pub async fn close(&self) -> Result<(), AuditError> {
        let (reply, done) = oneshot::channel();
        if !self.inner.queue.end(End::Closed(reply)) {
            return Err(AuditError::Closed);
        }
        let done = timeout_at(Instant::now() + CLOSE, done).await.map_err(|_elapsed| AuditError::Deadline)?;
        let closed = done.map_err(|_gone| AuditError::Closed)?;
        if let Some(shipper) = &self.inner.shipper
            && timeout_at(Instant::now() + CLOSE, shipper.end()).await.is_err()
        {
            tracing::warn!("audit: the last segment is not shipped yet; the next start will do it");
        }
        closed
    }

    fn prepare(&self, record: &Record) -> Result<(Arc<Recipients>, Vec<u8>, u32), AuditError> {
        // What was admitted is seen to its end.
        if record.event == Event::Admission && self.inner.behind.is_any() {
            return Err(AuditError::Behind);
        }
        let recipients = self.inner.keys.recipients(&record.tenant)?;
        let text = record.encode(self.inner.settings.of(&record.tenant).content)?;
        let units = text.len().div_ceil(UNIT) + OVERHEAD;
        if units > self.inner.capacity {
            return Err(AuditError::TooLarge(text.len()));
        }
        let units = u32::try_from(units).map_err(|_| AuditError::TooLarge(text.len()))?;
        Ok((recipients, text, units))
    }

    fn push(
        &self,
        tenant: Arc<str>,
        recipients: Arc<Recipients>,
        text: Vec<u8>,
        room: OwnedSemaphorePermit,
        deadline: Instant,
        awaited: bool,
    ) -> Result<Ticket, AuditError> {
        let (sender, reply) = oneshot::channel();
        let since = std::time::Instant::now();
        let job = Job { tenant, recipients, text, reply: sender, awaited, since, _room: room };
        let number = self.inner.queue.push(job)?;
        Ok(Ticket { queue: Arc::clone(&self.inner.queue), number, reply, deadline })
    }
}

impl Ticket {
    /// Waits until the record is durable.
    ///
    /// # Errors
    /// [`AuditError`]: the record is not known to be durable, and the exchange must not go on.
    pub async fn wait(self) -> Result<Receipt, AuditError> {
        self.resolve().await.inspect_err(count_failure)
    }

    async fn resolve(mut self) -> Result<Receipt, AuditError> {
        if let Ok(done) = self.reply.try_recv() {
            return done;
        }
        self.queue.hurry(self.number);
        let reply = timeout_at(self.deadline, self.reply).await.map_err(|_elapsed| AuditError::Deadline)?;
        reply.map_err(|_gone| AuditError::Closed)?
    }
}

impl IntoFuture for Ticket {
    type Output = Result<Receipt, AuditError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The writer takes what is left, and ends.
        self.queue.end(End::Abandoned);
    }
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}

fn open_keys(settings: &Settings) -> Result<Directory, AuditError> {
    let mut keys = Directory::open(&settings.keys).map_err(|error| AuditError::open(&settings.keys, error))?;
    let named = settings.tenants.iter().map(|(tenant, of)| (Some(tenant), of));
    for (tenant, of) in named.chain([(None, &settings.defaults)]) {
        for path in &of.auditors {
            let (_, key) = read_public(path).map_err(|error| AuditError::open(path, error))?;
            keys.add_auditor(tenant, key);
        }
    }
    Ok(keys)
}

fn count_failure(error: &AuditError) {
    metrics::counter!("sidewall_audit_failures_total", "reason" => error.reason()).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::{Tail, scan};
    use crate::audit::testing::{record, settings};

    #[tokio::test]
    async fn what_is_acknowledged_is_committed_in_a_segment_that_walks() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, _keys) = settings(dir.path(), &["acme"]);
        let log = AuditLog::open(&settings).unwrap();
        let receipt = log.append(record("acme", "e1")).await.unwrap();
        assert_eq!((receipt.segment, receipt.sequence), (1, 0));
        assert!(matches!(log.append(record("nobody", "e2")).await, Err(AuditError::NoKey(_))));
        let ticket = log.try_submit(record("acme", "e3")).unwrap();
        assert_eq!(ticket.await.unwrap().sequence, 1);
        assert!(matches!(AuditLog::open(&settings), Err(AuditError::Open { .. })), "one writer a folder");
        log.close().await.unwrap();
        assert!(matches!(log.append(record("acme", "e4")).await, Err(AuditError::Closed)));

        let names = Disk::new(&settings.dir).list().unwrap();
        let name = names.iter().find(|name| name.ends_with(".seg")).unwrap();
        let bytes = std::fs::read(settings.dir.join(name)).unwrap();
        let mut records = 0;
        let scan = scan(&bytes, |_, _, batch| records += batch.commit.records).unwrap();
        assert_eq!((scan.tail, scan.end(), records), (Tail::Clean, bytes.len() as u64, 2));

        let log = AuditLog::open(&settings).unwrap();
        assert_eq!(log.append(record("acme", "e5")).await.unwrap().segment, 2, "a restart opens a new segment");
    }
}
