//! `sidewall audit prove`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::audit::proof::{Proof, check, make};
use crate::audit::read::{Place, read};
use crate::audit::verify::parse_signer;
use crate::cli::audit::select::Keys;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// Prove to a third party that records stand in the log, or check such a proof.
#[derive(Debug, Args)]
#[command(
    after_help = "A proof is one JSON object a line: the record\'s sealed frame, and what leads from it to a root that the sidecar has signed. It \
                        shows nothing of other records, and nothing of this one to who has no key for it.\n\n\
                        Exit codes: 0 proven, or the proof is right · 1 no such record, or the proof is wrong · 2 usage or input error\n\n\
                        Examples:\n  sidewall audit prove audit --key acme.key --exchange 0198c2f0 > proof.jsonl\n  \
                        sidewall audit prove --check proof.jsonl --signer signer.pub"
)]
pub(super) struct Prove {
    /// Folder of the log.
    #[arg(required_unless_present = "check")]
    dir: Option<PathBuf>,
    /// A private key file, or a folder of them; may be repeated.
    #[arg(long, required_unless_present = "check")]
    key: Vec<PathBuf>,
    /// The exchange whose records are proven.
    #[arg(long, required_unless_present = "check")]
    exchange: Option<String>,
    /// Check the proofs in this file.
    #[arg(long, requires = "signer", conflicts_with_all = ["dir", "exchange", "key"])]
    check: Option<PathBuf>,
    /// Trusted signer: a file like `signer.pub`, or its 64 hexadecimal digits.
    #[arg(long)]
    signer: Option<String>,
}

impl Prove {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match (&self.check, &self.dir, &self.exchange) {
            (Some(file), ..) => self.check(file, out),
            (None, Some(dir), Some(exchange)) => prove(dir, exchange, &Keys::of(&self.key), out),
            _ => Err(Failure::new("name the folder, --key and --exchange, or a file to --check")),
        }
    }

    fn check(&self, file: &PathBuf, out: &mut Output) -> Result<Exit, Failure> {
        let signer = self.signer.clone().unwrap_or_default();
        let from_file = || std::fs::read_to_string(&signer).ok().and_then(|text| parse_signer(&text));
        let trusted = parse_signer(&signer).or_else(from_file);
        let trusted = trusted
            .ok_or_else(|| Failure::new("--signer: neither 64 hexadecimal digits nor a file that holds them"))?;
        let text =
            std::fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        let mut exit = if text.trim().is_empty() { Exit::Found } else { Exit::Clean };
        for (at, line) in text.lines().enumerate() {
            let proof = serde_json::from_str::<Proof>(line).map_err(|_| "not a proof");
            match proof.and_then(|proof| check(&proof, &[trusted])) {
                Ok(proven) => out.line(serde_json::json!({ "line": at + 1, "proven": proven })),
                Err(problem) => {
                    out.line(serde_json::json!({ "line": at + 1, "wrong": problem }));
                    exit = Exit::Found;
                }
            }
        }
        Ok(exit)
    }
}

fn prove(dir: &Path, exchange: &str, keys: &Keys, out: &mut Output) -> Result<Exit, Failure> {
    let failed = |error| Failure::from_error(&error);
    let mut places: Vec<Place> = Vec::new();
    read(dir, &keys.open()?, |place, json| {
        let record: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
        if record.get("exchange").and_then(serde_json::Value::as_str) == Some(exchange) {
            places.push(place);
        }
        ControlFlow::Continue(())
    })
    .map_err(failed)?;
    let mut proven = 0;
    for place in places {
        if let Some(proof) = make(dir, place).map_err(failed)? {
            out.line(serde_json::to_string(&proof).unwrap_or_default());
            proven += 1;
        }
    }
    if proven == 0 {
        out.error("sidewall: no record of these keys has that exchange id");
        return Ok(Exit::Found);
    }
    Ok(Exit::Clean)
}
