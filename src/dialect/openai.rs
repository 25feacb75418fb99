//! OpenAI's APIs: what they share, and their endpoints. The tables stand in `openai/`, one file an API.
//! Source: the published API reference, <https://platform.openai.com/docs/api-reference>.

mod chat;
mod responses;

use serde_json::json;

use crate::dialect::refuse::{ErrorParts, ErrorStyle};
use crate::dialect::registry::{Dialect, Endpoint};

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
pub static ENDPOINTS: [Endpoint; 6] = [
    Endpoint::new(&DIALECT, "chat.completions", "POST", "/v1/chat/completions", chat::CHAT),
    Endpoint::new(&RESPONSES, "responses", "POST", "/v1/responses", responses::RESPONSES),
    Endpoint::new(&RESPONSES, "responses.input_tokens", "POST", "/v1/responses/input_tokens", responses::RESPONSES),
    Endpoint::new(&RESPONSES, "responses.compact", "POST", "/v1/responses/compact", responses::RESPONSES),
    Endpoint::new(&DIALECT, "models.list", "GET", "/v1/models", chat::MODELS),
    Endpoint::new(&DIALECT, "models.get", "GET", "/v1/models/*", chat::MODELS),
];
