//! The one thread that writes. What waits together is committed together: while one sync runs the next batch gathers.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audit::error::AuditError;
use crate::audit::frame::{GapBody, GapReason};
use crate::audit::header::{Header, POD_LEN};
use crate::audit::log::Receipt;
use crate::audit::queue::{End, Job, Jobs};
use crate::audit::recover::Continuation;
use crate::audit::segment::{Sealable, Segment, now_ms};
use crate::audit::signer::Signer;
use crate::audit::storage::Storage;

/// How long to leave a broken disk alone before the next try. Records in between are refused at once.
const RETRY: Duration = Duration::from_millis(500);

/// The writer's state; lives on its thread.
pub(crate) struct Writer {
    storage: Arc<dyn Storage>,
    signer: Signer,
    pod: [u8; POD_LEN],
    boot: [u8; 16],
    size: u64,
    age: Duration,
    state: State,
    next_rotation: Instant,
    /// The claim on the folder. INVARIANT: last, so that it is let go after the segment's file is closed.
    _lock: Box<dyn Any + Send>,
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

impl Writer {
    /// Opens a new segment that continues what recovery found.
    pub(crate) fn start(
        storage: Arc<dyn Storage>,
        signer: Signer,
        settings: &crate::audit::Settings,
        next: &Continuation,
        lock: Box<dyn Any + Send>,
    ) -> Result<Self, AuditError> {
        let mut pod = [0; POD_LEN];
        for (to, from) in pod.iter_mut().zip(settings.pod.bytes()) {
            *to = from;
        }
        let boot = crate::keys::random::bytes().map_err(|error| AuditError::Seal(error.to_string()))?;
        let segment = create(storage.as_ref(), &signer, pod, boot, next)?;
        Ok(Self {
            storage,
            signer,
            pod,
            boot,
            size: settings.segment_bytes,
            age: settings.segment_age,
            state: State::Open(Box::new(segment)),
            next_rotation: Instant::now(),
            _lock: lock,
        })
    }

    /// Writes until every sender is gone or the log is closed.
    pub(crate) fn run(mut self, mut jobs: Jobs) {
        loop {
            let (batch, end) = jobs.next();
            self.answer(batch);
            match end {
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
                None => self.prepare(),
            }
        }
    }

    fn answer(&mut self, batch: Vec<Job>) {
        if batch.is_empty() {
            return;
        }
        let start = Instant::now();
        let sealable: Vec<Sealable<'_>> =
            batch.iter().map(|job| Sealable { tenant: &job.tenant, key: &job.key, text: &job.text }).collect();
        let result = self.commit(&sealable);
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
                    let _ = job.reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// Commits to the open segment; if that fails, once more to a new one; then not at all.
    fn commit(&mut self, records: &[Sealable<'_>]) -> Result<Vec<Receipt>, AuditError> {
        self.rotate_if_due();
        match &mut self.state {
            State::Open(segment) => match segment.commit(&self.signer, records) {
                Ok(receipts) => return Ok(receipts),
                Err(error) => self.poison(error),
            },
            State::Broken { retry, error, .. } if *retry > Instant::now() => return Err(error.clone()),
            State::Broken { .. } => {}
        }
        self.reopen()?;
        let State::Open(segment) = &mut self.state else {
            return Err(AuditError::Closed);
        };
        let result = segment.commit(&self.signer, records);
        if let Err(error) = &result {
            self.poison(error.clone());
            if let State::Broken { retry, .. } = &mut self.state {
                *retry = Instant::now() + RETRY;
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
        let _ = self.storage.open(&segment.name()).and_then(|mut file| file.truncate(from));
        let next = Continuation { number: number + 1, previous_size, previous_root, gaps: vec![gap], tampered: None };
        self.state = State::Broken { next, retry: Instant::now(), error };
    }

    fn reopen(&mut self) -> Result<(), AuditError> {
        let State::Broken { next, retry, error } = &mut self.state else {
            return Ok(());
        };
        match create(self.storage.as_ref(), &self.signer, self.pod, self.boot, next) {
            Ok(segment) => {
                tracing::warn!(segment = segment.number(), "audit: writing again, in a new segment");
                self.state = State::Open(Box::new(segment));
                Ok(())
            }
            Err(failed) => {
                (*retry, *error) = (Instant::now() + RETRY, failed.clone());
                Err(failed)
            }
        }
    }

    /// Goes on in a new segment when the open one is large or old enough. If that fails, the open one still serves.
    fn rotate_if_due(&mut self) {
        let State::Open(segment) = &mut self.state else {
            return;
        };
        if !segment.is_due(self.size, self.age) || self.next_rotation > Instant::now() {
            return;
        }
        let (previous_size, previous_root) = segment.point();
        let next =
            Continuation { number: segment.number() + 1, previous_size, previous_root, ..Continuation::default() };
        match create(self.storage.as_ref(), &self.signer, self.pod, self.boot, &next) {
            Ok(new) => {
                // The successor names this one's size, so zeros left behind by a failure here are harmless.
                let _ = segment.finish();
                **segment = new;
            }
            Err(error) => {
                self.next_rotation = Instant::now() + RETRY;
                tracing::warn!(%error, "audit: no new segment could be made; writing on in the old one");
            }
        }
    }

    fn prepare(&mut self) {
        if let State::Open(segment) = &mut self.state
            && let Err(error) = segment.prepare()
        {
            self.poison(AuditError::storage(&error));
        }
    }

    fn finish(&mut self) -> Result<(), AuditError> {
        match &mut self.state {
            State::Open(segment) => segment.end(&self.signer),
            State::Broken { error, .. } => Err(error.clone()),
        }
    }
}

fn create(
    storage: &dyn Storage,
    signer: &Signer,
    pod: [u8; POD_LEN],
    boot: [u8; 16],
    next: &Continuation,
) -> Result<Segment, AuditError> {
    let header = Header {
        segment: next.number,
        previous_size: next.previous_size,
        previous_root: next.previous_root,
        created_ms: now_ms(),
        boot,
        signer: *signer.public(),
        pod,
    };
    Segment::create(storage, signer, header, &next.gaps)
}
