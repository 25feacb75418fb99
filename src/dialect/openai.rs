//! OpenAI's APIs: what they share, and their endpoints. The tables stand in `openai/`, one file an API.
//! Source: the published API reference, <https://platform.openai.com/docs/api-reference>.

mod chat;
mod responses;
mod texts;

use serde_json::json;

use crate::dialect::refuse::{ErrorParts, ErrorStyle};
use crate::dialect::registry::{Dialect, Endpoint, Layout};
use crate::dialect::table::State;

/// The provider's own words for classes of errors.
/// Source: <https://platform.openai.com/docs/guides/error-codes>.
const WORDS: &[(u16, &str)] = &[
    (400, "invalid_request_error"),
    (401, "authentication_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (408, "timeout_error"),
    (413, "invalid_request_error"),
    (415, "invalid_request_error"),
    (429, "rate_limit_error"),
];

const ERRORS_ROW: ErrorStyle = ErrorStyle {
    words: WORDS,
    other: "server_error",
    body: |e| json!({"error": error(e)}),
    event: None,
    event_body: None,
};

static ERRORS: ErrorStyle = ERRORS_ROW;

/// An error in a stream of the responses API is an event of its own; the official clients raise where they find `error` in it.
/// Source: <https://platform.openai.com/docs/api-reference/responses-streaming/error>.
static RESPONSES_ERRORS: ErrorStyle = ErrorStyle {
    event: Some("error"),
    event_body: Some(|e| {
        json!({
            "type": "error", "code": e.code, "message": e.message, "param": e.param, "sequence_number": 0, "error": error(e),
        })
    }),
    ..ERRORS_ROW
};

fn error(e: &ErrorParts<'_>) -> serde_json::Value {
    json!({"message": e.message, "type": e.word, "param": e.param, "code": e.code})
}

/// The dialect as a value to copy from.
pub const DIALECT_ROW: Dialect =
    Dialect { name: "openai", terminators: &["[DONE]"], stream_ends: &["[DONE]"], errors: &ERRORS };

/// The dialect.
pub static DIALECT: Dialect = DIALECT_ROW;

/// The responses API ends its streams in its own way.
static RESPONSES: Dialect = Dialect {
    stream_ends: &["response.completed", "response.incomplete", "response.failed", "[DONE]"],
    errors: &RESPONSES_ERRORS,
    ..DIALECT_ROW
};

/// Its endpoints.
pub static ENDPOINTS: [Endpoint; 18] = [
    Endpoint::new(&DIALECT, "chat.completions", "POST", "/v1/chat/completions", chat::CHAT),
    Endpoint::new(&RESPONSES, "responses", "POST", "/v1/responses", responses::RESPONSES),
    Endpoint::new(&RESPONSES, "responses.input_tokens", "POST", "/v1/responses/input_tokens", responses::RESPONSES),
    Endpoint::new(&RESPONSES, "responses.compact", "POST", "/v1/responses/compact", responses::RESPONSES),
    stored("responses.get", "GET", "/v1/responses/*").going_on(),
    stored("responses.delete", "DELETE", "/v1/responses/*"),
    stored("responses.cancel", "POST", "/v1/responses/*/cancel").going_on(),
    stored("responses.input_items", "GET", "/v1/responses/*/input_items").going_on(),
    Endpoint::new(&DIALECT, "embeddings", "POST", "/v1/embeddings", texts::EMBED),
    Endpoint::new(&DIALECT, "completions", "POST", "/v1/completions", texts::COMPLETE),
    Endpoint::new(&DIALECT, "moderations", "POST", "/v1/moderations", texts::MODERATE),
    Endpoint::new(&DIALECT, "images.generations", "POST", "/v1/images/generations", texts::DRAW),
    Endpoint::new(&DIALECT, "audio.speech", "POST", "/v1/audio/speech", texts::SPEAK).answering(SOUND),
    batch("batches.create", "POST", "/v1/batches"),
    batch("batches.list", "GET", "/v1/batches"),
    batch("batches.get", "GET", "/v1/batches/*"),
    Endpoint::new(&DIALECT, "models.list", "GET", "/v1/models", chat::MODELS),
    Endpoint::new(&DIALECT, "models.get", "GET", "/v1/models/*", chat::MODELS),
];

/// Speech says its format; some formats have no better name than bytes.
const SOUND: &[&str] = &["audio/*", "application/octet-stream"];

const fn stored(name: &'static str, method: &'static str, path: &'static str) -> Endpoint {
    Endpoint::new(&RESPONSES, name, method, path, responses::RESPONSES).using(State::StoredResponse)
}

const fn batch(name: &'static str, method: &'static str, path: &'static str) -> Endpoint {
    Endpoint::new(&DIALECT, name, method, path, texts::BATCH_JOBS).using(State::Batch)
}

/// The same APIs as Azure serves them.
pub static AZURE_DIALECT: Dialect = Dialect { name: "azure", ..DIALECT_ROW };
static AZURE_RESPONSES: Dialect = Dialect {
    name: "azure",
    stream_ends: &["response.completed", "response.incomplete", "response.failed", "[DONE]"],
    errors: &RESPONSES_ERRORS,
    ..DIALECT_ROW
};

/// Azure's paths: by deployment, and without (`v1`). The deployment in the path is the model.
/// Source: <https://learn.microsoft.com/azure/ai-services/openai/reference>.
pub static AZURE: [Endpoint; 13] = [
    azure("azure.chat.completions", "/openai/deployments/*/chat/completions", chat::CHAT),
    azure("azure.completions", "/openai/deployments/*/completions", texts::COMPLETE),
    azure("azure.embeddings", "/openai/deployments/*/embeddings", texts::EMBED),
    azure("azure.images.generations", "/openai/deployments/*/images/generations", texts::DRAW),
    azure("azure.chat.completions", "/openai/v1/chat/completions", chat::CHAT),
    azure("azure.completions", "/openai/v1/completions", texts::COMPLETE),
    azure("azure.embeddings", "/openai/v1/embeddings", texts::EMBED),
    azure("azure.moderations", "/openai/v1/moderations", texts::MODERATE),
    azure("azure.images.generations", "/openai/v1/images/generations", texts::DRAW),
    azure("azure.audio.speech", "/openai/deployments/*/audio/speech", texts::SPEAK).answering(SOUND),
    azure("azure.audio.speech", "/openai/v1/audio/speech", texts::SPEAK).answering(SOUND),
    Endpoint::new(&AZURE_RESPONSES, "azure.responses", "POST", "/openai/v1/responses", responses::RESPONSES),
    Endpoint::new(&AZURE_RESPONSES, "azure.responses", "POST", "/openai/responses", responses::RESPONSES),
];

const fn azure(name: &'static str, path: &'static str, layout: Layout) -> Endpoint {
    Endpoint::new(&AZURE_DIALECT, name, "POST", path, layout).naming_model()
}
