//! The wire format of OpenAI's responses.
//! Source: <https://platform.openai.com/docs/api-reference/responses> and `/responses-streaming`.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Choice, Prompt, Tool, content_text, deltas, id};
use super::delivery::Event;
use super::openai::{CREATED, logprobs};
use super::scenario::{Scenario, Script};

/// What the request asks for.
pub(super) fn read(body: &Value) -> Prompt {
    let word = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let said = |item: &Value| item.get("content").or_else(|| item.get("output")).map(content_text).unwrap_or_default();
    let input = body.get("input");
    let items = input.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let spoken = items.iter().rev().find(|item| {
        word(item, "role") == "user"
            || matches!(word(item, "type").as_str(), "function_call_output" | "custom_tool_call_output")
    });
    let system = items.iter().filter(|item| matches!(word(item, "role").as_str(), "system" | "developer"));
    let mut instructions: Vec<String> = body.get("instructions").map(content_text).into_iter().collect();
    instructions.extend(system.map(said));
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    let included =
        |what: &str| body.get("include").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == what));
    Prompt {
        model: body.get("model").and_then(Value::as_str).unwrap_or("gpt-5-mini").to_owned(),
        text: input.and_then(Value::as_str).map_or_else(|| spoken.map(said).unwrap_or_default(), str::to_owned),
        system: instructions.join("\n"),
        tools: tools
            .filter_map(|tool| {
                let kind = word(tool, "type");
                let name = tool.get("name").filter(|_| matches!(kind.as_str(), "function" | "custom"))?;
                let schema = tool.get("parameters").cloned().unwrap_or_default();
                Some(Tool { name: name.as_str()?.to_owned(), schema, free_text: kind == "custom" })
            })
            .collect(),
        choices: 1,
        stream: body.get("stream").and_then(Value::as_bool).unwrap_or(false),
        usage: true,
        json: body.pointer("/text/format/type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("json_")),
        logprobs: included("message.output_text.logprobs"),
        reasoning: body.pointer("/reasoning/summary").is_some_and(Value::is_string),
        request: body.clone(),
    }
}

/// The whole answer as one document.
pub(super) fn document(prompt: &Prompt, answer: &Answer, seed: u64) -> Value {
    let choice = answer.choices.first().cloned().unwrap_or_default();
    let output: Vec<Value> = items(prompt, &choice, seed).into_iter().map(|item| item.whole).collect();
    response(prompt, answer, seed, "completed", &output)
}

/// The answer as a stream.
pub(super) fn stream(prompt: &Prompt, answer: &Answer, script: &Script, seed: u64) -> Vec<Event> {
    let choice = answer.choices.first().cloned().unwrap_or_default();
    let mut told = Told::default();
    for name in ["response.created", "response.in_progress"] {
        told.event(name, json!({"response": response(prompt, answer, seed, "in_progress", &[])}));
    }
    let mut output = Vec::new();
    for (at, item) in items(prompt, &choice, seed).into_iter().enumerate() {
        told.item(at, &item, prompt, script);
        output.push(item.whole);
        if script.scenario == Scenario::ErrorEvent {
            let error = json!({"type": "server_error", "code": "server_error", "message": "The server had an error.", "param": null});
            told.event(
                "error",
                json!({"error": error, "code": "server_error", "message": "The server had an error.", "param": null}),
            );
            return told.events;
        }
    }
    told.event("response.completed", json!({"response": response(prompt, answer, seed, "completed", &output)}));
    told.events
}

/// The events so far, numbered.
#[derive(Default)]
struct Told {
    events: Vec<Event>,
}

impl Told {
    fn event(&mut self, name: &'static str, fields: Value) {
        let mut data = Map::new();
        data.insert("type".into(), name.into());
        data.insert("sequence_number".into(), self.events.len().into());
        if let Value::Object(fields) = fields {
            data.extend(fields);
        }
        self.events.push(Event { name: Some(name), data: Value::Object(data).to_string() });
    }

