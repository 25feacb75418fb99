//! The one thread that writes. What waits together is committed together: while one sync runs the next batch gathers.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audit::anchor::Anchors;
use crate::audit::body::{GapBody, GapReason};
use crate::audit::error::AuditError;
use crate::audit::header::{Header, POD_LEN};
use crate::audit::log::Receipt;
use crate::audit::queue::{End, Job, Jobs};
use crate::audit::recover::Continuation;
use crate::audit::segment::{Gap, Sealable, Segment, file_name, now_ms};
use crate::audit::shed::{self, AllShed, Shed};
use crate::audit::signer::Signer;
use crate::audit::space::{DRAFT, Space};
use crate::audit::storage::Storage;

/// How long to leave a broken disk alone before the next try. Records in between are refused at once.
const RETRY: Duration = Duration::from_millis(500);

/// The writer's state; lives on its thread.
pub(crate) struct Writer {
    maker: Maker,
    age: Duration,
    state: State,
    next_rotation: Instant,
    /// Not written and not declared yet.
    shed: AllShed,
    anchors: Anchors,
    interval: Duration,
    /// Leaves of the open segment at its last checkpoint.
    covered: u64,
    next_checkpoint: Instant,
    /// The claim on the folder. INVARIANT: last, so that it is let go after the segment's file is closed.
    _lock: Box<dyn Any + Send>,
}

/// What every segment of this process shares.
struct Maker {
    storage: Arc<dyn Storage>,
    signer: Signer,
    pod: [u8; POD_LEN],
    boot: [u8; 16],
    /// A segment that has reached this size in bytes is followed by a new one.
    size: u64,
}

enum State {
    Open(Box<Segment>),
    /// No segment can be written. `next` says where a new one would go on.
    Broken {
        next: Continuation,
        retry: Instant,
        error: AuditError,
    },
}

impl Maker {
    fn header(&self, next: &Continuation) -> Header {
        Header {
            segment: next.number,
            previous_size: next.previous_size,
            previous_root: next.previous_root,
            created_ms: now_ms(),
            boot: self.boot,
            signer: *self.signer.public(),
            pod: self.pod,
        }
    }

    /// Space for the segment of this number.
    fn draft(&self, number: u64) -> Result<Space, AuditError> {
        let header = self.header(&Continuation { number, ..Continuation::default() });
        Space::draft(self.storage.as_ref(), &file_name(&header), self.size).map_err(|error| AuditError::storage(&error))
    }

    fn begin(&self, space: Space, next: &Continuation) -> Result<Box<Segment>, AuditError> {
        let gap = |body: &GapBody| Gap { body: *body, tenant: None };
        let gaps: Vec<Gap> = next.gaps.iter().map(gap).collect();
        Segment::begin(self.storage.as_ref(), space, &self.signer, self.header(next), &gaps).map(Box::new)
    }

    fn create(&self, next: &Continuation) -> Result<Box<Segment>, AuditError> {
        self.begin(self.draft(next.number)?, next)
    }
}

impl Writer {
    /// Opens a new segment that continues what recovery found.
    pub(crate) fn start(
        storage: Arc<dyn Storage>,
        signer: Signer,
        settings: &crate::audit::Settings,
        next: &Continuation,
        anchors: Anchors,
        lock: Box<dyn Any + Send>,
    ) -> Result<Self, AuditError> {
        let mut pod = [0; POD_LEN];
        for (to, from) in pod.iter_mut().zip(settings.pod.bytes()) {
            *to = from;
        }
        let boot = crate::keys::random::bytes().map_err(|error| AuditError::Seal(error.to_string()))?;
        let maker = Maker { storage, signer, pod, boot, size: settings.segment_bytes };
        let segment = maker.create(next)?;
        Ok(Self {
            maker,
            age: settings.segment_age,
            covered: segment.leaves(),
            state: State::Open(segment),
            next_rotation: Instant::now(),
            shed: AllShed::new(),
            anchors,
            interval: settings.checkpoint_interval,
            next_checkpoint: Instant::now() + settings.checkpoint_interval,
            _lock: lock,
        })
    }

