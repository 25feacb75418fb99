//! Golden transcripts: real shapes of both dialects, on disk, run at every single cut.
//!
//! A folder of `tests/transcripts` holds `endpoint` (method, path and profile), `request.json` (what the caller sends), `sent.json` (what the
//! provider must see) or `refused.txt` (code, field, rule), and, if there is an answer, `answer.json`, `.sse`, `.jsonl` or `.array` (what the provider says) with
//! `got` of the same kind (what the caller must get). `SIDEWALL_BLESS=1` writes the expected files anew: read the difference before committing it.

use std::path::{Path, PathBuf};

use sidewall::dialect::route;
use sidewall::inspect::Framing;
use sidewall::policy::Profile;

use crate::engine::{Outcome, guards, request, respond};

/// LIMIT: a longer answer, bytes, is not cut everywhere: each cut inspects all of it.
const CUT_EVERYWHERE: usize = 3_000;
/// Its cuts.
const MAX_CUTS: usize = 400;

fn transcripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("tests/transcripts")
        .map(|e| e.expect("entry").path())
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 10, "the transcripts are there");
    folders
}

fn profile_named(name: &str) -> Profile {
    serde_json::from_value(serde_json::Value::from(name)).expect("observe, balanced or strict")
}

/// Compares with the file, or writes it.
fn expect(path: &Path, actual: &[u8]) {
    if std::env::var_os("SIDEWALL_BLESS").is_some() {
        std::fs::write(path, actual).expect("write");
        return;
    }
    let expected = std::fs::read(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs\n--- expected\n{}\n--- actual\n{}",
        path.display(),
        String::from_utf8_lossy(&expected),
        String::from_utf8_lossy(actual)
    );
}

#[test]
fn every_transcript_at_every_cut() {
    let mut cuts = 0;
    for folder in transcripts() {
        let name = folder.display();
        let about = std::fs::read_to_string(folder.join("endpoint")).expect("endpoint");
        let words: Vec<&str> = about.split_whitespace().collect();
        let [method, path, profile] = words[..] else { panic!("{name}: `endpoint` holds method, path and profile") };
        let endpoint = route(method, path, &|_| false).endpoint;
        let guards = guards(profile_named(profile));
        let body = std::fs::read(folder.join("request.json")).expect("request.json");
        let inspected = match request(&guards, endpoint, &body) {
            Ok(inspected) => inspected,
            Err(refused) => {
                let (refusal, _) = *refused;
                let told = format!("{} {} {}\n", refusal.code.row().0, refusal.path, refusal.rule);
                expect(&folder.join("refused.txt"), told.as_bytes());
                continue;
            }
        };
        assert!(!folder.join("refused.txt").exists(), "{name}: should have been refused");
        expect(&folder.join("sent.json"), inspected.body.get());
        for (file, got, framing) in [
            ("answer.json", "got.json", Framing::Whole),
            ("answer.sse", "got.sse", Framing::Sse),
            ("answer.jsonl", "got.jsonl", Framing::Lines),
            ("answer.array", "got.array", Framing::Elements),
        ] {
            let Ok(answer) = std::fs::read(folder.join(file)) else { continue };
            let run = |chunks: &[&[u8]]| -> Outcome {
                let vault = request(&guards, endpoint, &body).expect("as before").vault;
                respond(&guards, endpoint, framing, vault, chunks).0
            };
            let whole = run(&[&answer]);
            let mut told = whole.bytes.clone();
            if let Some(refusal) = &whole.refusal {
                told.extend_from_slice(
                    format!("\n!! {} {} {}\n", refusal.code.row().0, refusal.path, refusal.rule).as_bytes(),
                );
            }
            expect(&folder.join(got), &told);
            // Of a long answer every n-th cut, n odd so that lines are met everywhere.
            let step = if answer.len() <= CUT_EVERYWHERE { 1 } else { (answer.len() / MAX_CUTS) | 1 };
            for cut in (0..=answer.len()).step_by(step) {
                let (a, b) = answer.split_at(cut);
                assert_eq!(run(&[a, b]), whole, "{name}: {file} cut at {cut}");
                cuts += 1;
            }
            let bytes: Vec<&[u8]> = answer.chunks(1).collect();
            assert_eq!(run(&bytes), whole, "{name}: {file} byte by byte");
        }
    }
    assert!(cuts > 1_000, "only {cuts} cuts");
    println!("{cuts} cuts");
}
