//! OpenAI responses: request, response and stream as tables.
//! Source: the published API reference, <https://platform.openai.com/docs/api-reference/responses> and `/responses-streaming`.
//!
//! A stream tells each text up to five times: as deltas, in the `done` event, in the part's, in the item's and in the response's. All but the
//! deltas are copies.

use crate::dialect::registry::Layout;
use crate::dialect::table::{Class, Roles, Row, State, ToolShape, Who, both, rooted, row, text, typed};
use crate::text::Part;

const ROLES: Roles = &[
    ("system", Part::System),
    ("developer", Part::System),
    ("user", Part::User),
    ("assistant", Part::Assistant),
    ("tool", Part::ToolResult),
];

const SPOKEN: Class = Class::Text(Who::Role, "spoken");
const USER: Class = text(Part::User, "input");
const SYSTEM: Class = text(Part::System, "instructions");
const ANSWER: Class = text(Part::Assistant, "content");
const DECLINED: Class = text(Part::Refusal, "refusal");
const THOUGHT: Class = text(Part::Reasoning, "reasoning");
const SUMMARY: Class = text(Part::Reasoning, "summary");
const RESULT: Class = text(Part::ToolResult, "result");
const DOCUMENT: Class = text(Part::Document, "document");
const DEFINED: Class = text(Part::ToolDefinition, "definition");
const CUSTOM: Class = text(Part::ToolArguments, "custom");
const ARGUMENTS: Class = Class::Arguments("arguments");
/// What a tool that the provider runs is asked to do.
const ACTION: Class = text(Part::Assistant, "action");
const CITATION: Class = text(Part::Assistant, "citation");
const LABEL: Class = text(Part::Unlisted, "label");

/// Items that call a tool of the caller's program.
const CALLS: &[&str] = &["function_call", "custom_tool_call"];
const FUNCTION: &[&str] = &["function_call"];
const CUSTOM_CALL: &[&str] = &["custom_tool_call"];
const THOUGHTS: &[&str] = &["reasoning_text"];
const IMAGE_CALL: &[&str] = &["image_generation_call"];

/// Source: <https://platform.openai.com/docs/api-reference/responses/create#responses-create-tools>. Tools of other types are run by the provider.
static TOOLS: [ToolShape; 2] = [
    ToolShape {
        kind: "function",
        name: "/name",
        description: "/description",
        schema: Some("/parameters"),
        free_text: false,
        silent: &["/type", "/strict", "/defer_loading", "/async", "/allowed_callers"],
    },
    ToolShape {
        kind: "custom",
        name: "/name",
        description: "/description",
        schema: None,
        free_text: true,
        silent: &["/type", "/defer_loading", "/async", "/allowed_callers"],
    },
];

/// A tool, declared or repeated.
static TOOL: [Row; 17] = [
    row("type", Class::Hosted(&["function", "custom", "namespace", "programmatic_tool_calling"])),
    row("name", DEFINED),
    row("description", DEFINED),
    row("parameters.**", DEFINED),
    row("output_schema.**", DEFINED),
    row("format.type", Class::Type),
    row("format.syntax", Class::Token),
    row("format.definition", DEFINED),
    row("allowed_callers[]", Class::Token),
    row("vector_store_ids[]", Class::State(State::File)),
    row("server_label", Class::Token),
    row("server_description", DEFINED),
    row("connector_id", Class::Token),
    row("container", Class::State(State::Container)),
    row("container.type", Class::Type),
    row("search_context_size", Class::Token),
    row("user_location.type", Class::Type),
];

static ANNOTATION: [Row; 6] = [
    row("type", Class::Type),
    row("file_id", Class::Token),
    row("container_id", Class::Token),
    row("filename", CITATION),
    row("title", CITATION),
    row("url", CITATION),
];

/// A part of a message's or a tool result's content, as far as it does not speak.
static PART: [Row; 13] = [
    row("type", Class::Type),
    row("annotations[]", Class::Table(&ANNOTATION)),
    row("logprobs", Class::Derived("[]")),
    row("logprobs.**", Class::Token),
    row("image_url", Class::Media),
    row("detail", Class::Token),
    row("file_id", Class::State(State::File)),
    row("file_data", Class::Media),
    row("file_url", Class::Media),
    row("filename", DOCUMENT),
    row("input_audio.data", Class::Blob),
    row("input_audio.format", Class::Token),
    row("prompt_cache_breakpoint.mode", Class::Token),
];

/// A part that the model has written.
static OUTPUT_PART: [Row; 4] =
    [row("", Class::Table(&PART)), typed("text", THOUGHTS, THOUGHT), row("text", ANSWER), row("refusal", DECLINED)];

static SUMMARY_PART: [Row; 2] = [row("type", Class::Type), row("text", SUMMARY)];

