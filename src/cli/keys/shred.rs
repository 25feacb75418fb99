//! `sidewall keys shred`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use jiff::Timestamp;

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::store::{Listed, State, list, shred, withdraw};

/// Destroy private keys, so that nobody reads the records that they open, wherever copies of the log are.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("which").required(true).args(["id", "before", "all"]),
    after_help = "Of a destroyed key a tombstone stays, against which `audit verify` tells shredded records (exit code 6) from lost ones. The file is \
                        overwritten and removed; copies of it (backups, snapshots) are yours to destroy. A key on a PKCS#11 token is destroyed there.\n\n\
                        Exit codes: 0 destroyed · 1 no such key · 2 usage error, or a file could not be destroyed\n\n\
                        Examples:\n  sidewall keys shred --tenant acme --out keys --before 2026-01-01T00:00:00Z\n  \
                        sidewall keys shred --tenant acme --out keys --all --withdraw /etc/sidewall/keys --log /var/lib/sidewall/audit"
)]
pub(super) struct Shred {
    /// The tenant, as identity names it.
    #[arg(long)]
    tenant: String,
    /// Folder of its key files.
    #[arg(long)]
    out: PathBuf,
    /// The key with this id, or the only one whose id begins so.
    #[arg(long)]
    id: Option<String>,
    /// Every replaced key that was made before this time (RFC 3339). A key in force is never meant.
    #[arg(long)]
    before: Option<Timestamp>,
    /// Every key of the tenant, the one in force too.
    #[arg(long)]
    all: bool,
    /// The folder that the sidecar reads: destroyed keys are taken out of it, and no record is sealed to them any more.
    #[arg(long)]
    withdraw: Option<PathBuf>,
    /// An audit log: tombstones are put there too.
    #[arg(long)]
    log: Option<PathBuf>,
}

impl Shred {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let failed = |error: crate::keys::KeyError| Failure::new(error.to_string());
        let chosen: Vec<Listed> = list(&self.out).map_err(failed)?.into_iter().filter(|key| self.means(key)).collect();
        if self.id.is_some() && chosen.len() > 1 {
            return Err(Failure::new("--id: more than one key begins so; write more of it"));
        }
        if chosen.is_empty() {
            out.error("sidewall: no such key of this tenant in the folder");
            return Ok(Exit::Found);
        }
        let now = format!("{:.0}", Timestamp::now());
        for key in chosen {
            if let Some(folder) = &self.withdraw {
                withdraw(folder, &key.tenant, &key.id).map_err(failed)?;
            }
            let tombstone = shred(&self.out, &key, &now).map_err(failed)?;
            if let Some(log) = &self.log {
                let copy = log.join(tombstone.file_name().unwrap_or_default());
                std::fs::copy(&tombstone, &copy)
                    .map_err(|error| Failure::new(format!("{}: {error}", copy.display())))?;
            }
            out.line(format_args!("shredded {}  ({})", key.id, tombstone.display()));
        }
        Ok(Exit::Clean)
    }

    fn means(&self, key: &Listed) -> bool {
        let made = || key.time.as_ref().and_then(|time| time.parse::<Timestamp>().ok());
        key.tenant == self.tenant
            && key.state != State::Shredded
            && self.id.as_ref().is_none_or(|id| !id.is_empty() && key.id.starts_with(id.as_str()))
            && self.before.is_none_or(|before| key.state == State::Replaced && made().is_some_and(|made| made < before))
    }
}
