//! What a document looks like without some of its tools or calls: a call that may not pass is taken out and a short text stands in its place,
//! a tool that the caller may not use is not offered. One row an endpoint.

use crate::dialect::Endpoint;
use crate::dialect::walk::Indices;
use crate::text::WireRange;
use crate::wire::splice::WireEdit;
use crate::wire::tree::{Id, Kind, Tree, string};

/// A call that is taken out.
#[derive(Debug, Clone)]
pub struct Withdrawn {
    /// Where it stands.
    pub indices: Indices,
    /// What stands in its place.
    pub text: String,
    /// Number of the frame in which it begins, and where the text goes.
    pub frame: u64,
}

/// What became of the calls so far.
#[derive(Debug, Default, Clone)]
pub struct Withdrawals {
    /// Taken out.
    pub withdrawn: Vec<Withdrawn>,
    /// Let go.
    pub released: Vec<Indices>,
}

impl Withdrawals {
    fn text(&self, indices: &[u32]) -> Option<&Withdrawn> {
        self.withdrawn.iter().find(|call| call.indices.as_slice() == indices)
    }

    /// True if calls under `prefix` were taken out and none was let go.
    fn none_left(&self, prefix: &[u32]) -> bool {
        let under = |indices: &Indices| indices.as_slice().starts_with(prefix);
        self.withdrawn.iter().any(|call| under(&call.indices)) && !self.released.iter().any(under)
    }
}

type Calls = fn(&Tree<'_>, u64, &Withdrawals) -> Vec<WireEdit>;

struct Row {
    endpoint: &'static str,
    calls: Calls,
    /// Lists of tools, and the member that chooses among them with what to write there if what it chose is gone.
    lists: &'static [&'static str],
    choices: &'static [(&'static str, &'static str)],
    /// Members that are only allowed beside tools.
    beside: &'static [&'static str],
}

static ROWS: [Row; 3] = [
    Row {
        endpoint: "chat.completions",
        calls: chat,
        lists: &["tools", "functions"],
        choices: &[("tool_choice", "\"auto\""), ("function_call", "\"auto\"")],
        beside: &["parallel_tool_calls"],
    },
    Row {
        endpoint: "messages",
        calls: messages,
        lists: &["tools"],
        choices: &[("tool_choice", "{\"type\":\"auto\"}")],
        beside: &[],
    },
    Row {
        endpoint: "responses",
        calls: responses,
        lists: &["tools"],
        choices: &[("tool_choice", "\"auto\"")],
        beside: &["parallel_tool_calls"],
    },
];

fn row(endpoint: &Endpoint) -> Option<&'static Row> {
    // The same API under another roof.
    let name = endpoint.name.trim_start_matches("azure.");
    ROWS.iter().find(|row| row.endpoint == name)
}

/// True if calls and tools of this endpoint can be taken out; else they can only be refused.
#[must_use]
pub fn can_withdraw(endpoint: &Endpoint) -> bool {
    row(endpoint).is_some()
}

/// The edits that take calls out of the document of frame number `frame`.
#[must_use]
pub fn withdraw_calls(endpoint: &Endpoint, doc: &[u8], frame: u64, calls: &Withdrawals) -> Vec<WireEdit> {
    let (Some(row), Ok(tree)) = (row(endpoint), Tree::read(doc)) else { return Vec::new() };
    (row.calls)(&tree, frame, calls)
}

/// The edits that take declared tools, by range and name, out of a request.
#[must_use]
pub fn withdraw_tools(endpoint: &Endpoint, doc: &[u8], tools: &[(WireRange, String)]) -> Vec<WireEdit> {
    let (Some(row), Ok(tree)) = (row(endpoint), Tree::read(doc)) else { return Vec::new() };
    let gone = |id: &Id| tools.iter().any(|(range, _)| *range == tree.range(*id));
    let (mut edits, mut members, mut left) = (Vec::new(), Vec::new(), 0);
    for list in row.lists.iter().filter_map(|list| tree.get(0, list)) {
        let out: Vec<Id> = tree.children(list).iter().copied().filter(gone).collect();
        let kept = tree.children(list).len() - out.len();
        left += kept;
        if kept == 0 {
            members.push(list);
        } else {
            edits.extend(tree.delete(list, &out));
        }
    }
    for (choice, auto) in row.choices {
        let Some(id) = tree.get(0, choice) else { continue };
        if left == 0 {
            members.push(id);
        } else if tools.iter().any(|(_, name)| tree.says(id, name)) {
            edits.push(tree.put(id, auto));
        }
    }
    if left == 0 {
        members.extend(row.beside.iter().filter_map(|key| tree.get(0, key)));
    }
    edits.extend(tree.delete(0, &members));
    edits
}

