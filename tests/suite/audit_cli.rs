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

/// A log of one tenant, whose keys were made by the command, with an exchange for each id.
async fn log_of(ids: &[&str]) -> (Bench, Memory) {
    let bench = Bench::new(&[]);
    let keys = bench.settings.keys.to_str().unwrap();
    assert!(sidewall(&["keys", "new", "--tenant", "acme", "--out", keys]).status.success());
    let memory = Memory::default();
    append(&bench, &memory, ids).await;
    (bench, memory)
}

async fn append(bench: &Bench, memory: &Memory, ids: &[&str]) {
    let log = bench.open(memory);
    for id in ids {
        log.append(record("acme", *id)).await.unwrap();
    }
    log.close().await.unwrap();
}

fn exchanges(output: &Output) -> Vec<String> {
    let exchange =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["exchange"].as_str().map(str::to_owned);
    stdout(output).lines().filter_map(exchange).collect()
}

#[tokio::test]
async fn periods_have_keys_of_their_own_and_are_shredded_alone() {
    let (bench, memory) = log_of(&["january"]).await;
    let keys = bench.settings.keys.to_str().unwrap();
    let sidecar = tempfile::tempdir().unwrap();
    let rotated =
        sidewall(&["keys", "rotate", "--tenant", "acme", "--out", keys, "--publish", sidecar.path().to_str().unwrap()]);
    assert!(rotated.status.success() && sidecar.path().join("acme.pub").exists());
    append(&bench, &memory, &["february"]).await;
    let dir = bench.lay_out(&memory.image());
    let dir = dir.to_str().unwrap();
    let read = |key: &str| exchanges(&sidewall(&["audit", "read", dir, "--key", key, "--json"]));
    assert_eq!(read(keys), ["january", "february"], "a folder of keys reads all periods");
    assert_eq!(read(&format!("{keys}/acme.key")), ["february"]);

    let listed: serde_json::Value =
        serde_json::from_str(&stdout(&sidewall(&["keys", "list", keys, "--json"]))).unwrap();
    assert_eq!((&listed[0]["state"], &listed[1]["state"]), (&"replaced".into(), &"in_force".into()));
    let none = sidewall(&["keys", "shred", "--tenant", "acme", "--out", keys, "--before", "2020-01-01T00:00:00Z"]);
    assert_eq!(none.status.code(), Some(1), "nothing is that old");
    let old = listed[0]["id"].as_str().unwrap();
    assert!(
        sidewall(&["keys", "shred", "--tenant", "acme", "--out", keys, "--id", old.get(..12).unwrap(), "--log", dir])
            .status
            .success()
    );
    assert_eq!(read(keys), ["february"]);
    let verified = sidewall(&["audit", "verify", dir]);
    assert_eq!(verified.status.code(), Some(6), "{}", stdout(&verified));
    assert_eq!(exit_of_second_implementation(dir), Some(6));
    assert!(stdout(&sidewall(&["keys", "list", keys])).contains("shredded"));
    // Nothing is left in force: a sidecar that reads this folder has no key any more.
    assert!(
        sidewall(&["keys", "shred", "--tenant", "acme", "--out", keys, "--all", "--withdraw", keys]).status.code()
            == Some(0)
    );
    assert!(!bench.settings.keys.join("acme.pub").exists() && !bench.settings.keys.join("acme.key").exists());
}

fn exit_of_second_implementation(dir: &str) -> Option<i32> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/verify_audit.py");
    Command::new("python3").arg(script).arg(dir).output().unwrap().status.code()
}

