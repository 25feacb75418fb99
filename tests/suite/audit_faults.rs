//! A disk that fails, hangs or is slow: a defined answer, in time, and nothing acknowledged is lost.

use std::sync::Arc;
use std::time::Duration;

use sidewall::audit::{Anchor, AuditError, AuditLog, Durability, Outcome, Record, TenantSettings};

use crate::audit_support::{Bench, Memory, record, segments};

#[tokio::test]
async fn whichever_sync_fails_what_was_acknowledged_is_kept() {
    for failing in 0..12 {
        let bench = Bench::new(&["acme"]);
        let memory = Memory::default();
        let before = memory.syncs();
        let log = bench.open(&memory);
        let opened = memory.syncs();
        memory.fail([opened + failing]);
        let mut acknowledged = Vec::new();
        for at in 0..6 {
            let id = format!("e{at}");
            if log.append(record("acme", id.as_str())).await.is_ok() {
                acknowledged.push(id);
            }
        }
        let _ = log.close().await;
        assert_eq!(acknowledged.len(), 6, "one failed sync costs no record (it is rewritten)");
        assert_eq!(bench.exchanges(&memory.image()), acknowledged, "sync {failing} after {before}");
        let result = bench.verify(&memory.image());
        let poisoned = segments(&memory.image()).len() > 1;
        assert!([0, 7].contains(&result.exit()), "{:?}", result.problems);
        if poisoned {
            assert_eq!(result.exit(), 7, "declared");
        }
    }
}

