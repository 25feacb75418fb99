//! What we answer instead: one type for every way in which an exchange can be refused.

use std::sync::Arc;

use crate::policy::Ticket;

/// The class of a refusal. Its row in [`RefusalCode::row`] holds everything that a caller sees of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefusalCode {
    /// Prompt injection.
    Injection,
    /// A card number.
    Pan,
    /// Personal data.
    Pii,
    /// A secret.
    Secret,
    /// Any other guardrail.
    Guardrail,
    /// The body is not JSON that every parser reads the same way.
    MalformedJson,
    /// A JSON document deeper, longer or wider than the limits.
    LimitExceeded,
    /// The method or header combination is not accepted.
    BadRequest,
    /// Who calls could not be established.
    Unauthenticated,
    /// Who calls cannot be established now: the issuer's keys are not to be had.
    IdentityUnavailable,
    /// The principal may not do this.
    Forbidden,
    /// A call of a tool that the request does not declare.
    ToolUnknown,
    /// A call whose arguments are not as its tool's schema says.
    ToolArguments,
    /// A call that policy does not permit.
    ToolForbidden,
    /// A call that policy permits with an approval that is not there yet.
    ApprovalRequired,
    /// An approval that nobody asks for (any more).
    ApprovalUnknown,
    /// An approval that has been decided on.
    ApprovalDecided,
    /// A call whose arguments repeat a text in which an injection was found.
    ToolTainted,
    /// A model that policy does not permit.
    ModelForbidden,
    /// A tool whose definition cannot be used or is not the one that was approved.
    ToolDefinition,
    /// A value that stands for text and cannot be read.
    Unreadable,
    /// A use of what the provider keeps, fetches or runs that the configuration does not allow.
    StateForbidden,
    /// No table knows this endpoint and configuration denies unknown ones.
    UnknownEndpoint,
    /// `/u/NAME` names no upstream, or none serves this dialect.
    UnknownUpstream,
    /// Body over the limit.
    TooLarge,
    /// Content type, charset or encoding that cannot be inspected.
    UnsupportedMedia,
    /// The request's header or body did not arrive in time.
    RequestTimeout,
    /// Too much at once.
    Overloaded,
    /// The injection classifier gave no answer, and the guardrails let nothing pass without one.
    ClassifierUnavailable,
    /// The audit log cannot take the record.
    AuditUnavailable,
    /// Upstream unreachable or it broke off.
    UpstreamFailed,
    /// Upstream too slow.
    UpstreamTimeout,
    /// Upstream sent something that cannot be inspected.
    UpstreamGarbage,
    /// A fault of ours.
    Internal,
    /// Shutting down.
    Draining,
}

