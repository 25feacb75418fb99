//! Threads that judge texts, off the reactor and with a bound on everything: waiting jobs, their bytes, their time.
//!
//! A job is all that one exchange asks. Threads take jobs in order; one that cannot be done in time is answered [`Gap::Late`] without being
//! begun. When the queue is full, a job is answered [`Gap::QueueFull`] at once: under ten times the load, nine tenths get the defined answer
//! and one tenth a score, and nobody waits longer than the deadline.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::{Classifier, Gap, Score};
use crate::secret::Sensitive;
use crate::text::Part;

/// LIMIT: bytes of texts that wait: some seconds of work. A job over it goes in alone, into an empty queue.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// A text to judge.
#[derive(Debug)]
pub struct Asked {
    /// Where it stands.
    pub part: Part,
    /// SECURITY: wiped when it has been judged.
    pub text: Sensitive<String>,
}

/// One answer a text, in order.
pub type Answers = Vec<Result<Score, Gap>>;

/// All that one exchange asks, and who is told.
struct Job {
    texts: Vec<Asked>,
    deadline: Instant,
    bytes: usize,
    tell: Box<dyn FnOnce(Answers) + Send>,
}

/// The threads. They end when the pool is dropped.
pub struct Pool {
    current: Arc<ArcSwap<Classifier>>,
    queue: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Pool {
    /// As many threads as `classifier` has sessions, and room for `queue` jobs that wait.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(classifier: Arc<Classifier>, queue: usize) -> std::io::Result<Self> {
        let threads = classifier.sessions();
        let current = Arc::new(ArcSwap::new(classifier));
        let (sender, receiver) = sync_channel(queue.max(1));
        let jobs = Arc::new(Mutex::new(receiver));
        let waiting = Arc::new(AtomicUsize::new(0));
        for number in 0..threads {
            let (jobs, current, waiting) = (Arc::clone(&jobs), Arc::clone(&current), Arc::clone(&waiting));
            let name = format!("sidewall-classifier-{number}");
            thread::Builder::new().name(name).spawn(move || work(number, &jobs, &current, &waiting))?;
        }
        Ok(Self { current, queue: sender, waiting })
    }

    /// The model in force.
    #[must_use]
    pub fn current(&self) -> Arc<Classifier> {
        self.current.load_full()
    }

    /// Puts another model in force; texts that are being judged are judged to their end by the one before, which is returned.
    pub fn swap(&self, classifier: Arc<Classifier>) -> Arc<Classifier> {
        self.current.swap(classifier)
    }

    /// True if nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// Has `texts` judged; `tell` gets one answer for each, from a thread of the pool, or from this one if there is no room.
    pub fn submit(&self, texts: Vec<Asked>, deadline: Instant, tell: impl FnOnce(Answers) + Send + 'static) {
        let bytes: usize = texts.iter().map(|asked| asked.text.expose().len()).sum();
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let job = Job { texts, deadline, bytes, tell: Box::new(tell) };
        let refused = if before > 0 && before.saturating_add(bytes) > MAX_WAITING_BYTES {
            Some(job)
        } else {
            match self.queue.try_send(job) {
                Ok(()) => None,
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Some(job),
            }
        };
        if let Some(job) = refused {
            self.waiting.fetch_sub(job.bytes, Ordering::Relaxed);
            let answers = vec![Err(Gap::QueueFull); job.texts.len()];
            (job.tell)(answers);
        }
    }
}

/// Shows no content.
impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("classifier", &self.current.load()).finish_non_exhaustive()
    }
}

fn work(number: usize, jobs: &Mutex<Receiver<Job>>, current: &ArcSwap<Classifier>, waiting: &AtomicUsize) {
    loop {
        // The lock is held while waiting for a job, not while judging: the others wait for the lock instead.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { texts, deadline, bytes, tell }) = next else { return };
        waiting.fetch_sub(bytes, Ordering::Relaxed);
        let classifier = current.load_full();
        // One late text makes those behind it late; what has been judged stays.
        let answers = texts.iter().map(|asked| {
            if Instant::now() >= deadline {
                return Err(Gap::Late);
            }
            let judged = || classifier.judge(number, asked.part, asked.text.expose(), Some(deadline));
            // A panic must not end the thread; its message is not shown (it could quote a text).
            catch_unwind(AssertUnwindSafe(judged)).unwrap_or(Err(Gap::Failed))
        });
        tell(answers.collect());
    }
}
