//! What the provider says, before any API's wire format: a scenario applied to a prompt.

use serde_json::{Map, Value, json};

use super::scenario::{Scenario, Script};

/// What a request asks for, in no API's words.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// The model's name, as the request gives it.
    pub model: String,
    /// The last text of the caller (or result of a tool).
    pub text: String,
    /// The system's text.
    pub system: String,
    /// Declared tools.
    pub tools: Vec<Tool>,
    /// How many answers.
    pub choices: usize,
    /// As a stream.
    pub stream: bool,
    /// A stream ends with its token counts.
    pub usage: bool,
    /// The answer's text must be a JSON document.
    pub json: bool,
    /// Log probabilities are wanted.
    pub logprobs: bool,
    /// Reasoning is wanted.
    pub reasoning: bool,
    /// The request itself, for APIs whose answers repeat it.
    pub request: Value,
}

/// A declared tool.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    /// Its name.
    pub name: String,
    /// The JSON Schema of its arguments.
    pub schema: Value,
    /// Its calls bring free text.
    pub free_text: bool,
}

/// What is answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// One entry an answer asked for.
    pub choices: Vec<Choice>,
    /// Tokens of the prompt, roughly.
    pub input_tokens: u64,
    /// Tokens of the answer, roughly.
    pub output_tokens: u64,
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Choice {
    /// Thoughts before it.
    pub reasoning: Option<String>,
    /// Its text.
    pub text: Option<String>,
    /// The model's own refusal instead of a text.
    pub refusal: Option<String>,
    /// Tools it calls: name and arguments as JSON text.
    pub calls: Vec<(String, String)>,
}

/// Applies the script to the prompt.
pub(super) fn answer(prompt: &Prompt, script: &Script) -> Answer {
    let choices: Vec<Choice> = (0..prompt.choices.clamp(1, MOST_CHOICES)).map(|_| choice(prompt, script)).collect();
    let said: usize = choices.iter().map(Choice::bytes).sum();
    Answer { choices, input_tokens: tokens(prompt.text.len() + prompt.system.len()), output_tokens: tokens(said) }
}

/// LIMIT: answers to one request; the real API allows 128.
const MOST_CHOICES: usize = 128;

fn choice(prompt: &Prompt, script: &Script) -> Choice {
    let mut choice = Choice::default();
    let text = match script.scenario {
        Scenario::Mutate => wear(&prompt.text),
        Scenario::Leak => {
            format!("{} By the way, card 4111 1111 1111 1111 belongs to someone.else@example.org.", prompt.text)
        }
        Scenario::Big => format!(
            "{}{}{}",
            "All is well. ".repeat(script.size * 1024 / 26),
            prompt.text,
            " All is well.".repeat(script.size * 1024 / 26)
        ),
        _ => prompt.text.clone(),
    };
    if prompt.reasoning || script.scenario == Scenario::Reasoning {
        choice.reasoning = Some(format!("The caller wrote: {}", prompt.text));
    }
    match script.scenario {
        Scenario::Refusal => choice.refusal = Some(format!("I cannot help with: {text}")),
        Scenario::Tool => choice.calls.extend(prompt.tools.first().map(|tool| call(tool, &text))),
        Scenario::Call => choice.calls.push((script.tool.clone(), script.arguments.clone())),
        Scenario::ParallelTools => {
            let repeat = if prompt.tools.len() == 1 { 2 } else { 1 };
            choice
                .calls
                .extend(prompt.tools.iter().cycle().take(prompt.tools.len() * repeat).map(|tool| call(tool, &text)));
        }
        _ => {}
    }
    if choice.calls.is_empty() && choice.refusal.is_none() {
        choice.text = Some(if prompt.json { json!({ "answer": text }).to_string() } else { text });
    }
    choice
}

impl Choice {
    fn bytes(&self) -> usize {
        let texts = [&self.reasoning, &self.text, &self.refusal];
        texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.calls.iter().map(|(name, arguments)| name.len() + arguments.len()).sum::<usize>()
    }
}

