//! How the reading commands join the halves of exchanges and show them to people.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// LIMIT: admissions that wait for their completion in memory. Beyond, they are shown alone: a log of a sidecar that was
/// killed again and again must not fill the reader's memory.
const MAX_OPEN: usize = 100_000;

/// An exchange: its two records, either of which may be missing.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) exchange: String,
    admission: Option<Value>,
    completion: Option<Value>,
}

/// Joins records as they come.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    open: HashMap<String, Value>,
    /// Exchange ids in order of admission.
    order: Vec<String>,
}

impl Joiner {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Takes a record; gives an exchange that is now complete.
    pub(super) fn add(&mut self, json: &[u8]) -> Option<Joined> {
        let record: Value = serde_json::from_slice(json).unwrap_or(Value::Null);
        let exchange = text(&record, "exchange").to_owned();
        if text(&record, "event") == "completion" {
            let admission = self.open.remove(&exchange);
            return Some(Joined { exchange, admission, completion: Some(record) });
        }
        if self.open.len() >= MAX_OPEN {
            return Some(Joined { exchange, admission: Some(record), completion: None });
        }
        self.order.push(exchange.clone());
        let before = self.open.insert(exchange.clone(), record)?;
        Some(Joined { exchange, admission: Some(before), completion: None })
    }

    /// The exchanges that have not ended.
    pub(super) fn rest(mut self) -> Vec<Joined> {
        let take = |exchange: String| {
            let admission = self.open.remove(&exchange)?;
            Some(Joined { exchange, admission: Some(admission), completion: None })
        };
        self.order.into_iter().filter_map(take).collect()
    }
}

impl Joined {
    /// The heading of [`line`](Self::line).
    pub(super) const HEADER: &'static str = "TIME                      EXCHANGE                    PRINCIPAL         ENDPOINT              VERDICT  OUTCOME    STATUS  FINDINGS";

    /// The last record there is: it knows most.
    pub(super) fn last(&self) -> &Value {
        self.completion.as_ref().or(self.admission.as_ref()).unwrap_or(&Value::Null)
    }

    /// The first record there is.
    pub(super) fn first(&self) -> &Value {
        self.admission.as_ref().or(self.completion.as_ref()).unwrap_or(&Value::Null)
    }

    /// The report of a phase, `request` or `response`. A completion may repeat the request's report of the admission.
    pub(super) fn report(&self, phase: &str) -> Option<&Value> {
        [&self.completion, &self.admission].into_iter().flatten().find_map(|record| record.get(phase))
    }

    /// The reports of both phases.
    pub(super) fn reports(&self) -> impl Iterator<Item = &Value> {
        ["request", "response"].into_iter().filter_map(|phase| self.report(phase))
    }

    /// One JSON object.
    pub(super) fn json(&self) -> Value {
        json!({ "exchange": self.exchange, "admission": self.admission, "completion": self.completion })
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        let last = self.last();
        let time = text(self.first(), "time");
        let outcome = if self.completion.is_some() { text(last, "outcome") } else { "(open)" };
        let status = last.get("status").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |code| code.to_string());
        printable(&format!(
            "{time:<24}  {:<26}  {:<16}  {:<20}  {:<7}  {outcome:<9}  {status:>6}  {}",
            self.exchange,
            text(last, "principal"),
            text(last, "endpoint"),
            text(last, "verdict"),
            self.findings(),
        ))
    }

    /// Everything, for people.
    pub(super) fn detail(&self) -> String {
        let pretty = serde_json::to_string_pretty(&self.json()).unwrap_or_default();
        pretty.lines().map(printable).collect::<Vec<_>>().join("\n")
    }

    /// `pii.email×2 pci.pan`, over both records.
    fn findings(&self) -> String {
        let mut counts: Map<String, Value> = Map::new();
        for report in self.reports() {
            let findings = report.get("findings").and_then(Value::as_array);
            for finding in findings.into_iter().flatten() {
                let count = counts.entry(text(finding, "kind")).or_insert(json!(0));
                *count = json!(count.as_u64().unwrap_or_default() + 1);
            }
        }
        let words = counts.iter().map(|(kind, count)| match count.as_u64() {
            Some(1) => kind.clone(),
            _ => format!("{kind}×{count}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// SECURITY: texts from a log may hold terminal control sequences; none is passed on to the terminal.
pub(super) fn printable(text: &str) -> String {
    let is_safe = |c: char| {
        !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_safe(c) { c } else { '\u{fffd}' }).collect()
}

pub(super) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: &str, exchange: &str) -> Vec<u8> {
        json!({ "event": event, "exchange": exchange, "time": "2026-01-01T00:00:00Z", "verdict": "redact",
                "request": { "findings": [{ "kind": "pii.email" }, { "kind": "pii.email" }] } })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn halves_are_joined_and_open_exchanges_come_last() {
        let mut joiner = Joiner::new();
        assert!(joiner.add(&record("admission", "a")).is_none());
        assert!(joiner.add(&record("admission", "b")).is_none());
        let joined = joiner.add(&record("completion", "a")).unwrap();
        assert!(joined.admission.is_some() && joined.line().contains("pii.email×2"), "{}", joined.line());
        let rest = joiner.rest();
        assert_eq!(rest.len(), 1);
        assert!(rest[0].exchange == "b" && rest[0].line().contains("(open)"));
        assert!(Joiner::new().add(&record("completion", "b")).is_some_and(|alone| alone.admission.is_none()));
        assert!(Joiner::new().add(b"not json").is_none());
    }

    #[test]
    fn control_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2J\u{9b}\u{202e}b"), "a\u{fffd}[2J\u{fffd}\u{fffd}b");
    }
}