/// What all items have in common, sent or received.
static ITEM: [Row; 36] = [
    row("id", Class::Token),
    row("type", Class::Type),
    row("status", Class::Token),
    row("role", Class::Role),
    row("phase", Class::Token),
    row("call_id", Class::Token),
    row("namespace", Class::Token),
    row("caller.type", Class::Type),
    row("caller.caller_id", Class::Token),
    typed("name", CALLS, Class::ToolName),
    row("name", Class::Token),
    typed("arguments", FUNCTION, ARGUMENTS),
    row("arguments", ACTION),
    typed("input", CUSTOM_CALL, CUSTOM),
    row("summary[]", Class::Table(&SUMMARY_PART)),
    row("encrypted_content", Class::Blob),
    row("server_label", Class::Token),
    row("approval_request_id", Class::Token),
    row("output", RESULT),
    row("output[]", Class::Table(&PART)),
    row("output[].text", RESULT),
    row("output[].stdout", RESULT),
    row("output[].stderr", RESULT),
    row("output.type", Class::Type),
    row("output.image_url", Class::Media),
    row("output.file_id", Class::Token),
    row("queries[]", ACTION),
    row("results[].file_id", Class::Token),
    row("results[].filename", RESULT),
    row("results[].text", RESULT),
    row("action.**", ACTION),
    row("code", ACTION),
    row("container_id", Class::Token),
    row("outputs[].type", Class::Type),
    row("outputs[].logs", RESULT),
    typed("result", IMAGE_CALL, Class::Blob),
];

/// An item that the caller sends.
static INPUT_ITEM: [Row; 8] = [
    typed("id", &["item_reference"], Class::State(State::StoredResponse)),
    row("", Class::Table(&ITEM)),
    row("content", SPOKEN),
    row("content[]", Class::Table(&PART)),
    typed("content[].text", THOUGHTS, THOUGHT),
    row("content[].text", SPOKEN),
    row("content[].refusal", DECLINED),
    row("tools[]", Class::Table(&TOOL)),
];

/// An item that the model has written.
static OUTPUT_ITEM: [Row; 3] =
    [row("", Class::Table(&ITEM)), row("content[]", Class::Table(&OUTPUT_PART)), row("tools[]", Class::Table(&TOOL))];

/// Settings that a request states and its response repeats.
static SETTINGS: [Row; 35] = [
    row("instructions", SYSTEM),
    row("instructions[]", Class::Table(&INPUT_ITEM)),
    row("tools[]", Class::Table(&TOOL)),
    row("tools[].tools[]", Class::Table(&TOOL)),
    row("tool_choice", Class::Token),
    row("tool_choice.type", Class::Type),
    row("tool_choice.mode", Class::Token),
    row("tool_choice.name", Class::Token),
    row("tool_choice.server_label", Class::Token),
    row("tool_choice.tools[].type", Class::Type),
    row("tool_choice.tools[].name", Class::Token),
    row("text.format.type", Class::Type),
    row("text.format.name", DEFINED),
    row("text.format.description", DEFINED),
    row("text.format.schema.**", DEFINED),
    row("text.verbosity", Class::Token),
    row("reasoning.effort", Class::Token),
    row("reasoning.summary", Class::Token),
    row("reasoning.generate_summary", Class::Token),
    row("previous_response_id", Class::State(State::PreviousResponse)),
    row("conversation", Class::State(State::Conversation)),
    row("conversation.id", Class::Handle),
    row("prompt", Class::State(State::StoredPrompt)),
    row("prompt.id", Class::Token),
    row("prompt.version", Class::Token),
    row("prompt.variables.*", USER),
    row("prompt.variables.*.type", Class::Type),
    row("prompt.variables.*.text", USER),
    row("metadata.*", LABEL),
    row("prompt_cache_key", LABEL),
    row("prompt_cache_retention", Class::Token),
    row("safety_identifier", LABEL),
    row("service_tier", Class::Token),
    row("truncation", Class::Token),
    row("user", LABEL),
];

static REQUEST: [Row; 11] = [
    row("background", Class::State(State::Background)),
    row("model", Class::Model),
    row("max_output_tokens", Class::TokenLimit),
    row("input", USER),
    row("input[]", Class::Table(&INPUT_ITEM)),
    row("input[].tools[]", Class::Tool(&TOOLS)),
    row("tools[]", Class::Tool(&TOOLS)),
    row("tools[].tools[]", Class::Tool(&TOOLS)),
    row("", Class::Table(&SETTINGS)),
    row("include[]", Class::Token),
    row("context_management[].type", Class::Type),
];

static RESPONSE: [Row; 18] = [
    row("id", Class::Handle),
    row("object", Class::Token),
    row("status", Class::Token),
    row("created_at", Class::Token),
    row("completed_at", Class::Token),
    row("model", Class::Model),
    row("output[]", Class::Table(&OUTPUT_ITEM)),
    row("", Class::Table(&SETTINGS)),
    row("usage.input_tokens", Class::UsageInput),
    row("usage.output_tokens", Class::UsageOutput),
    // Of `input_tokens`.
    row("input_tokens", Class::UsageInput),
    row("incomplete_details.reason", Class::Token),
    row("error.message", text(Part::Assistant, "error")),
    row("error.type", Class::Token),
    row("error.code", Class::Token),
    row("error.param", Class::Token),
    row("first_id", Class::Token),
    row("last_id", Class::Token),
];