/// The position of an object among its siblings: as it says itself, else where it stands.
fn index(tree: &Tree<'_>, id: Id, position: usize) -> u32 {
    let said = tree.get(id, "index").and_then(|id| tree.number(id));
    said.unwrap_or_else(|| u32::try_from(position).unwrap_or(u32::MAX))
}

fn chat(tree: &Tree<'_>, frame: u64, calls: &Withdrawals) -> Vec<WireEdit> {
    let mut edits = Vec::new();
    let choices = tree.get(0, "choices").map(|id| tree.children(id)).unwrap_or_default();
    for (position, choice) in choices.iter().enumerate() {
        let c = index(tree, *choice, position);
        if let Some(holder) = tree.get(*choice, "delta").or_else(|| tree.get(*choice, "message")) {
            chat_message(tree, holder, c, frame, calls, &mut edits);
        }
        let reason = tree.get(*choice, "finish_reason");
        let called = |id: &Id| tree.text(*id).is_some_and(|text| text == "tool_calls" || text == "function_call");
        if let Some(reason) = reason.filter(called).filter(|_| calls.none_left(&[c])) {
            edits.push(tree.put(reason, "\"stop\""));
        }
    }
    edits
}

fn chat_message(tree: &Tree<'_>, holder: Id, c: u32, frame: u64, calls: &Withdrawals, edits: &mut Vec<WireEdit>) {
    let mut said = Vec::new();
    let mut say = |call: &Withdrawn| {
        if call.frame == frame && !said.contains(&call.text) {
            said.push(call.text.clone());
        }
    };
    let mut members = Vec::new();
    if let Some(list) = tree.get(holder, "tool_calls") {
        let mut gone = Vec::new();
        for (position, element) in tree.children(list).iter().enumerate() {
            let t = index(tree, *element, position);
            if let Some(call) = calls.text(&[c, t]) {
                gone.push(*element);
                say(call);
            } else if let Some(number) = tree.get(*element, "index") {
                // Clients put calls into a list by their index, and a gap would shift those behind it.
                let before =
                    calls.withdrawn.iter().filter(|w| matches!(w.indices.as_slice(), [a, b] if *a == c && *b < t));
                let before = u32::try_from(before.count()).unwrap_or(0);
                if before > 0 {
                    edits.push(tree.put(number, &t.saturating_sub(before).to_string()));
                }
            }
        }
        if !gone.is_empty() && gone.len() == tree.children(list).len() {
            members.push(list);
        } else {
            edits.extend(tree.delete(list, &gone));
        }
    }
    if let (Some(call), Some(old)) = (calls.text(&[c]), tree.get(holder, "function_call")) {
        members.push(old);
        say(call);
    }
    let text = said.join("\n");
    match (tree.get(holder, "content"), text.is_empty()) {
        (_, true) => edits.extend(tree.delete(holder, &members)),
        (None, false) => {
            // In the place of the first that goes, or before the calls that stay.
            let member = format!("\"content\":{}", string(&text));
            match members.split_first() {
                Some((first, rest)) => {
                    edits.push(tree.put_member(*first, &member));
                    edits.extend(tree.delete(holder, rest));
                }
                None => edits.extend(tree.children(holder).first().map(|first| tree.insert_before(*first, &member))),
            }
        }
        (Some(content), false) => {
            edits.extend(tree.delete(holder, &members));
            edits.push(match tree.kind(content) {
                Kind::String if tree.raw(content).len() > 2 => tree.append(content, &format!("\n{text}")),
                Kind::Array => {
                    let mut parts: Vec<String> = tree
                        .children(content)
                        .iter()
                        .map(|id| String::from_utf8_lossy(tree.raw(*id)).into_owned())
                        .collect();
                    parts.push(format!("{{\"type\":\"text\",\"text\":{}}}", string(&text)));
                    tree.put(content, &format!("[{}]", parts.join(",")))
                }
                _ => tree.put(content, &string(&text)),
            });
        }
    }
}

