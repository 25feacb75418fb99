//! Every dialect that answers in text, as the tests speak it: one row each. The engine's properties hold for all of them.

use serde_json::{Value, json};
use sidewall::dialect::{Endpoint, route};
use sidewall::inspect::Framing;

/// One call: name and arguments, as they stand on the wire.
pub(crate) type Call<'a> = (&'a str, &'a str);

/// A dialect.
pub(crate) struct Speaker {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) framing: Framing,
    /// A request whose only text of the user is this, and the tools (name, schema) that it declares.
    pub(crate) request: fn(&str, &[(&str, Value)]) -> Value,
    /// Where that text stands.
    pub(crate) asked: &'static str,
    /// A whole answer.
    pub(crate) body: fn(&str, &[Call<'_>]) -> String,
    /// The same as a stream, the text in these deltas.
    pub(crate) stream: fn(&[&str], &[Call<'_>]) -> String,
    /// The text of a whole answer.
    pub(crate) said: &'static str,
    /// What a document of a stream adds to the text, and what it says of it as a whole.
    pub(crate) adds: fn(&Value) -> Option<&str>,
    pub(crate) repeats: fn(&Value) -> Vec<&str>,
}

pub(crate) static SPEAKERS: &[Speaker] = &[
    Speaker {
        name: "chat",
        path: "/v1/chat/completions",
        framing: Framing::Sse,
        request: |text, tools| {
            let tool = |(name, schema): &(&str, Value)| json!({"type": "function", "function": {"name": name, "parameters": schema}});
            let mut request = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
            with_tools(&mut request, tools.iter().map(tool).collect())
        },
        asked: "/messages/0/content",
        body: |text, calls| {
            let call = |(n, (name, arguments)): (usize, &Call<'_>)| json!({"id": format!("call_{n}"), "type": "function", "function": {"name": name, "arguments": arguments}});
            let calls: Vec<_> = calls.iter().enumerate().map(call).collect();
            let mut message = json!({"role": "assistant", "content": text});
            if !calls.is_empty() {
                message["tool_calls"] = calls.into();
            }
            json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}).to_string()
        },
        stream: |deltas, calls| {
            let mut told: Vec<Value> = deltas.iter().map(|delta| json!({"content": delta})).collect();
            for (n, (name, arguments)) in calls.iter().enumerate() {
                let function = json!({"name": name, "arguments": ""});
                told.push(json!({"tool_calls": [{"index": n, "id": format!("call_{n}"), "type": "function", "function": function}]}));
                for piece in pieces(arguments) {
                    told.push(json!({"tool_calls": [{"index": n, "function": {"arguments": piece}}]}));
                }
            }
            let event = |delta| json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
            let mut events: Vec<Value> = told.into_iter().map(event).collect();
            events.push(json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
            format!("{}data: [DONE]\n\n", lines(&events, false))
        },
        said: "/choices/0/message/content",
        adds: |event| event.pointer("/choices/0/delta/content")?.as_str(),
        repeats: |_| Vec::new(),
    },
    Speaker {
        name: "messages",
        path: "/v1/messages",
        framing: Framing::Sse,
        request: |text, tools| {
            let tool = |(name, schema): &(&str, Value)| json!({"name": name, "input_schema": schema});
            let mut request = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]});
            with_tools(&mut request, tools.iter().map(tool).collect())
        },
        asked: "/messages/0/content",
        body: |text, calls| {
            let mut content = json!({"type": "text", "text": text}).to_string();
            for (n, (name, arguments)) in calls.iter().enumerate() {
                let name = Value::from(*name);
                content.push_str(&format!(
                    ",{{\"type\":\"tool_use\",\"id\":\"toolu_{n}\",\"name\":{name},\"input\":{arguments}}}"
                ));
            }
            format!(
                "{{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{content}],\"stop_reason\":\"end_turn\"}}"
            )
        },
        stream: |deltas, calls| {
            let mut events = vec![
                json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": []}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ];
            for text in deltas {
                events.push(
                    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
                );
            }
            events.push(json!({"type": "content_block_stop", "index": 0}));
            for (n, (name, arguments)) in calls.iter().enumerate() {
                let block = json!({"type": "tool_use", "id": format!("toolu_{n}"), "name": name, "input": {}});
                events.push(json!({"type": "content_block_start", "index": n + 1, "content_block": block}));
                for piece in pieces(arguments) {
                    let delta = json!({"type": "input_json_delta", "partial_json": piece});
                    events.push(json!({"type": "content_block_delta", "index": n + 1, "delta": delta}));
                }
                events.push(json!({"type": "content_block_stop", "index": n + 1}));
            }
            events.push(json!({"type": "message_stop"}));
            lines(&events, true)
        },
        said: "/content/0/text",
        adds: |event| event.pointer("/delta/text")?.as_str(),
        repeats: |_| Vec::new(),
    },
    Speaker {
        name: "responses",
        path: "/v1/responses",
        framing: Framing::Sse,
        request: |text, tools| {
            let tool = |(name, schema): &(&str, Value)| json!({"type": "function", "name": name, "parameters": schema});
            let mut request = json!({"model": "m", "input": [{"role": "user", "content": text}]});
            with_tools(&mut request, tools.iter().map(tool).collect())
        },
        asked: "/input/0/content",
        body: |text, calls| {
            let mut output = vec![item_said("completed", json!([part_said(text)]))];
            output.extend(calls.iter().enumerate().map(|(n, (name, arguments))| item_called(n, name, arguments)));
            json!({"id": "r", "object": "response", "status": "completed", "output": output}).to_string()
        },
        stream: |deltas, calls| {
            let response = |status: &str, output: Vec<Value>| json!({"id": "r", "object": "response", "status": status, "output": output});
            let text = deltas.concat();
            let (done, part) = (item_said("completed", json!([part_said(&text)])), part_said(&text));
            let at = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
            let event = |name: &str, more: Value| {
                let mut event = json!({"type": name});
                let fields = event.as_object_mut().expect("an object");
                for value in [&at, &more] {
                    fields.extend(value.as_object().expect("an object").clone());
                }
                event
            };
            let mut events = vec![
                json!({"type": "response.created", "response": response("in_progress", Vec::new())}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": item_said("in_progress", json!([]))}),
                event("response.content_part.added", json!({"part": part_said("")})),
            ];
            events.extend(
                deltas.iter().map(|delta| event("response.output_text.delta", json!({"delta": delta, "logprobs": []}))),
            );
            events.push(event("response.output_text.done", json!({"text": text, "logprobs": []})));
            events.push(event("response.content_part.done", json!({"part": part})));
            events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": done}));
            let mut output = vec![done];
            for (n, (name, arguments)) in calls.iter().enumerate() {
                let (index, item) = (n + 1, item_called(n, name, arguments));
                events.push(json!({"type": "response.output_item.added", "output_index": index, "item": item_called(n, name, "")}));
                for delta in pieces(arguments) {
                    events.push(json!({"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta}));
                }
                events.push(json!({"type": "response.function_call_arguments.done", "output_index": index, "arguments": arguments}));
                events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
                output.push(item);
            }
            events.push(json!({"type": "response.completed", "response": response("completed", output)}));
            lines(&events, true)
        },
        said: "/output/0/content/0/text",
        adds: |event| if event["type"] == "response.output_text.delta" { event["delta"].as_str() } else { None },
        repeats: |event| {
            let done = event["type"] == "response.content_part.done";
            let places = ["/text", "/item/content/0/text", "/response/output/0/content/0/text"];
            let part = event.pointer("/part/text").filter(|_| done);
            places.iter().filter_map(|place| event.pointer(place)).chain(part).filter_map(Value::as_str).collect()
        },
    },
    Speaker {
        name: "ollama",
        path: "/api/chat",
        framing: Framing::Lines,
        request: |text, tools| {
            let tool = |(name, schema): &(&str, Value)| json!({"type": "function", "function": {"name": name, "parameters": schema}});
            let mut request = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
            with_tools(&mut request, tools.iter().map(tool).collect())
        },
        asked: "/messages/0/content",
        body: |text, calls| ollama(text, calls, true),
        stream: |deltas, calls| {
            let mut lines: Vec<String> = deltas.iter().map(|delta| ollama(delta, &[], false)).collect();
            lines.extend(calls.iter().map(|call| ollama("", std::slice::from_ref(call), false)));
            lines.push(ollama("", &[], true));
            lines.join("\n") + "\n"
        },
        said: "/message/content",
        adds: |line| line.pointer("/message/content")?.as_str(),
        repeats: |_| Vec::new(),
    },
    Speaker {
        name: "gemini",
        path: "/v1beta/models/m:streamGenerateContent",
        framing: Framing::Elements,
        request: |text, tools| {
            let tool = |(name, schema): &(&str, Value)| json!({"name": name, "parametersJsonSchema": schema});
            let mut request = json!({"model": "m", "contents": [{"role": "user", "parts": [{"text": text}]}]});
            if !tools.is_empty() {
                request["tools"] = json!([{"functionDeclarations": tools.iter().map(tool).collect::<Vec<_>>()}]);
            }
            request
        },
        asked: "/contents/0/parts/0/text",
        body: |text, calls| gemini(text, calls, true),
        stream: |deltas, calls| {
            let mut pieces: Vec<String> = deltas.iter().map(|delta| gemini(delta, &[], false)).collect();
            pieces.push(gemini("", calls, true));
            format!("[{}\n]\n", pieces.join(",\r\n"))
        },
        said: "/candidates/0/content/parts/0/text",
        adds: |piece| piece.pointer("/candidates/0/content/parts/0/text")?.as_str(),
        repeats: |_| Vec::new(),
    },
    Speaker {
        name: "completions",
        path: "/v1/completions",
        framing: Framing::Sse,
        request: |text, _| json!({"model": "m", "prompt": text}),
        asked: "/prompt",
        body: |text, _| {
            json!({"id": "c", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}).to_string()
        },
        stream: |deltas, _| {
            let piece = |text: &str, finish: Value| json!({"id": "c", "choices": [{"index": 0, "text": text, "finish_reason": finish}]});
            let mut events: Vec<Value> = deltas.iter().map(|delta| piece(delta, Value::Null)).collect();
            events.push(piece("", "stop".into()));
            format!("{}data: [DONE]\n\n", lines(&events, false))
        },
        said: "/choices/0/text",
        adds: |event| event.pointer("/choices/0/text")?.as_str(),
        repeats: |_| Vec::new(),
    },
];

/// Arguments stand in the document as they were written.
fn ollama(text: &str, calls: &[Call<'_>], done: bool) -> String {
    let call = |(name, arguments): &Call<'_>| {
        format!("{{\"function\":{{\"name\":{},\"arguments\":{arguments}}}}}", Value::from(*name))
    };
    let calls: Vec<String> = calls.iter().map(call).collect();
    let calls = if calls.is_empty() { String::new() } else { format!(",\"tool_calls\":[{}]", calls.join(",")) };
    let end = if done { ",\"done_reason\":\"stop\"" } else { "" };
    let text = Value::from(text);
    format!("{{\"model\":\"m\",\"message\":{{\"role\":\"assistant\",\"content\":{text}{calls}}},\"done\":{done}{end}}}")
}

fn gemini(text: &str, calls: &[Call<'_>], done: bool) -> String {
    let call = |(name, arguments): &Call<'_>| {
        format!(",{{\"functionCall\":{{\"name\":{},\"args\":{arguments}}}}}", Value::from(*name))
    };
    let calls: String = calls.iter().map(call).collect();
    let end = if done { ",\"finishReason\":\"STOP\"" } else { "" };
    let text = Value::from(text);
    format!(
        "{{\"candidates\":[{{\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":{text}}}{calls}]}},\"index\":0{end}}}]}}"
    )
}

