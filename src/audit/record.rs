//! What is recorded of an exchange, and its JSON inside the seal (schema in `docs/audit-format.md`).
//!
//! SECURITY: there is no field for raw caller text. Text comes in as [`Report`] alone, whose texts are
//! [`Filtered`](crate::redact::Filtered): made by redaction, and by nothing else.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::audit::error::AuditError;
use crate::audit::frame::{MAX_RECORD, PAD};
use crate::audit::settings::Content;
use crate::inspect::{Coverage, FindingNote, Report, ToolCallNote, Usage};
use crate::policy::Verdict;
use crate::text::Part;

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
        serde_json::to_writer(&mut out, &Json::new(self, content)).map_err(|_| {
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

#[derive(Serialize)]
struct Json<'a> {
    v: u8,
    event: Event,
    exchange: &'a str,
    #[serde(serialize_with = "rfc3339")]
    time: Timestamp,
    tenant: &'a str,
    principal: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [Arc<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes: &'a [Arc<str>],
    dialect: &'a str,
    endpoint: &'a str,
    upstream: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a RefusalNote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<ReportJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ReportJson<'a>>,
    ruleset: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    policies: &'a str,
    timings: Timings,
}

#[derive(Serialize)]
struct ReportJson<'a> {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonJson<'a>>,
    findings: &'a [FindingNote],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'a [ToolCallNote],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    texts: Vec<TextJson<'a>>,
    coverage: Coverage,
    restored: u32,
    unrestored: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

#[derive(Serialize)]
struct ReasonJson<'a> {
    kind: &'a str,
    rule: &'a str,
    guardrail: &'a str,
    path: &'a str,
}

#[derive(Serialize)]
struct TextJson<'a> {
    part: Part,
    path: &'a str,
    text: &'a str,
}

impl<'a> Json<'a> {
    fn new(record: &'a Record, content: Content) -> Self {
        let report = |report: &'a Option<Report>| report.as_ref().map(|report| ReportJson::new(report, content));
        Self {
            v: 1,
            event: record.event,
            exchange: &record.exchange,
            time: record.time,
            tenant: &record.tenant,
            principal: &record.principal,
            roles: &record.roles,
            scopes: &record.scopes,
            dialect: record.dialect,
            endpoint: record.endpoint,
            upstream: &record.upstream,
            stream: record.stream,
            status: record.status,
            outcome: record.outcome,
            verdict: record.verdict,
            refusal: record.refusal.as_ref(),
            request: report(&record.request),
            response: report(&record.response),
            ruleset: &record.ruleset,
            policies: &record.policies,
            timings: record.timings,
        }
    }
}

impl<'a> ReportJson<'a> {
    fn new(report: &'a Report, content: Content) -> Self {
        let reason = match &report.verdict {
            Verdict::Block(reason) => Some(ReasonJson {
                kind: &reason.kind,
                rule: &reason.rule,
                guardrail: &reason.guardrail,
                path: &reason.path,
            }),
            Verdict::Allow | Verdict::Redact => None,
        };
        let texts = match content {
            Content::Metadata => Vec::new(),
            Content::Filtered => (report.texts.iter())
                .map(|text| TextJson { part: text.part, path: &text.path, text: text.text.as_str() })
                .collect(),
        };
        Self {
            verdict: report.verdict.word(),
            reason,
            findings: &report.findings,
            tool_calls: &report.tool_calls,
            texts,
            coverage: report.coverage,
            restored: report.restored,
            unrestored: report.unrestored,
            usage: report.usage,
            model: report.model.as_deref(),
        }
    }
}

fn rfc3339<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(time)
}
