//! The queue between exchanges and the writer: an awaited record is written at once, one that nobody waits for yet waits for
//! company, and a writer that already has work is not woken again.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::audit::error::AuditError;
use crate::audit::log::Receipt;
use crate::audit::shed::{AllShed, Shed};
use crate::keys::Recipients;

/// LIMIT: records in the queue, whatever their size; two seconds' worth on a slow disk.
const QUEUE_RECORDS: usize = 8192;
/// LIMIT: a batch is closed at this many bytes of plaintext.
const BATCH_BYTES: usize = 1 << 20;
/// How long a record that nobody awaits stays in memory. Long enough for a fast upstream's answer, whose completion then shares its
/// commit; short beside any model's.
const LAZY: Duration = Duration::from_millis(2);
/// How long an awaited record may wait for company: for half of those who are about, so that the others gather while these are written,
/// and for the ends of half of the exchanges whose admission has just come. About ten syncs of a fast disk.
const GATHER: Duration = Duration::from_millis(1);

/// One record and who waits for it.
pub(crate) struct Job {
    pub(crate) tenant: Arc<str>,
    pub(crate) recipients: Arc<Recipients>,
    /// Padded plaintext.
    pub(crate) text: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Result<Receipt, AuditError>>,
    /// Somebody cannot go on without it.
    pub(crate) awaited: bool,
    pub(crate) since: Instant,
    /// Its place in the queue, given back when it has been answered.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What the writer does next.
pub(crate) struct Turn {
    /// To be written; none if it was woken for something else.
    pub(crate) jobs: Vec<Job>,
    /// To be declared.
    pub(crate) shed: AllShed,
    /// Then it ends.
    pub(crate) end: Option<End>,
}

/// Why nothing comes any more.
pub(crate) enum End {
    /// Closed; whoever did so waits.
    Closed(oneshot::Sender<Result<(), AuditError>>),
    /// Nobody is left to submit.
    Abandoned,
}

/// Jobs in the order in which they were submitted.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// How many of them are awaited.
    awaited: usize,
    /// Number of the first of them; numbers count up from 0 over the queue's life.
    first: u64,
    sleep: Sleep,
    shed: AllShed,
    /// Set: no job is taken any more.
    ended: bool,
    end: Option<End>,
}

/// What the writer sleeps for; whoever brings that wakes it.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    /// It works, or wakes soon enough by itself.
    #[default]
    Awake,
    /// So many awaited jobs.
    Awaited(usize),
    /// Any job.
    Idle,
}

impl Queue {
    /// Appends a job and returns its number.
    ///
    /// # Errors
    /// `QueueFull`, `Closed`.
    pub(crate) fn push(&self, job: Job) -> Result<u64, AuditError> {
        let mut state = self.lock();
        if state.ended {
            return Err(AuditError::Closed);
        }
        if state.jobs.len() >= QUEUE_RECORDS {
            return Err(AuditError::QueueFull);
        }
        let number = state.first + state.jobs.len() as u64;
        state.awaited += usize::from(job.awaited);
        state.jobs.push_back(job);
        self.wake_if_due(state);
        Ok(number)
    }

    /// Somebody awaits job `number` now; those before it go with it.
    pub(crate) fn hurry(&self, number: u64) {
        let mut state = self.lock();
        let at = number.checked_sub(state.first).and_then(|at| usize::try_from(at).ok());
        // Absent: it is being written or has been.
        let Some(job) = at.and_then(|at| state.jobs.get_mut(at)) else { return };
        if !std::mem::replace(&mut job.awaited, true) {
            state.awaited += 1;
            self.wake_if_due(state);
        }
    }