    /// Writes until every sender is gone or the log is closed.
    pub(crate) fn run(mut self, mut jobs: Jobs) {
        loop {
            let turn = jobs.next(self.tick());
            for (tenant, shed) in turn.shed {
                metrics::counter!("sidewall_audit_shed_total").increment(shed.count);
                shed.add_to(&mut self.shed, &tenant);
            }
            let idle = turn.jobs.is_empty();
            self.answer(turn.jobs, &mut jobs);
            match turn.end {
                Some(End::Closed(reply)) => {
                    let result = self.finish();
                    // SECURITY: whoever awaited the close may start the next writer: let go of the folder first.
                    drop(self);
                    let _ = reply.send(result);
                    return;
                }
                Some(End::Abandoned) => {
                    // Best effort: a start after this cuts the zeros just as well.
                    let _ = self.finish();
                    return;
                }
                None => {
                    if idle {
                        self.rotate_if_due(&[]);
                    }
                    self.prepare();
                    self.checkpoint_if_due();
                }
            }
        }
    }

    /// When there is something to do though nothing comes.
    fn tick(&self) -> Option<Instant> {
        match &self.state {
            State::Broken { retry, .. } => (!self.shed.is_empty()).then_some(*retry),
            State::Open(segment) => {
                let ends = segment.ends(self.age).map(|ends| ends.max(self.next_rotation));
                let note = (segment.leaves() > self.covered).then_some(self.next_checkpoint);
                [ends, note].into_iter().flatten().min()
            }
        }
    }

    fn answer(&mut self, batch: Vec<Job>, jobs: &mut Jobs) {
        if batch.is_empty() && self.shed.is_empty() {
            return;
        }
        let start = Instant::now();
        let sealable: Vec<Sealable<'_>> = batch
            .iter()
            .map(|job| Sealable { tenant: &job.tenant, recipients: &job.recipients, text: &job.text })
            .collect();
        let result = self.commit(&sealable);
        jobs.written();
        metrics::histogram!("sidewall_audit_commit_seconds").record(start.elapsed());
        match result {
            Ok(receipts) => {
                metrics::counter!("sidewall_audit_records_total").increment(receipts.len() as u64);
                for (job, receipt) in batch.into_iter().zip(receipts) {
                    // A caller that has given up waiting is no error.
                    let _ = job.reply.send(Ok(receipt));
                }
            }
            Err(error) => {
                for job in batch {
                    let Job { tenant, recipients, reply, .. } = job;
                    if reply.send(Err(error.clone())).is_err() {
                        // Nobody waits, so no exchange was held back.
                        metrics::counter!("sidewall_audit_shed_total").increment(1);
                        Shed::one(Some(recipients)).add_to(&mut self.shed, &tenant);
                    }
                }
            }
        }
    }

