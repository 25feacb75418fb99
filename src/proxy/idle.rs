//! A deadline that moves with every sign of life, without touching the timer at each.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Fires when nothing has happened for `limit`.
#[derive(Debug)]
pub struct Idle {
    limit: Duration,
    last: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    /// Counts from now.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, last: Instant::now(), sleep: None }
    }

    /// Something has happened.
    pub fn touch(&mut self) {
        self.last = Instant::now();
    }

    /// Ready when nothing has happened for the limit; else the task is woken then.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let due = self.last + self.limit;
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
            match sleep.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if Instant::now() >= due => return Poll::Ready(()),
                // It fired for an older deadline: sleep on until the present one.
                Poll::Ready(()) => sleep.as_mut().reset(due),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_touch_moves_the_deadline() {
        let begin = Instant::now();
        let mut idle = Idle::new(Duration::from_millis(20));
        assert!(std::future::poll_fn(|cx| Poll::Ready(idle.poll(cx))).await.is_pending());
        tokio::time::sleep(Duration::from_millis(10)).await;
        idle.touch();
        std::future::poll_fn(|cx| idle.poll(cx)).await;
        assert!(begin.elapsed() >= Duration::from_millis(30));
    }
}
