//! A progress bar on standard error, drawn on a terminal only: long work shows how far it is, pipes see nothing.

use std::time::{Duration, Instant};

use super::output::Output;

/// Characters of the bar itself; with its label and figure it fits a line of 80.
const WIDTH: u64 = 40;
/// Redrawn at most so often: a terminal is slower than what it watches.
const INTERVAL: Duration = Duration::from_millis(100);

/// How much of `total` is done.
pub(super) struct Progress {
    label: &'static str,
    total: u64,
    done: u64,
    drawn: Option<Instant>,
}

impl Progress {
    /// A bar over `total` units of work (bytes, rows, …).
    pub(super) fn new(label: &'static str, total: u64) -> Self {
        Self { label, total: total.max(1), done: 0, drawn: None }
    }

    /// Another `units` are done.
    pub(super) fn advance(&mut self, units: u64, out: &mut Output) {
        self.done = self.done.saturating_add(units).min(self.total);
        if out.is_terminal() && self.drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) {
            self.drawn = Some(Instant::now());
            out.status(format_args!("\r{}", self.picture()));
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self, out: &mut Output) {
        if self.drawn.is_some() {
            out.status(format_args!("\r{:width$}\r", "", width = self.picture().chars().count()));
        }
    }

    fn picture(&self) -> String {
        let share = |of: u64| self.done.saturating_mul(of) / self.total;
        let full = usize::try_from(share(WIDTH)).unwrap_or(0);
        let rest = usize::try_from(WIDTH).unwrap_or(0).saturating_sub(full);
        format!("{} [{}{}] {:>3} %", self.label, "#".repeat(full), "-".repeat(rest), share(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_with_the_work_and_never_beyond() {
        let mut out = Output::new(Box::new(std::io::sink()), Box::new(std::io::sink()), true);
        let mut bar = Progress::new("rows", 200);
        assert!(bar.picture().ends_with("----]   0 %"));
        bar.advance(100, &mut out);
        assert_eq!(bar.picture(), format!("rows [{}{}]  50 %", "#".repeat(20), "-".repeat(20)));
        bar.advance(1000, &mut out);
        assert!(bar.picture().ends_with("####] 100 %"));
    }
}