    fn item(&mut self, at: usize, item: &Item, prompt: &Prompt, script: &Script) {
        let id = item.whole.get("id").cloned().unwrap_or_default();
        let place = |more: Value| {
            let mut fields = Map::new();
            fields.insert("item_id".into(), id.clone());
            fields.insert("output_index".into(), at.into());
            if let Value::Object(more) = more {
                fields.extend(more);
            }
            Value::Object(fields)
        };
        self.event("response.output_item.added", json!({"output_index": at, "item": item.empty}));
        let kind = &item.kind;
        if let Some(added) = kind.part_added {
            self.event(added, place(merged(json!({"part": kind.part("")}), kind.place())));
        }
        for piece in deltas(&item.text, script.delta) {
            let mut fields = merged(json!({"delta": piece}), kind.place());
            if kind.logprobs {
                let logprobs = if prompt.logprobs { logprobs(piece, script.delta) } else { json!({"content": []}) };
                fields = merged(fields, json!({"logprobs": logprobs.get("content"), "obfuscation": "a1B2c3"}));
            }
            self.event(kind.delta, place(fields));
        }
        let mut done =
            merged(kind.place(), Value::Object(Map::from_iter([(kind.field.to_owned(), item.text.clone().into())])));
        if kind.logprobs {
            done = merged(done, json!({"logprobs": []}));
        }
        self.event(kind.done, place(done));
        if let Some(done) = kind.part_done {
            self.event(done, place(merged(json!({"part": kind.part(&item.text)}), kind.place())));
        }
        self.event("response.output_item.done", json!({"output_index": at, "item": item.whole}));
    }
}

fn merged(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::Object(mut first), Value::Object(second)) => {
            first.extend(second);
            Value::Object(first)
        }
        (first, _) => first,
    }
}

/// How a kind of text is told in a stream.
struct Kind {
    part_type: &'static str,
    index: &'static str,
    part_added: Option<&'static str>,
    part_done: Option<&'static str>,
    delta: &'static str,
    done: &'static str,
    /// The field of the `done` event, and of the part.
    field: &'static str,
    logprobs: bool,
}

impl Kind {
    fn place(&self) -> Value {
        if self.index.is_empty() {
            json!({})
        } else {
            Value::Object(Map::from_iter([(self.index.to_owned(), 0.into())]))
        }
    }

    fn part(&self, text: &str) -> Value {
        let mut part = json!({"type": self.part_type});
        if let Some(fields) = part.as_object_mut() {
            fields.insert(self.field.to_owned(), text.into());
            if self.logprobs {
                fields.insert("annotations".into(), json!([]));
                fields.insert("logprobs".into(), json!([]));
            }
        }
        part
    }
}

const TEXT: Kind = Kind {
    part_type: "output_text",
    index: "content_index",
    part_added: Some("response.content_part.added"),
    part_done: Some("response.content_part.done"),
    delta: "response.output_text.delta",
    done: "response.output_text.done",
    field: "text",
    logprobs: true,
};
const REFUSAL: Kind = Kind {
    part_type: "refusal",
    delta: "response.refusal.delta",
    done: "response.refusal.done",
    field: "refusal",
    logprobs: false,
    ..TEXT
};
const SUMMARY: Kind = Kind {
    part_type: "summary_text",
    index: "summary_index",
    part_added: Some("response.reasoning_summary_part.added"),
    part_done: Some("response.reasoning_summary_part.done"),
    delta: "response.reasoning_summary_text.delta",
    done: "response.reasoning_summary_text.done",
    field: "text",
    logprobs: false,
};
const FUNCTION: Kind = Kind {
    part_type: "",
    index: "",
    part_added: None,
    part_done: None,
    delta: "response.function_call_arguments.delta",
    done: "response.function_call_arguments.done",
    field: "arguments",
    logprobs: false,
};
const CUSTOM: Kind = Kind {
    delta: "response.custom_tool_call_input.delta",
    done: "response.custom_tool_call_input.done",
    field: "input",
    ..FUNCTION
};

