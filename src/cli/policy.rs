//! `sidewall policy`: are the policies right, who may do what, do they decide as expected, and why.

mod cases;
mod status;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::output::Output;
use super::{Exit, Failure};
use crate::policy::cedar::map::{map, markdown};
use crate::policy::cedar::{ApprovalFacts, CallFacts, Policies, Ruling, lint::lint};
use crate::tools::{Registered, Registry, Taint, arguments};
use cases::{Caller, Expected};

/// Check policies, show what they allow, run their cases, and explain a decision.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 all well · 1 lint findings or failed cases (explain: denied) · 2 usage or input error\n\n\
                        Examples:\n  sidewall policy lint --policies policies --tools policies/tools\n  \
                        sidewall policy test policies/cases.toml --policies policies --tools policies/tools"
)]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find what is wrong with policies although they load: allow-all, unknown names, misspelt arguments, policies that can never apply,
    /// tools that move money and no forbid speaks of.
    #[command(after_help = "Example:\n  sidewall policy lint --policies policies --tools policies/tools")]
    Lint {
        #[command(flatten)]
        source: Source,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print role × tool with the policies and conditions, as Markdown for a pull request.
    #[command(after_help = "Example:\n  sidewall policy map --policies policies --tools policies/tools > MATRIX.md")]
    Map {
        #[command(flatten)]
        source: Source,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a file of cases: who, which tool, which arguments, what is expected.
    #[command(
        after_help = "Example:\n  sidewall policy test policies/cases.toml --policies policies --tools policies/tools"
    )]
    Test {
        /// Files of cases (TOML).
        #[arg(required = true)]
        cases: Vec<PathBuf>,
        #[command(flatten)]
        source: Source,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
    Status(status::Status),
    /// Say how one call is decided, and by which policies.
    #[command(
        after_help = "Example:\n  sidewall policy explain --policies policies --tools policies/tools \\\n    --role finance --tool refund --arguments '{\"order\":\"A-1\",\"amount\":40}'"
    )]
    Explain {
        #[command(flatten)]
        source: Source,
        /// The caller's tenant.
        #[arg(long, default_value = "acme")]
        tenant: String,
        /// The caller's name.
        #[arg(long, default_value = "app")]
        principal: String,
        /// A role of the caller; may be repeated.
        #[arg(long = "role")]
        roles: Vec<String>,
        /// A scope of the caller; may be repeated.
        #[arg(long = "scope")]
        scopes: Vec<String>,
        /// The tool.
        #[arg(long)]
        tool: String,
        /// Its arguments, as JSON.
        #[arg(long, default_value = "{}")]
        arguments: String,
        /// Ask whether the principal may approve this other principal's call, instead of making one.
        #[arg(long, value_name = "PRINCIPAL")]
        approves: Option<String>,
        /// The arguments repeat an untrusted text.
        #[arg(long)]
        tainted: bool,
        /// An injection was found in that text.
        #[arg(long)]
        tainted_by_injection: bool,
        /// Write JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Where policies and tools come from.
#[derive(Debug, Args)]
struct Source {
    /// Folder of *.cedar files.
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,
    /// Folder of approved tools (*.json).
    #[arg(long, value_name = "DIR")]
    tools: PathBuf,
}

impl Source {
    fn load(&self) -> Result<(Policies, Registry), Failure> {
        let policies = Policies::load(&self.policies).map_err(|error| Failure::from_error(&error))?;
        let registry = Registry::load(&self.tools)
            .map_err(|wrong| Failure::new(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        Ok((policies, registry))
    }
}

impl PolicyCommand {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::Lint { source, json } => {
                let (policies, registry) = source.load()?;
                Ok(run_lint(&policies, &registry, json, out))
            }
            Command::Map { source, json } => {
                let (policies, registry) = source.load()?;
                let cells = map(&policies, &registry);
                if json {
                    out.json(&json!({ "cells": cells }));
                } else {
                    out.text(markdown(&cells));
                }
                Ok(Exit::Clean)
            }
            Command::Status(status) => status.run(out),
            Command::Test { cases, source, json } => {
                let (policies, registry) = source.load()?;
                run_cases(&cases, &policies, &registry, json, out)
            }
            Command::Explain {
                source,
                tenant,
                principal,
                roles,
                scopes,
                tool,
                arguments: given,
                approves,
                tainted,
                tainted_by_injection,
                json,
            } => {
                let (policies, registry) = source.load()?;
                let arguments = arguments::parse(&given)
                    .map_err(|error| Failure::new(format!("--arguments: {error}; write one JSON object")))?;
                let caller = Caller { tenant, name: principal, roles, scopes, claims: toml::Table::new() };
                let taint = taint_of(tainted, tainted_by_injection);
                let now = Timestamp::now();
                let ruling = match &approves {
                    Some(requester) => approve(&policies, &registry, &caller, &tool, requester, now)?,
                    None => ask(&policies, &registry, &caller, &tool, (&arguments, taint.as_ref()), now)?,
                };
                explain(&ruling, json, out);
                Ok(if ruling.allowed { Exit::Clean } else { Exit::Found })
            }
        }
    }
}

fn taint_of(tainted: bool, by_injection: bool) -> Option<Taint> {
    (tainted || by_injection).then(|| Taint { source: "(assumed)".into(), by_injection })
}

fn ask(
    policies: &Policies,
    registry: &Registry,
    caller: &Caller,
    tool: &str,
    (arguments, taint): (&Value, Option<&Taint>),
    now: Timestamp,
) -> Result<Ruling, Failure> {
    let registered = find(registry, tool)?;
    let facts = CallFacts {
        tool,
        tags: &registered.tags,
        arguments,
        schema: registered.definition.schema.as_ref(),
        taint,
        kinds: &[],
        restored: false,
        now,
    };
    Ok(policies.call_tool(&caller.principal()?, &facts))
}

fn approve(
    policies: &Policies,
    registry: &Registry,
    approver: &Caller,
    tool: &str,
    requester: &str,
    now: Timestamp,
) -> Result<Ruling, Failure> {
    let registered = find(registry, tool)?;
    let approver = approver.principal()?;
    if *approver.name == *requester {
        // Whatever policy says.
        return Ok(Ruling::default());
    }
    Ok(policies.approve(&approver, ApprovalFacts { tool, tags: &registered.tags, requester, now }))
}

fn find<'r>(registry: &'r Registry, tool: &str) -> Result<&'r Registered, Failure> {
    registry.find(tool).ok_or_else(|| Failure::new(format!("no approved tool is called `{tool}`")))
}

