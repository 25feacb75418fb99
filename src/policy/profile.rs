//! Profiles: named sets of guardrail rows, a starting point that configured rows override.
//!
//! | | observe | balanced | strict |
//! |---|---|---|---|
//! | request: cards, PII | observe | tokenize | tokenize, names too |
//! | request: secrets | observe | tokenize | block |
//! | request: injection by user or system | observe | block | block, lower threshold |
//! | request: injection in tool results, documents, tool definitions | observe | block | block, lower threshold |
//! | response: cards and secrets | observe | mask | mask |
//! | response: PII | observe | observe | mask |
//! | addresses of private networks | observe | – | as PII |
//!
//! Response rows speak of what the caller did not send: the engine restores what it did. Rows of the product's table on links to
//! hosts off the egress list, tool calls, unknown part types, media and server-side state are not built yet and have no row
//! here; unknown endpoints are a setting of the server ([`Profile::unknown_endpoint_denied`]).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::policy::guardrail::{FailMode, Guardrail};
use crate::policy::verdict::Action;
use crate::redact::Strategy;
use crate::text::{Glob, Part, Phase};

/// A named set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Records, changes nothing.
    Observe,
    /// Redacts what is probably sensitive, blocks what is probably an attack.
    #[default]
    Balanced,
    /// Prefers a wrong refusal to a leak.
    Strict,
}

/// Observing has no false positives to fear: everything that a rule finds is recorded under a name.
const ANY: u8 = 0;
/// At 50 a finding is as likely right as wrong. A wrong placeholder costs little (the caller gets the text back), a missed one
/// leaks; so balanced redacts from there on.
const PROBABLE: u8 = 50;
/// Strict redacts on half that much evidence: numbers without a word of context that says what they are.
const POSSIBLE: u8 = 25;
/// Scores combine rule weights (`detect::injection`): one explicit order to ignore the instructions reaches this alone, weaker
/// signs only two or three together. So text that merely mentions roles, prompts or rules passes.
const INJECTION_BY_CALLER: u8 = 70;
/// Tool results and documents have no business to give orders at all: less evidence suffices.
const INJECTION_BY_DATA: u8 = 60;
/// Strict: one rule of medium weight suffices.
const STRICT_INJECTION_BY_CALLER: u8 = 50;
/// As above, less the same trust that balanced withholds from data (halved, since there is less room).
const STRICT_INJECTION_BY_DATA: u8 = 45;

/// Who may give orders to the model. Unlisted strings are held to the same score: nobody knows who wrote them, and they are
/// mostly identifiers and metadata of the caller's.
const CALLER: &[Part] = &[Part::System, Part::User, Part::Unlisted];
/// Who may not: text that the application did not write.
const DATA: &[Part] = &[Part::ToolResult, Part::Document, Part::ToolDefinition];
/// The model's earlier words, resent with a request. The model's own output is no order to it; recorded.
const MODEL: &[Part] = &[Part::Assistant, Part::Reasoning, Part::Refusal, Part::ToolArguments];
const EVERY: &[Part] = &Part::ALL;

const CARDS: &[&str] = &["pci.*"];
const PII: &[&str] = &["pii.*"];
/// Names of people: found by models only, often wrong, and rarely what identifies somebody; strict takes them too.
const NAMES: &[&str] = &["pii.person*", "pii.name*"];
/// Addresses of private networks and of the machine itself: they name nobody outside, and logs are full of them.
const NETWORK: &[&str] = &["net.*"];
const SECRETS: &[&str] = &["secret.*"];
const CARDS_AND_SECRETS: &[&str] = &["pci.*", "secret.*"];
const INJECTION: &[&str] = &["injection.*"];
const ALL_KINDS: &[&str] = &["*"];

const REQUEST: Option<Phase> = Some(Phase::Request);
const RESPONSE: Option<Phase> = Some(Phase::Response);

/// What a row does.
#[derive(Clone, Copy)]
enum Deed {
    Observe,
    Tokenize,
    Mask,
    Block,
}

impl Deed {
    /// The action, and the strategy that only redaction looks at.
    const fn parts(self) -> (Action, Strategy) {
        match self {
            Self::Observe => (Action::Observe, Strategy::Mask),
            Self::Tokenize => (Action::Redact, Strategy::Tokenize),
            Self::Mask => (Action::Redact, Strategy::Mask),
            Self::Block => (Action::Block, Strategy::Mask),
        }
    }
}

