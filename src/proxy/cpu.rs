//! Where inspection runs: small inputs right here, large ones on the blocking pool, so that no connection waits
//! behind another's body. A panic ends one exchange only.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::{block_in_place, spawn_blocking};

use crate::inspect::{Refusal, RefusalCode};
use crate::telemetry::events::Panicked;

/// LIMIT: 64 KiB are inspected on the reactor: well under a millisecond, less than handing over and back is worth.
pub const INLINE_BYTES: usize = 64 << 10;

/// Runs CPU-bound work.
#[derive(Debug, Clone)]
pub struct Cpu {
    permits: Arc<Semaphore>,
}

impl Cpu {
    /// At most `workers` large inputs at once; the others wait, the reactor does not.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(workers.max(1))) }
    }

    /// Runs `work` on an input of `bytes`.
    ///
    /// # Errors
    /// `Internal` if it panicked or the runtime is shutting down.
    pub async fn run<T, F>(&self, bytes: usize, work: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if bytes <= INLINE_BYTES {
            return guarded(work);
        }
        let _permit = self.permits.acquire().await.map_err(|_closed| internal())?;
        #[expect(clippy::disallowed_methods, reason = "this is the bounded pool: a permit is held")]
        let done = spawn_blocking(move || guarded(work)).await;
        match done {
            Ok(result) => result,
            Err(_cancelled) => Err(internal()),
        }
    }
}

/// Runs `work` here, after the other tasks of this thread have been handed to another one, if `costly`. For work within a poll, which
/// cannot wait for a pool.
pub fn aside<T>(costly: bool, work: impl FnOnce() -> T) -> T {
    // A runtime of one thread has nobody to hand them to.
    let several = Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if costly && several { block_in_place(work) } else { work() }
}

/// Runs `work` here; a panic becomes a refusal.
///
/// # Errors
/// `Internal` if it panicked.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Refusal> {
    // INVARIANT: whatever `work` was changing is dropped with the exchange, so a half-changed state is never seen again.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_payload| {
        Panicked.emit();
        internal()
    })
}

fn internal() -> Refusal {
    Refusal::new(RefusalCode::Internal, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_refusal_inline_and_off_the_reactor() {
        let cpu = Cpu::new(1);
        for bytes in [0, INLINE_BYTES + 1] {
            let result: Result<(), Refusal> = cpu.run(bytes, || panic!("on purpose")).await;
            assert_eq!(result.unwrap_err().code, RefusalCode::Internal);
            assert_eq!(cpu.run(bytes, || 7).await.unwrap(), 7);
        }
    }
}