fn run_lint(policies: &Policies, registry: &Registry, json: bool, out: &mut Output) -> Exit {
    let found = lint(policies, registry);
    if json {
        let rows = found.iter().map(|l| json!({"check": l.check, "subject": l.subject, "what": l.what}));
        out.json(&json!({ "lints": rows.collect::<Vec<_>>() }));
    } else {
        for lint in &found {
            out.line(format_args!("{}: {}: {}", lint.subject, lint.check, lint.what));
        }
        let policies = policies.set().num_of_policies();
        out.line(format_args!("{policies} policies, {} tools, {} lints", registry.iter().count(), found.len()));
    }
    if found.is_empty() { Exit::Clean } else { Exit::Found }
}

fn run_cases(
    files: &[PathBuf],
    policies: &Policies,
    registry: &Registry,
    json: bool,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (mut rows, mut failed) = (Vec::new(), 0);
    for file in files {
        for case in cases::read(Path::new(file))? {
            let taint = taint_of(case.tainted, case.tainted_by_injection);
            let arguments = case.arguments()?;
            let now = case.now()?;
            let ruling = match &case.approves {
                Some(requester) => approve(policies, registry, &case.principal, &case.tool, requester, now)?,
                None => ask(policies, registry, &case.principal, &case.tool, (&arguments, taint.as_ref()), now)?,
            };
            let found = Expected::of(&ruling);
            let decided: Vec<String> = ruling.policies.iter().map(ToString::to_string).collect();
            let fine = found == case.expect && (case.policies.is_empty() || case.policies == decided);
            failed += usize::from(!fine);
            if json {
                rows.push(json!({"name": case.name, "passed": fine, "decision": found.word(), "policies": decided}));
            } else if !fine {
                let by = if decided.is_empty() { "no policy".to_owned() } else { decided.join(", ") };
                let wanted = case.expect.word();
                out.line(format_args!("FAILED {}: expected {wanted}, found {} by {by}", case.name, found.word()));
            } else {
                out.line(format_args!("ok     {}", case.name));
            }
        }
    }
    if json {
        out.json(&json!({ "cases": rows, "failed": failed }));
    } else {
        out.line(format_args!("{failed} failed"));
    }
    Ok(if failed == 0 { Exit::Clean } else { Exit::Found })
}

fn explain(ruling: &Ruling, json: bool, out: &mut Output) {
    let names = |ids: &[std::sync::Arc<str>]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let decision = Expected::of(ruling).word();
    let (decided, failed, requires) = (names(&ruling.policies), names(&ruling.failed), names(&ruling.requires));
    if json {
        out.json(&json!({"decision": decision, "policies": decided, "failed": failed, "requires": requires}));
        return;
    }
    out.line(decision);
    let why =
        if decided.is_empty() { "no policy applies, so the default decides".to_owned() } else { decided.join(", ") };
    out.line(format_args!("decided by: {why}"));
    for (label, ids) in [("could not be evaluated (which denies)", failed), ("requires", requires)] {
        if !ids.is_empty() {
            out.line(format_args!("{label}: {}", ids.join(", ")));
        }
    }
}
