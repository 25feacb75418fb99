//! `sidewall audit verify`.

use std::path::PathBuf;

use clap::Args;

use crate::audit::verify::{Evidence, Verification, parse_signer, verify};
use crate::cli::audit::joined::printable;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// Check that nothing was changed, removed or reordered. Needs no key.
#[derive(Debug, Args)]
#[command(
    after_help = "A log cut off at a commit of its newest segment, or rolled back, shows only against an anchor kept elsewhere.\n\n\
                        Exit codes: 0 intact · 2 truncated behind an anchor, or the folder cannot be read · 3 tampered · \
                        4 segment missing · 5 unknown signer · 6 intact, but records of a tenant were shredded · \
                        7 gap declared (a crash, a failed disk, or records not written by configuration)\n\n\
                        Examples:\n  sidewall audit verify /var/lib/sidewall/audit\n  \
                        sidewall audit verify audit --signer trusted/signer.pub --anchor /mnt/elsewhere/pod.notes --json"
)]
pub(super) struct Verify {
    /// Folder of the log.
    dir: PathBuf,
    /// Trusted signer: a file like `signer.pub`, or its 64 hexadecimal digits; may be repeated. Default: DIR/signer.pub,
    /// which whoever can change the log can change too.
    #[arg(long)]
    signer: Vec<String>,
    /// A file of checkpoints that was kept elsewhere ([audit] anchors); may be repeated.
    #[arg(long)]
    anchor: Vec<PathBuf>,
    /// A folder with tombstones of `keys shred`, beside the log's own; may be repeated.
    #[arg(long)]
    keys: Vec<PathBuf>,
    /// Begin with this segment: those before it were shipped and removed here ([audit.ship]), and are verified where they are.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from: u64,
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

impl Verify {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let mut signers = Vec::with_capacity(self.signer.len());
        for signer in &self.signer {
            let from_file = || std::fs::read_to_string(signer).ok().and_then(|text| parse_signer(&text));
            let parsed = parse_signer(signer).or_else(from_file);
            signers.push(parsed.ok_or_else(|| {
                Failure::new(format!("--signer {signer}: neither 64 hexadecimal digits nor a file that holds them"))
            })?);
        }
        let mut anchors = Vec::with_capacity(self.anchor.len());
        for path in &self.anchor {
            let text = std::fs::read_to_string(path);
            anchors.push(text.map_err(|error| Failure::new(format!("--anchor {}: {error}", path.display())))?);
        }
        let evidence = Evidence { signers, anchors, keys: self.keys, from: self.from };
        let result = verify(&self.dir, &evidence).map_err(|error| Failure::from_error(&error))?;
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
                6 => "intact; some records were shredded",
                7 => "intact but for declared gaps",
                _ => "NOT intact",
            };
            let live = if result.live { " (a sidecar is writing; the batch under way was not judged)" } else { "" };
            out.line(format_args!("{} segment(s), {records} record(s): {word}{live}", result.segments.len()));
        }
        Ok(if exit == 0 { Exit::Clean } else { Exit::Code(exit) })
    }
}
