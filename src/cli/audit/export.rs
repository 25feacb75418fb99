//! `sidewall audit export`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::audit::read::read;
use crate::cli::audit::joined::{Joined, Joiner, text};
use crate::cli::audit::select::{Filter, Keys, told};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};

/// Write exchanges as flat JSON Lines for analytics: one row an exchange, no text.
#[derive(Debug, Args)]
#[command(
    after_help = "Columns: exchange time tenant principal roles scopes dialect endpoint upstream model stream status outcome verdict refusal rule \
                        path findings kinds rules tools tokens_in tokens_out restored total_us inspect_us upstream_us ruleset. DuckDB, pandas \
                        and others read them as they are.\n\n\
                        Exit codes: 0 all records of these keys were read · 1 some could not be read · 2 the key or the folder cannot be read\n\n\
                        Example:\n  sidewall audit export audit --key keys --since 7d > week.jsonl"
)]
pub(super) struct Export {
    /// Folder of the log.
    dir: PathBuf,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    filter: Filter,
}

impl Export {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let mut joiner = Joiner::new();
        let show = |out: &mut Output, joined: &Joined| {
            if self.filter.takes(joined) {
                out.line(row(joined));
            }
        };
        let summary = read(&self.dir, &self.keys.open()?, |_, json| {
            if let Some(joined) = joiner.add(json) {
                show(out, &joined);
            }
            ControlFlow::Continue(())
        });
        let summary = summary.map_err(|error| Failure::from_error(&error))?;
        joiner.rest().iter().for_each(|joined| show(out, joined));
        Ok(told(&summary, out))
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
    put("tokens_in", json!(usage("input")));
    put("tokens_out", json!(usage("output")));
    put("restored", json!(sum("restored")));
    for key in ["total_us", "inspect_us", "upstream_us"] {
        put(key, of(&timings, key));
    }
    put("ruleset", of(last, "ruleset"));
    Value::Object(row)
}
