//! What a script may say, and where it comes from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// The last user text, so that placeholders come back.
    #[default]
    Echo,
    /// A call of the first declared tool, every string argument filled with the last user text.
    Tool,
    /// A call of each declared tool (of the first one twice, if there is only one).
    ParallelTools,
    /// A call of `tool` with `arguments`, declared or not.
    Call,
    /// Reasoning that repeats the prompt, then the echo.
    Reasoning,
    /// The model's own refusal.
    Refusal,
    /// The echo with its placeholders worn as models wear them: case, emphasis, brackets, spaces.
    Mutate,
    /// A card number and an address that the caller never sent.
    Leak,
    /// `size` KiB of prose around the echo.
    Big,
    /// An error answer of status `status`.
    Status,
    /// A stream that begins well and ends in the API's own error event.
    ErrorEvent,
    /// The connection closes after `after` bytes of the body.
    Cut,
    /// The connection closes instead of an answer.
    Drop,
    /// Nothing ever comes.
    Hang,
    /// Bytes that are no JSON (in a stream: an event that is no JSON).
    Garbage,
    /// JSON with a key that occurs twice.
    DuplicateKeys,
    /// JSON that is well-formed and of no shape that the API has.
    WrongType,
    /// A JSON string that is not UTF-8.
    InvalidUtf8,
    /// A page of HTML with status 200.
    Html,
    /// An empty body with status 200.
    Empty,
    /// An answer that claims to be compressed.
    Gzip,
    /// A redirect to somewhere else.
    Redirect,
    /// The text of `arguments` as it is, with the content type of `tool`.
    Raw,
}

/// What to answer and how to deliver it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What.
    pub scenario: Scenario,
    /// The tool of `call`; the content type of `raw`.
    pub tool: String,
    /// The arguments of `call`, as they stand on the wire; the body of `raw`.
    pub arguments: String,
    /// The status of `status`.
    pub status: u16,
    /// Seconds, for `retry-after` on `status`.
    pub retry_after: Option<u64>,
    /// Milliseconds before the response's head.
    pub wait: u64,
    /// Characters in one delta of a stream.
    pub delta: usize,
    /// Bytes in one piece of the body, at any cut (also inside a character); 0: one event a piece.
    pub chunk: usize,
    /// Milliseconds between pieces.
    pub delay: u64,
    /// Bytes before a `cut`.
    pub after: usize,
    /// KiB of `big`.
    pub size: usize,
    /// Lines of a stream end in CR LF.
    pub crlf: bool,
    /// Comment lines stand between the events of a stream.
    pub comments: bool,
    /// A stream starts with a byte order mark.
    pub bom: bool,
    /// Deltas of parallel tool calls alternate.
    pub interleave: bool,
    /// A stream lacks its last event and final blank line.
    pub unfinished: bool,
    /// An event's JSON is spread over several `data:` lines.
    pub multiline: bool,
    /// The prompt is the one of the request before this one: what a provider does that keeps conversations.
    pub recall: bool,
    /// The keys of every object stand in alphabetical order: `index` and `type` behind what they speak of.
    pub sorted: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            scenario: Scenario::Echo,
            tool: String::new(),
            arguments: "{}".to_owned(),
            status: 500,
            retry_after: None,
            wait: 0,
            delta: 4,
            chunk: 0,
            delay: 0,
            after: 150,
            size: 64,
            crlf: false,
            comments: false,
            bom: false,
            interleave: false,
            unfinished: false,
            multiline: false,
            recall: false,
            sorted: false,
        }
    }
}

/// Why a script cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A directive in a prompt.
    #[error("the directive `{directive}` cannot be followed: {problem}; write `#scenario:NAME,key=value,flag`")]
    Directive {
        /// As it stands in the prompt.
        directive: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A scenario file.
    #[error("scenario file {path}: {problem}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// What opens a directive in a prompt.
const DIRECTIVE: &str = "#scenario:";

/// A scenario file, or what `PUT /__script` set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scripts {
    /// For requests that nothing else decides.
    pub default: Script,
    /// The first row whose text the body contains decides.
    pub when: Vec<When>,
}

/// One row of a scenario file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Text to look for in the request's body.
    pub contains: String,
    /// What to do then.
    pub script: Script,
}

impl Scripts {
    /// The script for a request with this body, before any directive.
    #[must_use]
    pub(super) fn pick(&self, body: &str) -> Script {
        self.when
            .iter()
            .find(|row| body.contains(&row.contains))
            .map_or_else(|| self.default.clone(), |row| row.script.clone())
    }
}

/// Takes the first directive out of `text`: what remains, and the script if there was one.
///
/// # Errors
/// When the directive names something that no script knows.
pub(super) fn take_directive(text: &str) -> Result<(String, Option<Script>), ScriptError> {
    let Some((before, rest)) = text.split_once(DIRECTIVE) else {
        return Ok((text.to_owned(), None));
    };
    let (words, after) =
        rest.find(|c: char| c.is_whitespace()).and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
    let script = parse(words)?;
    let remains = match (before.trim_end(), after.trim_start()) {
        ("", after) => after.to_owned(),
        (before, "") => before.to_owned(),
        _ => format!("{before}{}", after.trim_start()),
    };
    Ok((remains, Some(script)))
}

/// `tool,chunk=3,crlf` → a script. The keys are the fields of [`Script`], so there is one list of them.
fn parse(words: &str) -> Result<Script, ScriptError> {
    let mut parts = words.split(',');
    let mut fields = Map::new();
    fields.insert("scenario".to_owned(), Value::from(parts.next().unwrap_or_default()));
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => number.parse::<u64>().map_or_else(|_| Value::from(number), Value::from),
        };
        fields.insert(key.to_owned(), value);
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| ScriptError::Directive { directive: words.to_owned(), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_taken_out_of_the_text() {
        let (text, script) = take_directive("before #scenario:tool,chunk=3,crlf after it").unwrap();
        assert_eq!(text, "before after it");
        let expected = Script { scenario: Scenario::Tool, chunk: 3, crlf: true, ..Script::default() };
        assert_eq!(script, Some(expected));
        assert_eq!(take_directive("#scenario:echo hi").unwrap().0, "hi");
        assert_eq!(take_directive("hi #scenario:echo").unwrap().0, "hi");
        assert_eq!(take_directive("plain").unwrap(), ("plain".to_owned(), None));
    }

    #[test]
    fn a_directive_that_nobody_knows_is_an_error() {
        for bad in ["#scenario:no_such", "#scenario:echo,no_such=1", "#scenario:echo,chunk=many", "#scenario:"] {
            assert!(take_directive(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_matching_row_of_a_file_decides() {
        let scripts: Scripts = serde_json::from_str(
            r#"{"default":{"scenario":"reasoning"},"when":[{"contains":"abc","script":{"scenario":"cut","after":9}}]}"#,
        )
        .unwrap();
        assert_eq!(scripts.pick("xabcx").after, 9);
        assert_eq!(scripts.pick("x").scenario, Scenario::Reasoning);
    }
}