    /// Commits to the open segment; if that fails, once more to a new one; then not at all.
    fn commit(&mut self, records: &[Sealable<'_>]) -> Result<Vec<Receipt>, AuditError> {
        self.rotate_if_due(records);
        let gaps = shed::gaps(&self.shed);
        match &mut self.state {
            State::Open(segment) => match segment.commit(&self.maker.signer, &gaps, records) {
                Ok(receipts) => {
                    self.shed.clear();
                    return Ok(receipts);
                }
                Err(error) => self.poison(error),
            },
            State::Broken { retry, error, .. } if *retry > Instant::now() => return Err(error.clone()),
            State::Broken { .. } => {}
        }
        self.reopen()?;
        let State::Open(segment) = &mut self.state else {
            return Err(AuditError::Closed);
        };
        let result = segment.commit(&self.maker.signer, &gaps, records);
        match &result {
            Ok(_) => self.shed.clear(),
            Err(error) => {
                self.poison(error.clone());
                if let State::Broken { retry, .. } = &mut self.state {
                    *retry = Instant::now() + RETRY;
                }
            }
        }
        result
    }

    /// INVARIANT: a failed sync is never repeated on its file. The kernel may have dropped the pages and a second sync
    /// would succeed over nothing (the "fsyncgate" of 2018). The successor declares the bytes void.
    fn poison(&mut self, error: AuditError) {
        metrics::counter!("sidewall_audit_poisoned_segments_total").increment(1);
        tracing::error!(%error, "audit: a commit failed; its segment is given up and its records go to a new one");
        let State::Open(segment) = &mut self.state else {
            return;
        };
        let (previous_size, previous_root) = segment.point();
        let (from, to) = segment.void();
        let (reason, number) = (GapReason::Poisoned, segment.number());
        let gap = GapBody { reason, segment: number, count: 0, from, to, hash: [0; 32] };
        // Best effort: if the void bytes can be cut off, readers need not skip them.
        let _ = self.maker.storage.open(&segment.name()).and_then(|mut file| file.truncate(from));
        let next = Continuation { number: number + 1, previous_size, previous_root, gaps: vec![gap], tampered: None };
        self.state = State::Broken { next, retry: Instant::now(), error };
    }

    fn reopen(&mut self) -> Result<(), AuditError> {
        let State::Broken { next, retry, error } = &mut self.state else {
            return Ok(());
        };
        match self.maker.create(next) {
            Ok(segment) => {
                tracing::warn!(segment = segment.number(), "audit: writing again, in a new segment");
                self.open(segment);
                Ok(())
            }
            Err(failed) => {
                (*retry, *error) = (Instant::now() + RETRY, failed.clone());
                Err(failed)
            }
        }
    }

    fn open(&mut self, segment: Box<Segment>) {
        self.covered = segment.leaves();
        self.state = State::Open(segment);
    }

    /// Goes on in a new segment when the open one is large or old enough, or holds other keys than these records'. If there is no
    /// room for a new one, the open one still serves.
    fn rotate_if_due(&mut self, records: &[Sealable<'_>]) {
        let State::Open(segment) = &mut self.state else {
            return;
        };
        let due = segment.is_due(self.maker.size, self.age) || segment.is_outdated(records);
        if !due || self.next_rotation > Instant::now() {
            return;
        }
        let number = segment.number() + 1;
        let space = match self.maker.draft(number) {
            Ok(space) => space,
            Err(error) => {
                self.next_rotation = Instant::now() + RETRY;
                tracing::warn!(%error, "audit: no new segment could be made; writing on in the old one");
                return;
            }
        };
        if let Err(error) = segment.seal(&self.maker.signer, &[]) {
            drop(space);
            let name = self.maker.header(&Continuation { number, ..Continuation::default() });
            let _ = self.maker.storage.remove(&format!("{}{DRAFT}", file_name(&name)));
            self.poison(error);
            return;
        }
        let (previous_size, previous_root) = segment.point();
        let next = Continuation { number, previous_size, previous_root, ..Continuation::default() };
        // The successor names this one's size, so zeros left behind by a failure here are harmless.
        let _ = segment.finish();
        self.checkpoint();
        match self.maker.begin(space, &next) {
            Ok(new) => self.open(new),
            Err(error) => self.state = State::Broken { next, retry: Instant::now(), error },
        }
    }

    fn prepare(&mut self) {
        if let State::Open(segment) = &mut self.state
            && let Err(error) = segment.prepare()
        {
            self.poison(AuditError::storage(&error));
        }
    }

    fn checkpoint_if_due(&mut self) {
        let now = Instant::now();
        let State::Open(segment) = &self.state else { return };
        if segment.leaves() == self.covered {
            // Nothing new: the interval counts from the next commit.
            self.next_checkpoint = now + self.interval;
        } else if self.next_checkpoint <= now {
            self.checkpoint();
        }
    }

    /// Leaves a checkpoint of the open segment for the anchors.
    fn checkpoint(&mut self) {
        let State::Open(segment) = &mut self.state else { return };
        match segment.checkpoint(&self.maker.signer) {
            Ok(note) => self.anchors.leave(segment.number(), &note),
            Err(error) => tracing::warn!(%error, "audit: no checkpoint could be made"),
        }
        self.covered = segment.leaves();
        self.next_checkpoint = Instant::now() + self.interval;
    }

    fn finish(&mut self) -> Result<(), AuditError> {
        let gaps = shed::gaps(&self.shed);
        let result = match &mut self.state {
            State::Open(segment) => {
                let sealed = segment.seal(&self.maker.signer, &gaps);
                sealed.and_then(|()| segment.finish().map_err(|error| AuditError::storage(&error)))
            }
            State::Broken { error, .. } => Err(error.clone()),
        };
        if result.is_ok() {
            self.checkpoint();
        }
        self.anchors.end();
        result
    }
}
