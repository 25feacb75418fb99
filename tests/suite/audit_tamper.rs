//! Whatever is changed in a log shows in `verify`; no tenant reads another's records.

use std::collections::BTreeMap;

use sidewall::audit::frame::Frame;
use sidewall::audit::header::HEADER_LEN;
use sidewall::audit::verify::{Evidence, verify};

use crate::audit_support::{Bench, Memory, read_exchanges, record, segments};

type Image = BTreeMap<String, Vec<u8>>;

/// Two closed segments of two tenants.
async fn small_log(bench: &Bench) -> Image {
    log_of(bench, &["acme", "acme", "other"]).await
}

/// Two closed segments with a record for each of these tenants.
async fn log_of(bench: &Bench, tenants: &[&str]) -> Image {
    let memory = Memory::default();
    for start in 0..2 {
        let log = bench.open(&memory);
        for (at, tenant) in tenants.iter().enumerate() {
            log.append(record(tenant, format!("{tenant}-{start}-{at}"))).await.unwrap();
        }
        log.close().await.unwrap();
    }
    memory.image()
}

fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut at = HEADER_LEN;
    let mut out = Vec::new();
    while let Some(frame) = Frame::parse(&bytes[at..]) {
        out.push(frame.raw.to_vec());
        at += frame.raw.len();
    }
    assert_eq!(at, bytes.len(), "a closed segment ends with a frame");
    out
}

#[tokio::test]
async fn an_untouched_log_is_intact_and_each_tenant_reads_its_own() {
    let bench = Bench::new(&["acme", "other", "stranger"]);
    let image = small_log(&bench).await;
    let result = bench.verify(&image);
    assert_eq!((result.exit(), result.segments.len()), (0, 2), "{:?}", result.problems);
    assert_eq!(result.segments[0].tenants, BTreeMap::from([("acme".to_owned(), 2), ("other".to_owned(), 1)]));
    let dir = bench.lay_out(&image);
    let expected: [&[&str]; 3] = [&["acme-0-0", "acme-0-1", "acme-1-0", "acme-1-1"], &["other-0-2", "other-1-2"], &[]];
    for (key, expected) in bench.keys.iter().zip(expected) {
        let (ids, summary) = read_exchanges(&dir, key);
        assert_eq!((ids.as_slice(), summary.unreadable), (expected.map_owned().as_slice(), 0));
    }
    // Nothing of a record stands in the clear.
    for bytes in image.values() {
        assert!(memchr::memmem::find(bytes, b"acme-0").is_none() && memchr::memmem::find(bytes, b"exchange").is_none());
    }
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}
impl MapOwned for &[&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|id| (*id).to_owned()).collect()
    }
}

#[tokio::test]
async fn every_flipped_bit_shows() {
    let bench = Bench::new(&["acme", "other"]);
    let mut image = log_of(&bench, &["acme"]).await;
    let names: Vec<String> = segments(&image).into_iter().cloned().collect();
    let dir = bench.lay_out(&image);
    for name in names {
        let bytes = image.get_mut(&name).unwrap();
        let mut by_code = BTreeMap::new();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(dir.join(&name), &*bytes).unwrap();
            let exit = verify(&dir, &Evidence::default()).unwrap().exit();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(exit, 0, "{name}: bit {bit}");
            *by_code.entry(exit).or_insert(0) += 1;
        }
        std::fs::write(dir.join(&name), &*bytes).unwrap();
        println!("{name}: {} bits by exit code: {by_code:?}", bytes.len() * 8);
        // Only the last batch, the seal, of the newest segment can pass for an unfinished write.
        let last_batch = (26 + 24 + 26 + 56 + 26 + 124) * 8;
        assert!(by_code.get(&7).is_none_or(|bits| *bits <= last_batch), "{by_code:?}");
    }
}

