//! The one place that writes to standard output and standard error.
//!
//! A reader that goes away (`sidewall check … | head -1`) is no error: what follows is dropped quietly and
//! the exit code stays what the command found. Any other write error is kept and ends the program with 2.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Write};

/// Where commands write.
pub struct Output {
    out: BufWriter<Box<dyn Write>>,
    err: Box<dyn Write>,
    state: State,
    terminal: bool,
}

enum State {
    Open,
    /// The reader went away.
    Gone,
    Failed(io::Error),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

impl Output {
    /// Standard output and standard error of this process.
    #[must_use]
    pub fn standard() -> Self {
        let terminal = io::stdout().is_terminal();
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), terminal)
    }

    /// Other writers, for tests.
    #[must_use]
    pub fn new(out: Box<dyn Write>, err: Box<dyn Write>, terminal: bool) -> Self {
        Self { out: BufWriter::new(out), err, state: State::Open, terminal }
    }

    /// Whether standard output is a terminal: progress bars only then.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// False once the reader of standard output has gone, or writing has failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Writes a line to standard output.
    pub fn line(&mut self, line: impl fmt::Display) {
        self.write(|out| writeln!(out, "{line}"));
    }

    /// Writes text to standard output, without a line end.
    pub fn text(&mut self, text: impl fmt::Display) {
        self.write(|out| write!(out, "{text}"));
    }

    /// Writes a value as indented JSON and a line end to standard output.
    pub fn json(&mut self, value: &impl serde::Serialize) {
        self.write(|out| {
            serde_json::to_writer_pretty(&mut *out, value)?;
            writeln!(out)
        });
    }

    /// Writes bytes to standard output as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.write(|out| out.write_all(bytes));
    }

    /// Writes a line to standard error, at once and after what standard output has so far.
    pub fn error(&mut self, line: impl fmt::Display) {
        self.write(Write::flush);
        // There is no third place to report that standard error cannot be written.
        let _ = writeln!(self.err, "{line}");
    }

    /// Writes to standard error as it is, at once: progress.
    pub fn status(&mut self, text: impl fmt::Display) {
        // As in `error`.
        let _ = write!(self.err, "{text}").and_then(|()| self.err.flush());
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// The first write error there was, other than a reader that went away.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write(Write::flush);
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Failed(error) => Err(error),
            state => {
                self.state = state;
                Ok(())
            }
        }
    }

    fn write(&mut self, action: impl FnOnce(&mut BufWriter<Box<dyn Write>>) -> io::Result<()>) {
        if !matches!(self.state, State::Open) {
            return;
        }
        if let Err(error) = action(&mut self.out) {
            self.state = if error.kind() == io::ErrorKind::BrokenPipe { State::Gone } else { State::Failed(error) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    fn output(kind: io::ErrorKind) -> Output {
        Output::new(Box::new(Broken(kind)), Box::new(io::sink()), false)
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut out = output(io::ErrorKind::BrokenPipe);
        out.line("a");
        out.error("b");
        out.line("c");
        assert!(out.flush().is_ok());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut out = output(io::ErrorKind::StorageFull);
        out.line("a");
        assert!(out.flush().is_err());
    }
}
