//! Whether copies elsewhere are so far behind that configuration refuses new exchanges: shipped segments, anchored checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many places are behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behind(Arc<AtomicUsize>);

impl Behind {
    /// One more place that may fall behind.
    pub(crate) fn place(&self) -> Place {
        Place { all: self.clone(), behind: false }
    }

    /// True if any place is.
    pub(crate) fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// One place's say. Dropped, it has none.
#[derive(Debug)]
pub(crate) struct Place {
    all: Behind,
    behind: bool,
}

impl Place {
    /// Says whether it is behind; true if that is news.
    pub(crate) fn say(&mut self, behind: bool) -> bool {
        if std::mem::replace(&mut self.behind, behind) == behind {
            return false;
        }
        if behind {
            self.all.0.fetch_add(1, Ordering::Relaxed);
        } else {
            self.all.0.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.say(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_counts_as_long_as_it_says_so() {
        let behind = Behind::default();
        let (mut one, mut two) = (behind.place(), behind.place());
        assert!(!behind.is_any() && one.say(true) && !one.say(true) && two.say(true));
        assert!(one.say(false) && behind.is_any());
        drop(two);
        assert!(!behind.is_any());
    }
}
