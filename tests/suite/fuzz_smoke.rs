//! Every fuzz target on its seeds and on mutations of them, the same ones in every run.
//! `SIDEWALL_FUZZ_ROUNDS` sets the number of mutations per target.

#[path = "../../fuzz/targets.rs"]
pub(crate) mod targets;

use std::path::Path;

use targets::{TARGETS, Target};

const DEFAULT_ROUNDS: usize = 3_000;

/// Pieces that are likely to mean something to one of the targets.
const DICTIONARY: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\\ude00",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"a\":",
    b"1e309",
    b"-",
    b"0.",
    b"true",
    b"null",
    b" ",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"data:",
    b"data: ",
    b"event: ",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\x98\x80",
    b"\xc3",
    b"\x00",
    b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

/// Long enough for every limit that the targets set for themselves.
const MAX_INPUT: usize = 1_024;

#[test]
fn seeds_and_mutations_hold() {
    let rounds =
        std::env::var("SIDEWALL_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_ROUNDS);
    for target in TARGETS {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        target.seeds.iter().for_each(|seed| run(target, seed));
        for _ in 0..rounds {
            let mut input = target.seeds[random.below(target.seeds.len())].to_vec();
            for _ in 0..=random.below(5) {
                mutate(&mut input, target, &mut random);
            }
            run(target, &input);
        }
    }
}

/// Runs one input, and shows it if it fails: it is made of seeds, never of anyone's text.
fn run(target: &Target, input: &[u8]) {
    let outcome = std::panic::catch_unwind(|| (target.run)(input));
    assert!(outcome.is_ok(), "target {} fails on b\"{}\"", target.name, input.escape_ascii());
}

fn mutate(input: &mut Vec<u8>, target: &Target, random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = (at + random.below(12)).min(input.len());
    match random.below(6) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => drop(input.drain(at..end)),
        2 => {
            let copy = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            drop(input.splice(to..to, copy));
        }
        3 => {
            let other = target.seeds[random.below(target.seeds.len())];
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => drop(input.splice(at..at, DICTIONARY[random.below(DICTIONARY.len())].iter().copied())),
    }
    input.truncate(MAX_INPUT);
}

/// A small generator (xorshift64*), so that every run tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

#[test]
fn every_target_has_its_binary() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for Target { name, .. } in TARGETS {
        let file = format!("fuzz_targets/{name}.rs");
        assert!(manifest.contains(&format!("path = \"{file}\"")), "no [[bin]] {name} in fuzz/Cargo.toml");
        let source = std::fs::read_to_string(fuzz.join(&file)).unwrap();
        assert!(source.contains(&format!("targets::{name}(data)")), "{file} does not run {name}");
    }
}
