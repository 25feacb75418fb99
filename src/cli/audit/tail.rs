//! `sidewall audit tail`.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::audit::read::{Place, Summary, read_from};
use crate::cli::audit::joined::{Joined, Joiner};
use crate::cli::audit::select::{Filter, Keys, told};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::Keyring;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Show the last exchanges and, with --follow, those that come.
#[derive(Debug, Args)]
#[command(after_help = "An exchange is shown when it has ended.\n\n\
                        Exit codes: 0 shown · 1 some records could not be read · 2 the key or the folder cannot be read\n\n\
                        Example:\n  sidewall audit tail /var/lib/sidewall/audit --key acme.key --follow --verdict block")]
pub(super) struct Tail {
    /// Folder of the log.
    dir: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    filter: Filter,
    /// How many of those that have ended already.
    #[arg(short = 'n', long, default_value_t = 10)]
    lines: usize,
    /// Go on until interrupted.
    #[arg(short, long)]
    follow: bool,
    /// Print JSON Lines.
    #[arg(long)]
    json: bool,
}

/// What has been shown.
#[derive(Default)]
struct Follower {
    joiner: Joiner,
    /// The segment in which the last record stood.
    segment: u64,
    /// Batches of that segment that were seen.
    batches: Option<u64>,
}

impl Follower {
    /// Shows what is new. A batch is committed as a whole, so it is seen as a whole.
    fn look(&mut self, dir: &Path, keys: &Keyring, mut show: impl FnMut(Joined)) -> Result<Summary, Failure> {
        let (segment, batches) = (self.segment, self.batches);
        let is_new = |place: &Place| place.segment > segment || batches.is_none_or(|seen| place.batch > seen);
        let summary = read_from(dir, keys, segment, |place, json| {
            if is_new(&place) {
                (self.segment, self.batches) = (place.segment, Some(place.batch));
                if let Some(joined) = self.joiner.add(json) {
                    show(joined);
                }
            }
            ControlFlow::Continue(())
        });
        summary.map_err(|error| Failure::from_error(&error))
    }
}

impl Tail {
    #[expect(clippy::disallowed_methods, reason = "a command of its own process, on no reactor")]
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let keys = self.keys.open()?;
        let mut follower = Follower::default();
        let mut last: VecDeque<Joined> = VecDeque::new();
        let mut summary = follower.look(&self.dir, &keys, |joined| {
            if self.filter.takes(&joined) {
                last.push_back(joined);
                if last.len() > self.lines {
                    last.pop_front();
                }
            }
        })?;
        if !self.json {
            out.line(Joined::HEADER);
        }
        last.iter().for_each(|joined| self.show(out, joined));
        while self.follow && out.is_open() {
            // What is there is to be seen now.
            let _ = out.flush();
            std::thread::sleep(LOOK);
            summary = follower.look(&self.dir, &keys, |joined| {
                if self.filter.takes(&joined) {
                    self.show(out, &joined);
                }
            })?;
        }
        Ok(told(&summary, out))
    }

    fn show(&self, out: &mut Output, joined: &Joined) {
        if self.json { out.line(joined.json()) } else { out.line(joined.line()) }
    }
}
