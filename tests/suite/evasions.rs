//! The evasion matrix: every disguise of `transforms` over every value, in a request and in a stream. What a machine can undo must be
//! found, and nothing of the value may leave; the same disguises over harmless text change nothing.
//!
//! CI runs every pair in a request, and each in a stream cut in one of several ways. `SIDEWALL_EVASIONS=all` runs all pairs in streams
//! with all cuts. `cargo test --test suite evasions -- --nocapture` prints the summary.

mod benign;
mod transforms;

use std::collections::BTreeMap;

use sidewall::inspect::Framing;
use sidewall::policy::Profile;
use sidewall::redact::Vault;

use crate::engine::{chat, chat_request, chat_stream, guards, request, respond, said_in_stream};
use transforms::{Promise, TRANSFORMS, Transform};

/// Documentation values of every sort; none was ever issued.
fn values() -> Vec<(&'static str, String)> {
    let joined = |parts: &[&str]| parts.concat();
    vec![
        ("visa", "4111 1111 1111 1111".into()),
        ("mastercard", "5555555555554444".into()),
        ("amex", "3782 822463 10005".into()),
        ("mastercard 2", "2223-0031-2200-3222".into()),
        ("unionpay", "6200 0000 0000 0005".into()),
        ("e-mail", "alice.example@example.com".into()),
        ("e-mail, short", "bob7@example.org".into()),
        ("e-mail, tagged", "carol_d+news@mail.example.co.uk".into()),
        ("aws key", joined(&["AKIA", "IOSFODNN7EXAMPLE"])),
        ("github token", joined(&["gh", "p_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O52DX9Yz"])),
        ("stripe key", joined(&["sk_", "live_", "4eC39HqLyjWDarjtT1zdp7dc"])),
        ("slack token", joined(&["xox", "b-284719305562-719406238815-aB3dE5fG7hI9jK1lM3nO5pQ7"])),
        ("iban", "GB82 WEST 1234 5698 7654 32".into()),
        ("iban, plain", "DE89370400440532013000".into()),
        ("ssn", "078-05-1120".into()),
    ]
}

/// The share of a disguised value, in percent, that may be left: a group of base64 at its end, padding, separators.
const MOST_LEFT: usize = 30;

/// The longest stretch that both share, in characters.
fn common(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut last = vec![0usize; b.len() + 1];
    let mut best = 0;
    for x in &a {
        let mut row = vec![0usize; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            if x == y {
                row[j + 1] = last[j] + 1;
                best = best.max(row[j + 1]);
            }
        }
        last = row;
    }
    best
}

/// Why `out` is no good answer to a text that held `disguised`; `None`: it is.
fn leak(value: &str, disguised: &str, out: &str) -> Option<String> {
    let left = common(disguised, out);
    let plain = common(value, out);
    let most = |whole: &str| (whole.chars().count() * MOST_LEFT / 100).max(3);
    if left > most(disguised) {
        return Some(format!("{left} of {} characters are left", disguised.chars().count()));
    }
    (plain > most(value).max(4)).then(|| format!("{plain} of {} plain characters are left", value.chars().count()))
}

fn sent(text: &str) -> Result<String, String> {
    let guards = guards(Profile::Balanced);
    let inspected = request(&guards, chat(), &chat_request(text)).map_err(|refused| format!("{:?}", refused.0.code))?;
    let body: serde_json::Value = serde_json::from_slice(inspected.body.get()).expect("JSON");
    Ok(body["messages"][0]["content"].as_str().expect("content").to_owned())
}

/// Cuts `text` into deltas of `size` characters; 0: of odd sizes.
fn deltas(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let (mut at, mut odd) = (0, 7);
    while at < chars.len() {
        odd = odd * 31 % 17 + 1;
        let len = if size == 0 { odd } else { size };
        out.push(chars[at..(at + len).min(chars.len())].iter().collect());
        at += len;
    }
    out
}

