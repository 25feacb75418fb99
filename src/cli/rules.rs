//! `sidewall rules`: what the rules are and whether they hold what their examples promise.

use clap::Args;

use super::output::Output;
use super::{Exit, Failure};

/// Look at detection rules and test them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sidewall rules validators")]
pub(super) struct Rules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the validators that a rule may name.
    Validators,
}

impl Rules {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::Validators => {
                for name in crate::detect::validate::names() {
                    out.line(name);
                }
            }
        }
        Ok(Exit::Clean)
    }
}
