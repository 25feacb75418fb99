//! Anthropic messages: request, response and stream as tables.
//! Source: the published API reference, <https://docs.anthropic.com/en/api/messages>.

use serde_json::json;

use crate::dialect::refuse::ErrorStyle;
use crate::dialect::registry::{Dialect, Endpoint, Layout};
use crate::dialect::table::{Class, Roles, Row, State, ToolShape, Who, row, text, typed};
use crate::text::Part;

const ROLES: Roles = &[("user", Part::User), ("assistant", Part::Assistant), ("system", Part::System)];

const SPOKEN: Class = Class::Text(Who::Role, "content");
const SYSTEM: Class = text(Part::System, "system");
const DEFINED: Class = text(Part::ToolDefinition, "definition");
const RESULT: Class = text(Part::ToolResult, "result");
const DOCUMENT: Class = text(Part::Document, "document");
/// The text of a thinking block is covered by its signature.
const THOUGHT: Class = Class::Signed(Who::Is(Part::Reasoning), "thinking");
const TEXT_SOURCE: &[&str] = &["text"];
const BASE64_SOURCE: &[&str] = &["base64"];
const RESULT_BLOCKS: &[&str] = &[
    "tool_result",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "mcp_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
];

/// Source: <https://docs.anthropic.com/en/api/messages#body-tools>. Tools that the provider defines have a type, a name and no schema.
static TOOLS: [ToolShape; 1] = [ToolShape {
    kind: "",
    name: "/name",
    description: "/description",
    schema: Some("/input_schema"),
    free_text: false,
    silent: &["/type", "/cache_control", "/strict", "/defer_loading", "/eager_input_streaming"],
}];

/// A message that is asked for.
static ASKED: [Row; 69] = [
    row("mcp_servers[]", Class::State(State::McpServer)),
    row("model", Class::Model),
    row("max_tokens", Class::TokenLimit),
    row("system", SYSTEM),
    row("system[].type", Class::Type),
    row("system[].text", SYSTEM),
    row("system[].cache_control.type", Class::Type),
    row("system[].cache_control.ttl", Class::Token),
    row("messages[].role", Class::Role),
    row("messages[].content", SPOKEN),
    row("messages[].content[].type", Class::Type),
    row("messages[].content[].text", SPOKEN),
    row("messages[].content[].cache_control.type", Class::Type),
    row("messages[].content[].cache_control.ttl", Class::Token),
    row("messages[].content[].thinking", THOUGHT),
    row("messages[].content[].signature", Class::Blob),
    row("messages[].content[].data", Class::Blob),
    row("messages[].content[].id", Class::Token),
    row("messages[].content[].name", Class::ToolName),
    row("messages[].content[].input", Class::Input),
    row("messages[].content[].input.**", Class::Input),
    row("messages[].content[].tool_use_id", Class::Token),
    typed("messages[].content[].content", RESULT_BLOCKS, RESULT),
    row("messages[].content[].content[].type", Class::Type),
    row("messages[].content[].content[].text", RESULT),
    row("messages[].content[].content[].title", RESULT),
    row("messages[].content[].content[].url", RESULT),
    row("messages[].content[].content[].encrypted_content", Class::Blob),
    row("messages[].content[].content[].source.type", Class::Type),
    row("messages[].content[].content[].source.media_type", Class::Token),
    typed("messages[].content[].content[].source.data", BASE64_SOURCE, Class::Blob),
    typed("messages[].content[].content[].source.data", TEXT_SOURCE, DOCUMENT),
    row("messages[].content[].content[].source.url", Class::Media),
    row("messages[].content[].source", DOCUMENT),
    row("messages[].content[].source.type", Class::Type),
    row("messages[].content[].source.media_type", Class::Token),
    typed("messages[].content[].source.data", BASE64_SOURCE, Class::Blob),
    typed("messages[].content[].source.data", TEXT_SOURCE, DOCUMENT),
    row("messages[].content[].source.url", Class::Media),
    row("messages[].content[].source.file_id", Class::State(State::File)),
    row("messages[].content[].source.content", DOCUMENT),
    row("messages[].content[].source.content[].type", Class::Type),
    row("messages[].content[].source.content[].text", DOCUMENT),
    row("messages[].content[].title", DOCUMENT),
    row("messages[].content[].context", DOCUMENT),
    row("messages[].content[].citations[].type", Class::Type),
    row("messages[].content[].citations[].cited_text", DOCUMENT),
    row("messages[].content[].citations[].document_title", DOCUMENT),
    row("messages[].content[].citations[].encrypted_index", Class::Blob),
    row("tools[].type", Class::Hosted(&["custom", "bash_*", "text_editor_*", "computer_*", "memory_*"])),
    row("tools[].name", DEFINED),
    row("tools[].description", DEFINED),
    row("tools[].input_schema.**", DEFINED),
    row("tools[].input_examples[].**", DEFINED),
    row("tools[].cache_control.type", Class::Type),
    row("tools[].cache_control.ttl", Class::Token),
    row("tool_choice.type", Class::Type),
    row("tool_choice.name", Class::ToolName),
    row("stop_sequences[]", text(Part::Unlisted, "stop")),
    row("thinking.type", Class::Type),
    row("metadata.user_id", text(Part::Unlisted, "user")),
    row("service_tier", Class::Token),
    row("container", Class::State(State::Container)),
    row("output_config.effort", Class::Token),
    row("output_config.format.type", Class::Type),
    row("output_config.format.schema.**", DEFINED),
    row("output_format.type", Class::Type),
    row("output_format.schema.**", DEFINED),
    row("cache_control.type", Class::Type),
];