impl RefusalCode {
    /// (code as callers see it, HTTP status, may the caller retry, what happened and how to mend).
    #[must_use]
    pub const fn row(self) -> (&'static str, u16, bool, &'static str) {
        match self {
            Self::Injection => (
                "sidewall_injection",
                400,
                false,
                "The text looks like an attempt to override the model's instructions.",
            ),
            Self::Pan => (
                "sidewall_pan",
                400,
                false,
                "The text holds a payment card number, which this deployment does not let pass.",
            ),
            Self::Pii => {
                ("sidewall_pii", 400, false, "The text holds personal data, which this deployment does not let pass.")
            }
            Self::Secret => (
                "sidewall_secret",
                400,
                false,
                "The text holds a secret, which this deployment does not let pass. Revoke it if it is real.",
            ),
            Self::Guardrail => {
                ("sidewall_guardrail", 400, false, "A guardrail of this deployment does not let this text pass.")
            }
            Self::MalformedJson => (
                "sidewall_malformed_json",
                400,
                false,
                "The body is not strict JSON (RFC 8259, UTF-8, no duplicate keys).",
            ),
            Self::LimitExceeded => (
                "sidewall_limit_exceeded",
                400,
                false,
                "The JSON document exceeds a structural limit (depth, number length, count of keys).",
            ),
            Self::BadRequest => ("sidewall_bad_request", 400, false, "The request cannot be forwarded as it is."),
            Self::Unauthenticated => (
                "sidewall_unauthenticated",
                401,
                false,
                "No configured identity method accepts this caller's credentials.",
            ),
            Self::IdentityUnavailable => {
                ("sidewall_identity_unavailable", 503, true, "Who calls cannot be established now. Try again shortly.")
            }
            Self::Forbidden => ("sidewall_forbidden", 403, false, "This principal may not do this."),
            Self::ToolUnknown => (
                "sidewall_tool_unknown",
                403,
                false,
                "The model called a tool that the request does not declare; the call was withheld.",
            ),
            Self::ToolArguments => (
                "sidewall_tool_arguments",
                400,
                false,
                "The model called a tool with arguments that do not fit its schema; the call was withheld.",
            ),
            Self::ToolForbidden => (
                "sidewall_tool_forbidden",
                403,
                false,
                "Policy does not permit this use of a tool by this principal; it was withheld.",
            ),
            Self::ApprovalRequired => (
                "sidewall_approval_required",
                403,
                false,
                "Policy permits this call with another person's approval; it was withheld. Send the request again once it is approved.",
            ),
            Self::ApprovalUnknown => (
                "sidewall_approval_unknown",
                404,
                false,
                "No approval of this id waits for a decision: it may have expired or been used, or be another tenant's.",
            ),
            Self::ApprovalDecided => {
                ("sidewall_approval_decided", 409, false, "Somebody has decided on this approval already.")
            }
            Self::ToolTainted => (
                "sidewall_tool_tainted",
                403,
                false,
                "The model called a tool with words of an untrusted text that holds an injection; the call was withheld.",
            ),
            Self::ModelForbidden => (
                "sidewall_model_forbidden",
                403,
                false,
                "Policy does not permit this use of the model by this principal.",
            ),
            Self::ToolDefinition => (
                "sidewall_tool_definition",
                403,
                false,
                "A tool's definition cannot be used, or is not the one that was approved.",
            ),
            Self::Unreadable => {
                ("sidewall_unreadable", 400, false, "The request holds text in a form that cannot be inspected.")
            }
            Self::StateForbidden => (
                "sidewall_state_forbidden",
                403,
                false,
                "The request uses what the provider keeps, fetches or runs by itself; this deployment cannot inspect that, and does not allow it.",
            ),
            Self::UnknownEndpoint => (
                "sidewall_unknown_endpoint",
                404,
                false,
                "No dialect table knows this endpoint, and unknown endpoints are denied.",
            ),
            Self::UnknownUpstream => {
                ("sidewall_unknown_upstream", 404, false, "No configured upstream serves this address.")
            }
            Self::TooLarge => ("sidewall_too_large", 413, false, "The body is larger than this deployment accepts."),
            Self::UnsupportedMedia => {
                ("sidewall_unsupported_media", 415, false, "Only uncompressed JSON in UTF-8 can be inspected.")
            }
            Self::RequestTimeout => ("sidewall_request_timeout", 408, true, "The request did not arrive in time."),
            Self::ClassifierUnavailable => (
                "sidewall_classifier_unavailable",
                503,
                true,
                "The injection classifier did not answer, and this deployment lets nothing pass without it. Try again.",
            ),
            Self::Overloaded => ("sidewall_overloaded", 503, true, "Too much is in flight. Try again shortly."),
            Self::AuditUnavailable => (
                "sidewall_audit_unavailable",
                503,
                true,
                "The audit log cannot take the record, and this tenant's durability forbids going on without it.",
            ),
            Self::UpstreamFailed => {
                ("sidewall_upstream_failed", 502, true, "The upstream could not be reached or broke off.")
            }
            Self::UpstreamTimeout => ("sidewall_upstream_timeout", 504, true, "The upstream did not answer in time."),
            Self::UpstreamGarbage => {
                ("sidewall_upstream_garbage", 502, false, "The upstream's answer cannot be inspected and was withheld.")
            }
            Self::Internal => {
                ("sidewall_internal", 500, false, "A fault in the sidecar; nothing was forwarded after it.")
            }
            Self::Draining => ("sidewall_draining", 503, true, "The sidecar is shutting down. Try again."),
        }
    }
}

/// A refusal with what the caller may know of it; never the matched text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its class.
    pub code: RefusalCode,
    /// Path of the field (`messages[2].content`), or empty.
    pub path: Arc<str>,
    /// Id of the deciding rule, or empty.
    pub rule: Arc<str>,
    /// More detail of our own making (a limit's value, a parser's complaint), or empty.
    pub detail: String,
    /// Approvals that would let it pass.
    pub approvals: Vec<Ticket>,
}

impl Refusal {
    /// A refusal without path or rule.
    #[must_use]
    pub fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self { code, path: Arc::from(""), rule: Arc::from(""), detail: detail.into(), approvals: Vec::new() }
    }
}