#[tokio::test]
async fn a_second_failure_fails_closed_and_service_recovers_with_the_disk() {
    let bench = Bench::new(&["acme"]);
    let memory = Memory::default();
    let log = bench.open(&memory);
    log.append(record("acme", "before")).await.unwrap();
    memory.fail(memory.syncs()..memory.syncs() + 1000);
    for _ in 0..3 {
        assert!(matches!(log.append(record("acme", "lost")).await, Err(AuditError::Storage(_))));
    }
    memory.fail([]);
    let mut tries = 0;
    while log.append(record("acme", "after")).await.is_err() {
        tries += 1;
        assert!(tries < 100, "service did not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    log.close().await.unwrap();
    assert_eq!(bench.exchanges(&memory.image()), ["before", "after"]);
    let result = bench.verify(&memory.image());
    assert_eq!(result.exit(), 7, "{:?}", result.problems);
}

/// An anchor whose end shows: its sender is gone.
struct Ending(std::sync::mpsc::SyncSender<()>);

impl Anchor for Ending {
    fn name(&self) -> String {
        "ending".to_owned()
    }
    fn keep(&mut self, _note: &str) -> std::io::Result<()> {
        self.0.try_send(()).map_err(std::io::Error::other)
    }
}

#[test]
fn a_log_that_does_not_open_leaves_no_thread_behind() {
    let bench = Bench::new(&["acme"]);
    let memory = Memory::default();
    memory.fail(0..1000);
    let (sender, ended) = std::sync::mpsc::sync_channel(1);
    let opened = AuditLog::open_with(&bench.settings, Arc::new(memory), vec![Box::new(Ending(sender))]);
    assert!(matches!(opened, Err(AuditError::Storage(_))));
    let gone = ended.recv_timeout(Duration::from_secs(30));
    assert_eq!(gone, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "the anchor's thread has ended");
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let bench = Bench::new(&["acme"]);
    let memory = Memory::default();
    let log = bench.open(&memory);
    memory.hold();
    let first = log.try_submit(record("acme", "first")).unwrap();
    let waiting = memory.clone();
    #[expect(clippy::disallowed_methods, reason = "a test of one")]
    let held = tokio::task::spawn_blocking(move || waiting.wait_for_held_sync());
    held.await.unwrap();
    let second = log.try_submit(record("acme", "second")).unwrap();
    let third = log.try_submit(record("acme", "third")).unwrap();
    memory.release();
    let (first, second, third) = (first.await.unwrap(), second.await.unwrap(), third.await.unwrap());
    assert_eq!((second.batch, third.batch), (first.batch + 1, first.batch + 1));
    assert_eq!((first.sequence, second.sequence, third.sequence), (0, 1, 2));
}

#[tokio::test]
async fn a_hanging_disk_and_a_full_queue_are_answered_in_time() {
    let mut bench = Bench::new(&["acme"]);
    bench.settings.deadline = Duration::from_millis(100);
    bench.settings.queue_bytes = 1024;
    let memory = Memory::default();
    let log = bench.open(&memory);
    memory.hold();
    let ticket = log.try_submit(record("acme", "first")).unwrap();
    assert!(matches!(log.try_submit(record("acme", "full")), Err(AuditError::QueueFull)));
    assert!(matches!(log.append(record("acme", "full")).await, Err(AuditError::QueueFull)));
    assert!(matches!(ticket.await, Err(AuditError::Deadline)));
    memory.release();
    log.close().await.unwrap();
    assert_eq!(bench.exchanges(&memory.image()), ["first"], "late, but written");
    bench.settings.queue_bytes = 128;
    let log = bench.open(&memory);
    assert!(matches!(log.append(record("acme", "big")).await, Err(AuditError::TooLarge(_))));
}

#[tokio::test]
async fn segments_follow_each_other_by_size_and_age() {
    let mut bench = Bench::new(&["acme"]);
    bench.settings.segment_bytes = 4000;
    let memory = Memory::default();
    let log = bench.open(&memory);
    let mut expected = Vec::new();
    for at in 0..30 {
        log.append(record("acme", format!("e{at}"))).await.unwrap();
        expected.push(format!("e{at}"));
    }
    log.close().await.unwrap();
    let image = memory.image();
    assert!(segments(&image).len() > 2);
    assert_eq!(bench.verify(&image).exit(), 0, "{:?}", bench.verify(&image).problems);
    assert_eq!(bench.exchanges(&image), expected);
}

fn completion(tenant: &str, outcome: Outcome) -> Record {
    Record { outcome: Some(outcome), ..record(tenant, format!("{tenant} {outcome:?}")) }
}

#[tokio::test]
async fn what_an_exchange_waits_for_is_its_tenants_choice_and_what_is_not_written_is_declared() {
    let mut bench = Bench::new(&["strict", "batched", "best"]);
    let of = |durability| TenantSettings { durability, ..TenantSettings::default() };
    bench.settings.tenants = [("batched", Durability::Batched), ("best", Durability::BestEffort)]
        .map(|(name, d)| (name.into(), of(d)))
        .into();
    let memory = Memory::default();
    let log = bench.open(&memory);
    // A working disk: all are written, and only the strict one is waited for.
    log.submit(completion("strict", Outcome::Completed)).unwrap().unwrap().await.unwrap();
    for tenant in ["batched", "best"] {
        assert!(log.submit(completion(tenant, Outcome::Completed)).unwrap().is_none());
    }
    log.append(record("strict", "between")).await.unwrap();
    // A disk that fails: nobody waits for the others, so they are declared when it comes back.
    memory.fail(memory.syncs()..memory.syncs() + 1000);
    assert!(log.submit(completion("batched", Outcome::Completed)).unwrap().is_none());
    assert!(log.submit(completion("best", Outcome::Completed)).unwrap().is_none());
    assert!(log.submit(completion("strict", Outcome::Aborted)).unwrap().is_none(), "nobody is left to wait");
    let strict = log.submit(completion("strict", Outcome::Completed)).unwrap().unwrap();
    assert!(matches!(strict.await, Err(AuditError::Storage(_))));
    // A tenant without a key: refused, unless it goes on without records.
    assert!(matches!(log.submit(completion("nobody", Outcome::Completed)), Err(AuditError::NoKey(_))));
    memory.fail([]);
    while log.append(record("strict", "after")).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    log.close().await.unwrap();
    let result = bench.verify(&memory.image());
    let gaps: Vec<&String> = result
        .problems
        .iter()
        .map(|problem| &problem.message)
        .filter(|text| text.contains("were not written"))
        .collect();
    assert_eq!((result.exit(), gaps.len()), (7, 3), "{:?}", result.problems);
    assert_eq!(bench.exchanges(&memory.image()), ["strict Completed", "between", "after"]);
}

#[tokio::test]
async fn a_best_effort_tenant_goes_on_when_the_queue_is_full() {
    let mut bench = Bench::new(&["best"]);
    bench.settings.defaults.durability = Durability::BestEffort;
    bench.settings.queue_bytes = 1024;
    let memory = Memory::default();
    let log = bench.open(&memory);
    memory.hold();
    for _ in 0..5 {
        assert!(log.submit(completion("best", Outcome::Completed)).unwrap().is_none());
    }
    memory.release();
    log.close().await.unwrap();
    let result = bench.verify(&memory.image());
    assert!(result.problems.iter().any(|problem| problem.message.contains("4 record(s)")), "{:?}", result.problems);
}
