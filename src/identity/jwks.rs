//! The issuer's keys in force: which they are, how old they are, and who has to fetch them anew.
//!
//! Nothing here does I/O. Whoever runs the program takes [`Jwks::wanted`], fetches, and answers with [`Jwks::renewed`] or
//! [`Jwks::failed`]. SECURITY: keys older than the configured bound are no keys; without keys nobody is identified by token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::identity::keyset::KeySet;

/// LIMIT: one fetch in 10 s for the sake of unknown key ids: anybody can invent one.
pub const MIN_REFETCH: Duration = Duration::from_secs(10);
/// LIMIT: how long a caller waits for keys that are being fetched.
pub const MAX_WAIT: Duration = Duration::from_secs(6);

/// The keys of one issuer.
#[derive(Debug)]
pub struct Jwks {
    current: ArcSwapOption<Edition>,
    /// How long an edition counts; `None`: as long as there is no newer one (a file).
    max_stale: Option<Duration>,
    min_refetch: Duration,
    fetching: Mutex<Fetching>,
    wanted: Notify,
    attempts: watch::Sender<u64>,
}

#[derive(Debug)]
struct Edition {
    keys: Arc<KeySet>,
    since: Instant,
}

#[derive(Debug, Default)]
struct Fetching {
    under_way: bool,
    ended: Option<Instant>,
}

impl Jwks {
    /// Keys from a file.
    #[must_use]
    pub fn of_file(keys: Arc<KeySet>) -> Self {
        let jwks = Self::empty(None);
        jwks.renewed(keys);
        jwks
    }

    /// Keys that are still to be fetched, and count for `max_stale` after each fetch.
    #[must_use]
    pub fn of_url(max_stale: Duration) -> Self {
        Self::empty(Some(max_stale))
    }

    fn empty(max_stale: Option<Duration>) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            max_stale,
            min_refetch: MIN_REFETCH,
            fetching: Mutex::default(),
            wanted: Notify::new(),
            attempts: watch::Sender::new(0),
        }
    }

    /// The keys in force; `None`: there are none, or they are too old.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        let edition = self.current.load();
        let edition = edition.as_ref()?;
        let fresh = self.max_stale.is_none_or(|max_stale| edition.since.elapsed() <= max_stale);
        fresh.then(|| Arc::clone(&edition.keys))
    }

    /// Has the keys fetched, unless they cannot be or were a moment ago, and waits for the outcome, but not for ever. What is
    /// then in force, [`Jwks::current`] says.
    pub async fn refreshed(&self) {
        let mut attempts = self.attempts.subscribe();
        if self.max_stale.is_some() && self.ask() {
            let _ = timeout(MAX_WAIT, attempts.changed()).await;
        }
    }

    /// True if a fetch is under way now.
    fn ask(&self) -> bool {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if !fetching.under_way && fetching.ended.is_some_and(|ended| ended.elapsed() < self.min_refetch) {
            return false;
        }
        if !fetching.under_way {
            fetching.under_way = true;
            self.wanted.notify_one();
        }
        true
    }

    /// Ends when somebody asked for a fetch.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// A fetch begins.
    pub fn begins(&self) {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner).under_way = true;
    }

    /// New keys are in force.
    pub fn renewed(&self, keys: Arc<KeySet>) {
        self.current.store(Some(Arc::new(Edition { keys, since: Instant::now() })));
        self.ended();
    }

    /// A fetch failed: the keys in force stay, until they are too old.
    pub fn failed(&self) {
        self.ended();
    }

    fn ended(&self) {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        *fetching = Fetching { under_way: false, ended: Some(Instant::now()) };
        drop(fetching);
        self.attempts.send_modify(|attempts| *attempts += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Arc<KeySet> {
        Arc::new(KeySet::default())
    }

    #[tokio::test]
    async fn keys_grow_old() {
        let jwks = Jwks::of_url(Duration::from_millis(20));
        assert!(jwks.current().is_none());
        jwks.renewed(keys());
        assert!(jwks.current().is_some());
        tokio::time::sleep(Duration::from_millis(30)).await;
        jwks.failed();
        assert!(jwks.current().is_none(), "a failed fetch makes nothing younger");
        let file = Jwks::of_file(keys());
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(file.current().is_some());
    }

    #[tokio::test]
    async fn many_who_ask_share_one_fetch_and_the_next_must_wait() {
        let jwks = Arc::new(Jwks { min_refetch: Duration::from_millis(50), ..Jwks::of_url(Duration::from_secs(60)) });
        let ask = || {
            let jwks = Arc::clone(&jwks);
            tokio::spawn(async move { jwks.refreshed().await })
        };
        let wanted_now = || async { timeout(Duration::from_millis(5), jwks.wanted()).await.is_ok() };
        let askers: Vec<_> = (0..50).map(|_| ask()).collect();
        jwks.wanted().await;
        tokio::task::yield_now().await;
        assert!(askers.iter().all(|asker| !asker.is_finished()));
        jwks.renewed(keys());
        for asker in askers {
            asker.await.unwrap();
        }
        assert!(!wanted_now().await, "one fetch for all");
        jwks.refreshed().await;
        assert!(!wanted_now().await, "too soon for another");
        tokio::time::sleep(Duration::from_millis(60)).await;
        let asker = ask();
        jwks.wanted().await;
        jwks.failed();
        asker.await.unwrap();
    }
}
