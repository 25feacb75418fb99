//! Gemini: generateContent and its stream, countTokens and embedContent as tables.
//! Source: the published API reference, <https://ai.google.dev/api/generate-content>, `/tokens`, `/embeddings`.
//!
//! The API reads names in camel case and in snake case (the JSON mapping of protocol buffers), so both stand here. Its streams are
//! server-sent events (`alt=sse`), or else one array that is written while it is read.

use serde_json::json;

use crate::dialect::refuse::ErrorStyle;
use crate::dialect::registry::{Dialect, Endpoint, Layout};
use crate::dialect::table::{Class, Roles, Row, State, ToolShape, Who, row, text, typed};
use crate::text::Part;

const ROLES: Roles =
    &[("user", Part::User), ("model", Part::Assistant), ("system", Part::System), ("function", Part::ToolResult)];

const SYSTEM: Class = text(Part::System, "system");
const RESULT: Class = text(Part::ToolResult, "result");
const DEFINED: Class = text(Part::ToolDefinition, "definition");
const ACTION: Class = text(Part::Assistant, "action");
const LABEL: Class = text(Part::Unlisted, "label");
const CITATION: Class = text(Part::Assistant, "citation");
/// A part says that it is a thought by a member that is `true`.
const THOUGHT: &[&str] = &["true"];

/// `parameters` is a dialect of OpenAPI's schemas with types in capitals, which is no JSON Schema: with it, any object fits.
static TOOLS: [ToolShape; 2] = [
    ToolShape {
        kind: "",
        name: "/name",
        description: "/description",
        schema: Some("/parametersJsonSchema"),
        free_text: false,
        silent: &["/behavior", "/parameters", "/response", "/responseJsonSchema"],
    },
    ToolShape {
        kind: "",
        name: "/name",
        description: "/description",
        schema: Some("/parameters_json_schema"),
        free_text: false,
        silent: &["/behavior", "/parameters", "/response", "/response_json_schema"],
    },
];

/// What a part holds beside text and calls.
static PART: [Row; 22] = [
    row("thought", Class::Type),
    row("thoughtSignature", Class::Blob),
    row("thought_signature", Class::Blob),
    row("inlineData.mimeType", Class::Token),
    row("inlineData.data", Class::Blob),
    row("inlineData.displayName", text(Part::Document, "name")),
    row("inline_data.mime_type", Class::Token),
    row("inline_data.data", Class::Blob),
    row("fileData", Class::State(State::File)),
    row("fileData.mimeType", Class::Token),
    row("file_data", Class::State(State::File)),
    row("file_data.mime_type", Class::Token),
    row("functionResponse.id", Class::Token),
    row("functionResponse.name", Class::Token),
    row("functionResponse.response.**", RESULT),
    row("function_response.id", Class::Token),
    row("function_response.name", Class::Token),
    row("function_response.response.**", RESULT),
    row("executableCode.language", Class::Token),
    row("executableCode.code", ACTION),
    row("codeExecutionResult.outcome", Class::Token),
    row("codeExecutionResult.output", RESULT),
];

/// A content that the caller sends.
static CONTENT: [Row; 11] = [
    row("role", Class::Role),
    row("parts[]", Class::Table(&PART)),
    typed("parts[].text", THOUGHT, text(Part::Reasoning, "thought")),
    row("parts[].text", Class::Text(Who::Role, "content")),
    row("parts[].functionCall.id", Class::Token),
    row("parts[].functionCall.name", Class::ToolName),
    row("parts[].functionCall.args.**", Class::Input),
    row("parts[].function_call.id", Class::Token),
    row("parts[].function_call.name", Class::ToolName),
    row("parts[].function_call.args.**", Class::Input),
    row("parts.text", Class::Text(Who::Role, "content")),
];

/// What the system says; its role is whatever stands there.
static INSTRUCTION: [Row; 4] = [
    row("role", Class::Token),
    row("parts[].text", SYSTEM),
    row("parts.text", SYSTEM),
    row("parts[]", Class::Table(&PART)),
];

