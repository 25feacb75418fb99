//! Texts to hold rulesets against: labelled data as `sidewall eval` reads it, or plain files.

use std::path::Path;

use serde_json::Value;

use crate::cli::Failure;
use crate::cli::check::read;
use crate::detect::Finding;
use crate::text::TextSpan;

/// What is known of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    /// Nothing.
    Unknown,
    /// All that there is to find, bytes.
    Spans(Vec<TextSpan>),
    /// Whether it holds a secret.
    Secret(bool),
    /// Whether it is an injection.
    Injection(bool),
}

impl Truth {
    /// Whether a finding is right; `None`: the label does not speak of it.
    pub(super) fn says(&self, finding: &Finding) -> Option<bool> {
        let is = |prefix: &str| finding.rule.kind.starts_with(prefix);
        match self {
            Self::Unknown => None,
            Self::Spans(_) if is("injection.") => None,
            Self::Spans(spans) => Some(spans.iter().any(|span| span.overlaps(finding.span))),
            Self::Secret(holds) => is("secret.").then_some(*holds),
            Self::Injection(holds) => is("injection.").then_some(*holds),
        }
    }
}

/// A text, where it stands, and what is known of it.
#[derive(Debug)]
pub(super) struct Row {
    /// File, and for labelled data the line.
    pub(super) place: String,
    pub(super) text: String,
    pub(super) truth: Truth,
}

/// The texts of a file: the rows of `*.jsonl`, or the file as a whole.
pub(super) fn rows(path: &Path) -> Result<Vec<Row>, Failure> {
    let name = path.display();
    let text = read(path).map_err(|problem| Failure::new(format!("{name}: {problem}")))?;
    if path.extension().is_none_or(|extension| extension != "jsonl") {
        return Ok(vec![Row { place: name.to_string(), text, truth: Truth::Unknown }]);
    }
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(number, line)| {
        let place = format!("{name}:{number}");
        // The parser's message quotes no text, but says where.
        let row: Value =
            serde_json::from_str(line).map_err(|error| Failure::new(format!("{place}: no JSON: {error}")))?;
        let text = row.get("text").and_then(Value::as_str);
        let text = text.ok_or_else(|| Failure::new(format!("{place}: has no \"text\"")))?.to_owned();
        let truth = truth(&row, &text);
        Ok(Row { place, text, truth })
    });
    rows.collect()
}

fn truth(row: &Value, text: &str) -> Truth {
    if row.get("ambiguous").and_then(Value::as_bool) == Some(true) {
        return Truth::Unknown;
    }
    if let Some(holds) = row.get("is_secret").and_then(Value::as_bool) {
        return Truth::Secret(holds);
    }
    if let Some(label) = row.get("label").and_then(Value::as_u64) {
        return Truth::Injection(label == 1);
    }
    let Some(spans) = row.get("spans").and_then(Value::as_array) else { return Truth::Unknown };
    // Labels count code points, findings bytes.
    let byte = |at: u64| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte)
    };
    let place = |span: &Value, key: &str| span.get(key).and_then(Value::as_u64).map(byte);
    let spans = spans.iter().filter_map(|span| Some(TextSpan::new(place(span, "start")?, place(span, "end")?)));
    Truth::Spans(spans.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::detect::RuleInfo;

    #[test]
    fn labels_speak_of_their_kinds_only() {
        let text = "é mail a@b.example";
        let span = TextSpan::new(8, 19);
        let finding = |kind: &str, span| {
            let rule = Arc::new(RuleInfo { id: "r".into(), kind: kind.into(), word: "X".into(), weight: 0 });
            Finding { rule, span, confidence: 50 }
        };
        for (row, kind, expected) in [
            (r#"{"spans":[{"start":7,"end":18}]}"#, "pii.email", Some(true)),
            (r#"{"spans":[]}"#, "pii.email", Some(false)),
            (r#"{"spans":[]}"#, "injection.x", None),
            (r#"{"is_secret":true}"#, "secret.x", Some(true)),
            (r#"{"is_secret":false}"#, "secret.x", Some(false)),
            (r#"{"is_secret":false}"#, "pii.email", None),
            (r#"{"label":0}"#, "injection.x", Some(false)),
            (r#"{"label":null}"#, "injection.x", None),
            (r#"{"spans":[],"ambiguous":true}"#, "pii.email", None),
        ] {
            let truth = truth(&serde_json::from_str(row).unwrap(), text);
            assert_eq!(truth.says(&finding(kind, span)), expected, "{row} {kind}");
        }
        let labelled = truth(&serde_json::from_str(r#"{"spans":[{"start":7,"end":18}]}"#).unwrap(), text);
        assert_eq!(labelled, Truth::Spans(vec![span]));
    }
}
