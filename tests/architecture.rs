//! The house rules that a single crate cannot enforce by itself: who may import whom, where a provider's words may stand, which crates
//! the pure half may know. A rule without a test is a wish.

use std::path::{Path, PathBuf};

/// Room, and the rooms of ours that it may import. `*`: all.
const IMPORTS: [(&str, &[&str]); 20] = [
    ("text", &[]),
    ("secret", &[]),
    ("wire", &["text"]),
    // Refusals are rendered in the caller's dialect, and that is the one word dialects take from the engine.
    ("dialect", &["wire", "text", "inspect::Refusal"]),
    ("detect", &["text", "secret"]),
    ("redact", &["text", "detect", "secret"]),
    // Where a tool's name and schema stand in its definition is the dialect's to say.
    ("tools", &["wire", "text", "dialect::ToolShape"]),
    (
        "policy",
        &[
            "detect",
            "redact::Strategy",
            "redact::Filtered",
            "identity::Principal",
            "identity::Claim",
            "text",
            "tools",
            "dialect::ToolShape",
        ],
    ),
    ("inspect", &["wire", "dialect", "text", "detect", "policy", "redact", "secret", "tools", "identity::Principal"]),
    ("keys", &["secret"]),
    ("identity", &["config", "secret", "wire"]),
    (
        "audit",
        &[
            "wire::escape",
            "keys",
            "identity::Principal",
            "inspect",
            "policy::Verdict",
            "redact::Filtered",
            "text",
            "secret",
        ],
    ),
    ("upstream", &["config", "dialect", "inspect", "secret", "telemetry"]),
    ("telemetry", &["inspect", "audit", "text", "identity"]),
    (
        "proxy",
        &[
            "wire",
            "dialect",
            "text",
            "detect",
            "policy",
            "redact",
            "inspect",
            "upstream",
            "audit",
            "identity",
            "telemetry",
            "config",
            "secret",
            "keys",
        ],
    ),
    ("server", &["proxy", "identity", "config", "telemetry", "inspect"]),
    (
        "config",
        &[
            "tools",
            "policy",
            "redact",
            "text",
            "dialect",
            "identity",
            "audit",
            "keys",
            "secret",
            "detect",
            "upstream::client",
            "server::tls",
        ],
    ),
    ("app", &["*"]),
    ("demo", &["*"]),
    ("cli", &["*"]),
];

/// Rooms that do no I/O.
const PURE: [&str; 8] = ["text", "wire", "dialect", "detect", "tools", "policy", "redact", "inspect"];

/// Crates (as paths begin in code) and the rooms or files that alone may name them. Empty: nobody in the pure half.
const CRATES: [(&str, &[&str]); 9] = [
    ("tokio::", &[]),
    ("hyper::", &[]),
    ("hyper_util::", &[]),
    ("std::net::Tcp", &[]),
    ("cedar_policy::", &["policy/cedar"]),
    ("ort::", &["detect/classifier"]),
    ("tokenizers::", &["detect/classifier"]),
    // These keep the last of two duplicate keys, where another parser takes the first: traffic is read by `wire::json::scan`.
    ("serde_json::from_slice", &["detect/validate/token", "tools/definition", "tools/registry"]),
    ("serde_json::from_str", &["tools/arguments"]),
];

/// Words of providers' wire formats, and the rooms where they may stand: the tables, and the scripted provider that speaks them.
const WORDS: [&str; 11] = [
    "choices",
    "anthropic",
    "openai",
    "content_block",
    "partial_json",
    "finish_reason",
    "message_stop",
    "tool_use",
    "chat.completions",
    "stop_reason",
    "input_schema",
];
const SPEAK: [&str; 2] = ["dialect", "demo"];

