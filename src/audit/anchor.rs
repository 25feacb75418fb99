//! Anchors: places elsewhere that keep checkpoints, so that a log cut short or rolled back shows.
//!
//! A thread of its own brings them there: an anchor that hangs or fails holds up no record. What it could not take is brought
//! again; of each segment only the newest checkpoint, which says all that the earlier ones did.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::audit::behind::{Behind, Place};

/// How long to leave a failing anchor alone.
const RETRY: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(5) };
/// How long the end of a log waits for its last checkpoint to be anchored.
const LAST: Duration = Duration::from_secs(2);
/// LIMIT: segments whose checkpoints wait for a failing anchor; beyond, the oldest are given up. Four days at one segment in fifteen minutes.
const WAITING: usize = 384;

/// A place that keeps checkpoints.
pub trait Anchor: Send {
    /// What to call it in messages.
    fn name(&self) -> String;
    /// Keeps a signed note, durably.
    ///
    /// # Errors
    /// It is not kept; it will be brought again.
    fn keep(&mut self, note: &str) -> io::Result<()>;
    /// For how long it may fail until the log takes no new exchange; `None`: for ever.
    fn patience(&self) -> Option<Duration> {
        None
    }
}

/// A file that notes are appended to.
#[derive(Debug)]
pub struct FileAnchor(pub PathBuf);

impl Anchor for FileAnchor {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn keep(&mut self, note: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o644).open(&self.0)?;
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_data()
    }
}

/// Where the writer leaves checkpoints.
#[derive(Clone, Default)]
pub(crate) struct Anchors {
    posts: Vec<Arc<Post>>,
}

#[derive(Default)]
struct Post {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// By segment.
    waiting: BTreeMap<u64, String>,
    /// One is being brought.
    busy: bool,
    ended: bool,
}

impl Anchors {
    /// Starts a thread for each anchor.
    pub(crate) fn start(anchors: Vec<Box<dyn Anchor>>, behind: &Behind) -> io::Result<Self> {
        let mut posts = Vec::with_capacity(anchors.len());
        for anchor in anchors {
            let post = Arc::new(Post::default());
            let (theirs, place) = (Arc::clone(&post), behind.place());
            std::thread::Builder::new().name("audit-anchor".to_owned()).spawn(move || theirs.serve(anchor, place))?;
            posts.push(post);
        }
        Ok(Self { posts })
    }

    /// Leaves a checkpoint of `segment` for every anchor.
    pub(crate) fn leave(&self, segment: u64, note: &str) {
        for post in &self.posts {
            let mut state = post.lock();
            state.waiting.insert(segment, note.to_owned());
            if state.waiting.len() > WAITING {
                state.waiting.pop_first();
            }
            drop(state);
            post.wake.notify_all();
        }
    }

    /// Waits a moment until what was left is kept, then ends the threads.
    pub(crate) fn end(&self) {
        let until = Instant::now() + LAST;
        for post in &self.posts {
            let mut state = post.lock();
            while (state.busy || !state.waiting.is_empty()) && Instant::now() < until {
                let rest = until.saturating_duration_since(Instant::now());
                state = post.wake.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
            }
            state.ended = true;
            drop(state);
            post.wake.notify_all();
        }
    }
}

impl Post {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut anchor: Box<dyn Anchor>, mut place: Place) {
        let mut failing: Option<Instant> = None;
        while let Some((segment, note)) = self.next() {
            let kept = anchor.keep(&note);
            failing = kept.is_err().then(|| failing.unwrap_or_else(Instant::now));
            let for_too_long = |since: Instant| anchor.patience().is_some_and(|patience| since.elapsed() >= patience);
            if place.say(failing.is_some_and(for_too_long)) && failing.is_some() {
                tracing::error!(
                    anchor = anchor.name(),
                    "audit: an anchor has kept nothing for too long; new exchanges are refused until it does"
                );
            }
            let word = if kept.is_ok() { "kept" } else { "failed" };
            metrics::counter!("sidewall_audit_checkpoints_total", "result" => word).increment(1);
            let mut state = self.lock();
            state.busy = false;
            if let Err(error) = kept {
                tracing::warn!(%error, anchor = anchor.name(), "audit: an anchor did not keep a checkpoint; it will be brought again");
                // A newer one of the same segment may have come.
                state.waiting.entry(segment).or_insert(note);
                let until = Instant::now() + RETRY;
                while !state.ended && Instant::now() < until {
                    let rest = until.saturating_duration_since(Instant::now());
                    state = self.wake.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
            drop(state);
            self.wake.notify_all();
        }
    }

    fn next(&self) -> Option<(u64, String)> {
        let idle = |state: &mut State| state.waiting.is_empty() && !state.ended;
        let mut state = self.wake.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if state.ended {
            return None;
        }
        state.busy = true;
        state.waiting.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;

    /// Fails as often as it is told, then keeps.
    struct Failing(usize, SyncSender<String>);

    impl Anchor for Failing {
        fn name(&self) -> String {
            "failing".to_owned()
        }
        fn keep(&mut self, note: &str) -> io::Result<()> {
            if let Some(left) = self.0.checked_sub(1) {
                self.0 = left;
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.1.send(note.to_owned()).map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn notes_are_kept_in_order_and_nobody_waits_for_a_failing_anchor() {
        let (sender, kept) = sync_channel(8);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("anchor");
        let anchors: Vec<Box<dyn Anchor>> = vec![
            Box::new(Failing(0, sender.clone())),
            Box::new(Failing(9, sender)),
            Box::new(FileAnchor(file.clone())),
        ];
        let anchors = Anchors::start(anchors, &Behind::default()).unwrap();
        anchors.leave(1, "one\n");
        anchors.leave(2, "two\n");
        assert_eq!((kept.recv().unwrap(), kept.recv().unwrap()), ("one\n".to_owned(), "two\n".to_owned()));
        anchors.end();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "one\n\ntwo\n\n");
    }

    #[test]
    fn an_anchor_that_fails_for_too_long_says_so_until_it_keeps_again() {
        struct Impatient(Failing);
        impl Anchor for Impatient {
            fn name(&self) -> String {
                self.0.name()
            }
            fn keep(&mut self, note: &str) -> io::Result<()> {
                self.0.keep(note)
            }
            fn patience(&self) -> Option<Duration> {
                Some(Duration::ZERO)
            }
        }
        let (sender, kept) = sync_channel(8);
        let behind = Behind::default();
        let anchors = Anchors::start(vec![Box::new(Impatient(Failing(1, sender)))], &behind).unwrap();
        anchors.leave(1, "one\n");
        while !behind.is_any() {
            std::thread::yield_now();
        }
        assert_eq!(kept.recv().unwrap(), "one\n", "brought again");
        while behind.is_any() {
            std::thread::yield_now();
        }
        anchors.end();
    }
}