fn with_tools(request: &mut Value, tools: Vec<Value>) -> Value {
    if !tools.is_empty() {
        request["tools"] = tools.into();
    }
    request.take()
}

fn part_said(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

#[expect(clippy::needless_pass_by_value, reason = "what `json!` makes is given as it is")]
fn item_said(status: &str, content: Value) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content})
}

fn item_called(n: usize, name: &str, arguments: &str) -> Value {
    json!({"id": format!("fc_{n}"), "type": "function_call", "call_id": format!("call_{n}"), "name": name, "arguments": arguments})
}

/// Server-sent events.
fn lines(events: &[Value], named: bool) -> String {
    let name = |event: &Value| event["type"].as_str().filter(|_| named).map(|name| format!("event: {name}\n"));
    events.iter().map(|event| format!("{}data: {event}\n\n", name(event).unwrap_or_default())).collect()
}

/// Seven characters or so each.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(7).map(|piece| piece.iter().collect()).collect()
}

impl Speaker {
    pub(crate) fn endpoint(&self) -> &'static Endpoint {
        route("POST", self.path, &|_| false).endpoint
    }

    pub(crate) fn asks(&self, text: &str) -> Vec<u8> {
        (self.request)(text, &[]).to_string().into_bytes()
    }

    /// What a request asks.
    pub(crate) fn asked(&self, body: &[u8]) -> String {
        text_at(&serde_json::from_slice(body).expect("JSON"), self.asked)
    }

    /// What a whole answer says.
    pub(crate) fn said_in_body(&self, body: &[u8]) -> String {
        text_at(&serde_json::from_slice(body).expect("JSON"), self.said)
    }

    /// What a stream says; every repetition of it must agree.
    pub(crate) fn said_in_stream(&self, bytes: &[u8]) -> String {
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        let events: Vec<Value> = match self.framing {
            Framing::Elements | Framing::Whole | Framing::Media => serde_json::from_str(text).expect("an array"),
            Framing::Lines => text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(),
            Framing::Sse => text
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .filter(|data| *data != "[DONE]")
                .map(|data| serde_json::from_str(data).expect("each document is JSON"))
                .collect(),
        };
        let said: String = events.iter().filter_map(|event| (self.adds)(event)).collect();
        for again in events.iter().flat_map(|event| (self.repeats)(event)) {
            assert_eq!(again, said, "{}: a repetition says something else", self.name);
        }
        said
    }
}

fn text_at(document: &Value, pointer: &str) -> String {
    document.pointer(pointer).and_then(Value::as_str).expect("the text").to_owned()
}

impl std::fmt::Debug for Speaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
