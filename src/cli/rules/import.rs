//! `sidewall rules import`: rules of other scanners, as a ruleset of ours.
//!
//! A gitleaks configuration says other things than a ruleset does, and its patterns are written for another engine that never
//! sees streams. What can be said in both is carried over; what cannot is said beside the rule that it came from, so that nobody
//! believes to have what he has not. Every rule that is written loads.

mod gitleaks;
mod pattern;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Serialize;

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::detect::ruleset::{AllowSpec, RuleSpec, Ruleset};

/// LIMIT: bytes of a configuration; the one that gitleaks carries has some 200 KiB.
const MAX_BYTES: u64 = 4 << 20;
/// Days for which imported allow-list entries hold, unless `--expires` says otherwise: then somebody should look at them.
const ALLOWED_DAYS: i64 = 365;

/// Read another scanner's configuration and write it as a ruleset.
///
/// Unbounded repetitions get a bound (rules run on streams), allowlists become `[[allow]]` entries, and what has no
/// counterpart here (paths, commits, rules that need others) is named in a comment above its rule and counted on standard error.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 everything was carried over · 1 some things were not (see the comments) · 2 usage or input error\n\n\
                        Examples:\n  sidewall rules import --from gitleaks .gitleaks.toml > rulesets/gitleaks.toml\n  \
                        sidewall rules import --from gitleaks - --owner appsec --out imported.toml < config.toml"
)]
pub(super) struct Import {
    /// What the file was written for.
    #[arg(long, value_enum)]
    from: Format,
    /// The file; `-`: standard input.
    file: PathBuf,
    /// Where to write the ruleset, instead of standard output. An existing file is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Who answers for the allow-list entries.
    #[arg(long, default_value = "imported, nobody yet")]
    owner: String,
    /// The last day on which the allow-list entries hold (2027-01-31); without it, a year from now.
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The TOML configuration of gitleaks.
    Gitleaks,
}

/// What an import gives: rules and entries with what is to be said of each.
#[derive(Debug, Default)]
struct Imported {
    rules: Vec<(RuleSpec, Vec<String>)>,
    allows: Vec<AllowSpec>,
    /// What was not carried over.
    lost: Vec<String>,
}

impl Import {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let text = read(&self.file)?;
        let name = self.file.display().to_string();
        let expires = match self.expires {
            Some(day) => day,
            None => in_a_year()?,
        };
        let imported = match self.from {
            Format::Gitleaks => gitleaks::import(&text, &self.owner, &expires),
        };
        let imported = imported.map_err(|what| Failure::new(format!("{name}: {what}")))?;
        let written = write(&imported)?;
        if let Err(errors) = Ruleset::from_texts(&[("the imported ruleset".to_owned(), written.clone())]) {
            return Err(Failure::from_error(&errors));
        }
        match &self.out {
            None => out.text(&written),
            Some(path) => create(path, &written)?,
        }
        out.error(format_args!(
            "{} rules and {} allow-list entries were carried over, {} things were not (see the comments)",
            imported.rules.len(),
            imported.allows.len(),
            imported.lost.len() + imported.rules.iter().map(|(_, notes)| notes.len()).sum::<usize>(),
        ));
        let whole = imported.lost.is_empty() && imported.rules.iter().all(|(_, notes)| notes.is_empty());
        Ok(if whole { Exit::Clean } else { Exit::Found })
    }
}

fn in_a_year() -> Result<String, Failure> {
    let then = Timestamp::now().to_zoned(TimeZone::UTC).checked_add(ALLOWED_DAYS.days());
    then.map(|then| then.date().to_string()).map_err(|error| Failure::from_error(&error))
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let mut source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(
            std::fs::File::open(path).map_err(|e| Failure::new(format!("{}: cannot be read: {e}", path.display())))?,
        ),
    };
    let read = source.by_ref().take(MAX_BYTES + 1).read_to_string(&mut text);
    let read = read.map_err(|e| Failure::new(format!("{}: cannot be read: {e}", path.display())))?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_BYTES) {
        return Err(Failure::new(format!("{}: is larger than {} MiB", path.display(), MAX_BYTES >> 20)));
    }
    Ok(text)
}

fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e| Failure::new(format!("{}: cannot be written: {e}", path.display()));
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}

/// The ruleset file.
fn write(imported: &Imported) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct File<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<[&'a RuleSpec; 1]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        allow: Option<[&'a AllowSpec; 1]>,
    }
    let toml = |file: File<'_>| toml::to_string(&file).map_err(|error| Failure::from_error(&error));
    let mut text = String::from(
        "# Imported. Give every rule examples (`matches`, `ignores`); `sidewall rules lint` asks for them.\n",
    );
    for lost in &imported.lost {
        text.push_str(&comment(lost));
    }
    for (rule, notes) in &imported.rules {
        text.push('\n');
        for note in notes {
            text.push_str(&comment(note));
        }
        text.push_str(&toml(File { rule: Some([rule]), allow: None })?);
    }
    for allow in &imported.allows {
        text.push('\n');
        text.push_str(&toml(File { rule: None, allow: Some([allow]) })?);
    }
    Ok(text)
}

fn comment(note: &str) -> String {
    let one_line: String = note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# Not carried over: {one_line}\n")
}