#[tokio::test]
async fn every_frame_deleted_duplicated_swapped_moved_or_cut_off_shows() {
    let bench = Bench::new(&["acme", "other"]);
    let image = small_log(&bench).await;
    let names = segments(&image);
    for (segment, name) in names.iter().enumerate() {
        let whole = &image[*name];
        let header = &whole[..HEADER_LEN];
        let frames = frames(whole);
        let mut edits: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
        for at in 0..frames.len() {
            let mut deleted = frames.clone();
            deleted.remove(at);
            // Cutting at a commit of the newest segment shows only against an anchor kept elsewhere.
            if segment == 0 || at + 1 < frames.len() {
                edits.push((format!("delete {at}"), deleted));
            }
            let mut doubled = frames.clone();
            doubled.insert(at, frames[at].clone());
            edits.push((format!("duplicate {at}"), doubled));
            for to in at + 1..frames.len() {
                let mut swapped = frames.clone();
                swapped.swap(at, to);
                edits.push((format!("swap {at} {to}"), swapped));
            }
            let ends_with_commit = at > 0 && frames[at - 1][4] == 4;
            if segment == 0 || !ends_with_commit {
                edits.push((format!("cut before {at}"), frames[..at].to_vec()));
            }
            let mut moved = frames.clone();
            moved[at][9] ^= 3;
            let crc = crc32c::crc32c(&moved[at][..22]);
            moved[at][22..26].copy_from_slice(&crc.to_be_bytes());
            edits.push((format!("move {at} to another tenant"), moved));
        }
        for (edit, frames) in edits {
            let mut bad = image.clone();
            bad.insert((*name).clone(), [header, frames.concat().as_slice()].concat());
            assert_ne!(bench.verify(&bad).exit(), 0, "segment {segment}: {edit}");
        }
        for cut in 0..whole.len() {
            // Up to three zero bytes of the next frame's length may be left: no trace of it either.
            let is_boundary = |at: usize| at > HEADER_LEN && Frame::parse(&whole[at..]).is_some_and(|f| f.raw[4] == 2);
            let traceless = (0..4.min(cut)).any(|left| is_boundary(cut - left));
            if segment == 0 || !traceless {
                let mut bad = image.clone();
                bad.insert((*name).clone(), whole[..cut].to_vec());
                assert_ne!(bench.verify(&bad).exit(), 0, "segment {segment}: cut at {cut}");
            }
        }
    }
}

#[tokio::test]
async fn segments_removed_renamed_or_signed_by_others_have_their_own_codes() {
    let bench = Bench::new(&["acme", "other"]);
    let image = small_log(&bench).await;
    let names: Vec<String> = segments(&image).into_iter().cloned().collect();
    let without = |name: &String| {
        let mut image = image.clone();
        image.remove(name);
        image
    };
    assert_eq!(bench.verify(&without(&names[0])).exit(), 4);
    // The newest one is missed only by an anchor kept elsewhere.
    assert_eq!(bench.verify(&without(&names[1])).exit(), 0);
    let mut renamed = without(&names[0]);
    renamed.insert(names[0].replacen("01-", "02-", 1), image[&names[0]].clone());
    assert_eq!(bench.verify(&renamed).exit(), 3);
    let mut foreign = image.clone();
    foreign.insert("signer.pub".to_owned(), "ab".repeat(32).into_bytes());
    assert_eq!(bench.verify(&foreign).exit(), 5);
    // A segment of another log spliced in: same number, other signer.
    let other = Bench::new(&["acme", "other"]);
    let theirs = small_log(&other).await;
    let mut spliced = without(&names[1]);
    spliced.insert(names[1].clone(), theirs[segments(&theirs)[1]].clone());
    assert_eq!(bench.verify(&spliced).exit(), 3, "the chain breaks");
}

/// The second implementation (Python, from the written format alone) and ours say the same.
#[tokio::test]
async fn the_independent_verifier_agrees() {
    let has_cryptography = std::process::Command::new("python3").args(["-c", "import cryptography"]).output();
    if !has_cryptography.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 with the package `cryptography` is not installed");
        return;
    }
    let bench = Bench::new(&["acme", "other"]);
    let image = small_log(&bench).await;
    let names: Vec<String> = segments(&image).into_iter().cloned().collect();
    let mut cases = vec![image.clone()];
    let mut missing = image.clone();
    missing.remove(&names[0]);
    cases.push(missing);
    let mut foreign = image.clone();
    foreign.insert("signer.pub".to_owned(), "ab".repeat(32).into_bytes());
    cases.push(foreign);
    for (name, at) in names.iter().flat_map(|name| [5, 30, 195, 250, 420, 700, 1500].map(|at| (name, at))) {
        let mut bad = image.clone();
        bad.get_mut(name).unwrap()[at] ^= 4;
        cases.push(bad);
    }
    let mut torn = image.clone();
    torn.get_mut(&names[1]).unwrap().truncate(1200);
    cases.push(torn.clone());
    // … and after the next start, declared.
    let memory = Memory::with(&torn);
    bench.open(&memory).close().await.unwrap();
    cases.push(memory.image());
    for (at, case) in cases.iter().enumerate() {
        let ours = bench.verify(case);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/verify_audit.py");
        let output = std::process::Command::new("python3").arg(script).arg(bench.lay_out(case)).output().unwrap();
        let theirs = output.status.code();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(theirs, Some(i32::from(ours.exit())), "case {at}: {said} against {:?}", ours.problems);
    }
}
