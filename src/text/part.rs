//! Where in an exchange a text stands.

use serde::{Deserialize, Serialize};

/// The direction of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Caller to upstream.
    Request,
    /// Upstream to caller.
    Response,
}

/// Who speaks in a text, and how far it can be trusted. Names are those of `guardrail.parts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The application's own instructions.
    System,
    /// What the end user wrote.
    User,
    /// What the model wrote.
    Assistant,
    /// The model's reasoning or thinking text.
    Reasoning,
    /// The model's own words when it declines.
    Refusal,
    /// What a tool gave back: untrusted.
    ToolResult,
    /// A document or file text put into the prompt: untrusted.
    Document,
    /// Name, description and schema of a tool.
    ToolDefinition,
    /// Arguments of a tool call.
    ToolArguments,
    /// A string that no row of the dialect's table mentions.
    Unlisted,
}

impl Part {
    /// Every part, for tables and `*`.
    pub const ALL: [Self; 10] = [
        Self::System,
        Self::User,
        Self::Assistant,
        Self::Reasoning,
        Self::Refusal,
        Self::ToolResult,
        Self::Document,
        Self::ToolDefinition,
        Self::ToolArguments,
        Self::Unlisted,
    ];

    /// The name used in configuration, audit and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Reasoning => "reasoning",
            Self::Refusal => "refusal",
            Self::ToolResult => "tool_result",
            Self::Document => "document",
            Self::ToolDefinition => "tool_definition",
            Self::ToolArguments => "tool_arguments",
            Self::Unlisted => "unlisted",
        }
    }
}

impl Phase {
    /// The name used in configuration, audit and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}
