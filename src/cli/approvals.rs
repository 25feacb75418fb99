//! `sidewall approvals`: the calls that wait for somebody's word, and the word.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::output::Output;
use super::sidecar::Sidecar;
use super::{Exit, Failure};
use crate::secret::Sensitive;

/// The environment variable in which an approver's key may stand.
const KEY_VARIABLE: &str = "SIDEWALL_APPROVER_KEY";

/// List the calls that wait for an approval, approve or deny them, as an approver of a running sidecar.
#[derive(Debug, Args)]
#[command(
    after_help = "Approvers show a virtual key or a token of their own: in the file that --key-file names, or in \
                        SIDEWALL_APPROVER_KEY. Policies say who may approve what (docs/policy.md); nobody approves a call of their own.\n\n\
                        Exit codes: 0 done · 1 nothing waits, or the decision was not taken · 2 usage, or no sidecar\n\n\
                        Examples:\n  sidewall approvals list --key-file dana.key\n  \
                        sidewall approvals approve ap-3f9a1c2b7d604e58 --key-file dana.key"
)]
pub(super) struct ApprovalsCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what waits for a decision that is yours to take.
    #[command(after_help = "Example:\n  sidewall approvals list --key-file dana.key --json | jq -r '.approvals[].id'")]
    List {
        #[command(flatten)]
        who: Who,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a call pass once.
    #[command(after_help = "Example:\n  sidewall approvals approve ap-3f9a1c2b7d604e58 --key-file dana.key")]
    Approve(Decision),
    /// Refuse a call; the same call stays refused until its request expires.
    #[command(after_help = "Example:\n  sidewall approvals deny ap-3f9a1c2b7d604e58 --key-file dana.key")]
    Deny(Decision),
}

/// On what, and by whom.
#[derive(Debug, Args)]
struct Decision {
    /// The request's id, or its signed form as the caller got it.
    request: String,
    #[command(flatten)]
    who: Who,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Which approver, and of which sidecar.
#[derive(Debug, Args)]
struct Who {
    /// File with the approver's key or token.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    sidecar: Sidecar,
}

impl Who {
    fn key(&self) -> Result<Sensitive<String>, Failure> {
        let text = match &self.key_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::new(format!("{}: cannot be read ({error})", path.display())))?,
            None => std::env::var(KEY_VARIABLE)
                .map_err(|_| Failure::new(format!("name the approver's key: --key-file FILE, or {KEY_VARIABLE}")))?,
        };
        Ok(Sensitive::new(text.trim().to_owned()))
    }

    fn ask(&self, method: Method, path: &str) -> Result<Result<Value, String>, Failure> {
        let (status, answer) = self.sidecar.ask_as(&self.key()?, method, path)?;
        if status == 200 {
            return Ok(Ok(answer));
        }
        let told = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("no reason given");
        Ok(Err(format!("{status}: {told}")))
    }
}

impl ApprovalsCommand {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::List { who, json } => {
                let answer = who.ask(Method::GET, "/approvals")?.map_err(Failure::new)?;
                Ok(list(&answer, json, out))
            }
            Command::Approve(decision) => decide(&decision, "approve", out),
            Command::Deny(decision) => decide(&decision, "deny", out),
        }
    }
}

fn list(answer: &Value, json: bool, out: &mut Output) -> Exit {
    let rows = answer.get("approvals").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if json {
        out.json(answer);
    } else {
        for row in rows {
            let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
            out.line(format_args!(
                "{}  {}  {}  until {}",
                field("id"),
                field("principal"),
                field("tool"),
                field("expires")
            ));
            out.line(format_args!("    {}", field("arguments").escape_debug()));
        }
        out.line(format_args!("{} waiting", rows.len()));
    }
    if rows.is_empty() { Exit::Found } else { Exit::Clean }
}

fn decide(decision: &Decision, word: &str, out: &mut Output) -> Result<Exit, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if decision.request.is_empty() || !decision.request.chars().all(plain) {
        return Err(Failure::new("that is no request: write its id (ap-…), or its signed form".to_owned()));
    }
    match decision.who.ask(Method::POST, &format!("/approvals/{}/{word}", decision.request))? {
        Ok(answer) => {
            let field = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
            if decision.json {
                out.json(&answer);
            } else if field("use_before").is_empty() {
                out.line(format_args!("{}  {}", field("id"), field("decision")));
            } else {
                out.line(format_args!(
                    "{}  {}: the call passes once until {}",
                    field("id"),
                    field("decision"),
                    field("use_before")
                ));
            }
            Ok(Exit::Clean)
        }
        Err(told) => {
            out.error(format_args!("sidewall: not decided: {told}"));
            Ok(Exit::Found)
        }
    }
}
