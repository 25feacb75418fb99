//! Durable records a second, and what one append costs beside one fdatasync on the same disk.
//!
//! `cargo bench --bench audit [-- DIR]`: DIR is a folder on the disk to be measured (default: the target folder).

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its figures, or stops")]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sidewall::audit::{AuditLog, Event, Record, Settings, Timings};
use sidewall::keys::{Algorithm, generate, write_pair};

/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let dir = std::env::args().nth(1).filter(|arg| !arg.starts_with('-')).map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).join("audit-bench");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a folder to measure in");
    let sync = raw_syncs(&dir);
    println!("raw write of 1 KiB + fdatasync, preallocated: p50 {} p99 {}", us(&sync, 50), us(&sync, 99));
    let key = generate(Algorithm::P256).expect("a key");
    write_pair(&dir.join("keys"), "acme", &key).expect("key files");
    for concurrency in [1, 8, 64] {
        let latencies = appends(&dir, concurrency);
        let rate = latencies.len() as f64 / TIME.as_secs_f64();
        println!(
            "{concurrency:>3} at once: {rate:>8.0} records/s durable, p50 {} p99 {}",
            us(&latencies, 50),
            us(&latencies, 99)
        );
    }
    let _ = std::fs::remove_dir_all(&dir);
}

fn raw_syncs(dir: &Path) -> Vec<Duration> {
    let path = dir.join("raw");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).expect("a file");
    file.write_all_at(&vec![0; 16 << 20], 0).and_then(|()| file.sync_all()).expect("preallocated");
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed() < TIME {
        let one = Instant::now();
        let at = (times.len() as u64 * 1024) % (16 << 20);
        file.write_all_at(&[7; 1024], at).and_then(|()| file.sync_data()).expect("synced");
        times.push(one.elapsed());
    }
    times
}

fn appends(dir: &Path, concurrency: usize) -> Vec<Duration> {
    let settings = Settings::new(dir.join(format!("log-{concurrency}")), dir.join("keys"));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let log = AuditLog::open(&settings).expect("a log");
        log.append(record(0)).await.expect("the first record, with its key");
        let start = Instant::now();
        let tasks: Vec<_> = (0..concurrency)
            .map(|_| {
                let log = log.clone();
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    while start.elapsed() < TIME {
                        let one = Instant::now();
                        log.append(record(times.len())).await.expect("durable");
                        times.push(one.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.expect("a task"));
        }
        log.close().await.expect("closed");
        all
    })
}

/// About 1 KiB of JSON.
fn record(number: usize) -> Record {
    Record {
        event: Event::Admission,
        exchange: format!("{number:026}"),
        time: jiff::Timestamp::now(),
        tenant: Arc::from("acme"),
        principal: Arc::from("billing-app"),
        roles: Arc::from([]),
        scopes: Arc::from([]),
        dialect: "openai",
        endpoint: "chat.completions",
        upstream: Arc::from("x".repeat(600)),
        stream: true,
        status: Some(200),
        outcome: None,
        verdict: "redact",
        refusal: None,
        request: None,
        response: None,
        ruleset: Arc::from("0123456789abcdef"),
        timings: Timings { total_us: 1, inspect_us: 2, upstream_us: 3 },
    }
}

fn us(times: &[Duration], percent: usize) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = times.len().saturating_sub(1) * percent / 100;
    format!("{:.0} µs", times.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6)
}
