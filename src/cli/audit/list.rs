//! `sidewall audit list`.

use std::path::PathBuf;

use clap::Args;

use crate::audit::verify::{Evidence, verify};
use crate::cli::audit::joined::printable;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// List segments: tenants, counts, time range. Needs no key.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 listed · 2 the folder cannot be read\n\n\
                        Example:\n  sidewall audit list /var/lib/sidewall/audit")]
pub(super) struct List {
    /// Folder of the log.
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let result = verify(&self.dir, &Evidence::default()).map_err(|error| Failure::from_error(&error))?;
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

fn time(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "(no time)".to_owned(), |time| format!("{time:.3}"))
}