/// name, kinds, phase, parts, threshold, deed.
type Row = (&'static str, &'static [&'static str], Option<Phase>, &'static [Part], u8, Deed);

/// Everything is recorded, nothing is changed.
const OBSERVE: &[Row] = &[("observe: everything", ALL_KINDS, None, EVERY, ANY, Deed::Observe)];

#[rustfmt::skip]
const BALANCED: &[Row] = &[
    ("balanced: cards in requests",           CARDS,             REQUEST,  EVERY,  PROBABLE,            Deed::Tokenize),
    ("balanced: names in requests",           NAMES,             REQUEST,  EVERY,  ANY,                 Deed::Observe),
    ("balanced: PII in requests",             PII,               REQUEST,  EVERY,  PROBABLE,            Deed::Tokenize),
    ("balanced: secrets in requests",         SECRETS,           REQUEST,  EVERY,  PROBABLE,            Deed::Tokenize),
    ("balanced: injection by user or system", INJECTION,         REQUEST,  CALLER, INJECTION_BY_CALLER, Deed::Block),
    ("balanced: injection in data",           INJECTION,         REQUEST,  DATA,   INJECTION_BY_DATA,   Deed::Block),
    ("balanced: injection in model output",   INJECTION,         REQUEST,  MODEL,  ANY,                 Deed::Observe),
    ("balanced: cards and secrets in responses", CARDS_AND_SECRETS, RESPONSE, EVERY, PROBABLE,          Deed::Mask),
    ("balanced: PII in responses",            PII,               RESPONSE, EVERY,  ANY,                 Deed::Observe),
];

#[rustfmt::skip]
const STRICT: &[Row] = &[
    ("strict: cards in requests",             CARDS,             REQUEST,  EVERY,  POSSIBLE,                   Deed::Tokenize),
    ("strict: PII in requests",               PII,               REQUEST,  EVERY,  POSSIBLE,                   Deed::Tokenize),
    ("strict: private addresses in requests", NETWORK,           REQUEST,  EVERY,  POSSIBLE,                   Deed::Tokenize),
    ("strict: secrets in requests",           SECRETS,           REQUEST,  EVERY,  PROBABLE,                   Deed::Block),
    ("strict: injection by user or system",   INJECTION,         REQUEST,  CALLER, STRICT_INJECTION_BY_CALLER, Deed::Block),
    ("strict: injection in data",             INJECTION,         REQUEST,  DATA,   STRICT_INJECTION_BY_DATA,   Deed::Block),
    ("strict: injection in model output",     INJECTION,         REQUEST,  MODEL,  ANY,                        Deed::Observe),
    ("strict: cards and secrets in responses", CARDS_AND_SECRETS, RESPONSE, EVERY, POSSIBLE,                   Deed::Mask),
    ("strict: PII in responses",              PII,               RESPONSE, EVERY,  POSSIBLE,                   Deed::Mask),
    ("strict: private addresses in responses", NETWORK,          RESPONSE, EVERY,  POSSIBLE,                   Deed::Mask),
];

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Observe, Self::Balanced, Self::Strict];

    /// The name used in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Balanced => "balanced",
            Self::Strict => "strict",
        }
    }

    /// Its rows, in the order in which they are asked; for every tenant, and failing closed.
    #[must_use]
    pub fn rows(self) -> Vec<Guardrail> {
        let table = match self {
            Self::Observe => OBSERVE,
            Self::Balanced => BALANCED,
            Self::Strict => STRICT,
        };
        table.iter().map(guardrail).collect()
    }

    /// Whether endpoints that no dialect table mentions are refused where the file does not say.
    #[must_use]
    pub const fn unknown_endpoint_denied(self) -> bool {
        matches!(self, Self::Strict)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn guardrail(&(name, kinds, phase, parts, threshold, deed): &Row) -> Guardrail {
    let (action, strategy) = deed.parts();
    Guardrail {
        restore_in_tools: false,
        name: name.into(),
        kinds: kinds.iter().filter_map(|kind| Glob::new(kind)).collect(),
        rules: Vec::new(),
        phase,
        parts: parts.to_vec(),
        tenants: Glob::new("*").into_iter().collect(),
        threshold,
        action,
        strategy,
        fail: FailMode::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::guardrail::Guardrails;

    /// The product's table: (phase, part, kind, confidence) → observe, balanced, strict.
    #[test]
    fn golden_table() {
        use Part::{Assistant, Document, System, ToolArguments, ToolDefinition, ToolResult, Unlisted, User};
        let rq = Phase::Request;
        let rs = Phase::Response;
        let cases = [
            (rq, User, "pci.pan", 90, "observe", "tokenize", "tokenize"),
            (rq, ToolResult, "pci.pan", 50, "observe", "tokenize", "tokenize"),
            (rq, User, "pci.pan", 49, "observe", "none", "tokenize"),
            (rq, User, "pci.pan", 24, "observe", "none", "none"),
            (rq, User, "pii.email", 90, "observe", "tokenize", "tokenize"),
            (rq, Unlisted, "pii.email", 90, "observe", "tokenize", "tokenize"),
            (rq, User, "net.ip_address", 70, "observe", "none", "tokenize"),
            (rs, Assistant, "net.ip_address", 70, "observe", "none", "mask"),
            (rq, User, "pii.person", 90, "observe", "observe", "tokenize"),
            (rq, User, "secret.aws_access_key", 90, "observe", "tokenize", "block"),
            (rq, System, "secret.aws_access_key", 50, "observe", "tokenize", "block"),
            (rq, User, "secret.aws_access_key", 49, "observe", "none", "none"),
            (rq, User, "injection.override", 70, "observe", "block", "block"),
            (rq, User, "injection.override", 69, "observe", "none", "block"),
            (rq, System, "injection.override", 50, "observe", "none", "block"),
            (rq, Unlisted, "injection.override", 70, "observe", "block", "block"),
            (rq, User, "injection.override", 49, "observe", "none", "none"),
            (rq, ToolResult, "injection.override", 60, "observe", "block", "block"),
            (rq, Document, "injection.override", 59, "observe", "none", "block"),
            (rq, ToolDefinition, "injection.override", 45, "observe", "none", "block"),
            (rq, ToolDefinition, "injection.override", 44, "observe", "none", "none"),
            (rq, Assistant, "injection.override", 100, "observe", "observe", "observe"),
            (rs, Assistant, "pci.pan", 90, "observe", "mask", "mask"),
            (rs, ToolArguments, "secret.jwt", 90, "observe", "mask", "mask"),
            (rs, Assistant, "pii.email", 90, "observe", "observe", "mask"),
            (rs, Assistant, "injection.override", 100, "observe", "none", "none"),
            (rq, User, "house.project", 100, "observe", "none", "none"),
        ];
        for (phase, part, kind, confidence, observe, balanced, strict) in cases {
            let expected = [observe, balanced, strict];
            for (profile, expected) in Profile::ALL.into_iter().zip(expected) {
                let judgement = Guardrails::of_profile(profile).judge(phase, part, kind, confidence);
                let found = match (judgement.action, judgement.strategy) {
                    (None, _) => "none",
                    (Some(Action::Observe), _) => "observe",
                    (Some(Action::Block), _) => "block",
                    (Some(Action::Redact), Strategy::Tokenize) => "tokenize",
                    (Some(Action::Redact), Strategy::Mask) => "mask",
                    (Some(Action::Redact), Strategy::Drop) => "drop",
                };
                assert_eq!(found, expected, "{profile}: {phase:?} {part:?} {kind} {confidence}");
            }
        }
    }

    #[test]
    fn rows_keep_their_kinds_and_have_unique_names() {
        for profile in Profile::ALL {
            let rows = profile.rows();
            for row in &rows {
                assert!(!row.kinds.is_empty() && !row.parts.is_empty() && !row.tenants.is_empty(), "{}", row.name);
                assert_eq!(rows.iter().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
            }
        }
    }

    /// Where balanced acts, strict acts at least as strongly, at any confidence.
    #[test]
    fn strict_is_never_weaker() {
        for phase in [Phase::Request, Phase::Response] {
            for part in Part::ALL {
                for kind in ["pci.pan", "pii.email", "pii.person", "secret.jwt", "injection.override"] {
                    for confidence in 0..=100 {
                        let of = |profile| Guardrails::of_profile(profile).judge(phase, part, kind, confidence).action;
                        let acts = |action: Option<Action>| action.filter(|action| *action > Action::Observe);
                        let [_, balanced, strict] = Profile::ALL.map(|profile| acts(of(profile)));
                        assert!(strict >= balanced, "{phase:?} {part:?} {kind} {confidence}");
                    }
                }
            }
        }
    }
}
