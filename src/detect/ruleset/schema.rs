//! A rule as its file says it. Nothing here is checked beyond types; `compile` does that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One `[[rule]]` of a ruleset file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// Unique name, `[a-z0-9-]+`.
    pub id: String,
    /// Dotted kind: `pci.pan`, `injection.override` …
    pub kind: String,
    /// The word of placeholders; absent: the last part of the kind in upper case.
    #[serde(default)]
    pub word: Option<String>,
    /// Base confidence, 0–100.
    pub confidence: u8,
    /// Prefilter: a match has one of these in it, or in the 64 bytes before it (ASCII case does not matter).
    #[serde(default)]
    pub keywords: Vec<String>,
    /// `injection.*` only, beside `keywords`: every match contains one of these too. The pattern runs where both are near.
    #[serde(default)]
    pub also: Vec<String>,
    /// Prefilter: every match contains at least this many decimal digits.
    #[serde(default)]
    pub digits: Option<usize>,
    /// Why the rule can do without a prefilter.
    #[serde(default)]
    pub always: Option<String>,
    /// `injection.*` only, in place of `regex`: word classes (`[class.NAME]`) that stand together in one sentence, in any order. The
    /// first one's words are the prefilter; of three or more classes the second one's too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phrase: Vec<String>,
    /// Beside `phrase`: characters between two of its words, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<usize>,
    /// Beside `phrase`: classes that excuse it when one of their words stands at most so many characters before it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unless: BTreeMap<String, usize>,
    /// The words of the classes that the rule names, from its file.
    #[serde(default, skip_deserializing, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, Vec<String>>,
    /// The pattern, in the syntax of the `regex` crate, for the folded view. A group `secret` is the finding's span.
    #[serde(default)]
    pub regex: String,
    /// Name of a validator in `detect::validate`.
    #[serde(default)]
    pub validator: Option<String>,
    /// Least Shannon entropy of the span, bits per character.
    #[serde(default)]
    pub entropy: Option<f64>,
    /// Words near the span that raise the confidence.
    #[serde(default)]
    pub context: Vec<String>,
    /// Without one of `context` there is no finding.
    #[serde(default)]
    pub context_required: bool,
    /// `injection.*` only: 1–100, contribution to the channel's score.
    #[serde(default)]
    pub weight: u8,
    /// One sentence: what it is and why a leak is bad.
    #[serde(default)]
    pub doc: String,
    /// Where the format is documented.
    #[serde(default)]
    pub references: Vec<String>,
    /// Texts in which this rule alone must find something.
    #[serde(default)]
    pub matches: Vec<String>,
    /// Texts in which this rule alone must find nothing.
    #[serde(default)]
    pub ignores: Vec<String>,
}

/// The keys of a rule, for reporting all unknown ones at once.
pub(super) const KEYS: [&str; 21] = [
    "id",
    "kind",
    "word",
    "confidence",
    "keywords",
    "also",
    "digits",
    "always",
    "regex",
    "phrase",
    "gap",
    "unless",
    "validator",
    "entropy",
    "context",
    "context_required",
    "weight",
    "doc",
    "references",
    "matches",
    "ignores",
];
