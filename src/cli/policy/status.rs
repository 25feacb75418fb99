//! `policy status`: which policies and approved tools a running sidecar has in force.

use clap::Args;
use serde_json::Value;

use crate::cli::output::Output;
use crate::cli::sidecar::Sidecar;
use crate::cli::{Exit, Failure};

/// Ask a running sidecar which policies and approved tools are in force, and what came of the last attempt to load new ones.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 what is in the files is in force · 1 it could not be loaded, the last good ones stay · 2 no sidecar\n\n\
                        Example:\n  sidewall policy status --config sidewall.toml"
)]
pub(super) struct Status {
    #[command(flatten)]
    sidecar: Sidecar,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let status = self.sidecar.get("/policies")?;
        let stale = status.pointer("/last/outcome").and_then(Value::as_str) == Some("kept_last_good");
        if self.json {
            out.json(&status);
        } else {
            print(&status, out);
        }
        Ok(if stale { Exit::Found } else { Exit::Clean })
    }
}

fn print(status: &Value, out: &mut Output) {
    let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let number = |pointer: &str| status.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    out.line(format_args!(
        "{} policies ({}), {} approved tools ({}), in force since {}",
        number("/policy_count"),
        or_none(text("/policies")),
        number("/tool_count"),
        or_none(text("/tools")),
        text("/since")
    ));
    if status.get("last").is_some_and(|last| !last.is_null()) {
        out.line(format_args!("last attempt: {} at {}", text("/last/outcome"), text("/last/time")));
    }
    for error in status.pointer("/last/errors").and_then(Value::as_array).into_iter().flatten() {
        let line = error.get("line").and_then(Value::as_u64).map_or_else(String::new, |line| format!(":{line}"));
        let field = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        out.line(format_args!("{}{line}: {}", field("file"), field("what")));
    }
}

const fn or_none(hash: &str) -> &str {
    if hash.is_empty() { "none" } else { hash }
}
