//! Durable records a second, against a plain writer of the same JSON: the same queue of waiting tasks, the same group commit, one write and
//! one `fdatasync` a batch into a preallocated file, no encryption, no tree, no signature. In turns, in one run; the ratio is the figure.
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

/// How long each turn is measured.
const TIME: Duration = Duration::from_secs(2);
/// Turns of each writer, one after the other, so that a busy moment of the machine falls on both.
const TURNS: u32 = 3;

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
        let (mut sealed, mut plain) = (Vec::new(), Vec::new());
        for turn in 0..TURNS {
            sealed.extend(appends(&dir, concurrency, turn));
            plain.extend(plainly(&dir, concurrency, turn));
        }
        let rate = |times: &[Duration]| times.len() as f64 / (TIME * TURNS).as_secs_f64();
        println!(
            "{concurrency:>3} at once: {:>8.0} records/s durable, p50 {} p99 {}; plain {:>8.0}, p50 {} p99 {}; ratio {:.2}",
            rate(&sealed),
            us(&sealed, 50),
            us(&sealed, 99),
            rate(&plain),
            us(&plain, 50),
            us(&plain, 99),
            rate(&sealed) / rate(&plain)
        );
    }
    let _ = std::fs::remove_dir_all(&dir);
}

/// The plain writer: one thread takes all that waits, writes it, syncs, answers.
fn plainly(dir: &Path, concurrency: usize, turn: u32) -> Vec<Duration> {
    const STEP: usize = 4 << 20;
    let (queue, jobs) = std::sync::mpsc::sync_channel::<(Vec<u8>, tokio::sync::oneshot::Sender<()>)>(8192);
    let path = dir.join(format!("plain-{concurrency}-{turn}"));
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path).expect("a file");
    let writer = std::thread::spawn(move || {
        let (mut at, mut allocated) = (0_usize, 0_usize);
        while let Ok(first) = jobs.recv() {
            let mut waiting = vec![first];
            waiting.extend(jobs.try_iter().take(1023));
            let bytes: Vec<u8> = waiting.iter().flat_map(|(text, _)| text.iter().copied()).collect();
            while at + bytes.len() > allocated {
                file.write_all_at(&vec![0; STEP], allocated as u64).expect("preallocated");
                allocated += STEP;
            }
            file.write_all_at(&bytes, at as u64).and_then(|()| file.sync_data()).expect("synced");
            at += bytes.len();
            for (_, reply) in waiting {
                reply.send(()).expect("awaited");
            }
        }
    });
    let times = tasks(concurrency, move |number| {
        let (sender, done) = tokio::sync::oneshot::channel();
        let text = as_json(&record(number));
        queue.try_send((text, sender)).expect("room");
        async move { done.await.expect("durable") }
    });
    writer.join().expect("the writer ends with its queue");
    times
}

/// What the sealed writer serialises too, as far as a bench can say it.
fn as_json(record: &Record) -> Vec<u8> {
    let json = serde_json::json!({
        "v": 1, "event": record.event, "exchange": record.exchange, "time": record.time.to_string(), "tenant": record.tenant,
        "principal": record.principal, "dialect": record.dialect, "endpoint": record.endpoint, "upstream": record.upstream,
        "stream": record.stream, "status": record.status, "verdict": record.verdict, "ruleset": record.ruleset,
        "timings": record.timings,
    });
    let mut text = serde_json::to_vec(&json).expect("JSON");
    text.push(b'\n');
    text
}

/// Runs `one` from this many tasks at once for [`TIME`], and gives how long each took.
fn tasks<F, W>(concurrency: usize, one: F) -> Vec<Duration>
where
    F: Fn(usize) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = ()> + Send,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..concurrency)
            .map(|_| {
                let one = one.clone();
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    while start.elapsed() < TIME {
                        let since = Instant::now();
                        one(times.len()).await;
                        times.push(since.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.expect("a task"));
        }
        all
    })
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

fn appends(dir: &Path, concurrency: usize, turn: u32) -> Vec<Duration> {
    let settings = Settings::new(dir.join(format!("log-{concurrency}-{turn}")), dir.join("keys"));
    let log = AuditLog::open(&settings).expect("a log");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { log.append(record(0)).await.expect("the first record, with its key") });
    let writing = log.clone();
    let times = tasks(concurrency, move |number| {
        let log = writing.clone();
        async move {
            log.append(record(number)).await.expect("durable");
        }
    });
    runtime.block_on(log.close()).expect("closed");
    times
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
        policies: Arc::from(""),
        timings: Timings { total_us: 1, inspect_us: 2, upstream_us: 3 },
    }
}

fn us(times: &[Duration], percent: usize) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = times.len().saturating_sub(1) * percent / 100;
    format!("{:.0} µs", times.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6)
}
