//! From a request to its scripted response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::answer::{Answer, Prompt, answer, id};
use super::delivery::{Event, ScriptedBody, Writing};
use super::memory::Memory;
use super::scenario::{Scenario, Script, Scripts, take_directive};
use super::{Dropped, anthropic, batches, gemini, ollama, openai, responses, small};
use crate::demo::parse;

/// An answer that the model does not speak.
type Other = fn(&Prompt, &Answer) -> Value;

/// A wire format: everything that differs between the APIs.
struct Format {
    /// How paths of calls end that the model answers; those of `streams` alone are answered in pieces.
    paths: &'static [&'static str],
    streams: &'static [&'static str],
    read: fn(&Value) -> Prompt,
    document: fn(&Prompt, &Answer, u64) -> Value,
    stream: fn(&Prompt, &Answer, &Script, u64) -> Vec<Event>,
    writing: Writing,
    /// Answers of other calls, by how their paths end.
    others: &'static [(&'static str, Other)],
    models: fn() -> Value,
    error: fn(u16, &str, u64) -> Value,
    request_id: &'static str,
}

const OPENAI: Format = Format {
    paths: &["/chat/completions"],
    streams: &[],
    read: openai::read,
    document: openai::document,
    stream: openai::stream,
    writing: Writing::Events,
    others: &[],
    models: openai::models,
    error: |status, message, _| openai::error(openai::error_type(status), message, ""),
    request_id: "x-request-id",
};

const ANTHROPIC: Format = Format {
    paths: &["/v1/messages"],
    read: anthropic::read,
    document: anthropic::document,
    stream: anthropic::stream,
    others: &[("/v1/messages/count_tokens", |_, answer| json!({"input_tokens": answer.input_tokens}))],
    models: anthropic::models,
    error: |status, message, seed| anthropic::error(anthropic::error_type(status), message, seed),
    request_id: "request-id",
    ..OPENAI
};

const FORMATS: [Format; 6] = [
    Format {
        paths: &["/openai/responses", "/v1/responses"],
        read: responses::read,
        document: responses::document,
        stream: responses::stream,
        others: &[(
            "/v1/responses/input_tokens",
            |_, answer| json!({"object": "response.input_tokens", "input_tokens": answer.input_tokens}),
        )],
        ..OPENAI
    },
    Format {
        paths: &["/api/chat", "/api/generate"],
        read: ollama::read,
        document: ollama::document,
        stream: ollama::stream,
        writing: Writing::Lines,
        others: &[("/api/embed", |prompt, _| ollama::vectors(prompt))],
        error: |_, message, _| ollama::error(message),
        ..OPENAI
    },
    Format {
        paths: &[":generateContent", ":streamGenerateContent"],
        streams: &[":streamGenerateContent"],
        read: gemini::read,
        document: gemini::document,
        stream: gemini::stream,
        writing: Writing::Array,
        others: &[
            (":countTokens", |_, answer| json!({"totalTokens": answer.input_tokens})),
            (":embedContent", |_, _| gemini::vectors()),
            (":batchEmbedContents", |_, _| gemini::vectors()),
            ("/v1beta/models", |_, _| gemini::models()),
        ],
        models: gemini::models,
        error: |status, message, _| gemini::error(status, message),
        request_id: "x-request-id",
    },
    OPENAI,
    // Behind the chat, whose path ends in the same word.
    Format {
        paths: &["/completions"],
        read: small::read,
        document: small::completion,
        stream: small::completion_stream,
        ..OPENAI
    },
    Format {
        paths: &[],
        read: small::read,
        others: &[
            ("/embeddings", |prompt, _| small::vectors(prompt)),
            ("/moderations", |_, _| small::moderation()),
            ("/images/generations", |prompt, _| small::image(prompt)),
        ],
        ..OPENAI
    },
];

/// The format of a request: by its path, or by the header that only one API's clients send.
fn format(parts: &Parts) -> Format {
    let path = parts.uri.path();
    if parts.headers.contains_key("anthropic-version") || path.starts_with("/v1/messages") {
        return ANTHROPIC;
    }
    FORMATS.into_iter().find(|format| format.answers(path) || format.other(path).is_some()).unwrap_or(OPENAI)
}