#[tokio::test]
async fn a_new_recipient_reads_what_was_written_before_and_shredding_minds_it() {
    let (bench, memory) = log_of(&["e1", "e2"]).await;
    let dir = bench.lay_out(&memory.image());
    let dir = dir.to_str().unwrap();
    let keys = bench.settings.keys.to_str().unwrap();
    let theirs = tempfile::tempdir().unwrap();
    let theirs = theirs.path().to_str().unwrap();
    assert!(
        sidewall(&["keys", "new", "--tenant", "auditor", "--out", theirs, "--algorithm", "x25519"]).status.success()
    );
    let auditor = format!("{theirs}/auditor.key");
    let read = || sidewall(&["audit", "read", dir, "--key", &auditor, "--json"]);
    assert_eq!(exchanges(&read()), [""; 0]);
    let (key, to) = (format!("{keys}/acme.key"), format!("{theirs}/auditor.pub"));
    assert_eq!(sidewall(&["audit", "rewrap", dir, "--key", &auditor, "--to", &to]).status.code(), Some(1));
    assert!(sidewall(&["audit", "rewrap", dir, "--key", &key, "--to", &to]).status.success());
    assert_eq!(exchanges(&read()), ["e1", "e2"]);
    assert_eq!(sidewall(&["audit", "verify", dir]).status.code(), Some(0));
    assert!(sidewall(&["keys", "shred", "--tenant", "acme", "--out", keys, "--all", "--log", dir]).status.success());
    assert_eq!(sidewall(&["audit", "verify", dir]).status.code(), Some(0), "the auditor still reads them");
    assert!(
        sidewall(&["keys", "shred", "--tenant", "auditor", "--out", theirs, "--all", "--log", dir]).status.success()
    );
    assert_eq!(sidewall(&["audit", "verify", dir]).status.code(), Some(6));
    assert_eq!(exit_of_second_implementation(dir), Some(6));
}

#[tokio::test]
async fn a_proof_convinces_a_third_party_and_a_changed_one_does_not() {
    let (bench, memory) = log_of(&["e1", "e2"]).await;
    let dir = bench.lay_out(&memory.image());
    let key = bench.settings.keys.join("acme.key");
    let prove = |exchange: &str| {
        sidewall(&["audit", "prove", dir.to_str().unwrap(), "--key", key.to_str().unwrap(), "--exchange", exchange])
    };
    assert_eq!(prove("e3").status.code(), Some(1));
    let proof = stdout(&prove("e2"));
    assert_eq!(proof.lines().count(), 1);
    let file = bench.settings.dir.join("proof");
    let signer = bench.settings.signer.as_ref().unwrap().with_extension("pub");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        sidewall(&["audit", "prove", "--check", file.to_str().unwrap(), "--signer", signer.to_str().unwrap()])
    };
    let right = check(&proof);
    assert!(right.status.success() && stdout(&right).contains("proven"), "{}", stdout(&right));
    assert_eq!(check(&proof.replace("\"leaf\":", "\"leaf\":1")).status.code(), Some(1));
    assert_eq!(check("").status.code(), Some(1));
}

#[tokio::test]
async fn exchanges_are_filtered_followed_exported_and_judged_again() {
    let (bench, memory) = log_of(&["e1", "e2", "e3"]).await;
    let dir = bench.lay_out(&memory.image());
    let dir = dir.to_str().unwrap();
    let keys = bench.settings.keys.to_str().unwrap();
    let run = |command: &str, more: &[&str]| sidewall(&[&["audit", command, dir, "--key", keys], more].concat());
    assert_eq!(exchanges(&run("read", &["--json", "--principal", "p", "--verdict", "allow"])).len(), 3);
    assert_eq!(exchanges(&run("read", &["--json", "--since", "1h"])).len(), 0, "they are of 1970");
    assert_eq!(exchanges(&run("read", &["--json", "--until", "1h", "--rule", "pan"])).len(), 0);
    let rows = run("export", &[]);
    let row: serde_json::Value = serde_json::from_str(stdout(&rows).lines().next().unwrap()).unwrap();
    assert_eq!((&row["exchange"], &row["verdict"], &row["findings"]), (&"e1".into(), &"allow".into(), &0.into()));
    // Admissions alone have not ended.
    assert_eq!(exchanges(&run("tail", &["--json", "-n", "2"])).len(), 0);
    let judged = run("replay", &["--profile", "strict"]);
    assert_eq!(judged.status.code(), Some(0));
    assert!(stdout(&judged).contains("3 exchange(s) judged, 0 would change"));
    assert_eq!(run("replay", &["--profile", "nonsense"]).status.code(), Some(2));
}
