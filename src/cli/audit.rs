//! `sidewall audit`: look at, read and verify an audit log.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::audit::read::read;
use crate::audit::verify::{Verification, parse_signer, verify};
use crate::cli::audit_table::{Joined, Joiner, printable};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::read_private;

/// List, read and verify audit logs.
#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Read(Read),
    Verify(Verify),
}

/// List segments: tenants, counts, time range. Needs no key.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 listed · 2 the folder cannot be read\n\n\
                        Example:\n  sidewall audit list /var/lib/sidewall/audit")]
struct List {
    /// Folder of the log.
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Decrypt the records of the tenant whose private key is given; admission and completion stand together.
#[derive(Debug, Args)]
#[command(
    after_help = "Records come in the order in which their exchanges ended; those that have not ended come last.\n\
                        With --json: one JSON object a line, {\"exchange\",\"admission\",\"completion\"}.\n\n\
                        Exit codes: 0 all records of this key were read · 1 some could not be read, or no record \
                        has the given exchange id · 2 the key or the folder cannot be read\n\n\
                        Examples:\n  sidewall audit read /var/lib/sidewall/audit --key acme.key\n  \
                        sidewall audit read audit --key acme.key --exchange 0198c2f0 --json"
)]
struct Read {
    /// Folder of the log.
    dir: PathBuf,
    /// The tenant's private key file.
    #[arg(long)]
    key: PathBuf,
    /// Only the exchange with this id (`x-sidewall-exchange`), in full.
    #[arg(long)]
    exchange: Option<String>,
    /// Print JSON Lines.
    #[arg(long)]
    json: bool,
}

/// Check that nothing was changed, removed or reordered. Needs no key.
#[derive(Debug, Args)]
#[command(
    after_help = "Truncation at a commit of the newest segment can only be seen against an anchor kept elsewhere.\n\n\
                        Exit codes: 0 intact · 2 the folder cannot be read · 3 tampered · 4 segment missing · \
                        5 unknown signer · 7 gap declared (a crash or a failed disk; nothing acknowledged is lost)\n\n\
                        Examples:\n  sidewall audit verify /var/lib/sidewall/audit\n  \
                        sidewall audit verify audit --signer trusted/signer.pub --json"
)]
struct Verify {
    /// Folder of the log.
    dir: PathBuf,
    /// Trusted signer: a file like `signer.pub`, or its 64 hexadecimal digits; may be repeated. Default: DIR/signer.pub,
    /// which whoever can change the log can change too.
    #[arg(long)]
    signer: Vec<String>,
    /// Print `{"exit","segments","problems","live"}`.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Verified<'a> {
    exit: u8,
    #[serde(flatten)]
    result: &'a Verification,
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

impl List {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let result = verify(&self.dir, &[]).map_err(|error| Failure::from_error(&error))?;
        if self.json {
            out.json(&result.segments);
            return Ok(Exit::Clean);
        }
        out.line(format_args!(
            "{:>8}  {:<24}  {:<24}  {:>8}  {:>8}  {:>12}  {:<16}  TENANTS",
            "SEGMENT", "FROM", "TO", "BATCHES", "RECORDS", "BYTES", "POD"
        ));
        for segment in &result.segments {
            let tenants: Vec<String> =
                segment.tenants.iter().map(|(tenant, records)| format!("{}={records}", printable(tenant))).collect();
            out.line(format_args!(
                "{:>8}  {:<24}  {:<24}  {:>8}  {:>8}  {:>12}  {:<16}  {}",
                segment.segment,
                time(segment.created_ms),
                time(segment.last_ms),
                segment.batches,
                segment.records,
                segment.bytes,
                printable(&segment.pod),
                tenants.join(" ")
            ));
        }
        Ok(Exit::Clean)
    }
}

impl Read {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let (_, key) = read_private(&self.key).map_err(|error| Failure::new(error.to_string()))?;
        let mut joiner = Joiner::new(self.exchange.clone());
        let mut shown = 0_u64;
        let mut show = |out: &mut Output, joined: &Joined| {
            if shown == 0 && !self.json && self.exchange.is_none() {
                out.line(Joined::HEADER);
            }
            shown += 1;
            match (self.json, &self.exchange) {
                (true, _) => out.line(joined.json()),
                (false, None) => out.line(joined.line()),
                (false, Some(_)) => out.line(joined.detail()),
            }
        };
        let summary = read(&self.dir, &key, |_, json| {
            if let Some(joined) = joiner.add(json) {
                show(out, &joined);
            }
            ControlFlow::Continue(())
        });
        let summary = summary.map_err(|error| Failure::from_error(&error))?;
        for joined in joiner.rest() {
            show(out, &joined);
        }
        for segment in &summary.damaged {
            out.error(format_args!("sidewall: {segment} is damaged; what stands before the damage was read"));
        }
        if summary.unreadable > 0 {
            out.error(format_args!("sidewall: {} record(s) sealed to this key did not open", summary.unreadable));
        }
        let complete = summary.damaged.is_empty() && summary.unreadable == 0;
        let found = self.exchange.is_none() || shown > 0;
        if !found {
            out.error("sidewall: no record of this key has that exchange id");
        }
        Ok(if complete && found { Exit::Clean } else { Exit::Found })
    }
}

impl Verify {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let mut signers = Vec::with_capacity(self.signer.len());
        for signer in &self.signer {
            let from_file = || std::fs::read_to_string(signer).ok().and_then(|text| parse_signer(&text));
            let parsed = parse_signer(signer).or_else(from_file);
            signers.push(parsed.ok_or_else(|| {
                Failure::new(format!("--signer {signer}: neither 64 hexadecimal digits nor a file that holds them"))
            })?);
        }
        let result = verify(&self.dir, &signers).map_err(|error| Failure::from_error(&error))?;
        let exit = result.exit();
        if self.json {
            out.json(&Verified { exit, result: &result });
        } else {
            for problem in &result.problems {
                out.line(format_args!("{:?}: {}", problem.code, printable(&problem.message)));
            }
            let records: u64 = result.segments.iter().map(|segment| segment.records).sum();
            let word = match exit {
                0 => "intact",
                7 => "intact but for declared gaps",
                _ => "NOT intact",
            };
            let live = if result.live { " (a sidecar is writing; the batch under way was not judged)" } else { "" };
            out.line(format_args!("{} segment(s), {records} record(s): {word}{live}", result.segments.len()));
        }
        Ok(if exit == 0 { Exit::Clean } else { Exit::Code(exit) })
    }
}

fn time(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "(no time)".to_owned(), |time| format!("{time:.3}"))
}
