//! The scanner against `serde_json` reading the same bytes into borrowed structs: paired and alternating, so that a
//! busy machine slows both. Prints MB/s of each (median) and the median of the paired ratios.
//!
//! `cargo bench --bench scanner`

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::borrow::Cow;
#[path = "support/clock.rs"]
mod clock;

use std::hint::black_box;

use serde::Deserialize;
use sidewall::text::WireRange;
use sidewall::wire::{Framer, SseFramer, Str, Visitor, scan};

const PAIRS: usize = 101;
/// Bytes read in one measurement: a few milliseconds.
const BYTES_PER_MEASUREMENT: usize = 4 << 20;

#[derive(Deserialize)]
struct Chat<'d> {
    #[serde(borrow)]
    model: Cow<'d, str>,
    #[serde(borrow)]
    messages: Vec<Message<'d>>,
    temperature: f64,
    stream: bool,
}

#[derive(Deserialize)]
struct Message<'d> {
    #[serde(borrow)]
    role: Cow<'d, str>,
    #[serde(borrow)]
    content: Cow<'d, str>,
}

#[derive(Deserialize)]
struct Chunk<'d> {
    #[serde(borrow)]
    id: Cow<'d, str>,
    #[serde(borrow)]
    object: Cow<'d, str>,
    created: u64,
    #[serde(borrow)]
    model: Cow<'d, str>,
    #[serde(borrow)]
    choices: Vec<Choice<'d>>,
}

#[derive(Deserialize)]
struct Choice<'d> {
    index: u32,
    #[serde(borrow)]
    delta: Delta<'d>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'d, str>>,
}

#[derive(Deserialize)]
struct Delta<'d> {
    #[serde(borrow)]
    content: Cow<'d, str>,
}

/// Does with each value what an inspector at least does: notes where it is.
#[derive(Default)]
struct Slots {
    strings: Vec<Str>,
    numbers: Vec<WireRange>,
}

impl Visitor for Slots {
    fn string(&mut self, value: Str) {
        self.strings.push(value);
    }
    fn number(&mut self, literal: WireRange) {
        self.numbers.push(literal);
    }
}

fn main() {
    let prose = "The quick brown fox jumps over the lazy dog, and nobody at the office seems to mind it. ".repeat(6);
    let code = "fn main() {\\n    println!(\\\"hello\\\");\\n    let x = a[0] + b;\\n}\\n".repeat(10);
    let accents = "Über die Brücke gehen täglich viele Menschen; 日本語のテキストも少し。 ".repeat(8);
    let escaped = "\\u65e5\\u672c\\u8a9e\\u306e\\u30c6\\u30ad\\u30b9\\u30c8".repeat(40);
    println!("{:<28}{:>8}{:>12}{:>14}{:>9}", "document", "bytes", "scan MB/s", "serde MB/s", "ratio");
    for (name, text, turns) in [
        ("chat of prose", &prose, 40),
        ("chat of code", &code, 40),
        ("chat beyond ASCII", &accents, 40),
        ("chat in \\u escapes", &escaped, 40),
        ("short chat", &"Hello, how are you today?".to_owned(), 2),
    ] {
        compare::<Chat<'_>, _>(name, &chat(text, turns), |chat| {
            (chat.model.len(), chat.messages.len(), chat.temperature, chat.stream, last(&chat.messages))
        });
    }
    let delta = chunk();
    compare::<Chunk<'_>, _>("delta of a stream", &delta, |chunk| {
        let choice = chunk.choices.first().map(|choice| {
            (choice.index, choice.delta.content.len(), choice.finish_reason.as_ref().map(|reason| reason.len()))
        });
        (chunk.id.len(), chunk.object.len(), chunk.created, chunk.model.len(), choice)
    });
    framer(&delta);
}

fn last(messages: &[Message<'_>]) -> Option<(usize, usize)> {
    messages.last().map(|message| (message.role.len(), message.content.len()))
}

fn chat(text: &str, turns: usize) -> Vec<u8> {
    let turn = format!(r#"{{"role":"user","content":"{text}"}}"#);
    let messages = vec![turn; turns].join(",");
    format!(r#"{{"model":"some-model","messages":[{messages}],"temperature":0.7,"stream":true}}"#).into_bytes()
}

fn chunk() -> Vec<u8> {
    br#"{"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}"#.to_vec()
}

fn compare<'d, T: Deserialize<'d>, R>(name: &str, doc: &'d [u8], use_it: impl Fn(&T) -> R) {
    let rounds = (BYTES_PER_MEASUREMENT / doc.len()).max(1);
    let mut slots = Slots::default();
    let mut ours = || {
        slots.strings.clear();
        slots.numbers.clear();
        let result = scan(black_box(doc), &mut slots);
        assert!(result.is_ok());
        black_box(slots.strings.len());
    };
    let mut theirs = || {
        let value: Result<T, _> = serde_json::from_slice(black_box(doc));
        black_box(value.as_ref().map(&use_it).ok());
    };
    let (mut scans, mut parses, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let (scan, parse) = if pair % 2 == 0 {
            let scan = seconds(rounds, &mut ours);
            (scan, seconds(rounds, &mut theirs))
        } else {
            let parse = seconds(rounds, &mut theirs);
            (seconds(rounds, &mut ours), parse)
        };
        scans.push(scan);
        parses.push(parse);
        ratios.push(parse / scan);
    }
    let rate = |times: Vec<f64>| (doc.len() * rounds) as f64 / median(times) / 1e6;
    println!("{name:<28}{:>8}{:>12.0}{:>14.0}{:>8.2}x", doc.len(), rate(scans), rate(parses), median(ratios));
}

/// The stream framer alone, on chunks of 1,400 bytes (what a network packet holds).
fn framer(delta: &[u8]) {
    let event = [b"data: ", delta, b"\n\n"].concat();
    let stream = bytes::Bytes::from(event.repeat(BYTES_PER_MEASUREMENT / event.len()));
    let mut frames = 0;
    let mut run = || {
        let mut framer = SseFramer::new(1 << 20);
        let mut rest = stream.clone();
        while !rest.is_empty() {
            let result = framer.push(rest.split_to(rest.len().min(1_400)));
            assert!(result.is_ok());
            while let Some(frame) = framer.next_frame() {
                frames += usize::from(black_box(frame).complete);
            }
        }
    };
    let times = (0..PAIRS).map(|_| seconds(1, &mut run)).collect();
    println!("{:<28}{:>8}{:>12.0}", "framing a stream", stream.len(), stream.len() as f64 / median(times) / 1e6);
    assert!(frames > 0);
}

fn seconds(rounds: usize, run: &mut impl FnMut()) -> f64 {
    let start = clock::seconds();
    (0..rounds).for_each(|_| run());
    clock::seconds() - start
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
