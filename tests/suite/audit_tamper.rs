//! Whatever is changed in a log shows in `verify`; no tenant reads another's records.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;

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

/// A segment of at least 64 KB in its middle, with anchors: what `verify` says of each flipped bit, and that the second
/// implementation says the same. `SIDEWALL_EVERY_BIT` set: every bit of it, not one in 211.
#[tokio::test]
async fn every_flipped_bit_of_a_large_segment_shows_to_both_verifiers() {
    let bench = Bench::new(&["acme", "other"]);
    let (mut image, anchor) = anchored_log(&bench, 40, 1500).await;
    image.insert("anchor".to_owned(), anchor.clone().into_bytes());
    let names: Vec<String> = segments(&image).into_iter().cloned().collect();
    let whole = std::env::var_os("SIDEWALL_EVERY_BIT").is_some();
    // The newest segment has no successor that vouches for it: it is the weakest.
    let name = names.last().unwrap();
    assert!(image[name].len() >= 64 << 10, "{} bytes", image[name].len());
    let dir = bench.lay_out(&image);
    let evidence = Evidence { anchors: vec![anchor], ..Evidence::default() };
    assert_eq!(verify(&dir, &evidence).unwrap().exit(), 0);
    let file = std::fs::OpenOptions::new().write(true).open(dir.join(name)).unwrap();
    let bytes = &image[name];
    let mut codes = String::new();
    let mut by_code = BTreeMap::new();
    for bit in (0..bytes.len() * 8).step_by(if whole { 1 } else { 211 }) {
        file.write_all_at(&[bytes[bit / 8] ^ (1 << (bit % 8))], (bit / 8) as u64).unwrap();
        let exit = verify(&dir, &evidence).unwrap().exit();
        file.write_all_at(&[bytes[bit / 8]], (bit / 8) as u64).unwrap();
        assert!([2, 3, 5].contains(&exit), "bit {bit}: {exit}");
        *by_code.entry(exit).or_insert(0) += 1;
        codes.push_str(&format!("{bit} {exit}\n"));
    }
    println!("{} bytes, {} bits flipped, by exit code: {by_code:?}", bytes.len(), codes.lines().count());
    let listed = dir.with_extension("codes");
    std::fs::write(&listed, codes).unwrap();
    second_implementation(&["flips", dir.to_str().unwrap(), name, listed.to_str().unwrap()]);
}

/// Every structural edit, against an anchor: each is detected, by both verifiers, with the same code.
#[tokio::test]
async fn every_structural_edit_shows_to_both_verifiers() {
    let bench = Bench::new(&["acme", "other"]);
    let (image, anchor) = anchored_log(&bench, 3, 60).await;
    let (other_life, _) = continued_otherwise(&bench, &image).await;
    let names: Vec<String> = segments(&image).into_iter().cloned().collect();
    assert_eq!(names.len(), 3);
    let mut edits: Vec<(String, Image)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let whole = &image[name];
        let parts = frames(whole);
        let put = |frames: &[Vec<u8>]| {
            let mut bad = image.clone();
            bad.insert(name.clone(), [&whole[..HEADER_LEN], frames.concat().as_slice()].concat());
            bad
        };
        for frame in 0..parts.len() {
            let mut deleted = parts.clone();
            deleted.remove(frame);
            edits.push((format!("segment-{at}-delete-{frame}"), put(&deleted)));
            let mut doubled = parts.clone();
            doubled.insert(frame, parts[frame].clone());
            edits.push((format!("segment-{at}-duplicate-{frame}"), put(&doubled)));
            for to in frame + 1..parts.len() {
                let mut swapped = parts.clone();
                swapped.swap(frame, to);
                if swapped != parts {
                    edits.push((format!("segment-{at}-swap-{frame}-{to}"), put(&swapped)));
                }
            }
            edits.push((format!("segment-{at}-cut-{frame}"), put(&parts[..frame])));
            let mut moved = parts.clone();
            moved[frame][9] ^= 3;
            let crc = crc32c::crc32c(&moved[frame][..22]);
            moved[frame][22..26].copy_from_slice(&crc.to_be_bytes());
            edits.push((format!("segment-{at}-to-another-tenant-{frame}"), put(&moved)));
        }
        let mut removed = image.clone();
        removed.remove(name);
        edits.push((format!("segment-{at}-removed"), removed));
    }
    let mut rolled_back = image.clone();
    rolled_back.retain(|name, _| *name != names[1] && *name != names[2]);
    edits.push(("rolled-back-by-two-segments".to_owned(), rolled_back));
    edits.push(("another-life-after-a-restored-backup".to_owned(), other_life.clone()));
    let mut spliced = image.clone();
    spliced.remove(&names[1]);
    let theirs = segments(&other_life)[1].clone();
    spliced.insert(theirs.clone(), other_life[&theirs].clone());
    edits.push(("one-segment-of-another-life".to_owned(), spliced));
    let evidence = Evidence { anchors: vec![anchor.clone()], ..Evidence::default() };
    let cases = bench.lay_out(&Image::new());
    let mut codes = String::new();
    for (edit, mut bad) in edits {
        bad.insert("anchor".to_owned(), anchor.clone().into_bytes());
        let dir = cases.join(&edit);
        std::fs::create_dir(&dir).unwrap();
        for (name, bytes) in &bad {
            std::fs::write(dir.join(name), bytes).unwrap();
        }
        let result = verify(&dir, &evidence).unwrap();
        assert!(![0, 6, 7].contains(&result.exit()), "{edit}: {} {:?}", result.exit(), result.problems);
        codes.push_str(&format!("{edit} {}\n", result.exit()));
    }
    println!("{} structural edits", codes.lines().count());
    let listed = cases.with_extension("codes");
    std::fs::write(&listed, codes).unwrap();
    second_implementation(&["cases", cases.to_str().unwrap(), listed.to_str().unwrap()]);
}

/// Three closed segments; the last has `records` records with about `size` bytes of text. And what an anchor has kept of all.
async fn anchored_log(bench: &Bench, records: usize, size: usize) -> (Image, String) {
    let memory = Memory::default();
    let mut bench = bench.clone_settings();
    let anchor = bench.settings.dir.with_extension("notes");
    bench.settings.anchors = vec![anchor.clone()];
    for start in 0..3 {
        let log = bench.open(&memory);
        for at in 0..if start == 2 { records } else { 2 } {
            let tenant = ["acme", "other"][at % 2];
            // Some batches with several records.
            let text = "x".repeat(size);
            let first = log.try_submit(record(tenant, format!("{start}-{at}-{text}"))).unwrap();
            if at % 4 != 3 {
                first.await.unwrap();
            }
        }
        log.close().await.unwrap();
    }
    (memory.image(), std::fs::read_to_string(anchor).unwrap())
}

/// The same first segment, then two others: what a backup that was put back and used leads to.
async fn continued_otherwise(bench: &Bench, image: &Image) -> (Image, String) {
    let first = segments(image)[0].clone();
    let memory = Memory::with(&Image::from([(first.clone(), image[&first].clone())]));
    for start in 0..2 {
        let log = bench.open(&memory);
        log.append(record("acme", format!("other-life-{start}"))).await.unwrap();
        log.close().await.unwrap();
    }
    (memory.image(), first)
}

fn second_implementation(args: &[&str]) {
    let has_cryptography = std::process::Command::new("python3").args(["-c", "import cryptography"]).output();
    if !has_cryptography.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 with the package `cryptography` is not installed");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audit/agree.py");
    let output = std::process::Command::new("python3").arg(script).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("second implementation: {}", said.trim());
}