static REQUEST: [Row; 2] = [row("tools[]", Class::Tool(&TOOLS)), row("", Class::Table(&ASKED))];

/// Many messages that are asked for. Their tools are called in the results, which go on from here: any of them may call what one declares.
static BATCH: [Row; 4] = [
    row("requests[]", Class::Apart),
    row("requests[].custom_id", Class::Token),
    row("requests[].params.tools[]", Class::Tool(&TOOLS)),
    row("requests[].params", Class::Table(&ASKED)),
];

const ANSWER: Class = text(Part::Assistant, "text");

/// A message, without its calls.
static MESSAGE: [Row; 39] = [
    row("id", Class::Token),
    row("type", Class::Type),
    row("role", Class::Role),
    row("model", Class::Model),
    row("stop_reason", Class::Token),
    row("stop_sequence", text(Part::Assistant, "stop")),
    row("content[].type", Class::Type),
    row("content[].text", ANSWER),
    row("content[].thinking", THOUGHT),
    row("content[].signature", Class::Blob),
    row("content[].data", Class::Blob),
    row("content[].id", Class::Token),
    row("content[].tool_use_id", Class::Token),
    row("content[].content[].type", Class::Type),
    row("content[].content[].text", RESULT),
    row("content[].content[].title", RESULT),
    row("content[].content[].url", RESULT),
    row("content[].content[].encrypted_content", Class::Blob),
    row("content[].citations[].type", Class::Type),
    row("content[].citations[].cited_text", DOCUMENT),
    row("content[].citations[].document_title", DOCUMENT),
    row("content[].citations[].title", DOCUMENT),
    row("content[].citations[].url", DOCUMENT),
    row("content[].citations[].encrypted_index", Class::Blob),
    row("usage.input_tokens", Class::UsageInput),
    row("usage.output_tokens", Class::UsageOutput),
    row("usage.service_tier", Class::Token),
    row("usage.inference_geo", Class::Token),
    row("container.id", Class::Token),
    row("error.type", Class::Type),
    row("error.message", text(Part::Assistant, "error")),
    row("request_id", Class::Token),
    row("data[].id", Class::Token),
    row("data[].type", Class::Type),
    row("data[].display_name", text(Part::Unlisted, "model")),
    row("data[].created_at", Class::Token),
    row("first_id", Class::Token),
    row("last_id", Class::Token),
    row("created_at", Class::Token),
];

static RESPONSE: [Row; 4] = [
    row("", Class::Table(&MESSAGE)),
    row("content[].name", Class::ToolName),
    row("content[].input", Class::Input),
    row("content[].input.**", Class::Input),
];

/// A batch, and a line of its results.
static RESULTS: [Row; 18] = [
    row("id", Class::Handle),
    row("type", Class::Type),
    row("custom_id", Class::Token),
    row("processing_status", Class::Token),
    row("results_url", Class::Here),
    row("created_at", Class::Token),
    row("ended_at", Class::Token),
    row("expires_at", Class::Token),
    // Each line is an answer of its own.
    row("result.type", Class::Ends),
    row("result.message", Class::Table(&MESSAGE)),
    row("result.message.content[].name", Class::ToolName),
    row("result.message.content[].input", Class::Input),
    row("result.message.content[].input.**", Class::Input),
    row("result.error", Class::Table(&MESSAGE)),
    row("error.type", Class::Type),
    row("error.message", text(Part::Assistant, "error")),
    row("data[]", Class::Table(&MESSAGE)),
    row("data[].results_url", Class::Here),
];

