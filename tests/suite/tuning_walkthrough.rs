//! `docs/tuning.md`, run as a new user would: every block of it, in an empty folder.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PAGE: &str = include_str!("../../docs/tuning.md");

/// The page's ports, which may be taken here.
const PORTS: [&str; 3] = ["8787", "8788", "9100"];

/// LIMIT: the page runs in well under a minute; a machine that is busy may take its time.
const PATIENCE: Duration = Duration::from_secs(400);

/// All `sh` blocks of the page, as one script.
fn script() -> String {
    let mut blocks = PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| block);
    let first = "set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n".to_owned();
    blocks.by_ref().fold(first, |all, block| format!("{all}{block}\n"))
}

#[test]
fn the_walk_through_works_as_it_is_written() {
    let listeners = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let mut script = script();
    for (port, listener) in PORTS.iter().zip(&listeners) {
        script = script.replace(&format!(":{port}"), &format!(":{}", listener.local_addr().unwrap().port()));
    }
    drop(listeners);
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_sidewall")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let mut run = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let since = Instant::now();
    let status = loop {
        if let Some(status) = run.try_wait().unwrap() {
            break status;
        }
        if since.elapsed() > PATIENCE {
            // SIGTERM lets the script's trap end what it has started.
            let _ = Command::new("kill").arg(run.id().to_string()).status();
            break run.wait().unwrap();
        }
        std::thread::park_timeout(Duration::from_millis(100));
    };
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let (out, err) = (read(&out), read(&err));
    assert!(status.success(), "{status}\n{out}\n{err}\n{}", read(&folder.path().join("sidewall.log")));

    // The verdicts, in order: the complaint; both prompts in the shadow; both after the promotion; the first after the rollback.
    let of = |header: &str| -> Vec<String> {
        let lines = out.lines().filter_map(|line| line.trim_end().strip_prefix(header));
        lines.map(|value| value.trim().to_owned()).collect()
    };
    assert_eq!(of("x-sidewall-verdict:"), ["redact", "redact", "redact", "allow", "redact", "redact"], "{out}");
    let hashes = of("x-sidewall-ruleset:");
    assert!(hashes[..3].iter().all(|hash| *hash == hashes[0]) && hashes[5] == hashes[0], "{hashes:?}");
    assert!(hashes[3] == hashes[4] && hashes[3] != hashes[0], "{hashes:?}");
    for expected in [
        "house-badge (pii.house_badge): REPORTED, confidence 70",
        "house-badge: finds something in \"CI badge 10412 is red\"",
        "~ house-badge",
        "house-badge  -                               1 wrong",
        "1 differ (0 newly blocked",
        "1 redact",
        "rollback",
    ] {
        assert!(out.contains(expected), "{expected:?} is not in\n{out}");
    }
}
