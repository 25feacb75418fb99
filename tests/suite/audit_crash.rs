//! Crashes: whatever stands behind the last commit, the next start keeps exactly what was committed.

use std::collections::BTreeMap;

use sidewall::audit::frame::{Frame, FrameType};
use sidewall::audit::header::HEADER_LEN;

use crate::audit_support::{Bench, Memory, record, segments};

/// A log of one segment with `records` records, as it lies on disk at this moment, and where its commits end.
async fn running(bench: &Bench, records: usize) -> (BTreeMap<String, Vec<u8>>, Vec<usize>) {
    let memory = Memory::default();
    let log = bench.open(&memory);
    for at in 0..records {
        log.append(record("acme", format!("e{at}"))).await.unwrap();
    }
    let image = memory.image();
    let ends = commits(&image[segments(&image)[0]]);
    assert_eq!(ends.len(), records + 1);
    (image, ends)
}

/// Where the commits of a segment end. (Not at its last byte that is not zero: one in sixteen signatures ends in zero.)
fn commits(bytes: &[u8]) -> Vec<usize> {
    let mut at = HEADER_LEN;
    let mut ends = Vec::new();
    while let Some(frame) = Frame::parse(&bytes[at..]) {
        at += frame.raw.len();
        if frame.header.kind == FrameType::Commit {
            ends.push(at);
        }
    }
    ends
}

#[tokio::test]
async fn torn_at_any_byte_the_committed_prefix_is_kept_and_the_rest_declared() {
    let bench = Bench::new(&["acme"]);
    let (image, ends) = running(&bench, 2).await;
    let name = segments(&image)[0].clone();
    let whole = image[&name].clone();
    let written = ends[2];
    for cut in ends[0]..=written {
        // Odd cuts leave the preallocated zeros, even ones end the file there.
        let mut torn = image.clone();
        let bytes = torn.get_mut(&name).unwrap();
        bytes.truncate(written);
        bytes[cut..].fill(0);
        if cut % 2 == 0 {
            bytes.truncate(cut);
        }
        let is_whole = |end: &usize| bytes.get(..*end).is_some_and(|prefix| *prefix == whole[..*end]);
        let committed = ends.iter().filter(|end| is_whole(end)).count() - 1;
        let is_clean = bytes[ends[committed]..].iter().all(|byte| *byte == 0);

        let memory = Memory::with(&torn);
        let log = bench.open(&memory);
        log.append(record("acme", "after")).await.unwrap();
        log.close().await.unwrap();
        let after = memory.image();
        let mut expected: Vec<String> = (0..committed).map(|at| format!("e{at}")).collect();
        expected.push("after".to_owned());
        assert_eq!(bench.exchanges(&after), expected, "cut at {cut}");
        let result = bench.verify(&after);
        assert_eq!(result.exit(), if is_clean { 0 } else { 7 }, "cut at {cut}: {:?}", result.problems);
        assert_eq!(after.keys().any(|name| name.ends_with(".torn")), !is_clean, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_write_of_which_only_some_sectors_arrived_is_torn_and_not_tampering() {
    let bench = Bench::new(&["acme"]);
    let (image, ends) = running(&bench, 2).await;
    let name = segments(&image)[0].clone();
    // The commit arrived, bytes in the middle of its batch did not.
    for hole in (ends[1]..ends[2] - 150).step_by(16) {
        let mut torn = image.clone();
        torn.get_mut(&name).unwrap()[hole..hole + 16].fill(0xee);
        let memory = Memory::with(&torn);
        bench.open(&memory).close().await.unwrap();
        assert_eq!(bench.exchanges(&memory.image()), ["e0"]);
        assert_eq!(bench.verify(&memory.image()).exit(), 7);
    }
}

#[tokio::test]
async fn damage_before_the_last_commit_is_tampering_the_file_is_kept_and_the_log_opens() {
    let bench = Bench::new(&["acme"]);
    let (image, ends) = running(&bench, 3).await;
    let name = segments(&image)[0].clone();
    for at in (0..ends[2]).step_by(13) {
        let mut bad = image.clone();
        bad.get_mut(&name).unwrap()[at] ^= 0x10;
        let memory = Memory::with(&bad);
        let log = bench.open(&memory);
        log.append(record("acme", "after")).await.unwrap();
        log.close().await.unwrap();
        let after = memory.image();
        assert_eq!(after[&name], bad[&name], "kept as it was found (byte {at})");
        assert_eq!(bench.verify(&after).exit(), 3, "byte {at}");
        assert!(bench.exchanges(&after).ends_with(&["after".to_owned()]), "byte {at}");
    }
}

#[tokio::test]
async fn crash_after_crash_nothing_acknowledged_is_lost() {
    let bench = Bench::new(&["acme"]);
    let mut image = BTreeMap::new();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..40_usize {
        let memory = Memory::with(&image);
        let log = bench.open(&memory);
        for at in 0..round % 4 {
            let id = format!("r{round}-{at}");
            log.append(record("acme", id.as_str())).await.unwrap();
            acknowledged.push(id);
        }
        image = memory.image();
        // The process dies in the middle of the next write: some bytes of a batch arrive.
        if round % 3 == 0 {
            let unfinished = log.append(record("acme", "unfinished")).await.unwrap();
            let later = memory.image();
            let last = segments(&later).last().copied().unwrap().clone();
            assert_eq!(unfinished.segment, u64::try_from(round).unwrap() + 1);
            let (before, after) = (&image[&last], &later[&last]);
            let from = commits(before).pop().unwrap();
            // A frame begins with three zero bytes: fewer would leave no trace.
            let to = from + 4 + round * 5;
            let mut torn = before.clone();
            torn[from..to].copy_from_slice(&after[from..to]);
            image.insert(last, torn);
        }
    }
    let memory = Memory::with(&image);
    bench.open(&memory).close().await.unwrap();
    assert_eq!(bench.exchanges(&memory.image()), acknowledged);
    let result = bench.verify(&memory.image());
    assert_eq!((result.exit(), result.problems.len()), (7, 14), "{:?}", result.problems);
}

#[tokio::test]
async fn a_crash_between_the_steps_of_recovery_is_harmless() {
    let bench = Bench::new(&["acme"]);
    let (mut image, ends) = running(&bench, 2).await;
    let name = segments(&image)[0].clone();
    let bytes = image.get_mut(&name).unwrap();
    bytes.truncate(ends[2] - 10);
    let tail = bytes[ends[1]..].to_vec();
    // Moved aside, not yet cut.
    let mut aside = image.clone();
    aside.insert(format!("{name}.torn"), tail);
    // Moved aside and cut, not yet declared; a new segment was being made.
    let mut cut = aside.clone();
    cut.get_mut(&name).unwrap().truncate(ends[1]);
    cut.insert("000000000002-0123456789abcdef.seg.new".to_owned(), vec![1; 300]);
    for image in [aside, cut] {
        let memory = Memory::with(&image);
        bench.open(&memory).close().await.unwrap();
        let result = bench.verify(&memory.image());
        assert_eq!((result.exit(), result.problems.len()), (7, 1), "{:?}", result.problems);
        // Declared once, not again at every start.
        bench.open(&memory).close().await.unwrap();
        assert_eq!(bench.verify(&memory.image()).problems.len(), 1);
        assert!(!memory.image().keys().any(|name| name.ends_with(".new")));
    }
}
