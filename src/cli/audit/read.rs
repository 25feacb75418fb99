//! `sidewall audit read`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;

use crate::audit::read::read;
use crate::cli::audit::joined::{Joined, Joiner};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::read_private;

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
pub(super) struct Read {
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

impl Read {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
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
