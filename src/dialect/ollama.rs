//! Ollama: chat, generate and embed as tables. Its streams are JSON Lines.
//! Source: the published API reference, <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use serde_json::json;

use crate::dialect::refuse::ErrorStyle;
use crate::dialect::registry::{Dialect, Endpoint, Layout};
use crate::dialect::table::{Class, Roles, Row, ToolShape, Who, row, text};
use crate::text::Part;

const ROLES: Roles =
    &[("system", Part::System), ("user", Part::User), ("assistant", Part::Assistant), ("tool", Part::ToolResult)];

const SPOKEN: Class = Class::Text(Who::Role, "content");
const USER: Class = text(Part::User, "prompt");
const ANSWER: Class = text(Part::Assistant, "content");
const THOUGHT: Class = text(Part::Reasoning, "thinking");
const DEFINED: Class = text(Part::ToolDefinition, "definition");

static TOOLS: [ToolShape; 1] = [ToolShape {
    kind: "",
    name: "/function/name",
    description: "/function/description",
    schema: Some("/function/parameters"),
    free_text: false,
    silent: &["/type"],
}];

/// Settings of every call.
static SETTINGS: [Row; 8] = [
    row("model", Class::Model),
    row("format", Class::Token),
    row("format.**", DEFINED),
    row("think", Class::Token),
    row("keep_alive", Class::Token),
    row("options.num_predict", Class::TokenLimit),
    row("options.stop", text(Part::Unlisted, "stop")),
    row("options.stop[]", text(Part::Unlisted, "stop")),
];

static CHAT: [Row; 16] = [
    row("", Class::Table(&SETTINGS)),
    row("messages[].role", Class::Role),
    row("messages[].content", SPOKEN),
    row("messages[].thinking", THOUGHT),
    row("messages[].images[]", Class::Blob),
    row("messages[].tool_name", Class::Token),
    row("messages[].tool_call_id", Class::Token),
    row("messages[].tool_calls[].id", Class::Token),
    row("messages[].tool_calls[].function.name", Class::ToolName),
    row("messages[].tool_calls[].function.arguments", Class::Input),
    row("messages[].tool_calls[].function.arguments.**", Class::Input),
    row("tools[]", Class::Tool(&TOOLS)),
    row("tools[].type", Class::Type),
    row("tools[].function.name", DEFINED),
    row("tools[].function.description", DEFINED),
    row("tools[].function.parameters.**", DEFINED),
];

static GENERATE: [Row; 7] = [
    row("", Class::Table(&SETTINGS)),
    row("prompt", USER),
    row("suffix", USER),
    row("system", text(Part::System, "system")),
    row("template", text(Part::System, "system")),
    row("images[]", Class::Blob),
    row("context[]", Class::TokenIds),
];

static EMBED: [Row; 4] = [
    row("", Class::Table(&SETTINGS)),
    row("input", USER),
    row("input[]", Class::Alone(Who::Is(Part::User))),
    row("prompt", USER),
];

/// Answers, whole or a line of a stream.
static ANSWERS: [Row; 24] = [
    row("model", Class::Model),
    row("created_at", Class::Token),
    row("done_reason", Class::Ends),
    row("message.role", Class::Role),
    row("message.content", ANSWER),
    row("message.thinking", THOUGHT),
    row("message.images[]", Class::Blob),
    row("message.tool_calls[].id", Class::Token),
    row("message.tool_calls[].function.index", Class::Token),
    row("message.tool_calls[].function.name", Class::WholeCall),
    row("message.tool_calls[].function.arguments", Class::Input),
    row("message.tool_calls[].function.arguments.**", Class::Input),
    row("response", ANSWER),
    row("thinking", THOUGHT),
    row("context[]", Class::Token),
    row("embeddings[][]", Class::Token),
    row("embedding[]", Class::Token),
    row("prompt_eval_count", Class::UsageInput),
    row("eval_count", Class::UsageOutput),
    row("total_duration", Class::Token),
    row("load_duration", Class::Token),
    row("prompt_eval_duration", Class::Token),
    row("eval_duration", Class::Token),
    row("error", text(Part::Assistant, "error")),
];

static MODELS: [Row; 12] = [
    row("models[].name", Class::Token),
    row("models[].model", Class::Token),
    row("models[].modified_at", Class::Token),
    row("models[].size", Class::Token),
    row("models[].digest", Class::Token),
    row("models[].details.parent_model", Class::Token),
    row("models[].details.format", Class::Token),
    row("models[].details.family", Class::Token),
    row("models[].details.families[]", Class::Token),
    row("models[].details.parameter_size", Class::Token),
    row("models[].details.quantization_level", Class::Token),
    row("error", text(Part::Assistant, "error")),
];

/// Its errors are one sentence.
static ERRORS: ErrorStyle = ErrorStyle {
    words: &[],
    other: "",
    body: |e| json!({"error": format!("{}: {}", e.code, e.message)}),
    event: None,
    event_body: None,
};

/// The dialect.
pub static DIALECT: Dialect =
    Dialect { name: "ollama", terminators: &[], stream_ends: &["\"done\":true", "\"done\": true"], errors: &ERRORS };

const fn layout(request: &'static [Row]) -> Layout {
    Layout { roles: ROLES, request, response: &ANSWERS, stream: &ANSWERS }
}

/// Its endpoints.
pub static ENDPOINTS: [Endpoint; 5] = [
    Endpoint::new(&DIALECT, "ollama.chat", "POST", "/api/chat", layout(&CHAT)),
    Endpoint::new(&DIALECT, "ollama.generate", "POST", "/api/generate", layout(&GENERATE)),
    Endpoint::new(&DIALECT, "ollama.embed", "POST", "/api/embed", layout(&EMBED)),
    Endpoint::new(&DIALECT, "ollama.embeddings", "POST", "/api/embeddings", layout(&EMBED)),
    Endpoint::new(
        &DIALECT,
        "ollama.tags",
        "GET",
        "/api/tags",
        Layout { roles: &[], request: &[], response: &MODELS, stream: &[] },
    ),
];