fn messages(tree: &Tree<'_>, _frame: u64, calls: &Withdrawals) -> Vec<WireEdit> {
    let mut edits = Vec::new();
    let said = |text: &str| format!("{{\"type\":\"text\",\"text\":{}}}", string(text));
    // A whole message.
    for (position, block) in tree.get(0, "content").map(|id| tree.children(id)).unwrap_or_default().iter().enumerate() {
        if let Some(call) = calls.text(&[u32::try_from(position).unwrap_or(u32::MAX)]) {
            edits.push(tree.put(*block, &said(&call.text)));
        }
    }
    // An event of a stream.
    let call = tree.get(0, "index").and_then(|id| tree.number(id)).and_then(|index| calls.text(&[index]));
    if let Some(call) = call {
        if let Some(block) = tree.get(0, "content_block") {
            edits.push(tree.put(block, &said(&call.text)));
        }
        if let Some(delta) = tree.get(0, "delta") {
            edits.push(tree.put(delta, "{\"type\":\"text_delta\",\"text\":\"\"}"));
        }
    }
    let reason = tree.get(0, "stop_reason").or_else(|| tree.at(0, &["delta", "stop_reason"]));
    let called = |id: &Id| tree.text(*id).is_some_and(|text| text == "tool_use");
    if let Some(reason) = reason.filter(called).filter(|_| calls.none_left(&[])) {
        edits.push(tree.put(reason, "\"end_turn\""));
    }
    edits
}

/// What events of a call become, and the member that carries their text.
const CALL_EVENTS: [(&str, &str, &str, &str); 4] = [
    ("response.function_call_arguments.delta", "response.output_text.delta", "delta", "delta"),
    ("response.function_call_arguments.done", "response.output_text.done", "arguments", "text"),
    ("response.custom_tool_call_input.delta", "response.output_text.delta", "delta", "delta"),
    ("response.custom_tool_call_input.done", "response.output_text.done", "input", "text"),
];

/// A call becomes a message, wherever the stream tells of it.
fn responses(tree: &Tree<'_>, _frame: u64, calls: &Withdrawals) -> Vec<WireEdit> {
    let mut edits = Vec::new();
    let at = |position: usize| calls.text(&[u32::try_from(position).unwrap_or(u32::MAX)]);
    let output = tree.get(0, "output").or_else(|| tree.at(0, &["response", "output"]));
    for (position, item) in output.map(|id| tree.children(id)).unwrap_or_default().iter().enumerate() {
        if let Some(call) = at(position) {
            edits.push(tree.put(*item, &message(tree, *item, &call.text)));
        }
    }
    let index = tree.get(0, "output_index").and_then(|id| tree.number(id));
    let Some(call) = index.and_then(|index| calls.text(&[index])) else { return edits };
    if let Some(item) = tree.get(0, "item") {
        edits.push(tree.put(item, &message(tree, item, &call.text)));
    }
    let Some(kind) = tree.get(0, "type") else { return edits };
    let said = tree.text(kind);
    let Some((_, becomes, from, to)) = CALL_EVENTS.iter().find(|(name, ..)| said.as_deref() == Some(name)) else {
        return edits;
    };
    edits.push(tree.put_member(kind, &format!("\"type\":{},\"content_index\":0,\"logprobs\":[]", string(becomes))));
    let text = if *to == "text" { call.text.as_str() } else { "" };
    edits.extend(tree.get(0, from).map(|id| tree.put_member(id, &format!("{}:{}", string(to), string(text)))));
    edits
}

fn message(tree: &Tree<'_>, item: Id, text: &str) -> String {
    let id = tree.get(item, "id").map_or_else(|| "\"msg_withheld\"".into(), |id| String::from_utf8_lossy(tree.raw(id)));
    format!(
        "{{\"type\":\"message\",\"id\":{id},\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{{\"type\":\"output_text\",\"text\":{},\"annotations\":[],\"logprobs\":[]}}]}}",
        string(text)
    )
}
