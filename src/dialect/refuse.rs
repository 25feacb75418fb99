//! A refusal in the words of the caller's dialect, so that official SDKs raise their own exception.
//!
//! SECURITY: everything written here is of our making: class, path made of the table's own keys, rule id, exchange id.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::dialect::registry::Dialect;
use crate::inspect::Refusal;

/// The sentence of a refusal: what, where, which rule, which exchange.
fn message(refusal: &Refusal, exchange: &str) -> String {
    let (_, _, _, what) = refusal.code.row();
    let mut text = String::from(what);
    for (label, value) in
        [("detail", refusal.detail.as_str()), ("field", &refusal.path), ("rule", &refusal.rule), ("exchange", exchange)]
    {
        if !value.is_empty() {
            text.push_str(&format!(" [{label}: {value}]"));
        }
    }
    text
}

/// How a dialect writes errors.
#[derive(Debug)]
pub struct ErrorStyle {
    /// The provider's own word for a class of error, by HTTP status.
    pub words: &'static [(u16, &'static str)],
    /// The word for every other status.
    pub other: &'static str,
    /// The body.
    pub body: fn(&ErrorParts<'_>) -> Value,
    /// The `event:` field of an error in a stream, if the dialect names its events.
    pub event: Option<&'static str>,
    /// The error in a stream, where it is written in another way than in a body.
    pub event_body: Option<fn(&ErrorParts<'_>) -> Value>,
}

/// What an error body is made of.
#[derive(Debug)]
pub struct ErrorParts<'a> {
    /// HTTP status.
    pub status: u16,
    /// The provider's word for the class.
    pub word: &'static str,
    /// Our code (`sidewall_…`).
    pub code: &'static str,
    /// What, where, which rule, which exchange.
    pub message: String,
    /// The field's path, or null.
    pub param: Value,
    /// The exchange's id.
    pub exchange: &'a str,
}

fn body(dialect: &Dialect, refusal: &Refusal, exchange: &str, write: fn(&ErrorParts<'_>) -> Value) -> Value {
    let (code, status, _, _) = refusal.code.row();
    let style = dialect.errors;
    let word = style.words.iter().find(|(s, _)| *s == status).map_or(style.other, |(_, word)| word);
    let param = if refusal.path.is_empty() { Value::Null } else { Value::from(&*refusal.path) };
    let mut body = write(&ErrorParts { status, word, code, message: message(refusal, exchange), param, exchange });
    if !refusal.approvals.is_empty() {
        // Some dialects put the error into an object of its own, some into the event itself.
        let error =
            if body.get("error").is_some_and(Value::is_object) { body.get_mut("error") } else { Some(&mut body) };
        if let Some(error) = error.and_then(Value::as_object_mut) {
            error.insert("approvals".to_owned(), approvals(refusal));
        }
    }
    body
}

/// The approvals that a caller may have decided, each with its signed form.
fn approvals(refusal: &Refusal) -> Value {
    let shown = refusal.approvals.iter().map(|ticket| {
        json!({
            "id": ticket.id, "tool": ticket.tool, "arguments": ticket.arguments,
            "expires": ticket.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "request": ticket.request,
        })
    });
    shown.collect()
}

/// The JSON body (status is `refusal.code.row().1`) in the caller's dialect.
#[must_use]
pub fn render_refusal(dialect: &'static Dialect, refusal: &Refusal, exchange: &str) -> Bytes {
    Bytes::from(body(dialect, refusal, exchange, dialect.errors.body).to_string())
}

/// What an error in a stream that has begun is written between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// A server-sent event.
    Event,
    /// A line.
    Line,
    /// An element behind others; the array is closed behind it.
    Element,
    /// The only element.
    FirstElement,
}

/// The dialect's own error for a stream that has begun, whole.
#[must_use]
pub fn render_error_event(dialect: &'static Dialect, refusal: &Refusal, exchange: &str, separator: Separator) -> Bytes {
    let style = dialect.errors;
    let body = body(dialect, refusal, exchange, style.event_body.unwrap_or(style.body));
    Bytes::from(match (separator, style.event) {
        (Separator::Event, Some(event)) => format!("event: {event}\ndata: {body}\n\n"),
        (Separator::Event, None) => format!("data: {body}\n\n"),
        (Separator::Line, _) => format!("{body}\n"),
        (Separator::Element, _) => format!(",\n{body}]"),
        (Separator::FirstElement, _) => format!("[{body}]"),
    })
}
