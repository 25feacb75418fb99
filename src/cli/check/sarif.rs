//! Findings as SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), which code scanning services read.

use serde_json::{Value, json};

use super::{Note, Row};
use crate::detect::Ruleset;

/// The log: one run, the rules that found something, one result a finding. No snippets: they would be the text.
pub(super) fn log(ruleset: &Ruleset, rows: &[Row], threshold: u8, notes: &[Note]) -> Value {
    let used = ruleset.rules().iter().filter(|rule| rows.iter().any(|row| row.rule == rule.spec.id));
    let rules: Vec<Value> = used
        .map(|rule| {
            let spec = &rule.spec;
            let mut rule = json!({
                "id": spec.id,
                "shortDescription": { "text": spec.kind },
                "properties": { "kind": spec.kind, "confidence": spec.confidence },
            });
            // The schema knows no null: what a rule does not say is left out.
            if let (Some(rule), false) = (rule.as_object_mut(), spec.doc.is_empty()) {
                rule.insert("fullDescription".to_owned(), json!({ "text": spec.doc }));
            }
            if let (Some(rule), Some(reference)) = (rule.as_object_mut(), spec.references.first()) {
                rule.insert("helpUri".to_owned(), json!(reference));
            }
            rule
        })
        .collect();
    let results: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "ruleId": row.rule,
                "ruleIndex": rules.iter().position(|rule| rule.get("id").and_then(Value::as_str) == Some(&row.rule)),
                "level": if row.confidence >= threshold { "warning" } else { "note" },
                "rank": row.confidence,
                "message": { "text": format!("{} (confidence {})", row.kind, row.confidence) },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": uri(&row.file) },
                    "region": {
                        "startLine": row.line, "startColumn": row.column,
                        "endLine": row.end_line, "endColumn": row.end_column,
                    },
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "sidewall",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
                "properties": { "ruleset": ruleset.hash() },
            }},
            "invocations": [{
                "executionSuccessful": notes.iter().all(|note| note.skipped),
                "toolExecutionNotifications": notes.iter().map(notification).collect::<Vec<_>>(),
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A file that was not scanned.
fn notification(note: &Note) -> Value {
    json!({
        "level": if note.skipped { "note" } else { "error" },
        "message": { "text": note.what },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&note.file) } } }],
    })
}

/// A path as a URI reference (RFC 3986): what is not unreserved, and not a separator, in percent.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if uri.starts_with('/') { format!("file://{uri}") } else { uri }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        for (path, expected) in [("a b.txt", "a%20b.txt"), ("/x/é", "file:///x/%C3%A9"), ("-", "-")] {
            assert_eq!(uri(path), expected);
        }
    }
}
