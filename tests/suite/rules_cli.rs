//! `sidewall check` and `sidewall rules` as a person runs them.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn sidewall(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sidewall"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends on a usage error need not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn check_says_where_and_what_but_never_the_text() {
    let output = sidewall(&["check"], "hello\nñ card 4242 4242 4242 4242\n");
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.starts_with("-:2:8: pci.pan pan "), "{text}");
    assert!(!text.contains("4242"), "{text}");
}

#[test]
fn check_of_clean_text_is_silent() {
    let output = sidewall(&["check", "-"], "nothing here, version 1.2.3\n");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
}

#[test]
fn the_threshold_decides() {
    let text = "from 10.0.0.1\n";
    assert_eq!(sidewall(&["check"], text).status.code(), Some(0));
    assert_eq!(sidewall(&["check", "--threshold", "20"], text).status.code(), Some(1));
    assert_eq!(sidewall(&["check", "--threshold", "101"], text).status.code(), Some(2));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let output = sidewall(&["check", "/nowhere/at/all"], "");
    assert_eq!(output.status.code(), Some(2));
    let mut bad = tempfile::NamedTempFile::new().unwrap();
    bad.write_all(b"\xff\xfe").unwrap();
    assert_eq!(sidewall(&["check", bad.path().to_str().unwrap()], "").status.code(), Some(2));
}

#[test]
fn machines_read_json_and_sarif() {
    let input = "write to ada@example.com\n";
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&sidewall(&["check", "--format", "json"], input))).unwrap();
    let finding = &json["findings"][0];
    assert_eq!(
        (finding["kind"].as_str(), finding["column"].as_u64(), finding["end_column"].as_u64()),
        (Some("pii.email"), Some(10), Some(25))
    );
    let sarif: serde_json::Value =
        serde_json::from_str(&stdout(&sidewall(&["check", "--format", "sarif"], input))).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "email");
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startColumn"], 10);
}

#[test]
fn rules_can_be_listed_shown_explained_and_tested() {
    assert!(stdout(&sidewall(&["rules", "list"], "")).lines().any(|line| line.starts_with("pan ")));
    assert!(stdout(&sidewall(&["rules", "show", "email"], "")).contains("kind = \"pii.email\""));
    assert!(stdout(&sidewall(&["rules", "explain", "pan"], "")).contains("Luhn"));
    assert_eq!(sidewall(&["rules", "show", "no-such-rule"], "").status.code(), Some(2));
    assert_eq!(sidewall(&["rules", "test"], "").status.code(), Some(0));
    assert_eq!(sidewall(&["rules", "lint"], "").status.code(), Some(0));
}

#[test]
fn a_rule_that_fails_its_examples_fails_the_command() {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let rule = "[[rule]]\nid = \"x\"\nkind = \"pii.x\"\nconfidence = 50\nkeywords = [\"abc\"]\nregex = 'abc'\ndoc = \"d\"\nmatches = [\"xyz\"]\nignores = [\"q\"]\n";
    file.write_all(rule.as_bytes()).unwrap();
    let output = sidewall(&["rules", "test", file.path().to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("x: misses"));
}

#[test]
fn explain_says_of_a_text_what_every_rule_made_of_it() {
    // A card, the same in base64, and a number that fails Luhn.
    let text = "ring 4111 1111 1111 1111\nkey NDExMTExMTExMTExMTExMQ== id 4111 1111 1111 1112\n";
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&sidewall(&["rules", "explain", "-", "--only", "pan", "--json"], text))).unwrap();
    let matches: Vec<_> = json["matches"].as_array().unwrap().iter().collect();
    let row = |m: &serde_json::Value| {
        (
            m["line"].as_u64().unwrap(),
            m["view"].as_str().unwrap().to_owned(),
            m["fate"].as_str().unwrap().to_owned(),
            m["reported"].as_bool().unwrap(),
        )
    };
    let rows: Vec<_> = matches.into_iter().map(row).collect();
    let expect = |line, view: &str, fate: &str, reported| (line, view.to_owned(), fate.to_owned(), reported);
    assert_eq!(
        rows,
        [
            expect(1, "text", "candidate", true),
            expect(2, "base64", "candidate", true),
            expect(2, "text", "invalid", false)
        ]
    );
    let words = stdout(&sidewall(&["rules", "explain", "4111 1111 1111 1112", "--only", "pan"], ""));
    assert!(words.contains("dropped: `luhn-pan` rejects it"), "{words}");
    assert!(!words.contains("4111"), "{words}");
}

#[test]
fn folders_are_scanned_file_by_file_and_binary_files_are_skipped_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    std::fs::create_dir_all(dir.path().join("inner/.git")).unwrap();
    put("b.txt", b"ada@example.com\n");
    put("a.bin", b"\x7fELF\0\0 ada@example.com");
    put("inner/c.txt", b"\n\nx 4242 4242 4242 4242");
    put("inner/.git/d.txt", b"ada@example.com\n");
    let root = dir.path().to_str().unwrap();
    let output = sidewall(&["check", root], "");
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<_> = stdout(&output).lines().map(|line| line.replace(root, "")).collect();
    assert!(
        lines[0].starts_with("/b.txt:1:1: pii.email") && lines[1].starts_with("/inner/c.txt:3:3: pci.pan"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("a.bin: skipped: it is binary"));
    let sarif: serde_json::Value =
        serde_json::from_str(&stdout(&sidewall(&["check", root, "--format", "sarif"], ""))).unwrap();
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(
        (&invocation["executionSuccessful"], &invocation["toolExecutionNotifications"][0]["level"]),
        (&true.into(), &"note".into())
    );
    // A file that may be text and cannot be read is an error, wherever it lies.
    put("inner/e.txt", b"caf\xe9");
    assert_eq!(sidewall(&["check", root], "").status.code(), Some(2));
}
