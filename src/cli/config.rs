//! `sidewall config`: is a configuration right, and what is in force.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::config::print::Printed;
use crate::config::{Config, ConfigErrors, Problem};

/// The file that is meant where none is named.
const DEFAULT_FILE: &str = "sidewall.toml";

/// Check a configuration, or print what is in force.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(Check),
    Print(Print),
}

/// Check a configuration file and report everything that is wrong with it at once.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 it can be used · 1 it cannot · 2 usage error\n\n\
                        Example:\n  sidewall config check sidewall.toml")]
struct Check {
    /// The file; relative paths in it are seen from its folder.
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Print `{"file","ok","errors":[{"line","path","what","mend"}],"warnings":[…]}`.
    #[arg(long)]
    json: bool,
}

/// Print what is in force, defaults and the profile's guardrails included; secrets are never shown.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 printed · 1 the file cannot be used (see `config check`) · 2 usage error\n\n\
                        Example:\n  sidewall config print sidewall.toml --json")]
struct Print {
    /// The file; relative paths in it are seen from its folder.
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Print JSON instead of TOML.
    #[arg(long)]
    json: bool,
}

impl ConfigArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// Only what keeps the command itself from working; a wrong file is [`Exit::Found`].
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::Check(check) => Ok(check.run(out)),
            Command::Print(print) => print.run(out),
        }
    }
}

impl Check {
    fn run(self, out: &mut Output) -> Exit {
        let (errors, warnings) = match Config::from_file(&self.file) {
            Ok(config) => (Vec::new(), config.warnings),
            Err(errors) => (errors.problems, Vec::new()),
        };
        let exit = if errors.is_empty() { Exit::Clean } else { Exit::Found };
        let file = self.file.display();
        if self.json {
            let list = |problems: &[Problem]| -> Vec<_> { problems.iter().map(as_json).collect() };
            out.json(&serde_json::json!({
                "file": file.to_string(),
                "ok": errors.is_empty(),
                "errors": list(&errors),
                "warnings": list(&warnings),
            }));
        } else if errors.is_empty() {
            for warning in &warnings {
                out.error(format_args!("warning: {warning}"));
            }
            out.line(format_args!("{file}: can be used"));
        } else {
            out.error(ConfigErrors { file: Some(self.file.clone()), problems: errors });
        }
        exit
    }
}

impl Print {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let config = match Config::from_file(&self.file) {
            Ok(config) => config,
            Err(errors) => {
                out.error(errors);
                return Ok(Exit::Found);
            }
        };
        let rows = config.guardrails.rows();
        let printed = Printed::new(&config, &rows);
        if self.json {
            out.json(&printed);
        } else {
            out.line(format_args!(
                "# In force from {}; guardrails in the order in which they decide.",
                self.file.display()
            ));
            out.text(printed.to_toml().map_err(Failure::new)?);
        }
        Ok(Exit::Clean)
    }
}

fn as_json(problem: &Problem) -> serde_json::Value {
    serde_json::json!({"line": problem.line, "path": problem.path, "what": problem.what, "mend": problem.mend})
}
