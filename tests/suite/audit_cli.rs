//! The audit commands as a person runs them.

use std::process::{Command, Output};

use crate::audit_support::{Bench, Memory, record};

fn sidewall(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sidewall")).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn keys_are_made_and_records_listed_read_and_verified() {
    let bench = Bench::new(&["other"]);
    let keys = bench.settings.keys.to_str().unwrap();
    let made = sidewall(&["keys", "new", "--tenant", "acme", "--out", keys, "--json"]);
    let made: serde_json::Value = serde_json::from_str(&stdout(&made)).unwrap();
    assert_eq!(
        sidewall(&["keys", "new", "--tenant", "acme", "--out", keys]).status.code(),
        Some(2),
        "never overwritten"
    );

    let memory = Memory::default();
    let log = bench.open(&memory);
    for id in ["e1", "e2"] {
        log.append(record("acme", id)).await.unwrap();
    }
    log.append(record("other", "e3")).await.unwrap();
    log.close().await.unwrap();
    let mut image = memory.image();
    let dir = bench.lay_out(&image);
    let dir = dir.to_str().unwrap();
    let key = made["private"].as_str().unwrap();

    let listed: serde_json::Value =
        serde_json::from_str(&stdout(&sidewall(&["audit", "list", dir, "--json"]))).unwrap();
    assert_eq!(listed[0]["tenants"], serde_json::json!({ "acme": 2, "other": 1 }));
    assert!(stdout(&sidewall(&["audit", "list", dir])).contains("acme=2 other=1"));

    let read = sidewall(&["audit", "read", dir, "--key", key, "--json"]);
    let ids: Vec<String> = (stdout(&read).lines())
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["exchange"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((ids, read.status.code()), (vec!["e1".to_owned(), "e2".to_owned()], Some(0)));
    let one = sidewall(&["audit", "read", dir, "--key", key, "--exchange", "e2"]);
    assert!(stdout(&one).contains("\"e2\"") && !stdout(&one).contains("\"e1\""));
    assert_eq!(sidewall(&["audit", "read", dir, "--key", key, "--exchange", "e3"]).status.code(), Some(1));
    let public = made["public"].as_str().unwrap();
    assert_eq!(sidewall(&["audit", "read", dir, "--key", public]).status.code(), Some(2), "not a private key");

    assert_eq!(sidewall(&["audit", "verify", dir]).status.code(), Some(0));
    let signer = "00".repeat(32);
    assert_eq!(sidewall(&["audit", "verify", dir, "--signer", &signer]).status.code(), Some(5));
    let bytes = image.values_mut().next().unwrap();
    bytes[700] ^= 1;
    bench.lay_out(&image);
    let verified = sidewall(&["audit", "verify", dir, "--json"]);
    assert_eq!(verified.status.code(), Some(3));
    let verified: serde_json::Value = serde_json::from_str(&stdout(&verified)).unwrap();
    assert_eq!((&verified["exit"], &verified["problems"][0]["code"]), (&3.into(), &"tampered".into()));
    assert_eq!(sidewall(&["audit", "verify", "/nonexistent"]).status.code(), Some(2));
}
