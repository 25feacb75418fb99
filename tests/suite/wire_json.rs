//! The scanner against `serde_json` on generated documents, and against the JSONTestSuite collection.

use std::path::PathBuf;

use proptest::prelude::*;
use sidewall::wire::{ScanErrorKind, scan};

use crate::fuzz_smoke::targets;

/// A string literal with all kinds of escapes.
fn literal() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,40}",
        1 => "[é\u{7f}\u{2028}😀日本]{1,4}",
        1 => proptest::sample::select(&["\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00E9", "\\ud83d\\ude00", "\\u0000"][..])
            .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn space() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["", "", "", " ", "\n\t", "\r\n  "][..])
}

/// A document as text, so that everything about its form varies too.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        literal(),
        proptest::sample::select(&["null", "true", "false"][..]).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?",
    ];
    leaf.prop_recursive(6, 60, 24, |inner| {
        let item =
            (space(), inner.clone(), space()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        let entry = (space(), literal(), space(), inner.clone())
            .prop_map(|(before, key, after, value)| format!("{before}{key}{after}:{value}"));
        prop_oneof![
            proptest::collection::vec(item, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(entry, 0..24).prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_documents_are_accepted_and_read_alike(doc in document(), before in space(), after in space()) {
        let doc = format!("{before}{doc}{after}");
        // Only equal keys may be refused: the rest of the strictness is out of this generator's reach.
        if let Err(error) = scan(doc.as_bytes(), &mut ()) {
            prop_assert_eq!(error.kind, ScanErrorKind::DuplicateKey);
        }
        targets::scanner(doc.as_bytes());
    }

    #[test]
    fn damaged_documents_are_judged_alike(
        doc in document(),
        at in any::<proptest::sample::Index>(),
        cut in 0..4usize,
        byte in proptest::option::of(any::<u8>()),
    ) {
        let mut doc = doc.into_bytes();
        let at = at.index(doc.len());
        let end = (at + cut).min(doc.len());
        doc.splice(at..end, byte);
        targets::scanner(&doc);
    }

    #[test]
    fn literals_of_every_form_map_back(literal in literal()) {
        targets::escape(literal.trim_matches('"').as_bytes());
    }
}

/// Documents of the "implementation-defined" group that the scanner accepts: numbers that a double holds only roughly.
/// It refuses all others of the group.
const ACCEPTED_AT_WILL: &[&str] = &[
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
];

/// Documents that are valid but that the scanner refuses, and why.
const REFUSED_ON_PURPOSE: &[(&str, ScanErrorKind)] = &[
    ("y_object_duplicated_key.json", ScanErrorKind::DuplicateKey),
    ("y_object_duplicated_key_and_value.json", ScanErrorKind::DuplicateKey),
    ("y_number_double_close_to_zero.json", ScanErrorKind::NumberTooLong),
];

#[test]
fn json_test_suite() {
    let data = std::env::var_os("SIDEWALL_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(data.join("reliability/json-test-suite/test_parsing")) else {
        println!("skipped: no json-test-suite in {}; set SIDEWALL_DATA", data.display());
        return;
    };
    let mut count = 0;
    for file in files {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        let got = scan(&std::fs::read(file.path()).unwrap(), &mut ()).map_err(|error| error.kind);
        let refusal = REFUSED_ON_PURPOSE.iter().find(|(refused, _)| *refused == name);
        match (name.get(..2).unwrap(), refusal) {
            ("y_", Some((_, kind))) => assert_eq!(got, Err(*kind), "{name}"),
            ("y_", None) => assert_eq!(got, Ok(()), "{name}"),
            ("n_", _) => assert!(got.is_err(), "{name}"),
            _ => assert_eq!(got.is_ok(), ACCEPTED_AT_WILL.contains(&name.as_str()), "{name}: {got:?}"),
        }
        count += 1;
    }
    assert!(count > 300, "only {count} documents of the collection are there");
}
