//! OpenAI chat completions: request, response and stream as tables.
//! Source: the published API reference, <https://platform.openai.com/docs/api-reference/chat>.

use crate::dialect::registry::Layout;
use crate::dialect::table::{Class, Roles, Row, State, ToolShape, Who, row, text};
use crate::text::Part;

const ROLES: Roles = &[
    ("system", Part::System),
    ("developer", Part::System),
    ("user", Part::User),
    ("assistant", Part::Assistant),
    ("tool", Part::ToolResult),
    ("function", Part::ToolResult),
];

const SPOKEN: Class = Class::Text(Who::Role, "content");
const DEFINED: Class = text(Part::ToolDefinition, "definition");

/// Source: <https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools>.
static TOOLS: [ToolShape; 2] = [
    ToolShape {
        kind: "",
        name: "/function/name",
        description: "/function/description",
        schema: Some("/function/parameters"),
        free_text: false,
        silent: &["/type", "/function/strict"],
    },
    ToolShape {
        kind: "",
        name: "/custom/name",
        description: "/custom/description",
        schema: None,
        free_text: true,
        silent: &["/type"],
    },
];

/// The older way to declare functions.
static FUNCTIONS: [ToolShape; 1] = [ToolShape {
    kind: "",
    name: "/name",
    description: "/description",
    schema: Some("/parameters"),
    free_text: false,
    silent: &[],
}];

static REQUEST: [Row; 60] = [
    row("web_search_options", Class::State(State::HostedTool)),
    row("model", Class::Model),
    row("max_tokens", Class::TokenLimit),
    row("max_completion_tokens", Class::TokenLimit),
    row("messages[].role", Class::Role),
    row("messages[].name", Class::Token),
    row("messages[].content", SPOKEN),
    row("messages[].content[]", SPOKEN),
    row("messages[].content[].type", Class::Type),
    row("messages[].content[].text", SPOKEN),
    row("messages[].content[].refusal", text(Part::Refusal, "refusal")),
    row("messages[].content[].image_url", Class::Media),
    row("messages[].content[].image_url.url", Class::Media),
    row("messages[].content[].image_url.detail", Class::Token),
    row("messages[].content[].input_audio.data", Class::Blob),
    row("messages[].content[].input_audio.format", Class::Token),
    row("messages[].content[].file.file_data", Class::Media),
    row("messages[].content[].file.file_id", Class::State(State::File)),
    row("messages[].content[].file.filename", text(Part::Document, "filename")),
    row("messages[].refusal", text(Part::Refusal, "refusal")),
    row("messages[].reasoning_content", text(Part::Reasoning, "reasoning")),
    row("messages[].reasoning", text(Part::Reasoning, "reasoning")),
    row("messages[].tool_call_id", Class::Token),
    row("messages[].tool_calls[].id", Class::Token),
    row("messages[].tool_calls[].type", Class::Type),
    row("messages[].tool_calls[].function.name", Class::ToolName),
    row("messages[].tool_calls[].function.arguments", Class::Arguments("arguments")),
    row("messages[].tool_calls[].custom.name", Class::ToolName),
    row("messages[].tool_calls[].custom.input", text(Part::ToolArguments, "custom")),
    row("messages[].function_call.name", Class::ToolName),
    row("messages[].function_call.arguments", Class::Arguments("arguments")),
    row("messages[].audio.id", Class::State(State::StoredResponse)),
    row("tools[]", Class::Tool(&TOOLS)),
    row("tools[].type", Class::Hosted(&["function", "custom"])),
    row("tools[].function.name", DEFINED),
    row("tools[].function.description", DEFINED),
    row("tools[].function.parameters.**", DEFINED),
    row("tools[].custom.name", DEFINED),
    row("tools[].custom.description", DEFINED),
    row("tools[].custom.format.**", DEFINED),
    row("functions[]", Class::Tool(&FUNCTIONS)),
    row("functions[].name", DEFINED),
    row("functions[].description", DEFINED),
    row("functions[].parameters.**", DEFINED),
    row("tool_choice", Class::Token),
    row("tool_choice.type", Class::Type),
    row("tool_choice.function.name", Class::ToolName),
    row("function_call", Class::Token),
    row("function_call.name", Class::ToolName),
    row("response_format.type", Class::Type),
    row("response_format.json_schema.name", DEFINED),
    row("response_format.json_schema.description", DEFINED),
    row("response_format.json_schema.schema.**", DEFINED),
    row("modalities[]", Class::Token),
    row("reasoning_effort", Class::Token),
    row("service_tier", Class::Token),
    row("verbosity", Class::Token),
    row("prediction.type", Class::Type),
    row("prediction.content", text(Part::Assistant, "prediction")),
    row("prediction.content[].text", text(Part::Assistant, "prediction")),
];

