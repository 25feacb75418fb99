//! The running sidecar, guards on and audit strict, beside a plain pass-through of the same shape (and beside itself
//! without audit, so that the disk's share is seen). Rounds alternate, so that a busy machine slows all; medians.
//!
//! `cargo bench --bench sidecar [-- ROUNDS]`. Needs two cores and `taskset`: proxies run on core 0, both ends on core 1.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its figures, or stops")]

#[path = "support/passthrough.rs"]
mod passthrough;
#[path = "support/peers.rs"]
mod peers;
#[path = "support/stats.rs"]
mod stats;
#[path = "support/texts.rs"]
mod texts;

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use peers::Took;
use serde_json::json;
use stats::{median, percentile};
use tokio::net::TcpStream;

/// The program under test.
const SIDEWALL: &str = env!("CARGO_BIN_EXE_sidewall");
/// Core of the proxy under test.
const PROXY_CORE: &str = "0";
/// Core of the callers and the upstream.
const PEER_CORE: &str = "1";
/// How long one proxy is measured in one round: times of `/proc` have steps of 10 ms.
const TIME: Duration = Duration::from_millis(700);
/// Rounds over all proxies, unless the command line says otherwise.
const ROUNDS: usize = 5;
/// Text events of a stream.
const EVENTS: usize = 300;
/// Pause between the events of a paced stream. A slow model's; so each event is a wake-up of its own in every proxy.
const PACE: Duration = Duration::from_millis(2);
/// `sysconf(_SC_CLK_TCK)` is 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    match args.next().as_deref() {
        Some("passthrough") => {
            let mut address = || args.next().and_then(|text| text.parse().ok()).expect("an address");
            passthrough::serve(address(), address());
        }
        Some("measure") => {
            let rounds = args.next().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
            measure(rounds, &args.next().unwrap_or_default());
        }
        rounds => {
            // Once more, on its core; whatever it starts begins there too.
            let rounds = rounds.map_or_else(|| ROUNDS.to_string(), str::to_owned);
            let own = std::env::current_exe().expect("the bench's own path");
            let status = pinned(PEER_CORE).arg(own).args(["measure", &rounds]).args(args).status();
            let status = status.expect("taskset (package util-linux) pins processes to cores");
            assert!(status.success(), "the measurement failed");
        }
    }
}

fn pinned(core: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]);
    command
}

/// A proxy under test; ended when dropped.
struct Subject {
    name: &'static str,
    address: SocketAddr,
    child: Child,
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Subject {
    fn passthrough(upstream: SocketAddr) -> Self {
        let address = free();
        let own = std::env::current_exe().expect("the bench's own path");
        let mut command = pinned(PROXY_CORE);
        command.arg(own).args(["passthrough", &address.to_string(), &upstream.to_string()]);
        Self { name: "pass-through", address, child: command.spawn().expect("the pass-through starts") }
    }

    fn sidewall(name: &'static str, dir: &Path, upstream: SocketAddr, audit: bool) -> Self {
        std::fs::create_dir_all(dir).expect("a folder");
        let address = free();
        let keys = Command::new(SIDEWALL)
            .args(["keys", "new", "--tenant", "acme", "--out"])
            .arg(dir.join("keys"))
            .stdout(Stdio::null())
            .status();
        assert!(keys.expect("sidewall runs").success(), "keys");
        let audit = match audit {
            true => "[audit]\ndir = \"audit\"\nkeys = \"keys\"\n",
            false => "[audit]\nenabled = false\n",
        };
        let config = format!(
            "profile = \"balanced\"\n[server]\nlisten = [\"{address}\"]\nadmin = \"{}\"\n\
             [[upstream]]\nname = \"stub\"\ndialects = [\"openai\"]\nurl = \"http://{upstream}\"\n\
             [identity]\nstatic = {{ tenant = \"acme\", principal = \"bench\" }}\n{audit}",
            free()
        );
        let path = dir.join("sidewall.toml");
        std::fs::write(&path, config).expect("a configuration");
        let log = File::create(dir.join("log")).expect("a log");
        let mut command = pinned(PROXY_CORE);
        command.arg(SIDEWALL).args(["serve", "--workers", "1", "--config"]).arg(path).stderr(log);
        Self { name, address, child: command.spawn().expect("the sidecar starts") }
    }

    /// CPU seconds used so far: `utime` and `stime` of `/proc/PID/stat` (proc(5), fields 14 and 15).
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it runs");
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / TICKS_PER_SECOND
    }
}

fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// One measurement of one proxy.
#[derive(Debug, Clone, Copy)]
struct Figures {
    rate: f64,
    /// CPU seconds an exchange.
    cpu: f64,
    /// Share of a core in use.
    busy: f64,
    p50: f64,
    p99: f64,
    first: f64,
}

/// Measures what has `word` in its title.
fn measure(rounds: usize, word: &str) {
    let dir = tempfile::Builder::new().prefix("sidecar-bench").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
    let dir = dir.expect("a folder to measure in");
    let mut documents: Vec<String> = texts::chat_events(EVENTS).iter().map(ToString::to_string).collect();
    documents.push("[DONE]".to_owned());
    let events = documents.len();
    let upstream = peers::upstream(peers::Script::new(&answer(700), &documents, PACE));
    let subjects = [
        Subject::passthrough(upstream),
        Subject::sidewall("sidewall", &dir.path().join("on"), upstream, true),
        Subject::sidewall("without audit", &dir.path().join("off"), upstream, false),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for subject in &subjects {
            check(subject, dir.path()).await;
        }
        println!("median of {rounds} alternating rounds; write + fdatasync of 4 KiB here: {}", syncs(dir.path()));
        for bytes in [1 << 10, 8 << 10, 64 << 10] {
            let request = peers::post(&texts::chat(bytes, true, false));
            for connections in [1, 16, 64] {
                let title = format!("{} KB request, {connections} at once", bytes >> 10);
                if title.contains(word) {
                    table(&title, &subjects, &request, connections, rounds, None).await;
                }
            }
        }
        let stream = texts::chat(1 << 10, true, true);
        let title = format!("stream of {events} events as fast as can be, 1 at once");
        if title.contains(word) {
            table(&title, &subjects, &peers::post(&stream), 1, rounds, Some(events)).await;
        }
        let paced = String::from_utf8_lossy(&stream).replace("some-model", "some-model-paced").into_bytes();
        let title = format!("stream of {events} events, one in {} ms, 16 at once", PACE.as_millis());
        if title.contains(word) {
            table(&title, &subjects, &peers::post(&paced), 16, rounds, Some(events)).await;
        }
    });
}

/// A whole answer whose text has about `bytes` bytes.
fn answer(bytes: usize) -> Vec<u8> {
    json!({
        "id": "chatcmpl-0123456789", "object": "chat.completion", "created": 1_700_000_000, "model": "some-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": texts::prose(bytes)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 300},
    })
    .to_string()
    .into_bytes()
}