static TOOL: [Row; 12] = [
    row("functionDeclarations[]", Class::Tool(&TOOLS)),
    row("functionDeclarations[].**", DEFINED),
    row("function_declarations[]", Class::Tool(&TOOLS)),
    row("function_declarations[].**", DEFINED),
    row("googleSearch", Class::State(State::HostedTool)),
    row("google_search", Class::State(State::HostedTool)),
    row("googleSearchRetrieval", Class::State(State::HostedTool)),
    row("codeExecution", Class::State(State::HostedTool)),
    row("urlContext", Class::State(State::RemoteUrl)),
    row("googleMaps", Class::State(State::HostedTool)),
    row("computerUse", Class::State(State::HostedTool)),
    row("fileSearch", Class::State(State::File)),
];

static CONFIG: [Row; 10] = [
    row("maxOutputTokens", Class::TokenLimit),
    row("stopSequences[]", LABEL),
    row("responseMimeType", Class::Token),
    row("responseSchema.**", DEFINED),
    row("responseJsonSchema.**", DEFINED),
    row("responseModalities[]", Class::Token),
    row("mediaResolution", Class::Token),
    row("speechConfig.**", Class::Token),
    row("thinkingConfig.thinkingLevel", Class::Token),
    row("imageConfig.**", Class::Token),
];

static REQUEST: [Row; 21] = [
    row("model", Class::Model),
    row("contents[]", Class::Table(&CONTENT)),
    row("contents", Class::Table(&CONTENT)),
    row("systemInstruction", Class::Table(&INSTRUCTION)),
    row("system_instruction", Class::Table(&INSTRUCTION)),
    row("tools[]", Class::Table(&TOOL)),
    row("toolConfig.functionCallingConfig.mode", Class::Token),
    row("toolConfig.functionCallingConfig.allowedFunctionNames[]", Class::Token),
    row("generationConfig", Class::Table(&CONFIG)),
    row("generation_config", Class::Table(&CONFIG)),
    row("safetySettings[].category", Class::Token),
    row("safetySettings[].threshold", Class::Token),
    row("cachedContent", Class::State(State::CachedContent)),
    row("cached_content", Class::State(State::CachedContent)),
    row("labels.*", LABEL),
    row("content", Class::Table(&CONTENT)),
    row("taskType", Class::Token),
    row("title", text(Part::Document, "title")),
    row("requests[]", Class::Apart),
    row("requests[]", Class::Table(&EMBEDDING)),
    row("generateContentRequest", Class::Table(&COUNTED)),
];

static EMBEDDING: [Row; 4] = [
    row("model", Class::Model),
    row("content", Class::Table(&CONTENT)),
    row("taskType", Class::Token),
    row("title", text(Part::Document, "title")),
];

static COUNTED: [Row; 5] = [
    row("model", Class::Model),
    row("contents[]", Class::Table(&CONTENT)),
    row("systemInstruction", Class::Table(&INSTRUCTION)),
    row("tools[].functionDeclarations[].**", DEFINED),
    row("generationConfig", Class::Table(&CONFIG)),
];

