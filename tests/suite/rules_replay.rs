//! `sidewall rules replay`: what records can tell of other rules.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use serde_json::Value;
use sidewall::inspect::inspect_request;
use sidewall::policy::Profile;

use crate::audit_support::{Bench, Memory, record};
use crate::engine::{chat, guards};

const HOUSE: &str = r#"
[[rule]]
id = "house-project"
kind = "house.project"
confidence = 90
keywords = ["titan"]
regex = '(?i)project titan'
doc = "d"
matches = ["project titan"]
ignores = ["titan"]
"#;

fn sidewall(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sidewall")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn records_tell_which_findings_lose_their_rule_and_what_was_left_to_find() {
    let bench = Bench::new(&[]);
    let keys = bench.settings.keys.to_str().unwrap();
    let (_, made) = sidewall(&["keys", "new", "--tenant", "acme", "--out", keys, "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let key = made["private"].as_str().unwrap();

    let body =
        r#"{"model":"m","messages":[{"role":"user","content":"tell planted-canary@example.com of Project Titan"}]}"#;
    let guards = guards(Profile::Balanced);
    let report = inspect_request(&guards, chat(), Bytes::from(body)).unwrap().report;
    let mut made = record("acme", "e1");
    made.request = Some(report);
    made.ruleset = guards.ruleset.hash().clone();
    let memory = Memory::default();
    let log = bench.open(&memory);
    log.append(made).await.unwrap();
    log.close().await.unwrap();
    let dir = bench.lay_out(&memory.image());
    let dir = dir.to_str().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (same, house) = (path("same"), path("house.toml"));
    assert_eq!(sidewall(&["rules", "export", &same]).0, Some(0));
    std::fs::write(Path::new(&house), HOUSE).unwrap();

    let (code, out) = sidewall(&["rules", "replay", dir, "--key", key, "--rules", &same, "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["records"], &shown["elsewhere"]), (Some(0), &1.into(), &0.into()), "{out}");
    assert_eq!(shown["by_rule"]["email"]["kept"], 1, "{out}");

    let (code, out) = sidewall(&["rules", "replay", dir, "--key", key, "--rules", &house, "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["by_rule"]["email"]["gone"]), (Some(1), &1.into()), "{out}");
    let house_rule = &shown["by_rule"]["house-project"];
    assert_eq!((&house_rule["gained"], &house_rule["exchanges"][0]), (&1.into(), &"e1".into()), "{out}");
    let (_, out) = sidewall(&["rules", "replay", dir, "--key", key, "--rules", &house]);
    assert!(
        out.contains("house-project") && !out.contains("canary") && !out.to_lowercase().contains("titan "),
        "{out}"
    );
}
