//! What is recorded of an exchange, and its JSON inside the seal (schema in `docs/audit-format.md`).
//!
//! SECURITY: there is no field for raw caller text. Text comes in as [`Report`] alone, whose texts are
//! [`Filtered`](crate::redact::Filtered): made by redaction, and by nothing else.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::audit::error::AuditError;
use crate::audit::frame::{MAX_RECORD, PAD};
use crate::audit::json::Writer;
use crate::audit::settings::Content;
use crate::inspect::{FindingNote, Report};
use crate::policy::Verdict;

/// Which half of an exchange a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Before anything goes to the caller.
    Admission,
    /// After the last byte, or in its place.
    Completion,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole response went to the caller.
    Completed,
    /// We answered instead.
    Refused,
    /// The caller left, or the sidecar had to stop.
    Aborted,
    /// The upstream or the sidecar failed.
    Failed,
}

/// A refusal as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalNote {
    /// The code that the caller saw.
    pub code: &'static str,
    /// Path of the field, or empty.
    pub path: Arc<str>,
    /// Deciding rule, or empty.
    pub rule: Arc<str>,
}

/// Durations in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Timings {
    /// From the request's first byte to now.
    pub total_us: u64,
    /// Spent inspecting.
    pub inspect_us: u64,
    /// Spent waiting for the upstream.
    pub upstream_us: u64,
}

/// One record: half an exchange.
#[derive(Debug, Clone)]
pub struct Record {
    /// Which half.
    pub event: Event,
    /// Id of the exchange, as in `x-sidewall-exchange`.
    pub exchange: String,
    /// When.
    pub time: Timestamp,
    /// To whose key it is sealed.
    pub tenant: Arc<str>,
    /// Who called.
    pub principal: Arc<str>,
    /// The principal's roles.
    pub roles: Arc<[Arc<str>]>,
    /// The principal's scopes.
    pub scopes: Arc<[Arc<str>]>,
    /// Dialect of the endpoint.
    pub dialect: &'static str,
    /// Endpoint as its table names it.
    pub endpoint: &'static str,
    /// Name of the upstream.
    pub upstream: Arc<str>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// HTTP status that the caller got.
    pub status: Option<u16>,
    /// How it ended; `None` in an admission.
    pub outcome: Option<Outcome>,
    /// `allow`, `redact` or `block`.
    pub verdict: &'static str,
    /// What we answered instead.
    pub refusal: Option<RefusalNote>,
    /// Inspection of the request.
    pub request: Option<Report>,
    /// Inspection of the response.
    pub response: Option<Report>,
    /// Hash of the ruleset in force.
    pub ruleset: Arc<str>,
    /// Hash of the policies in force, or empty.
    pub policies: Arc<str>,
    /// Durations.
    pub timings: Timings,
}

impl Record {
    /// Its padded plaintext: length of the JSON (u32), the JSON, zeros up to a multiple of [`PAD`].
    ///
    /// # Errors
    /// [`AuditError::TooLarge`]; [`AuditError::Seal`] if it cannot be serialised.
    pub(crate) fn encode(&self, content: Content) -> Result<Vec<u8>, AuditError> {
        let mut out = Vec::with_capacity(2048);
        out.extend_from_slice(&[0; 4]);
        self.write(&mut Writer::new(&mut out), content).map_err(|_| {
            // serde_json's message could quote a value; what failed is known anyway.
            AuditError::Seal("the record is not serialisable".to_owned())
        })?;
        let len = out.len() - 4;
        out.resize(out.len().next_multiple_of(PAD), 0);
        if out.len() > MAX_RECORD {
            return Err(AuditError::TooLarge(len));
        }
        let len = u32::try_from(len).map_err(|_| AuditError::TooLarge(len))?;
        if let Some(head) = out.first_chunk_mut::<4>() {
            *head = len.to_be_bytes();
        }
        Ok(out)
    }
}

/// The JSON of a padded plaintext; `None` if its length cannot be.
pub(crate) fn decode(padded: &[u8]) -> Option<&[u8]> {
    let (len, rest) = padded.split_first_chunk::<4>()?;
    let (json, zeros) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
    (zeros.len() < PAD && zeros.iter().all(|byte| *byte == 0)).then_some(json)
}

impl Record {
    fn write(&self, to: &mut Writer<'_>, content: Content) -> serde_json::Result<()> {
        to.open(b'{');
        to.field("v").number(1);
        to.field("event").value(&self.event)?;
        to.field("exchange").string(&self.exchange);
        to.field("time").string(&self.time.to_string());
        to.field("tenant").string(&self.tenant);
        to.field("principal").string(&self.principal);
        for (name, list) in [("roles", &self.roles), ("scopes", &self.scopes)] {
            if !list.is_empty() {
                to.field(name).value(list)?;
            }
        }
        to.field("dialect").string(self.dialect);
        to.field("endpoint").string(self.endpoint);
        to.field("upstream").string(&self.upstream);
        to.field("stream").value(&self.stream)?;
        to.field_if("status", self.status.as_ref())?;
        to.field_if("outcome", self.outcome.as_ref())?;
        to.field("verdict").string(self.verdict);
        to.field_if("refusal", self.refusal.as_ref())?;
        for (name, report) in [("request", &self.request), ("response", &self.response)] {
            if let Some(report) = report {
                write_report(report, to.field(name), content)?;
            }
        }
        to.field("ruleset").string(&self.ruleset);
        if !self.policies.is_empty() {
            to.field("policies").string(&self.policies);
        }
        to.field("timings").value(&self.timings)?;
        to.close(b'}');
        Ok(())
    }
}