/// Code without comments and without its tests.
fn production(source: &str) -> String {
    let code = source.split("\n#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|l| !l.trim_start().starts_with("//")).map(|l| format!("{l}\n")).collect()
}

/// Every `crate::a::B` and `crate::{a::…, b}` in the code, as `a::B`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let (mut depth, mut item) = (1, String::new());
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || (depth == 1 && c == ',') {
                    found.push(item.trim().to_owned());
                    item.clear();
                    if depth == 0 {
                        break;
                    }
                } else {
                    item.push(c);
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || "_:{".contains(*c)).collect());
        }
    }
    found.retain(|i| !i.is_empty());
    found
}

fn may_import(room: &str, import: &str) -> bool {
    let target = import.split("::").next().unwrap_or_default();
    let allowed = IMPORTS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    target == room
        || allowed.iter().any(|a| match a.split_once("::") {
            // `a::B` in the table: any item of `a` whose name begins with B.
            Some((room, item)) => target == room && (import.contains(&format!("::{item}")) || import.contains("::{")),
            None => *a == "*" || *a == target,
        })
}

/// What is wrong with a file, in words.
fn violations(file: &str, source: &str) -> Vec<String> {
    let room = file.split(['/', '.']).next().unwrap_or_default();
    let code = production(source);
    let mut wrong = Vec::new();
    // `testing` modules are compiled for tests alone.
    if ["lib", "main"].contains(&room) || file.ends_with("/testing.rs") {
        return wrong;
    }
    if !IMPORTS.iter().any(|(name, _)| *name == room) {
        wrong.push(format!("{file}: `{room}` is no room of the table"));
    }
    for import in imports(&code).iter().filter(|i| !may_import(room, i)) {
        wrong.push(format!("{file}: `{room}` may not import `{import}`"));
    }
    for (name, homes) in CRATES {
        let at_home = homes.iter().any(|h| file.starts_with(h));
        if PURE.contains(&room) && !at_home && names(&code, name) {
            wrong.push(format!("{file}: the pure half may not know `{name}`"));
        }
    }
    if !SPEAK.contains(&room) {
        for word in WORDS.iter().filter(|w| has_word(&code, w)) {
            wrong.push(format!("{file}: `{word}` is a provider's word and belongs in `dialect`"));
        }
    }
    wrong
}

fn names(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

fn has_word(code: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(inside) && !code[at + word.len()..].starts_with(inside))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("src") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn the_house_is_as_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40, "the sources are there");
    let mut wrong = Vec::new();
    for path in files {
        let file = path.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
        wrong.extend(violations(&file, &std::fs::read_to_string(&path).expect("readable")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The test of the test: each rule fails when it is broken.
#[test]
fn a_forbidden_import_is_seen() {
    for (file, source) in [
        ("wire/json.rs", "use crate::dialect::Table;\n"),
        ("wire/json.rs", "use crate::{text::TextSpan, detect::Finding};\n"),
        ("detect/scan.rs", "fn f() { crate::wire::json::scan(b\"\", &mut ()); }\n"),
        ("dialect/refuse.rs", "use crate::inspect::Report;\n"),
        ("text/fold.rs", "use crate::secret::Sensitive;\n"),
        ("inspect/response.rs", "use tokio::sync::mpsc;\n"),
        ("policy/guardrail.rs", "use cedar_policy::Policy;\n"),
        ("proxy/exchange.rs", "let x = body[\"choices\"];\n"),
        ("cellar/wine.rs", "\n"),
    ] {
        assert_eq!(violations(file, source).len(), 1, "{file}: {source}");
    }
    for (file, source) in [
        ("wire/json.rs", "use crate::text::WireRange;\n"),
        ("wire/json.rs", "// crate::dialect is another room\n"),
        ("wire/json.rs", "\n#[cfg(test)]\nmod tests { use crate::dialect::Table; }\n"),
        ("dialect/refuse.rs", "use crate::inspect::{Refusal, RefusalCode};\n"),
        ("proxy/exchange.rs", "use tokio::sync::mpsc;\n"),
        ("policy/cedar.rs", "use cedar_policy::Policy;\n"),
        ("dialect/openai.rs", "row(\"choices[].index\", Class::Index)\n"),
        ("cli/check.rs", "let my_choices_here = 1;\n"),
    ] {
        assert_eq!(violations(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}
