//! `sidewall audit read`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;

use crate::audit::read::read;
use crate::cli::audit::joined::{Joined, Joiner};
use crate::cli::audit::select::{Filter, Keys, told};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// Decrypt the records that the given private keys open; admission and completion stand together.
#[derive(Debug, Args)]
#[command(
    after_help = "Records come in the order in which their exchanges ended; those that have not ended come last.\n\
                        With --json: one JSON object a line, {\"exchange\",\"admission\",\"completion\"}.\n\n\
                        Exit codes: 0 all records of these keys were read · 1 some could not be read, or no record \
                        has the given exchange id · 2 the key or the folder cannot be read\n\n\
                        Examples:\n  sidewall audit read /var/lib/sidewall/audit --key acme.key\n  \
                        sidewall audit read audit --key acme.key --exchange 0198c2f0 --json\n  \
                        sidewall audit read audit --key keys --since 24h --kind secret. --verdict block"
)]
pub(super) struct Read {
    /// Folder of the log.
    dir: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    filter: Filter,
    /// Print JSON Lines.
    #[arg(long)]
    json: bool,
}

impl Read {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let keys = self.keys.open()?;
        let mut joiner = Joiner::new();
        let mut shown = 0_u64;
        let one = self.filter.exchange.is_some();
        let mut show = |out: &mut Output, joined: &Joined| {
            if !self.filter.takes(joined) {
                return;
            }
            if shown == 0 && !self.json && !one {
                out.line(Joined::HEADER);
            }
            shown += 1;
            match (self.json, one) {
                (true, _) => out.line(joined.json()),
                (false, false) => out.line(joined.line()),
                (false, true) => out.line(joined.detail()),
            }
        };
        let summary = read(&self.dir, &keys, |_, json| {
            if let Some(joined) = joiner.add(json) {
                show(out, &joined);
            }
            ControlFlow::Continue(())
        });
        let summary = summary.map_err(|error| Failure::from_error(&error))?;
        for joined in joiner.rest() {
            show(out, &joined);
        }
        let exit = told(&summary, out);
        if one && shown == 0 {
            out.error("sidewall: no record of these keys has that exchange id");
            return Ok(Exit::Found);
        }
        Ok(exit)
    }
}