const ENDS: &[&str] = &[
    "response.output_text.done",
    "response.refusal.done",
    "response.reasoning_text.done",
    "response.reasoning_summary_text.done",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.done",
    "response.mcp_call_arguments.done",
    "response.code_interpreter_call_code.done",
    "response.content_part.done",
    "response.reasoning_summary_part.done",
    "response.output_item.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
];

const ITEM_ADDED: &[&str] = &["response.output_item.added"];
const PART_ADDED: &[&str] = &["response.content_part.added"];
const SUMMARY_ADDED: &[&str] = &["response.reasoning_summary_part.added"];
const SUMMARY_DONE: &[&str] = &["response.reasoning_summary_part.done"];

static ANSWER_TEXT: [Row; 1] = [row("", ANSWER)];
static DECLINED_TEXT: [Row; 1] = [row("", DECLINED)];
static THOUGHT_TEXT: [Row; 1] = [row("", THOUGHT)];
static SUMMARY_TEXT: [Row; 1] = [row("", SUMMARY)];
static ACTION_TEXT: [Row; 1] = [row("", ACTION)];
static ARGUMENTS_TEXT: [Row; 1] = [row("", ARGUMENTS)];
static CUSTOM_TEXT: [Row; 1] = [row("", CUSTOM)];

static STREAM: [Row; 53] = [
    typed("type", ENDS, Class::Ends),
    row("type", Class::Type),
    row("output_index", Class::Index(0)),
    row("content_index", Class::Index(1)),
    row("summary_index", Class::Index(1)),
    row("command_index", Class::Index(1)),
    row("sequence_number", Class::Token),
    row("item_id", Class::Token),
    row("stream_id", Class::Token),
    row("obfuscation", Class::Token),
    // What begins.
    both("item.name", CALLS, ITEM_ADDED, Class::ToolName),
    both("item.arguments", FUNCTION, ITEM_ADDED, ARGUMENTS),
    both("item.input", CUSTOM_CALL, ITEM_ADDED, CUSTOM),
    both("part.text", THOUGHTS, PART_ADDED, THOUGHT),
    rooted("part.text", PART_ADDED, ANSWER),
    rooted("part.text", SUMMARY_ADDED, SUMMARY),
    rooted("part.refusal", PART_ADDED, DECLINED),
    // What goes on.
    typed("delta", &["response.output_text.delta"], ANSWER),
    typed("delta", &["response.refusal.delta"], DECLINED),
    typed("delta", &["response.reasoning_text.delta"], THOUGHT),
    typed("delta", &["response.reasoning_summary_text.delta"], SUMMARY),
    typed("delta", &["response.function_call_arguments.delta"], ARGUMENTS),
    typed("delta", &["response.custom_tool_call_input.delta"], CUSTOM),
    typed("delta", &["response.code_interpreter_call_code.delta"], ACTION),
    typed("delta", &["response.mcp_call_arguments.delta"], ACTION),
    typed("delta", &["response.shell_call_command.delta"], ACTION),
    typed("delta", &["response.audio.transcript.delta"], text(Part::Assistant, "transcript")),
    typed("delta", &["response.audio.delta"], Class::Blob),
    row("delta", text(Part::Unlisted, "unlisted")),
    row("delta.*", text(Part::Unlisted, "unlisted")),
    row("logprobs", Class::Derived("[]")),
    row("logprobs.**", Class::Token),
    row("partial_image_b64", Class::Blob),
    row("annotation", Class::Table(&ANNOTATION)),
    // What is told again.
    typed("text", &["response.output_text.done"], Class::Copies(&ANSWER_TEXT)),
    typed("text", &["response.reasoning_text.done"], Class::Copies(&THOUGHT_TEXT)),
    typed("text", &["response.reasoning_summary_text.done"], Class::Copies(&SUMMARY_TEXT)),
    typed("refusal", &["response.refusal.done"], Class::Copies(&DECLINED_TEXT)),
    typed("arguments", &["response.function_call_arguments.done"], Class::Copies(&ARGUMENTS_TEXT)),
    typed("arguments", &["response.mcp_call_arguments.done"], Class::Copies(&ACTION_TEXT)),
    typed("input", &["response.custom_tool_call_input.done"], Class::Copies(&CUSTOM_TEXT)),
    typed("code", &["response.code_interpreter_call_code.done"], Class::Copies(&ACTION_TEXT)),
    typed("command", &["response.shell_call_command.done"], Class::Copies(&ACTION_TEXT)),
    rooted("part", SUMMARY_DONE, Class::Copies(&SUMMARY_PART)),
    row("part", Class::Copies(&OUTPUT_PART)),
    row("item", Class::Copies(&OUTPUT_ITEM)),
    row("response", Class::Copies(&RESPONSE)),
    row("message", text(Part::Assistant, "error")),
    row("code", Class::Token),
    row("param", Class::Token),
    row("error.message", text(Part::Assistant, "error")),
    row("error.type", Class::Token),
    row("error.code", Class::Token),
];

/// `POST /v1/responses` and what takes or gives the same.
pub(super) const RESPONSES: Layout = Layout { roles: ROLES, request: &REQUEST, response: &RESPONSE, stream: &STREAM };