fn write_report(report: &Report, to: &mut Writer<'_>, content: Content) -> serde_json::Result<()> {
    to.open(b'{');
    to.field("verdict").string(report.verdict.word());
    if let Verdict::Block(reason) = &report.verdict {
        to.field("reason").open(b'{');
        to.field("kind").string(&reason.kind);
        to.field("rule").string(&reason.rule);
        to.field("guardrail").string(&reason.guardrail);
        to.field("path").string(&reason.path);
        to.close(b'}');
    }
    to.field("findings").open(b'[');
    for finding in &report.findings {
        write_finding(finding, to.item());
    }
    to.close(b']');
    if !report.tool_calls.is_empty() {
        to.field("tool_calls").value(&report.tool_calls)?;
    }
    if !report.state.is_empty() {
        to.field("state").value(&report.state)?;
    }
    let texts = match content {
        Content::Metadata => &[],
        Content::Filtered => report.texts.as_slice(),
    };
    if !texts.is_empty() {
        to.field("texts").open(b'[');
        for text in texts {
            to.item().open(b'{');
            to.field("part").string(text.part.name());
            to.field("path").string(&text.path);
            to.field("text").string(text.text.as_str());
            to.close(b'}');
        }
        to.close(b']');
    }
    to.field("coverage").value(&report.coverage)?;
    to.field("restored").number(report.restored.into());
    to.field("unrestored").number(report.unrestored.into());
    to.field_if("usage", report.usage.as_ref())?;
    to.field_if("model", report.model.as_ref())?;
    to.close(b'}');
    Ok(())
}

fn write_finding(finding: &FindingNote, to: &mut Writer<'_>) {
    to.open(b'{');
    to.field("kind").string(&finding.rule.kind);
    to.field("rule").string(&finding.rule.id);
    to.field("part").string(finding.part.name());
    to.field("path").string(&finding.path);
    to.field("start").number(finding.start as u64);
    to.field("end").number(finding.end as u64);
    to.field("confidence").number(finding.confidence.into());
    to.field("action").string(finding.action);
    to.field("guardrail").string(&finding.guardrail);
    to.close(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::detect::RuleInfo;
    use crate::inspect::FilteredText;
    use crate::policy::Reason;
    use crate::redact::Filtered;

    #[test]
    fn a_record_is_json_as_the_format_says() {
        let rule = RuleInfo { id: "e\"mail".into(), kind: "pii.email".into(), word: "EMAIL".into(), weight: 0 };
        let note = FindingNote {
            rule: Arc::new(rule),
            part: crate::text::Part::User,
            path: "messages[0].content".into(),
            start: 3,
            end: 17,
            confidence: 95,
            action: "redact",
            guardrail: "profile: \u{7f}\n".into(),
        };
        let text = Filtered::from_redacted("a \"b\" \\ \u{1}\t\u{2028} é".to_owned());
        let report = Report {
            findings: vec![note.clone(), note],
            texts: vec![FilteredText { part: crate::text::Part::ToolResult, path: "p".into(), text }],
            restored: 2,
            model: Some("m".to_owned()),
            ..Report::default()
        };
        let reason = Reason { kind: "k".into(), rule: "r".into(), guardrail: "g".into(), path: "p".into() };
        let record = Record {
            event: Event::Completion,
            exchange: "x".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            tenant: "acme".into(),
            principal: "app".into(),
            roles: [Arc::from("support")].into(),
            scopes: [].into(),
            dialect: "d",
            endpoint: "e",
            upstream: "u".into(),
            stream: true,
            status: Some(200),
            outcome: Some(Outcome::Refused),
            verdict: "block",
            refusal: Some(RefusalNote { code: "c", path: "p".into(), rule: "r".into() }),
            request: Some(report),
            response: Some(Report { verdict: Verdict::Block(reason), ..Report::default() }),
            ruleset: "h".into(),
            policies: "q".into(),
            timings: Timings { total_us: 1, inspect_us: 2, upstream_us: u64::MAX },
        };
        let read = |content| -> Value {
            let padded = record.encode(content).unwrap();
            assert_eq!(padded.len() % PAD, 0);
            serde_json::from_slice(decode(&padded).unwrap()).unwrap()
        };
        let finding = json!({
            "kind": "pii.email", "rule": "e\"mail", "part": "user", "path": "messages[0].content", "start": 3, "end": 17,
            "confidence": 95, "action": "redact", "guardrail": "profile: \u{7f}\n",
        });
        let coverage = json!({ "inspected": 0, "opaque": 0, "unlisted": 0 });
        let mut expected = json!({
            "v": 1, "event": "completion", "exchange": "x", "time": "1970-01-01T00:00:00Z", "tenant": "acme", "principal": "app",
            "roles": ["support"], "dialect": "d", "endpoint": "e", "upstream": "u", "stream": true, "status": 200,
            "outcome": "refused", "verdict": "block", "refusal": { "code": "c", "path": "p", "rule": "r" },
            "request": {
                "verdict": "allow", "findings": [finding, finding],
                "texts": [{ "part": "tool_result", "path": "p", "text": "a \"b\" \\ \u{1}\t\u{2028} é" }],
                "coverage": coverage, "restored": 2, "unrestored": 0, "model": "m",
            },
            "response": {
                "verdict": "block", "reason": { "kind": "k", "rule": "r", "guardrail": "g", "path": "p" }, "findings": [],
                "coverage": coverage, "restored": 0, "unrestored": 0,
            },
            "ruleset": "h", "policies": "q", "timings": { "total_us": 1, "inspect_us": 2, "upstream_us": u64::MAX },
        });
        // Members stand in this order, too.
        assert_eq!(read(Content::Filtered).to_string(), expected.to_string());
        expected["request"].as_object_mut().unwrap().shift_remove("texts");
        assert_eq!(read(Content::Metadata).to_string(), expected.to_string());
    }
}
