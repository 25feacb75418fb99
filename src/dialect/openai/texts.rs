//! OpenAI's smaller APIs: embeddings, completions (legacy), moderations, images from text, speech, batches.
//! Source: the published API reference, <https://platform.openai.com/docs/api-reference/embeddings>, `/completions`, `/moderations`, `/images`,
//! `/batch`.

use crate::dialect::registry::Layout;
use crate::dialect::table::{Class, Row, State, Who, row, text};
use crate::text::Part;

const USER: Class = text(Part::User, "input");
const ALONE: Class = Class::Alone(Who::Is(Part::User));
const ANSWER: Class = text(Part::Assistant, "content");
const LABEL: Class = text(Part::Unlisted, "label");

/// What the answers of all of them have in common, errors included.
static COMMON: [Row; 13] = [
    row("id", Class::Token),
    row("object", Class::Token),
    row("created", Class::Token),
    row("model", Class::Model),
    row("system_fingerprint", Class::Token),
    row("usage.prompt_tokens", Class::UsageInput),
    row("usage.completion_tokens", Class::UsageOutput),
    row("usage.input_tokens", Class::UsageInput),
    row("usage.output_tokens", Class::UsageOutput),
    row("error.message", text(Part::Assistant, "error")),
    row("error.type", Class::Token),
    row("error.code", Class::Token),
    row("error.param", Class::Token),
];

static EMBEDDINGS: [Row; 7] = [
    row("model", Class::Model),
    row("input", USER),
    row("input[]", ALONE),
    row("input[]", Class::TokenIds),
    row("input[][]", Class::TokenIds),
    row("encoding_format", Class::Token),
    row("user", LABEL),
];

static VECTORS: [Row; 4] = [
    row("", Class::Table(&COMMON)),
    row("data[].object", Class::Token),
    row("data[].embedding", Class::Blob),
    row("data[].embedding[]", Class::Token),
];

/// `POST /v1/embeddings`.
pub(super) const EMBED: Layout = Layout { roles: &[], request: &EMBEDDINGS, response: &VECTORS, stream: &[] };

static PROMPT: [Row; 10] = [
    row("model", Class::Model),
    row("max_tokens", Class::TokenLimit),
    row("prompt", USER),
    row("prompt[]", ALONE),
    row("prompt[]", Class::TokenIds),
    row("prompt[][]", Class::TokenIds),
    row("suffix", USER),
    row("stop", LABEL),
    row("stop[]", LABEL),
    row("user", LABEL),
];

static COMPLETION: [Row; 6] = [
    row("", Class::Table(&COMMON)),
    row("choices[].index", Class::Index(0)),
    row("choices[].text", ANSWER),
    row("choices[].finish_reason", Class::Ends),
    row("choices[].logprobs", Class::Derived("null")),
    row("choices[].logprobs.**", Class::Token),
];

/// `POST /v1/completions`.
pub(super) const COMPLETE: Layout = Layout { roles: &[], request: &PROMPT, response: &COMPLETION, stream: &COMPLETION };

static QUESTION: [Row; 6] = [
    row("model", Class::Model),
    row("input", USER),
    row("input[]", ALONE),
    row("input[].type", Class::Type),
    row("input[].text", USER),
    row("input[].image_url.url", Class::Media),
];

static JUDGEMENT: [Row; 3] = [
    row("", Class::Table(&COMMON)),
    row("results[].category_applied_input_types.*[]", Class::Token),
    row("results[].category_scores.*", Class::Token),
];

/// `POST /v1/moderations`.
pub(super) const MODERATE: Layout = Layout { roles: &[], request: &QUESTION, response: &JUDGEMENT, stream: &[] };

static PICTURE: [Row; 11] = [
    row("model", Class::Model),
    row("prompt", USER),
    row("background", Class::Token),
    row("moderation", Class::Token),
    row("output_format", Class::Token),
    row("quality", Class::Token),
    row("response_format", Class::Token),
    row("size", Class::Token),
    row("style", Class::Token),
    row("user", LABEL),
    row("input_fidelity", Class::Token),
];

static PICTURES: [Row; 12] = [
    row("", Class::Table(&COMMON)),
    row("type", Class::Type),
    row("b64_json", Class::Blob),
    row("data[].b64_json", Class::Blob),
    row("data[].url", ANSWER),
    row("data[].revised_prompt", ANSWER),
    row("background", Class::Token),
    row("output_format", Class::Token),
    row("quality", Class::Token),
    row("size", Class::Token),
    row("created_at", Class::Token),
    row("partial_image_index", Class::Token),
];

/// `POST /v1/images/generations`.
pub(super) const DRAW: Layout = Layout { roles: &[], request: &PICTURE, response: &PICTURES, stream: &PICTURES };

static SPEECH: [Row; 8] = [
    row("model", Class::Model),
    row("input", USER),
    row("instructions", text(Part::System, "instructions")),
    row("voice", Class::Token),
    row("voice.id", Class::Token),
    row("response_format", Class::Token),
    row("stream_format", Class::Token),
    row("speed", Class::Token),
];

static SPOKEN: [Row; 3] = [row("", Class::Table(&COMMON)), row("type", Class::Type), row("audio", Class::Blob)];

/// `POST /v1/audio/speech`, whose answer is sound.
pub(super) const SPEAK: Layout = Layout { roles: &[], request: &SPEECH, response: &SPOKEN, stream: &SPOKEN };

static BATCH: [Row; 5] = [
    row("input_file_id", Class::State(State::File)),
    row("endpoint", Class::Token),
    row("completion_window", Class::Token),
    row("metadata.*", LABEL),
    row("output_expires_after.anchor", Class::Token),
];

static BATCHES: [Row; 16] = [
    row("", Class::Table(&COMMON)),
    row("endpoint", Class::Token),
    row("status", Class::Token),
    row("input_file_id", Class::Token),
    row("output_file_id", Class::Token),
    row("error_file_id", Class::Token),
    row("completion_window", Class::Token),
    row("metadata.*", LABEL),
    row("errors.object", Class::Token),
    row("errors.data[].code", Class::Token),
    row("errors.data[].param", Class::Token),
    row("errors.data[].message", text(Part::Assistant, "error")),
    row("data[]", Class::Table(&BATCH)),
    row("data[].id", Class::Token),
    row("first_id", Class::Token),
    row("last_id", Class::Token),
];

/// `/v1/batches`.
pub(super) const BATCH_JOBS: Layout = Layout { roles: &[], request: &BATCH, response: &BATCHES, stream: &[] };
