//! What the reading commands share: whose keys, and which exchanges.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use crate::audit::read::Summary;
use crate::cli::audit::joined::Joined;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::Keyring;
use crate::keys::token::SCHEME;

/// With which keys to read.
#[derive(Debug, Args)]
pub(super) struct Keys {
    /// A private key file, a folder of them (keys of earlier periods too), or the URI of a PKCS#11 token or of a key on it; may be repeated.
    #[arg(long, required = true)]
    key: Vec<PathBuf>,
}

impl Keys {
    pub(super) fn of(paths: &[PathBuf]) -> Self {
        Self { key: paths.to_vec() }
    }

    pub(super) fn open(&self) -> Result<Keyring, Failure> {
        let mut ring = Keyring::default();
        for path in &self.key {
            let added = match path.to_str().filter(|text| text.starts_with(SCHEME)) {
                Some(text) => {
                    let uri = text.parse().map_err(|error| Failure::new(format!("--key {text}: {error}")))?;
                    ring.add_token(&uri)
                }
                None => ring.add_path(path),
            };
            added.map_err(|error| Failure::new(error.to_string()))?;
        }
        Ok(ring)
    }
}

/// Only exchanges that all of this says of.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only the exchange with this id (`x-sidewall-exchange`).
    #[arg(long)]
    pub(super) exchange: Option<String>,
    /// From this time on: RFC 3339, or a length of time before now, such as 30m, 12h, 7d.
    #[arg(long, value_parser = moment)]
    since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_parser = moment)]
    until: Option<Timestamp>,
    /// By this principal.
    #[arg(long)]
    principal: Option<String>,
    /// With this verdict: allow, redact, block.
    #[arg(long)]
    verdict: Option<String>,
    /// With this outcome: completed, refused, aborted, failed.
    #[arg(long)]
    outcome: Option<String>,
    /// With a finding of this rule.
    #[arg(long)]
    rule: Option<String>,
    /// With a finding of this kind; "pii." stands for all that begin so.
    #[arg(long)]
    kind: Option<String>,
    /// With a call of this tool.
    #[arg(long)]
    tool: Option<String>,
}

impl Filter {
    /// True if the exchange is wanted.
    pub(super) fn takes(&self, joined: &Joined) -> bool {
        let is = |wanted: &Option<String>, key: &str| {
            wanted.as_ref().is_none_or(|wanted| joined.last().get(key).and_then(Value::as_str) == Some(wanted))
        };
        let time =
            || joined.first().get("time").and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
        let timely = (self.since.is_none() && self.until.is_none())
            || time().is_some_and(|time| {
                self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
            });
        let any = |wanted: &Option<String>, list: &str, key: &str| {
            wanted.as_ref().is_none_or(|wanted| {
                let of = |report: &Value| report.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
                joined
                    .reports()
                    .flat_map(of)
                    .any(|item| item.get(key).and_then(Value::as_str).is_some_and(|text| fits(text, wanted)))
            })
        };
        self.exchange.as_ref().is_none_or(|wanted| *wanted == joined.exchange)
            && is(&self.principal, "principal")
            && is(&self.verdict, "verdict")
            && is(&self.outcome, "outcome")
            && timely
            && any(&self.rule, "findings", "rule")
            && any(&self.kind, "findings", "kind")
            && any(&self.tool, "tool_calls", "name")
    }
}

fn fits(text: &str, wanted: &str) -> bool {
    text == wanted || (wanted.ends_with('.') && text.starts_with(wanted))
}

/// A time, or a length of time before now.
fn moment(text: &str) -> Result<Timestamp, String> {
    const UNITS: [(char, i64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let ago =
        UNITS.iter().find_map(|(unit, seconds)| text.strip_suffix(*unit)?.parse::<u32>().ok().map(|n| (n, *seconds)));
    if let Some((n, seconds)) = ago {
        let before = jiff::SignedDuration::from_secs(i64::from(n) * seconds);
        return Timestamp::now().checked_sub(before).map_err(|error| error.to_string());
    }
    text.parse()
        .map_err(|_| "write a time as 2026-01-31T08:00:00Z, or a length of time such as 30m, 12h, 7d".to_owned())
}

/// Says what could not be read, and gives the exit code.
pub(super) fn told(summary: &Summary, out: &mut Output) -> Exit {
    for segment in &summary.damaged {
        out.error(format_args!("sidewall: {segment} is damaged; what stands before the damage was read"));
    }
    if summary.unreadable > 0 {
        out.error(format_args!("sidewall: {} record(s) sealed to these keys did not open", summary.unreadable));
    }
    if summary.damaged.is_empty() && summary.unreadable == 0 { Exit::Clean } else { Exit::Found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::audit::joined::Joiner;

    fn joined() -> Joined {
        let mut joiner = Joiner::new();
        let admission = serde_json::json!({ "event": "admission", "exchange": "e1", "time": "2026-01-02T00:00:00Z", "principal": "p",
            "request": { "findings": [{ "kind": "pii.email", "rule": "email" }] } });
        let completion = serde_json::json!({ "event": "completion", "exchange": "e1", "time": "2026-01-02T00:00:05Z", "principal": "p",
            "verdict": "redact", "outcome": "completed", "response": { "findings": [], "tool_calls": [{ "name": "refund" }] } });
        assert!(joiner.add(admission.to_string().as_bytes()).is_none());
        joiner.add(completion.to_string().as_bytes()).unwrap()
    }

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        filter: Filter,
    }

    #[test]
    fn an_exchange_is_taken_if_everything_fits() {
        use clap::Parser as _;
        let takes = |args: &[&str]| Line::parse_from(["x"].iter().chain(args)).filter.takes(&joined());
        for args in [
            &[][..],
            &["--exchange", "e1"],
            &["--since", "2026-01-02T00:00:00Z", "--until", "2026-01-02T00:00:01Z"],
            &["--principal", "p", "--verdict", "redact", "--outcome", "completed"],
            &["--rule", "email", "--kind", "pii.", "--tool", "refund"],
        ] {
            assert!(takes(args), "{args:?}");
        }
        for args in [
            &["--exchange", "e2"][..],
            &["--since", "2026-01-02T00:00:01Z"],
            &["--until", "2026-01-02T00:00:00Z"],
            &["--principal", "q"],
            &["--verdict", "allow"],
            &["--rule", "e"],
            &["--kind", "pii"],
            &["--tool", "email"],
        ] {
            assert!(!takes(args), "{args:?}");
        }
        assert!(moment("7d").unwrap() < moment("1h").unwrap());
        assert!(moment("soon").is_err() && moment("-1d").is_err());
    }
}