    /// A record of this tenant is not written and its exchange goes on: the writer declares it.
    pub(crate) fn shed(&self, tenant: &Arc<str>, shed: Shed) {
        let mut state = self.lock();
        shed.add_to(&mut state.shed, tenant);
        let idle = state.sleep == Sleep::Idle;
        if idle {
            state.sleep = Sleep::Awake;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Nothing more will be submitted; the writer takes what there is and then `end`. False: it had ended before.
    pub(crate) fn end(&self, end: End) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        (state.ended, state.end, state.sleep) = (true, Some(end), Sleep::Awake);
        drop(state);
        self.wake.notify_one();
        true
    }

    /// The writer is gone: whatever is still here will not be written.
    fn drop_all(&self) {
        let mut state = self.lock();
        let gone = (std::mem::take(&mut state.jobs), state.end.take());
        (state.ended, state.awaited) = (true, 0);
        drop(state);
        drop(gone);
    }

    fn wake_if_due(&self, mut state: MutexGuard<'_, State>) {
        let due = match state.sleep {
            Sleep::Awake => false,
            Sleep::Awaited(count) => state.awaited >= count,
            Sleep::Idle => true,
        };
        if due {
            state.sleep = Sleep::Awake;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// The state holds at every step, whoever panicked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's end of a queue. Dropped, it ends the queue.
pub(crate) struct Jobs {
    queue: Arc<Queue>,
    /// Awaited jobs of the last batch.
    company: usize,
    /// Those, and the awaited ones that had come by the time it was written.
    about: usize,
}

impl Jobs {
    pub(crate) const fn new(queue: Arc<Queue>) -> Self {
        Self { queue, company: 0, about: 0 }
    }

    /// The last batch is written, and nobody has been told yet: whoever has been may be back before the writer looks again, and would
    /// be counted twice then.
    pub(crate) fn written(&mut self) {
        self.about = self.company + self.queue.lock().awaited;
    }

    /// Waits for the next batch. With an `End`, it is the last one. Without jobs for as long as until `tick`, or woken to declare what
    /// was shed, it comes empty.
    pub(crate) fn next(&mut self, tick: Option<Instant>) -> Turn {
        let mut state = self.queue.lock();
        let target = self.about.div_ceil(2).max(1);
        let mut gather = None;
        // Kept awake for a while, so that a lazy job of a busy time wakes nobody.
        let mut rest = Some(Instant::now() + LAZY);
        loop {
            let now = Instant::now();
            // An exchange about has its admission here, and will soon await what ends it.
            let target = target.max(state.jobs.len().div_ceil(2));
            let (sleep, until) = if state.ended || state.awaited >= target {
                break;
            } else if state.awaited > 0 {
                (Sleep::Awaited(target), Some(*gather.get_or_insert(now + GATHER)))
            } else if let Some(oldest) = state.jobs.front() {
                (Sleep::Awaited(1), Some(oldest.since + LAZY))
            } else if rest.is_some() {
                (Sleep::Awaited(1), rest.take())
            } else if !state.shed.is_empty() {
                break;
            } else {
                (Sleep::Idle, tick)
            };
            if until.is_some_and(|until| until <= now) {
                if state.jobs.is_empty() && sleep != Sleep::Idle {
                    continue;
                }
                break;
            }
            state.sleep = sleep;
            state = match until {
                Some(until) => {
                    let woken = self.queue.wake.wait_timeout(state, until - now);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.queue.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.sleep = Sleep::Awake;
        }
        let batch = state.batch();
        self.company = batch.iter().filter(|job| job.awaited).count();
        let end = if state.jobs.is_empty() { state.end.take() } else { None };
        Turn { jobs: batch, shed: std::mem::take(&mut state.shed), end }
    }
}

impl State {
    /// Takes jobs from the front.
    fn batch(&mut self) -> Vec<Job> {
        let mut bytes = 0;
        let within = |job: &&Job| {
            let fits = bytes < BATCH_BYTES;
            bytes += job.text.len();
            fits
        };
        let count = self.jobs.iter().take_while(within).count();
        let batch: Vec<Job> = self.jobs.drain(..count).collect();
        self.first += count as u64;
        self.awaited -= batch.iter().filter(|job| job.awaited).count();
        batch
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.queue.drop_all();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;
    use crate::keys::{Algorithm, generate};

    /// A job that is either of age, or will not be for as long as any test runs.
    fn job(awaited: bool, old: bool) -> Job {
        let now = Instant::now();
        Job {
            tenant: Arc::from("acme"),
            recipients: Arc::new(Recipients::new([Arc::new(generate(Algorithm::P256).unwrap().public().clone())])),
            text: vec![0; 64],
            reply: oneshot::channel().0,
            awaited,
            since: if old { now - LAZY } else { now + Duration::from_secs(3600) },
            _room: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
        }
    }

    fn lazy() -> Job {
        job(false, false)
    }

    fn taken(jobs: &mut Jobs) -> usize {
        let taken = jobs.next(None).jobs.len();
        jobs.written();
        taken
    }

    #[test]
    fn what_nobody_awaits_goes_with_the_next_that_somebody_does() {
        let queue = Arc::new(Queue::default());
        let mut jobs = Jobs::new(Arc::clone(&queue));
        queue.push(lazy()).unwrap();
        let second = queue.push(lazy()).unwrap();
        queue.hurry(second);
        queue.hurry(second);
        assert_eq!((taken(&mut jobs), jobs.company), (2, 1));
        queue.push(lazy()).unwrap();
        // Written already: hurries nothing.
        queue.hurry(second);
        queue.push(job(true, false)).unwrap();
        assert_eq!((taken(&mut jobs), jobs.company), (2, 1));
        assert_eq!(queue.lock().awaited, 0);
    }

    #[test]
    fn what_nobody_ever_awaits_is_written_all_the_same() {
        let queue = Arc::new(Queue::default());
        let mut jobs = Jobs::new(Arc::clone(&queue));
        queue.push(job(false, true)).unwrap();
        assert_eq!((taken(&mut jobs), jobs.company), (1, 0));
    }

    #[test]
    fn a_writer_that_sleeps_is_woken_whatever_it_sleeps_for() {
        let queue = Arc::new(Queue::default());
        let mut jobs = Jobs::new(Arc::clone(&queue));
        let writer = std::thread::spawn(move || (0..3).map(|_| taken(&mut jobs)).collect::<Vec<_>>());
        let asleep = |as_in: fn(Sleep) -> bool| {
            while !as_in(queue.lock().sleep) {
                std::thread::yield_now();
            }
        };
        asleep(|sleep| sleep == Sleep::Idle);
        queue.push(job(false, true)).unwrap();
        asleep(|sleep| sleep == Sleep::Idle);
        queue.push(job(true, false)).unwrap();
        asleep(|sleep| sleep == Sleep::Idle);
        let number = queue.push(lazy()).unwrap();
        asleep(|sleep| matches!(sleep, Sleep::Awaited(_)));
        queue.hurry(number);
        assert_eq!(writer.join().unwrap(), [1, 1, 1]);
    }

    #[test]
    fn the_end_comes_behind_all_jobs_and_nothing_behind_it() {
        let queue = Arc::new(Queue::default());
        let mut jobs = Jobs::new(Arc::clone(&queue));
        queue.push(lazy()).unwrap();
        let mut large = lazy();
        large.text = vec![0; BATCH_BYTES];
        queue.push(large).unwrap();
        queue.push(lazy()).unwrap();
        assert!(queue.end(End::Abandoned) && !queue.end(End::Abandoned));
        assert!(matches!(queue.push(lazy()), Err(AuditError::Closed)));
        let first = jobs.next(None);
        assert!(first.jobs.len() == 2 && first.end.is_none());
        let second = jobs.next(None);
        assert!(second.jobs.len() == 1 && matches!(second.end, Some(End::Abandoned)));
        drop(jobs);
        assert!(matches!(queue.push(lazy()), Err(AuditError::Closed)));
    }

    #[test]
    fn a_tick_and_what_was_shed_wake_a_writer_without_work() {
        let queue = Arc::new(Queue::default());
        let mut jobs = Jobs::new(Arc::clone(&queue));
        let turn = jobs.next(Some(Instant::now()));
        assert!(turn.jobs.is_empty() && turn.shed.is_empty() && turn.end.is_none());
        let acme: Arc<str> = Arc::from("acme");
        queue.shed(&acme, Shed { recipients: None, count: 2, from: 5, to: 7 });
        queue.shed(&acme, Shed { recipients: None, count: 1, from: 3, to: 4 });
        let turn = jobs.next(None);
        assert!(turn.jobs.is_empty());
        let shed = &turn.shed["acme"];
        assert_eq!((shed.count, shed.from, shed.to), (3, 3, 7));
    }

    #[test]
    fn half_of_those_about_make_a_group_and_nobody_is_counted_twice() {
        let queue = Arc::new(Queue::default());
        let mut jobs = Jobs::new(Arc::clone(&queue));
        let awaited = |count: usize| (0..count).for_each(|_| _ = queue.push(job(true, false)).unwrap());
        awaited(6);
        assert_eq!(jobs.next(None).jobs.len(), 6);
        // Two more came while these were written; then the six are told, and four of them are back at once.
        awaited(2);
        jobs.written();
        awaited(4);
        assert_eq!((jobs.company, jobs.about), (6, 8));
        assert_eq!(taken(&mut jobs), 6, "more than half: no need to wait");
        // Three were about at most: two make a group. Once more if this thread came too late for the writer's patience.
        let mut groups = Vec::new();
        while groups.last() != Some(&2) && groups.len() < 100 {
            (jobs.about, jobs.company) = (3, 3);
            awaited(1);
            let writer = std::thread::spawn(move || (taken(&mut jobs), jobs));
            while queue.lock().sleep != Sleep::Awaited(2) && !writer.is_finished() {
                std::thread::yield_now();
            }
            awaited(1);
            let (group, back) = writer.join().unwrap();
            jobs = back;
            groups.push(group);
            if group == 1 {
                assert_eq!(taken(&mut jobs), 1);
            }
        }
        assert_eq!(groups.last(), Some(&2), "{groups:?}");
        // One who does not come back is waited for no longer than it may.
        jobs.about = 64;
        awaited(1);
        assert_eq!((taken(&mut jobs), jobs.about), (1, 1));
    }
}
