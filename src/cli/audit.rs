//! `sidewall audit`: look at, read and verify an audit log.

mod export;
mod joined;
mod list;
mod prove;
mod read;
mod replay;
mod rewrap;
mod select;
mod tail;
mod verify;

use clap::{Args, Subcommand};

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// List, read, follow, export, prove and verify audit logs; judge records again.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Export(export::Export),
    List(list::List),
    Prove(prove::Prove),
    Read(read::Read),
    Replay(replay::Replay),
    Rewrap(rewrap::Rewrap),
    Tail(tail::Tail),
    Verify(verify::Verify),
}

impl Audit {
    /// Runs the command.
    ///
    /// # Errors
    /// If a folder or key cannot be read.
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::Export(export) => export.run(out),
            Command::List(list) => list.run(out),
            Command::Prove(prove) => prove.run(out),
            Command::Read(read) => read.run(out),
            Command::Replay(replay) => replay.run(out),
            Command::Rewrap(rewrap) => rewrap.run(out),
            Command::Tail(tail) => tail.run(out),
            Command::Verify(verify) => verify.run(out),
        }
    }
}
