//! Counted resources: bytes in memory, exchanges under way. Never waits; what does not fit is told so at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of units that are left.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

/// Units taken out of a budget; they return when this is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    units: usize,
}

impl Budget {
    /// A budget of `units`.
    #[must_use]
    pub fn new(units: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(units) })
    }

    /// Takes `units`, if so many are left.
    #[must_use]
    pub fn take(self: &Arc<Self>, units: usize) -> Option<Held> {
        let mut held = Held { budget: Arc::clone(self), units: 0 };
        held.grow(units).then_some(held)
    }

    /// What is left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
}

impl Held {
    /// Takes `units` more; false: so many are not left, and nothing was taken.
    #[must_use]
    pub fn grow(&mut self, units: usize) -> bool {
        let taken =
            self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(units)).is_ok();
        if taken {
            self.units += units;
        }
        taken
    }

    /// Gives everything back early.
    pub fn release(&mut self) {
        let units = std::mem::take(&mut self.units);
        self.budget.left.fetch_add(units, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_exactly_what_it_took() {
        let budget = Budget::new(10);
        let mut held = budget.take(4).unwrap();
        assert!(held.grow(6));
        assert!(!held.grow(1));
        assert!(budget.take(1).is_none());
        held.release();
        assert_eq!(budget.left(), 10);
        drop(held);
        assert_eq!(budget.left(), 10);
    }
}
