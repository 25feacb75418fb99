//! `sidewall audit rewrap`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::audit::read::rewrap_all;
use crate::audit::rewrap::EXTENSION;
use crate::cli::audit::select::Keys;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::file::read_public;
use crate::keys::pair::hex;

/// Let one more key open what is written, without touching a record.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes a file beside the segments, with each data key that --key opens sealed to --to. Records and signatures stay as they \
                        are; removing the file takes it back.\n\n\
                        Exit codes: 0 written · 1 the keys open nothing here · 2 a key or the folder cannot be read or written\n\n\
                        Example:\n  sidewall audit rewrap audit --key acme.key --to auditor.pub"
)]
pub(super) struct Rewrap {
    /// Folder of the log.
    dir: PathBuf,
    #[command(flatten)]
    keys: Keys,
    /// Public key file of the new recipient.
    #[arg(long)]
    to: PathBuf,
    /// The file to write; default: beside the segments, where readers look.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Rewrap {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let (_, to) = read_public(&self.to).map_err(|error| Failure::new(error.to_string()))?;
        let rows = rewrap_all(&self.dir, &self.keys.open()?, &to).map_err(|error| Failure::from_error(&error))?;
        if rows.is_empty() {
            out.error("sidewall: these keys open no data key of this log");
            return Ok(Exit::Found);
        }
        let name = || format!("{}.{EXTENSION}", hex(to.id()).get(..16).unwrap_or_default());
        let path = self.out.unwrap_or_else(|| self.dir.join(name()));
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&path)?;
            for row in &rows {
                serde_json::to_writer(&mut file, row)?;
                file.write_all(b"\n")?;
            }
            file.sync_all()
        };
        write().map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        out.line(format_args!("{} data key(s) sealed to {} in {}", rows.len(), self.to.display(), path.display()));
        Ok(Exit::Clean)
    }
}