const BLOCK_END: &[&str] = &["content_block_stop", "message_stop"];

static STREAM: [Row; 42] = [
    typed("type", BLOCK_END, Class::Ends),
    row("type", Class::Type),
    row("index", Class::Index(0)),
    row("message.id", Class::Token),
    row("message.type", Class::Type),
    row("message.role", Class::Role),
    row("message.model", Class::Model),
    row("message.stop_reason", Class::Token),
    row("message.usage.input_tokens", Class::UsageInput),
    row("message.usage.output_tokens", Class::UsageOutput),
    row("message.usage.service_tier", Class::Token),
    row("message.usage.inference_geo", Class::Token),
    row("content_block.type", Class::Type),
    row("content_block.text", ANSWER),
    row("content_block.thinking", THOUGHT),
    row("content_block.signature", Class::Blob),
    row("content_block.data", Class::Blob),
    row("content_block.id", Class::Token),
    row("content_block.name", Class::ToolName),
    row("content_block.input", Class::Input),
    row("content_block.input.**", Class::Input),
    row("content_block.tool_use_id", Class::Token),
    row("content_block.content[].type", Class::Type),
    row("content_block.content[].text", RESULT),
    row("content_block.content[].title", RESULT),
    row("content_block.content[].url", RESULT),
    row("content_block.content[].encrypted_content", Class::Blob),
    row("delta.type", Class::Type),
    row("delta.text", ANSWER),
    row("delta.thinking", THOUGHT),
    row("delta.signature", Class::Blob),
    row("delta.partial_json", Class::Arguments("input")),
    row("delta.citation.type", Class::Type),
    row("delta.citation.cited_text", DOCUMENT),
    row("delta.citation.encrypted_index", Class::Blob),
    row("delta.stop_reason", Class::Token),
    row("delta.stop_sequence", text(Part::Assistant, "stop")),
    row("delta.*", text(Part::Unlisted, "unlisted")),
    row("usage.input_tokens", Class::UsageInput),
    row("usage.output_tokens", Class::UsageOutput),
    row("error.type", Class::Type),
    row("error.message", text(Part::Assistant, "error")),
];

/// Source: <https://docs.anthropic.com/en/api/errors>.
static ERRORS: ErrorStyle = ErrorStyle {
    words: &[
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (415, "invalid_request_error"),
        (429, "rate_limit_error"),
        (503, "overloaded_error"),
    ],
    other: "api_error",
    body: |e| {
        json!({
            "type": "error",
            "error": {"type": e.word, "message": e.message, "code": e.code, "param": e.param},
            "request_id": e.exchange,
        })
    },
    event: Some("error"),
    event_body: None,
};

/// The dialect.
pub static DIALECT: Dialect =
    Dialect { name: "anthropic", terminators: &[], stream_ends: &["message_stop"], errors: &ERRORS };

/// Its endpoints.
pub static ENDPOINTS: [Endpoint; 10] = [
    Endpoint::new(
        &DIALECT,
        "messages",
        "POST",
        "/v1/messages",
        Layout { roles: ROLES, request: &REQUEST, response: &RESPONSE, stream: &STREAM },
    ),
    Endpoint::new(
        &DIALECT,
        "messages.count_tokens",
        "POST",
        "/v1/messages/count_tokens",
        Layout { roles: ROLES, request: &REQUEST, response: &RESPONSE, stream: &[] },
    ),
    batch("messages.batches.create", "POST", "/v1/messages/batches"),
    batch("messages.batches.list", "GET", "/v1/messages/batches"),
    batch("messages.batches.get", "GET", "/v1/messages/batches/*"),
    batch("messages.batches.cancel", "POST", "/v1/messages/batches/*/cancel"),
    batch("messages.batches.delete", "DELETE", "/v1/messages/batches/*"),
    batch("messages.batches.results", "GET", "/v1/messages/batches/*/results").going_on(),
    Endpoint::marked(&DIALECT, "models.list", "/v1/models", VERSION, BODILESS),
    Endpoint::marked(&DIALECT, "models.get", "/v1/models/*", VERSION, BODILESS),
];

/// The header that every client of this API sends.
const VERSION: &str = "anthropic-version";

const BODILESS: Layout = Layout { roles: &[], request: &[], response: &RESPONSE, stream: &[] };

const BATCHES: Layout = Layout { roles: ROLES, request: &BATCH, response: &RESULTS, stream: &RESULTS };

const fn batch(name: &'static str, method: &'static str, path: &'static str) -> Endpoint {
    Endpoint::new(&DIALECT, name, method, path, BATCHES).using(State::Batch)
}
