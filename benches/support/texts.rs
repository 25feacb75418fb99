//! Traffic that the benches make: chats of prose, with and without personal data, and streams of small deltas.

use serde_json::{Value, json};

/// Ordinary English; a prime number of sentences, so that neighbours change as they are repeated.
const SENTENCES: [&str; 11] = [
    "The museum opens its new wing next spring, and most of the older paintings will move there first.",
    "Could you summarise the meeting notes below and list what each team has promised to do?",
    "She had walked along the river for an hour before the rain began, slowly and then all at once.",
    "Our build fails on the second machine only, which makes me think of the clock rather than of the code.",
    "Bread needs time more than it needs work: mix it, fold it twice, and leave it alone overnight.",
    "In most cases the simplest explanation is that somebody changed the default and told nobody.",
    "The report covers shipping costs, late deliveries, returned goods and what customers said about them.",
    "Please rewrite this paragraph so that a reader without a legal background can follow the argument.",
    "Birds that winter in the south come back when the days grow longer, not when they grow warmer.",
    "We compared three suppliers, asked each for samples, and chose the one who answered our questions.",
    "A list of open points is attached; the first two are urgent, the others can wait until autumn.",
];

/// What a user's message holds where it holds personal data. Documentation values all: nobody's address, number or card.
const PERSONAL: &str = "Reach me at jane.doe@example.com or +1 202-555-0143; the card was 4111 1111 1111 1111.";

/// Longest single message, bytes.
const MESSAGE: usize = 1_200;

/// Prose of about `bytes` bytes: whole sentences.
pub(crate) fn prose(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 128);
    for sentence in SENTENCES.iter().cycle() {
        if text.len() + sentence.len() / 2 >= bytes {
            break;
        }
        text.push_str(sentence);
        text.push(' ');
    }
    text
}

/// A chat of about `bytes` bytes. `personal`: each message of the user ends with personal data.
pub(crate) fn chat(bytes: usize, personal: bool, stream: bool) -> Vec<u8> {
    let mut messages = vec![json!({"role": "system", "content": "You are a helpful assistant."})];
    let frame = 140;
    let mut left = bytes.saturating_sub(frame);
    while left > 60 {
        let role = if messages.len() % 2 == 1 { "user" } else { "assistant" };
        let tail = if personal && role == "user" { PERSONAL } else { "" };
        let mut text = prose(left.min(MESSAGE).saturating_sub(40 + tail.len()));
        text.push_str(tail);
        left = left.saturating_sub(text.len() + 40);
        messages.push(json!({"role": role, "content": text}));
    }
    json!({"model": "some-model", "messages": messages, "temperature": 0.7, "stream": stream}).to_string().into_bytes()
}

/// `count` pieces of prose of about five characters, as models send them.
pub(crate) fn tokens(count: usize) -> Vec<String> {
    let text = prose(count * 12);
    let mut tokens = Vec::new();
    for word in text.split_inclusive(' ') {
        let mut chars = word.chars().peekable();
        while chars.peek().is_some() {
            tokens.push(chars.by_ref().take(6).collect());
        }
    }
    tokens.truncate(count);
    tokens
}

/// One event of a chat completion's stream.
pub(crate) fn chunk(delta: &Value, reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "some-model",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    })
}

/// The events of a chat completion that says `count` tokens.
pub(crate) fn chat_events(count: usize) -> Vec<Value> {
    let mut events = vec![chunk(&json!({"role": "assistant", "content": ""}), None)];
    events.extend(tokens(count).iter().map(|token| chunk(&json!({"content": token}), None)));
    events.push(chunk(&json!({}), Some("stop")));
    events
}
