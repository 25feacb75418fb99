//! Commands: what a person or a script types, and the exit code they get. Everything else is elsewhere.
//!
//! A command is a file in `cli/` with a struct that derives `clap::Args` (its doc comment is the help,
//! `after_help` holds an example) and has `fn run(self, out: &mut Output) -> Result<Exit, Failure>`.
//! Two lines make it known: its `mod` and its row in `commands!`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod approvals;
mod audit;
mod check;
mod config;
mod coverage;
mod demo;
mod eval;
mod keys;
pub mod output;
mod place;
mod policy;
mod progress;
mod provider;
mod replay;
mod rules;
mod serve;
mod sidecar;

use output::Output;

/// Makes the enum of commands and the dispatch from one list, so that a command cannot be half added.
macro_rules! commands {
    ($($name:ident($args:ty),)*) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($name($args),)*
        }

        impl Command {
            fn run(self, out: &mut Output) -> Result<Exit, Failure> {
                match self {
                    $(Self::$name(args) => args.run(out),)*
                }
            }
        }
    };
}

commands! {
    Approvals(approvals::ApprovalsCommand),
    Audit(audit::Audit),
    Check(check::Check),
    Config(config::ConfigArgs),
    Coverage(coverage::Coverage),
    Demo(demo::DemoCommand),
    Eval(eval::Eval),
    Keys(keys::Keys),
    Policy(policy::PolicyCommand),
    Provider(provider::ProviderCommand),
    Rules(rules::Rules),
    Serve(serve::Serve),
}

/// An LLM safety firewall sidecar: redacts, restores, refuses and audits model traffic.
#[derive(Debug, Parser)]
#[command(
    name = "sidewall",
    version,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, nothing found · 1 found something, or a test failed · 2 usage or input error\n\n\
                  Example:\n  sidewall check --threshold 80 prompt.txt"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// How a command ended when it could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; there is nothing to report. Exit code 0.
    Clean,
    /// Done; it found what it looks for (findings, lints, failed examples). Exit code 1.
    Found,
    /// Done; the command's own help says what this exit code means.
    Code(u8),
}

/// Why a command could not do its work: what, where and how to mend it. Exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// A failure with this message; never put text of a caller into it.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// A failure that an error caused: the error's message and those of its sources.
    pub fn from_error(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self(message)
    }
}

/// Runs the program with these arguments (the first is its name) and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut out = Output::standard();
    match Cli::try_parse_from(args) {
        Ok(cli) => match cli.command.run(&mut out) {
            Ok(exit) => finish(&mut out, exit),
            Err(failure) => {
                out.error(format_args!("sidewall: {failure}"));
                ExitCode::from(2)
            }
        },
        Err(usage) => {
            let code = usage.exit_code();
            // Nobody is left to tell if even this cannot be written.
            let _ = usage.print();
            ExitCode::from(u8::try_from(code).unwrap_or(2))
        }
    }
}

fn finish(out: &mut Output, exit: Exit) -> ExitCode {
    if let Err(error) = out.flush() {
        out.error(format_args!("sidewall: cannot write to standard output: {error}"));
        return ExitCode::from(2);
    }
    match exit {
        Exit::Clean => ExitCode::SUCCESS,
        Exit::Found => ExitCode::from(1),
        Exit::Code(code) => ExitCode::from(code),
    }
}
