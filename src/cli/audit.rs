//! `sidewall audit`: look at, read and verify an audit log.

mod joined;
mod list;
mod read;
mod verify;

use clap::{Args, Subcommand};

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// List, read and verify audit logs.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Read(read::Read),
    Verify(verify::Verify),
}

impl Audit {
    /// Runs the command.
    ///
    /// # Errors
    /// If a folder or key cannot be read.
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::List(list) => list.run(out),
            Command::Read(read) => read.run(out),
            Command::Verify(verify) => verify.run(out),
        }
    }
}