/// One item, whole and as it begins.
struct Item {
    whole: Value,
    empty: Value,
    kind: Kind,
    text: String,
}

fn items(prompt: &Prompt, choice: &Choice, seed: u64) -> Vec<Item> {
    let mut items = Vec::new();
    let name = |prefix: &str, at: u64| id(prefix, 40, seed.wrapping_mul(1000).wrapping_add(at)).to_lowercase();
    if let Some(text) = &choice.reasoning {
        let id = name("rs_", 900);
        let sealed = format!("{}==", self::id("gAAAAAB", 298, seed));
        items.push(Item {
            empty: json!({"id": id, "type": "reasoning", "summary": [], "encrypted_content": sealed}),
            whole: json!({"id": id, "type": "reasoning", "summary": [SUMMARY.part(text)], "encrypted_content": sealed}),
            kind: SUMMARY,
            text: text.clone(),
        });
    }
    let spoken = choice.text.as_ref().map(|text| (TEXT, text)).or(choice.refusal.as_ref().map(|text| (REFUSAL, text)));
    if let Some((kind, text)) = spoken {
        let id = name("msg_", 901);
        let message = |status: &str, content: Value| json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content});
        let mut part = kind.part(text);
        if let Some(fields) = part.as_object_mut().filter(|_| kind.logprobs && prompt.logprobs) {
            fields.insert("logprobs".into(), logprobs(text, 4).get("content").cloned().unwrap_or_default());
        }
        items.push(Item {
            empty: message("in_progress", json!([])),
            whole: message("completed", json!([part])),
            kind,
            text: text.clone(),
        });
    }
    for (at, (tool, arguments)) in choice.calls.iter().enumerate() {
        let custom = prompt.tools.iter().any(|known| known.name == *tool && known.free_text);
        let (kind, word, prefix) =
            if custom { (CUSTOM, "custom_tool_call", "ctc_") } else { (FUNCTION, "function_call", "fc_") };
        let call = |status: &str, text: &str| {
            let mut call = json!({"id": name(prefix, at as u64), "type": word, "status": status, "name": tool,
                "call_id": id("call_", 24, seed.wrapping_mul(1000).wrapping_add(at as u64))});
            if let Some(fields) = call.as_object_mut() {
                fields.insert(kind.field.to_owned(), text.into());
            }
            call
        };
        let (empty, whole) = (call("in_progress", ""), call("completed", arguments));
        items.push(Item { empty, whole, kind, text: arguments.clone() });
    }
    items
}

fn response(prompt: &Prompt, answer: &Answer, seed: u64, status: &str, output: &[Value]) -> Value {
    let given = |key: &str, otherwise: Value| prompt.request.get(key).cloned().unwrap_or(otherwise);
    let done = status == "completed";
    let usage = json!({
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    });
    json!({
        "id": id("resp_", 48, seed).to_lowercase(),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": given("instructions", Value::Null),
        "max_output_tokens": given("max_output_tokens", Value::Null),
        "model": prompt.model,
        "output": output,
        "parallel_tool_calls": given("parallel_tool_calls", true.into()),
        "previous_response_id": given("previous_response_id", Value::Null),
        "reasoning": {"effort": "medium", "summary": prompt.request.pointer("/reasoning/summary")},
        "service_tier": "default",
        "store": given("store", true.into()),
        "temperature": 1.0,
        "text": given("text", json!({"format": {"type": "text"}, "verbosity": "medium"})),
        "tool_choice": given("tool_choice", "auto".into()),
        "tools": given("tools", json!([])),
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": if done { usage } else { Value::Null },
        "user": given("user", Value::Null),
        "metadata": given("metadata", json!({})),
    })
}
