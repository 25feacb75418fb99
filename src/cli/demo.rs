//! `sidewall demo`: the whole way of a few real exchanges, on one page.

use std::io::IsTerminal;

use clap::Args;

use super::{Exit, Failure, Output};
use crate::demo;

/// Show what Sidewall does: real exchanges against a built-in provider, no account and no network needed.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 everything was as promised · 1 something was not · 2 it could not be shown\n\n\
                        Example:\n  sidewall demo --stay")]
pub(super) struct DemoCommand {
    /// Stay up, so that an SDK can be pointed at it, until Ctrl-C.
    #[arg(long)]
    stay: bool,
}

impl DemoCommand {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        // https://no-color.org: set and not empty means none.
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colours = std::io::stdout().is_terminal() && !plain;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("cannot start the runtime: {error}")))?;
        let kept = runtime
            .block_on(demo::run(demo::Options { stay: self.stay, colours }, &mut |line| {
                out.line(line);
                // What is shown should be seen while the next exchange runs; the end of the command reports a failure.
                out.flush().ok();
            }))
            .map_err(|problem| Failure::new(format!("the demonstration could not be shown: {problem}")))?;
        Ok(if kept { Exit::Clean } else { Exit::Found })
    }
}
