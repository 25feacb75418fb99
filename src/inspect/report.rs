//! What an inspection leaves behind for audit and metrics: findings and filtered text, no raw text.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::detect::RuleInfo;
use crate::policy::Verdict;
use crate::redact::Filtered;
use crate::text::Part;

/// The report of one phase of an exchange.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Joined over all findings.
    pub verdict: Verdict,
    /// All findings, in order of appearance.
    pub findings: Vec<FindingNote>,
    /// Tool calls seen.
    pub tool_calls: Vec<ToolCallNote>,
    /// What it uses of the provider's state.
    pub state: Vec<StateNote>,
    /// The text after redaction, per channel.
    pub texts: Vec<FilteredText>,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// Placeholders restored for the caller.
    pub restored: u32,
    /// Tokens that look like this exchange's placeholders but could not be repaired.
    pub unrestored: u32,
    /// Token counts as the provider states them.
    pub usage: Option<Usage>,
    /// The model's name, if it is a plain identifier.
    pub model: Option<String>,
}

/// One finding as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingNote {
    /// The rule that found it.
    pub rule: Arc<RuleInfo>,
    /// Part of the exchange.
    pub part: Part,
    /// Path of the field where it starts.
    pub path: Arc<str>,
    /// Byte offset in the channel's raw text.
    pub start: usize,
    /// One past its end.
    pub end: usize,
    /// 0–100.
    pub confidence: u8,
    /// What was done: `none`, `observe`, `redact`, `block`.
    pub action: &'static str,
    /// The deciding guardrail's name, or empty.
    pub guardrail: Arc<str>,
}

/// One tool call as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallNote {
    /// The tool's name, if it is a plain identifier; else `(unprintable)`.
    pub name: String,
    /// `released`, `observed` (would be denied), `refused`, `removed`; in an approver's record `approved`, `denied`.
    pub decision: String,
    /// The rule that denies it (`tool.arguments` …), or empty.
    pub rule: String,
    /// More on why, or empty.
    pub reason: String,
    /// Ids of the policies that decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Arc<str>>,
    /// Path of the untrusted text that the arguments repeat, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<str>>,
    /// Id of the request for an approval that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Arc<str>>,
    /// The other principal: who approved the call, or, in an approver's own record, whose call it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterpart: Option<Arc<str>>,
}

/// A use of what the provider keeps, fetches or runs out of our sight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateNote {
    /// `previous_response`, `hosted_tool.web_search` …
    pub name: String,
    /// `allowed`, `observed` (would be refused), `refused`.
    pub decision: &'static str,
}

/// Redacted text of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilteredText {
    /// Part of the exchange.
    pub part: Part,
    /// Path of its first slot.
    pub path: Arc<str>,
    /// The text.
    pub text: Filtered,
}

/// Bytes of string values, by how they were treated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Inspected under a row of the dialect's table.
    pub inspected: u64,
    /// Declared opaque by a row (ids, signatures, media).
    pub opaque: u64,
    /// Inspected though no row mentions them.
    pub unlisted: u64,
}

/// Token counts as the provider states them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens.
    pub input: u64,
    /// Completion tokens.
    pub output: u64,
}
