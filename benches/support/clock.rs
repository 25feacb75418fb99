//! Processor time of this thread: other programs of the machine do not count.

use rustix::time::{ClockId, clock_gettime};

/// Seconds that this thread has run on a processor.
pub(crate) fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