/// Waits until the proxy answers, and sees that it does its work.
async fn check(subject: &Subject, dir: &Path) {
    let begin = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(subject.address).await {
            Ok(stream) => break stream,
            Err(error) => assert!(begin.elapsed().as_secs() < 60, "{}: {error}: {}", subject.name, log(dir)),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let mut buffer = Vec::new();
    peers::exchange(&mut stream, &peers::post(&texts::chat(1 << 10, true, false)), &mut buffer).await;
    let guarded = memchr::memmem::find(&buffer, b"x-sidewall-verdict: redact").is_some();
    assert_eq!(guarded, subject.name != "pass-through", "{}: guards: {}", subject.name, log(dir));
    peers::exchange(&mut stream, &peers::post(&texts::chat(1 << 10, true, true)), &mut buffer).await;
    assert!(memchr::memmem::find(&buffer, b"[DONE]").is_some(), "{}: the whole stream", subject.name);
}

fn log(dir: &Path) -> String {
    ["on", "off"].map(|name| std::fs::read_to_string(dir.join(name).join("log")).unwrap_or_default()).concat()
}

/// What the disk can do: the floor under a strict audit.
fn syncs(dir: &Path) -> String {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(dir.join("raw")).expect("a file");
    file.write_all_at(&vec![0; 4 << 20], 0).and_then(|()| file.sync_all()).expect("preallocated");
    let times: Vec<f64> = (0..400)
        .map(|number: u64| {
            let start = Instant::now();
            file.write_all_at(&[7; 4096], number * 4096).and_then(|()| file.sync_data()).expect("synced");
            start.elapsed().as_secs_f64()
        })
        .collect();
    format!("p50 {:.0} µs, p99 {:.0} µs", percentile(&times, 50) * 1e6, percentile(&times, 99) * 1e6)
}

async fn table(
    title: &str,
    subjects: &[Subject],
    request: &[u8],
    connections: usize,
    rounds: usize,
    events: Option<usize>,
) {
    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); subjects.len()];
    for round in 0..=rounds {
        let forth: Vec<_> = subjects.iter().zip(&mut all).collect();
        let order: Vec<_> = if round % 2 == 0 { forth } else { forth.into_iter().rev().collect() };
        for (subject, figures) in order {
            let one = figures_of(subject, request, connections).await;
            // The first round warms connections, allocators and caches.
            if round > 0 {
                figures.push(one);
            }
        }
    }
    println!("\n{title}");
    println!(
        "  {:<14}{:>9}{:>8}{:>11}{:>8}{:>10}{:>10}{:>10}{:>11}{:>11}",
        "", "req/s", "of", "CPU/req µs", "of", "p50 µs", "p99 µs", "first µs", "+p50 µs", "core used"
    );
    let Some(base) = all.first() else { return };
    for (subject, figures) in subjects.iter().zip(&all) {
        let of = |get: fn(&Figures) -> f64| median(&figures.iter().map(get).collect::<Vec<_>>());
        let paired = |combine: fn(&Figures, &Figures) -> f64| {
            median(&figures.iter().zip(base).map(|(own, base)| combine(own, base)).collect::<Vec<_>>())
        };
        println!(
            "  {:<14}{:>9.0}{:>7.2}x{:>11.1}{:>7.2}x{:>10.0}{:>10.0}{:>10.0}{:>11.0}{:>10.0}%",
            subject.name,
            of(|f| f.rate),
            paired(|own, base| own.rate / base.rate),
            of(|f| f.cpu) * 1e6,
            paired(|own, base| own.cpu / base.cpu),
            of(|f| f.p50) * 1e6,
            of(|f| f.p99) * 1e6,
            of(|f| f.first) * 1e6,
            paired(|own, base| own.p50 - base.p50) * 1e6,
            of(|f| f.busy) * 100.0,
        );
        if let Some(events) = events {
            let added = paired(|own, base| own.cpu - base.cpu) * 1e6;
            let later = paired(|own, base| own.first - base.first) * 1e6;
            let cpu = of(|f| f.cpu) * 1e6 / events as f64;
            println!(
                "  {:<14}{cpu:.2} µs CPU an event, added {:.2}; first byte later by {later:.0} µs",
                "",
                added / events as f64
            );
        }
    }
}

async fn figures_of(subject: &Subject, request: &[u8], connections: usize) -> Figures {
    let (start, before) = (Instant::now(), subject.cpu());
    let all = peers::load(subject.address, request, connections, TIME).await;
    let (wall, cpu) = (start.elapsed().as_secs_f64(), subject.cpu() - before);
    let count = all.len() as f64;
    let whole: Vec<f64> = all.iter().map(|took: &Took| took.whole).collect();
    let first: Vec<f64> = all.iter().map(|took| took.first).collect();
    Figures {
        rate: count / wall,
        cpu: cpu / count,
        busy: cpu / wall,
        p50: percentile(&whole, 50),
        p99: percentile(&whole, 99),
        first: percentile(&first, 50),
    }
}