fn streamed(text: &str, size: usize) -> String {
    let guards = guards(Profile::Strict);
    let deltas = deltas(text, size);
    let stream = chat_stream(&deltas.iter().map(String::as_str).collect::<Vec<_>>());
    let vault = Vault::new(guards.key.clone());
    let (out, _) = respond(&guards, chat(), Framing::Sse, vault, &[&stream]);
    assert_eq!(out.refusal, None);
    said_in_stream(&out.bytes)
}

/// `out` without the sentence, and without what the disguise puts before any text.
fn bare(out: &str, apply: fn(&str) -> Option<String>) -> String {
    let out = out.replace("please use ", "");
    match apply("").filter(|frame| frame.len() > 4) {
        Some(frame) => out.replace(&frame, ""),
        None => out,
    }
}

fn sentence(disguised: &str) -> String {
    format!("please use {disguised} for this")
}

/// Sizes of deltas.
const CUTS: [usize; 4] = [1, 5, 0, 64];

#[test]
fn every_deterministic_disguise_is_seen_through() {
    let all = std::env::var("SIDEWALL_EVASIONS").is_ok_and(|v| v == "all");
    let values = values();
    let mut failures = Vec::new();
    let mut measured: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut checks = 0;
    for (number, Transform { name, promise, apply }) in TRANSFORMS.iter().enumerate() {
        for (at, (sort, value)) in values.iter().enumerate() {
            let Some(disguised) = apply(value) else { continue };
            let text = sentence(&disguised);
            let mut problems = Vec::new();
            match sent(&text) {
                Ok(out) => problems
                    .extend(leak(value, &disguised, &bare(&out, *apply)).map(|p| format!("request: {p}: {out:?}"))),
                Err(refused) => problems.push(format!("request: refused: {refused}")),
            }
            for (cut, size) in CUTS.iter().enumerate() {
                if all || cut == (number + at) % CUTS.len() {
                    let out = streamed(&text, *size);
                    problems.extend(
                        leak(value, &disguised, &bare(&out, *apply)).map(|p| format!("stream of {size}: {p}: {out:?}")),
                    );
                    checks += 1;
                }
            }
            checks += 1;
            match promise {
                Promise::Found => failures.extend(problems.into_iter().map(|p| format!("{name} over {sort}: {p}"))),
                Promise::Measured => {
                    let (found, of) = measured.entry(name).or_default();
                    *found += usize::from(problems.is_empty());
                    *of += 1;
                }
            }
        }
    }
    let promised = TRANSFORMS.iter().filter(|t| t.promise == Promise::Found).count();
    println!("{promised} disguises promised, {} values, {checks} texts, {} leaks", values.len(), failures.len());
    for (name, (found, of)) in measured {
        println!("measured, not promised: {name}: {found} of {of} found");
    }
    assert!(promised >= 100, "the matrix has {promised} disguises");
    assert!(failures.is_empty(), "{} leaks:\n{}", failures.len(), failures.join("\n"));
}

/// At most so many in a thousand harmless texts may be changed.
const MOST_CHANGED: usize = 5;

#[test]
fn the_same_disguises_over_harmless_texts_change_nothing() {
    let (mut texts, mut changed) = (0, Vec::new());
    for text in benign::TEXTS {
        for (name, disguised) in [("as it is", Some((*text).to_owned()))]
            .into_iter()
            .chain(TRANSFORMS.iter().map(|t| (t.name, (t.apply)(text))))
            .filter_map(|(name, d)| d.map(|d| (name, d)))
        {
            texts += 1;
            let text = sentence(&disguised);
            match sent(&text) {
                Ok(out) if out == text => {}
                Ok(out) => changed.push(format!("{name}: {text:?} became {out:?}")),
                Err(refused) => changed.push(format!("{name}: {text:?} refused: {refused}")),
            }
        }
    }
    println!("{texts} harmless texts, {} changed", changed.len());
    assert!(changed.len() * 1000 <= texts * MOST_CHANGED, "{} of {texts}:\n{}", changed.len(), changed.join("\n"));
}