const ANSWER: Class = text(Part::Assistant, "content");
const THOUGHT: Class = text(Part::Reasoning, "reasoning");
const DECLINED: Class = text(Part::Refusal, "refusal");

static RESPONSE: [Row; 42] = [
    row("id", Class::Token),
    row("object", Class::Token),
    row("created", Class::Token),
    row("model", Class::Model),
    row("service_tier", Class::Token),
    row("system_fingerprint", Class::Token),
    row("choices[].index", Class::Index(0)),
    row("choices[].finish_reason", Class::Ends),
    row("choices[].message.role", Class::Role),
    row("choices[].message.content", ANSWER),
    row("choices[].message.content[].type", Class::Type),
    row("choices[].message.content[].text", ANSWER),
    row("choices[].message.refusal", DECLINED),
    row("choices[].message.reasoning_content", THOUGHT),
    row("choices[].message.reasoning", THOUGHT),
    row("choices[].message.tool_calls[].id", Class::Token),
    row("choices[].message.tool_calls[].index", Class::Index(0)),
    row("choices[].message.tool_calls[].type", Class::Type),
    row("choices[].message.tool_calls[].function.name", Class::ToolName),
    row("choices[].message.tool_calls[].function.arguments", Class::Arguments("arguments")),
    row("choices[].message.tool_calls[].custom.name", Class::ToolName),
    row("choices[].message.tool_calls[].custom.input", text(Part::ToolArguments, "custom")),
    row("choices[].message.function_call.name", Class::ToolName),
    row("choices[].message.function_call.arguments", Class::Arguments("arguments")),
    row("choices[].message.annotations[].type", Class::Type),
    row("choices[].message.annotations[].url_citation.url", text(Part::Assistant, "citation")),
    row("choices[].message.annotations[].url_citation.title", text(Part::Assistant, "citation")),
    row("choices[].message.audio.id", Class::Token),
    row("choices[].message.audio.data", Class::Blob),
    row("choices[].message.audio.transcript", text(Part::Assistant, "transcript")),
    row("choices[].message.*", text(Part::Unlisted, "unlisted")),
    row("choices[].logprobs", Class::Derived("null")),
    row("choices[].logprobs.**", Class::Token),
    row("usage.prompt_tokens", Class::UsageInput),
    row("usage.completion_tokens", Class::UsageOutput),
    row("error.message", text(Part::Assistant, "error")),
    row("error.type", Class::Token),
    row("error.code", Class::Token),
    row("error.param", Class::Token),
    row("data[].id", Class::Token),
    row("data[].object", Class::Token),
    row("data[].created", Class::Token),
];

static STREAM: [Row; 33] = [
    row("id", Class::Token),
    row("object", Class::Token),
    row("created", Class::Token),
    row("model", Class::Model),
    row("service_tier", Class::Token),
    row("system_fingerprint", Class::Token),
    row("obfuscation", Class::Token),
    row("choices[].index", Class::Index(0)),
    row("choices[].finish_reason", Class::Ends),
    row("choices[].delta.role", Class::Role),
    row("choices[].delta.content", ANSWER),
    row("choices[].delta.refusal", DECLINED),
    row("choices[].delta.reasoning_content", THOUGHT),
    row("choices[].delta.reasoning", THOUGHT),
    row("choices[].delta.tool_calls[].index", Class::Index(0)),
    row("choices[].delta.tool_calls[].id", Class::Token),
    row("choices[].delta.tool_calls[].type", Class::Type),
    row("choices[].delta.tool_calls[].function.name", Class::ToolName),
    row("choices[].delta.tool_calls[].function.arguments", Class::Arguments("arguments")),
    row("choices[].delta.tool_calls[].custom.name", Class::ToolName),
    row("choices[].delta.tool_calls[].custom.input", text(Part::ToolArguments, "custom")),
    row("choices[].delta.function_call.name", Class::ToolName),
    row("choices[].delta.function_call.arguments", Class::Arguments("arguments")),
    row("choices[].delta.audio.id", Class::Token),
    row("choices[].delta.audio.data", Class::Blob),
    row("choices[].delta.audio.transcript", text(Part::Assistant, "transcript")),
    row("choices[].delta.*", text(Part::Unlisted, "unlisted")),
    row("choices[].logprobs", Class::Derived("null")),
    row("choices[].logprobs.**", Class::Token),
    row("usage.prompt_tokens", Class::UsageInput),
    row("usage.completion_tokens", Class::UsageOutput),
    row("error.message", text(Part::Assistant, "error")),
    row("error.type", Class::Token),
];

/// `POST /v1/chat/completions`.
pub(super) const CHAT: Layout = Layout { roles: ROLES, request: &REQUEST, response: &RESPONSE, stream: &STREAM };

/// `GET /v1/models` and `/v1/models/*`.
pub(super) const MODELS: Layout = Layout { roles: &[], request: &[], response: &RESPONSE, stream: &[] };