impl Format {
    fn answers(&self, path: &str) -> bool {
        self.paths.iter().any(|end| path.ends_with(end))
    }

    fn other(&self, path: &str) -> Option<Other> {
        self.others.iter().find(|(end, _)| path.ends_with(end)).map(|(_, answer)| *answer)
    }
}

/// Answers one request; an error closes the connection.
pub(super) async fn reply(memory: Arc<Memory>, request: Request<Incoming>) -> Result<Response<ScriptedBody>, Dropped> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    if let Some(response) = own_endpoint(&memory, &parts, &body) {
        return Ok(response);
    }
    let seed = memory.receive(&parts, body.clone());
    let format = format(&parts);
    let text = String::from_utf8_lossy(&body);
    let request: Value = parse(&body).unwrap_or_default();
    let mut prompt = (format.read)(&request);
    prompt.stream |= format.streams.iter().any(|end| parts.uri.path().ends_with(end));
    let mut format = format;
    if parts.uri.query().is_some_and(|query| query.contains("alt=sse")) {
        format.writing = Writing::Events;
    }
    let script = match direct(&mut prompt, memory.script(&text)) {
        Ok(script) => script,
        Err(problem) => return Ok(json_response(400, &(format.error)(400, &problem, seed))),
    };
    if let Some(before) = memory.before().filter(|_| script.recall) {
        let mut earlier = (format.read)(&parse(&before).unwrap_or_default());
        direct(&mut earlier, Script::default()).ok();
        prompt.text = earlier.text;
    }
    tokio::time::sleep(Duration::from_millis(script.wait)).await;
    let mut response = match misbehave(&script, &format, &memory, seed).await? {
        Some(response) => response,
        None => match (&parts.method, parts.uri.path()) {
            (method, path) if path.contains(batches::PATH) => match batches::answer(method, path, &memory, seed) {
                batches::Answer::Batch(batch) => json_response(200, &batch),
                batches::Answer::Results(lines) => {
                    let body = ScriptedBody::document(lines.into(), &script, Arc::clone(&memory));
                    response(200, "application/x-jsonl", body)
                }
            },
            (&Method::GET, "/v1/models") => json_response(200, &(format.models)()),
            (_, path) if format.other(path).is_some() => {
                let told = format.other(path).map(|other| other(&prompt, &answer(&prompt, &script)));
                json_response(200, &told.unwrap_or_default())
            }
            (&Method::POST, path) if format.answers(path) && request.is_object() => {
                speak(&prompt, &script, &format, memory, seed)
            }
            (&Method::POST, path) if format.answers(path) => {
                json_response(400, &(format.error)(400, "We could not parse the JSON body of your request.", seed))
            }
            // An endpoint without a table gives back what it got, so that a test sees what reached it.
            _ => json_response(200, &json!({"object": "echo", "received": request})),
        },
    };
    let name = HeaderName::from_static(format.request_id);
    if let Ok(value) = HeaderValue::from_str(&id("req_", 24, seed)) {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// A directive in the user's text decides before one in the system's, and that before the file.
pub(super) fn direct(prompt: &mut Prompt, otherwise: Script) -> Result<Script, String> {
    let (text, by_user) = take_directive(&prompt.text).map_err(|error| error.to_string())?;
    let (system, by_system) = take_directive(&prompt.system).map_err(|error| error.to_string())?;
    prompt.text = text;
    prompt.system = system;
    Ok(by_user.or(by_system).unwrap_or(otherwise))
}

fn speak(prompt: &Prompt, script: &Script, format: &Format, memory: Arc<Memory>, seed: u64) -> Response<ScriptedBody> {
    let answer = answer(prompt, script);
    if prompt.stream {
        let mut events = (format.stream)(prompt, &answer, script, seed);
        if script.sorted {
            for event in &mut events {
                if let Ok(mut data) = serde_json::from_str::<Value>(&event.data) {
                    data.sort_all_objects();
                    event.data = data.to_string();
                }
            }
        }
        let kind = match format.writing {
            Writing::Events => "text/event-stream; charset=utf-8",
            Writing::Lines => "application/x-ndjson",
            Writing::Array => "application/json",
        };
        response(200, kind, ScriptedBody::stream(events, format.writing, script, memory))
    } else {
        let mut document = (format.document)(prompt, &answer, seed);
        if script.sorted {
            document.sort_all_objects();
        }
        response(200, "application/json", ScriptedBody::document(document.to_string().into(), script, memory))
    }
}

/// The scenarios that answer something else than an answer.
async fn misbehave(
    script: &Script,
    format: &Format,
    memory: &Arc<Memory>,
    seed: u64,
) -> Result<Option<Response<ScriptedBody>>, Dropped> {
    const JSON: &str = "application/json";
    let (kind, body): (&str, Bytes) = match script.scenario {
        Scenario::Drop => return Err(Dropped),
        Scenario::Hang => return std::future::pending().await,
        Scenario::Status => {
            let mut response =
                json_response(script.status, &(format.error)(script.status, "As the script says.", seed));
            if let Some(seconds) = script.retry_after {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            return Ok(Some(response));
        }
        Scenario::Redirect => {
            let mut response = json_response(307, &json!({"moved": true}));
            // TEST-NET-1, RFC 5737: nobody is there, and nobody may be asked.
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("http://192.0.2.1/v1/elsewhere"));
            return Ok(Some(response));
        }
        Scenario::Gzip => {
            let body = ScriptedBody::document(Bytes::from_static(GZIP_MAGIC), script, Arc::clone(memory));
            let mut response = response(200, JSON, body);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return Ok(Some(response));
        }
        Scenario::Raw => (&script.tool, Bytes::from(script.arguments.clone())),
        Scenario::Garbage => (JSON, Bytes::from_static(b"{\"choices\": [{\"message\": }}} no JSON at all")),
        Scenario::DuplicateKeys => (JSON, Bytes::from_static(b"{\"id\":\"a\",\"choices\":[],\"choices\":[]}")),
        Scenario::WrongType => (JSON, Bytes::from_static(b"[{\"choices\":\"many\"},7,\"text\",null]")),
        Scenario::InvalidUtf8 => (JSON, Bytes::from_static(b"{\"id\":\"\xff\xfe\",\"choices\":[]}")),
        Scenario::Html => ("text/html", Bytes::from_static(b"<html><body>502 Bad Gateway</body></html>")),
        Scenario::Empty => (JSON, Bytes::new()),
        _ => return Ok(None),
    };
    Ok(Some(response(200, kind, ScriptedBody::document(body, script, Arc::clone(memory)))))
}

/// The first bytes of a gzip member (RFC 1952, section 2.3) and nothing behind them.
const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";

/// The provider's own endpoints, for tests.
fn own_endpoint(memory: &Memory, parts: &Parts, body: &Bytes) -> Option<Response<ScriptedBody>> {
    let value = match (parts.method.as_str(), parts.uri.path()) {
        ("GET", "/__received") => memory.received_json(),
        ("GET", "/__state") => memory.state_json(),
        ("DELETE", "/__received") => {
            memory.forget();
            json!({"forgotten": true})
        }
        ("DELETE", "/__script") => {
            memory.set_scripts(Scripts::default());
            json!({"script": "default"})
        }
        ("PUT", "/__script") => match parse::<Scripts>(body) {
            Ok(scripts) => {
                memory.set_scripts(scripts);
                json!({"script": "set"})
            }
            Err(error) => return Some(json_response(400, &json!({"problem": error.to_string()}))),
        },
        _ => return None,
    };
    Some(json_response(200, &value))
}

fn json_response(status: u16, value: &Value) -> Response<ScriptedBody> {
    response(status, "application/json", ScriptedBody::plain(value.to_string()))
}

fn response(status: u16, kind: &str, body: ScriptedBody) -> Response<ScriptedBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(kind) = HeaderValue::from_str(kind) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}