/// Answers, whole or a piece of a stream.
static ANSWERS: [Row; 44] = [
    row("candidates[].index", Class::Index(0)),
    row("candidates[].finishReason", Class::Ends),
    row("candidates[].finishMessage", text(Part::Refusal, "finish")),
    row("candidates[].content.role", Class::Role),
    row("candidates[].content.parts[]", Class::Table(&PART)),
    // Each piece of a stream counts its parts anew, so the text goes on whatever the number.
    typed("candidates[].content.parts[].text", THOUGHT, Class::Joined(Who::Is(Part::Reasoning), "thought")),
    row("candidates[].content.parts[].text", Class::Joined(Who::Is(Part::Assistant), "content")),
    row("candidates[].content.parts[].functionCall.id", Class::Token),
    row("candidates[].content.parts[].functionCall.name", Class::WholeCall),
    row("candidates[].content.parts[].functionCall.args", Class::Input),
    row("candidates[].content.parts[].functionCall.args.**", Class::Input),
    row("candidates[].safetyRatings[].category", Class::Token),
    row("candidates[].safetyRatings[].probability", Class::Token),
    row("candidates[].safetyRatings[].severity", Class::Token),
    row("candidates[].citationMetadata.citationSources[].uri", CITATION),
    row("candidates[].citationMetadata.citationSources[].license", CITATION),
    row("candidates[].groundingMetadata.webSearchQueries[]", ACTION),
    row("candidates[].groundingMetadata.searchEntryPoint.renderedContent", CITATION),
    row("candidates[].groundingMetadata.groundingChunks[].web.uri", CITATION),
    row("candidates[].groundingMetadata.groundingChunks[].web.title", CITATION),
    row("candidates[].groundingMetadata.groundingSupports[].segment.text", CITATION),
    row("candidates[].logprobsResult", Class::Derived("null")),
    row("candidates[].logprobsResult.**", Class::Token),
    row("promptFeedback.blockReason", Class::Token),
    row("promptFeedback.safetyRatings[].category", Class::Token),
    row("promptFeedback.safetyRatings[].probability", Class::Token),
    row("usageMetadata.promptTokenCount", Class::UsageInput),
    row("usageMetadata.candidatesTokenCount", Class::UsageOutput),
    row("usageMetadata.promptTokensDetails[].modality", Class::Token),
    row("usageMetadata.candidatesTokensDetails[].modality", Class::Token),
    row("usageMetadata.trafficType", Class::Token),
    row("modelVersion", Class::Model),
    row("responseId", Class::Token),
    row("createTime", Class::Token),
    row("totalTokens", Class::UsageInput),
    row("promptTokensDetails[].modality", Class::Token),
    row("embedding.values[]", Class::Token),
    row("embeddings[].values[]", Class::Token),
    row("error.code", Class::Token),
    row("error.message", text(Part::Assistant, "error")),
    row("error.status", Class::Token),
    row("error.details[].reason", Class::Token),
    row("models[].name", Class::Token),
    row("models[].version", Class::Token),
];

/// Source: <https://cloud.google.com/apis/design/errors#error_model>.
static ERRORS: ErrorStyle = ErrorStyle {
    words: &[
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (408, "DEADLINE_EXCEEDED"),
        (413, "INVALID_ARGUMENT"),
        (415, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
    other: "INTERNAL",
    body: |e| {
        json!({"error": {"code": e.status, "message": e.message, "status": e.word,
            "details": [{"reason": e.code, "domain": "sidewall", "field": e.param}]}})
    },
    event: None,
    event_body: None,
};

/// The dialect.
pub static DIALECT: Dialect =
    Dialect { name: "gemini", terminators: &[], stream_ends: &["\"finishReason\""], errors: &ERRORS };

const LAYOUT: Layout = Layout { roles: ROLES, request: &REQUEST, response: &ANSWERS, stream: &ANSWERS };

/// Its endpoints, in the versions that are served.
pub static ENDPOINTS: [Endpoint; 14] = [
    endpoint("gemini.generate", "/v1beta/models/*:generateContent"),
    endpoint("gemini.generate", "/v1/models/*:generateContent"),
    endpoint("gemini.stream", "/v1beta/models/*:streamGenerateContent").with_elements(),
    endpoint("gemini.stream", "/v1/models/*:streamGenerateContent").with_elements(),
    endpoint("gemini.count_tokens", "/v1beta/models/*:countTokens"),
    endpoint("gemini.count_tokens", "/v1/models/*:countTokens"),
    endpoint("gemini.embed", "/v1beta/models/*:embedContent"),
    endpoint("gemini.embed", "/v1/models/*:embedContent"),
    endpoint("gemini.embed_batch", "/v1beta/models/*:batchEmbedContents"),
    endpoint("gemini.embed_batch", "/v1/models/*:batchEmbedContents"),
    endpoint("gemini.generate", "/v1beta1/publishers/google/models/*:generateContent"),
    endpoint("gemini.stream", "/v1beta1/publishers/google/models/*:streamGenerateContent").with_elements(),
    Endpoint::new(&DIALECT, "gemini.models", "GET", "/v1beta/models", LAYOUT),
    Endpoint::new(&DIALECT, "gemini.model", "GET", "/v1beta/models/*", LAYOUT),
];

const fn endpoint(name: &'static str, path: &'static str) -> Endpoint {
    Endpoint::new(&DIALECT, name, "POST", path, LAYOUT).naming_model()
}
