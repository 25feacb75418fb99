//! `sidewall audit export`.

mod parquet;

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::audit::read::{Summary, read};
use crate::cli::audit::joined::{Joined, Joiner, text};
use crate::cli::audit::select::{Filter, Keys, told};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::Keyring;
use crate::redact::placeholder;

/// Write exchanges as flat rows for analytics, JSON Lines or Parquet: one row an exchange, no text.
#[derive(Debug, Args)]
#[command(
    after_help = "Columns: exchange time tenant principal roles scopes dialect endpoint upstream model stream status outcome verdict refusal rule \
                        path findings kinds rules tools pseudonyms tokens_in tokens_out restored total_us inspect_us upstream_us ruleset. DuckDB, pandas \
                        and others read them as they are. pseudonyms: what stands for the values that were found, the same for the same value all over a \
                        tenant's records, where they are recorded with content = \"pseudonyms\".\n\n\
                        Exit codes: 0 all records of these keys were read · 1 some could not be read · 2 the key or the folder cannot be read, or the file \
                        not be written\n\n\
                        Examples:\n  sidewall audit export audit --key keys --since 7d > week.jsonl\n  \
                        sidewall audit export audit --key keys --format parquet --out week.parquet"
)]
pub(super) struct Export {
    /// Folder of the log.
    dir: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    filter: Filter,
    /// How to write: JSON Lines to standard output, or a Parquet file (a program built with the feature parquet).
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The Parquet file; it must not exist.
    #[arg(long, required_if_eq("format", "parquet"))]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Jsonl,
    Parquet,
}

impl Export {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let keys = self.keys.open()?;
        match (&self.out, self.format) {
            (Some(path), Format::Parquet) => {
                let mut file = parquet::File::create(path)?;
                // What comes after an error is not written either: the first one is told.
                let mut written = Ok(());
                let summary = self.rows(&keys, |row| {
                    written = std::mem::replace(&mut written, Ok(())).and_then(|()| file.write(row));
                    if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })?;
                let count = written.and_then(|()| file.close())?;
                out.line(format_args!("{count} exchange(s) in {}", path.display()));
                Ok(told(&summary, out))
            }
            (Some(_), Format::Jsonl) => {
                Err(Failure::new("--out is for Parquet; JSON Lines go to standard output (> FILE)"))
            }
            (None, _) => {
                let summary = self.rows(&keys, |row| {
                    out.line(row);
                    ControlFlow::Continue(())
                })?;
                Ok(told(&summary, out))
            }
        }
    }

    /// Shows a row for each exchange that is wanted.
    fn rows(&self, keys: &Keyring, mut show: impl FnMut(Value) -> ControlFlow<()>) -> Result<Summary, Failure> {
        let mut joiner = Joiner::new();
        let mut one = |joined: &Joined| {
            if self.filter.takes(joined) { show(row(joined)) } else { ControlFlow::Continue(()) }
        };
        let summary =
            read(&self.dir, keys, |_, json| joiner.add(json).map_or(ControlFlow::Continue(()), |joined| one(&joined)));
        let summary = summary.map_err(|error| Failure::from_error(&error))?;
        // Stopped: the reason is told by whoever did so.
        let _ = joiner.rest().iter().try_for_each(one);
        Ok(summary)
    }
}

/// An exchange as one flat object. Every row has every column.
fn row(joined: &Joined) -> Value {
    let (first, last) = (joined.first(), joined.last());
    let of = |value: &Value, key: &str| value.get(key).cloned().unwrap_or(Value::Null);
    let refusal = of(last, "refusal");
    let timings = of(last, "timings");
    let each = |list: &str, key: &str| -> Vec<String> {
        let items = joined.reports().filter_map(|report| report.get(list)).filter_map(Value::as_array).flatten();
        items.map(|item| text(item, key).to_owned()).collect()
    };
    let distinct = |mut all: Vec<String>| {
        all.sort();
        all.dedup();
        all
    };
    let kinds = each("findings", "kind");
    let sum = |key: &str| joined.reports().filter_map(|report| report.get(key)?.as_u64()).sum::<u64>();
    let usage = |key: &str| joined.reports().filter_map(|report| report.get("usage")?.get(key)?.as_u64()).sum::<u64>();
    let model = joined.reports().find_map(|report| report.get("model")).cloned().unwrap_or(Value::Null);
    let mut row = Map::new();
    let mut put = |key: &str, value: Value| row.insert(key.to_owned(), value);
    put("exchange", json!(joined.exchange));
    put("time", of(first, "time"));
    for key in ["tenant", "principal", "roles", "scopes", "dialect", "endpoint", "upstream"] {
        put(key, of(last, key));
    }
    put("model", model);
    for key in ["stream", "status", "outcome", "verdict"] {
        put(key, of(last, key));
    }
    for (column, key) in [("refusal", "code"), ("rule", "rule"), ("path", "path")] {
        put(column, of(&refusal, key));
    }
    put("findings", json!(kinds.len()));
    put("kinds", json!(distinct(kinds)));
    put("rules", json!(distinct(each("findings", "rule"))));
    put("tools", json!(each("tool_calls", "name")));
    let texts = joined.reports().filter_map(|report| report.get("texts")?.as_array()).flatten();
    let named = texts.flat_map(|entry| placeholder::pseudonyms(text(entry, "text"))).map(str::to_owned);
    put("pseudonyms", json!(distinct(named.collect())));
    put("tokens_in", json!(usage("input")));
    put("tokens_out", json!(usage("output")));
    put("restored", json!(sum("restored")));
    for key in ["total_us", "inspect_us", "upstream_us"] {
        put(key, of(&timings, key));
    }
    put("ruleset", of(last, "ruleset"));
    Value::Object(row)
}