/// Four bytes a token is near enough for a number that nobody pays for.
fn tokens(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

fn call(tool: &Tool, text: &str) -> (String, String) {
    let arguments = if tool.free_text { text.to_owned() } else { fill(&tool.schema, text, 0).to_string() };
    (tool.name.clone(), arguments)
}

/// LIMIT: depth to which a schema is filled; deeper ones get `null`.
const SCHEMA_DEPTH: usize = 8;

/// An instance of a schema, every string in it the given text.
fn fill(schema: &Value, text: &str, depth: usize) -> Value {
    if depth > SCHEMA_DEPTH {
        return Value::Null;
    }
    if let Some(first) = schema.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => Value::from(text),
        Some("integer") => Value::from(7),
        Some("number") => json!(1.5),
        Some("boolean") => Value::Bool(true),
        Some("null") => Value::Null,
        Some("array") => {
            Value::Array(schema.get("items").map(|items| fill(items, text, depth + 1)).into_iter().collect())
        }
        _ => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields: Map<String, Value> = properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), fill(schema, text, depth + 1)))
                .collect();
            Value::Object(fields)
        }
    }
}

/// Wears placeholders as models do, each in another way: lower case, emphasis without brackets, spaces, escapes.
fn wear(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut turn = 0_usize;
    while let Some((before, placeholder, after)) = next_placeholder(rest) {
        out.push_str(before);
        out.push_str(&match turn % 5 {
            0 => format!("[{}]", placeholder.to_lowercase()),
            1 => format!("**{placeholder}**"),
            2 => format!("[ {placeholder} ]"),
            3 => format!("[{}]", placeholder.replace('_', "\\_")),
            _ => placeholder.to_owned(),
        });
        turn += 1;
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first `[WORD_XXXXXX]` of a text: what is before it, its inside, what is after it.
pub(in crate::demo) fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = text.get(from..)?.find('[')? + from;
        let close = text.get(open..)?.find(']')? + open;
        let inside = text.get(open + 1..close)?;
        let legal = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if inside.rsplit_once('_').is_some_and(|(word, tail)| !word.is_empty() && tail.len() == 6)
            && inside.chars().all(legal)
        {
            return Some((text.get(..open)?, inside, text.get(close + 1..)?));
        }
        from = open + 1;
    }
}

/// Cuts a text into deltas of `size` characters.
pub(super) fn deltas(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let at = rest.char_indices().nth(size.max(1)).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at_checked(at)?;
        rest = after;
        Some(piece)
    })
}

/// A name that looks like the API's own: `prefix` and `length` letters and digits that depend on `seed` alone.
pub(super) fn id(prefix: &str, length: usize, seed: u64) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = seed;
    let mut name = prefix.to_owned();
    for _ in 0..length {
        // SplitMix64, Steele, Lea, Flood 2014.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let at = usize::try_from(mixed % 62).unwrap_or(0);
        name.extend(ALPHABET.get(at).copied().map(char::from));
    }
    name
}

/// The text of a message's content: a string, or parts of type text; other parts say nothing.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<String> = parts
                .iter()
                .filter_map(|part| {
                    let inner = part.get("text").or_else(|| part.get("content"))?;
                    Some(content_text(inner))
                })
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_filled_with_the_text() {
        let schema = json!({"type": "object", "properties": {
            "to": {"type": "string"}, "count": {"type": "integer"}, "kind": {"enum": ["a", "b"]},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"note": {"type": "string"}}}},
        }});
        let expected = json!({"to": "hi", "count": 7, "kind": "a", "lines": [{"note": "hi"}]});
        assert_eq!(fill(&schema, "hi", 0), expected);
    }

    #[test]
    fn placeholders_are_worn_each_in_another_way() {
        let text = "a [EMAIL_7KQ2MX] b [PAN_7KQ2MX] c [X] [AWS_KEY_7KQ2MX] d [IP_7KQ2MX] e [JWT_7KQ2MX]";
        assert_eq!(
            wear(text),
            "a [email_7kq2mx] b **PAN_7KQ2MX** c [X] [ AWS_KEY_7KQ2MX ] d [IP\\_7KQ2MX] e JWT_7KQ2MX"
        );
    }

    #[test]
    fn deltas_join_to_the_text() {
        let text = "añb😀cd";
        for size in 1..8 {
            assert_eq!(deltas(text, size).collect::<String>(), text);
        }
        assert_eq!(deltas(text, 2).collect::<Vec<_>>(), ["añ", "b😀", "cd"]);
    }

    #[test]
    fn ids_depend_on_their_seed_alone() {
        assert_eq!(id("a-", 24, 7), id("a-", 24, 7));
        assert_ne!(id("a-", 24, 7), id("a-", 24, 8));
        assert_eq!(id("a-", 24, 7).len(), 26);
    }
}
