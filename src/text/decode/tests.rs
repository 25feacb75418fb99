//! Every codec, what none of them may read, and the promises about growing texts.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const CARD: &str = "card 4111 1111 1111 1111";

fn read(view: &View<'_>, depth: usize, out: &mut Vec<Reading>) {
    for reading in decode(view, Limits::WHOLE, true, &mut DecodeState::default()).views {
        if depth > 1 && !reading.is_leaf() {
            read(&reading.view, depth - 1, out);
        }
        out.push(reading);
    }
}

fn readings(text: &str) -> Vec<Reading> {
    let mut out = Vec::new();
    read(&View::raw(text), DEPTH, &mut out);
    out
}

fn decoded(text: &str) -> Vec<String> {
    readings(text).into_iter().map(|r| r.view.text.into_owned()).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

fn codes(text: &str, code: impl Fn(u8) -> String, separator: &str) -> String {
    text.bytes().map(code).collect::<Vec<_>>().join(separator)
}

fn zipped(text: &str) -> String {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

/// Encodings of [`CARD`] by others: Python's `base64` module.
const ELSEWHERE: [&str; 4] = [
    "MNQXEZBAGQYTCMJAGEYTCMJAGEYTCMJAGEYTCMI=",
    "@psCg+>bf-0d&2*0eje*0ekC*0ekC;",
    "V_|Y+AT%*CF(5H9F)<)9F)=Y9F)=YQ",
    "<~@psCg+>bf-0d&2*0eje*0ekC*0ekC;~>",
];

#[test]
fn every_codec_is_undone() {
    for text in [
        STANDARD.encode(CARD),
        URL_SAFE_NO_PAD.encode(CARD),
        format!("glued{}", STANDARD.encode(CARD)),
        hex(CARD),
        hex(CARD).to_uppercase(),
        format!("0x{}", hex(CARD)),
        codes(CARD, |b| format!("{b:02x}"), " "),
        codes(CARD, |b| format!("0x{b:02X}"), ", "),
        codes(CARD, |b| format!("{b}"), ","),
        codes(CARD, |b| format!("{b:08b}"), " "),
        codes(CARD, |b| format!("{b:03o}"), " "),
        codes(CARD, |b| format!("%{b:02X}"), ""),
        codes(CARD, |b| format!("%u{b:04x}"), ""),
        codes(CARD, |b| format!("&#{b};"), ""),
        codes(CARD, |b| format!("&#{b:05}"), ""),
        codes(CARD, |b| format!("&#x{b:x};"), ""),
        codes(CARD, |b| format!("\\u{b:04x}"), ""),
        codes(CARD, |b| format!("\\U{b:08x}"), ""),
        codes(CARD, |b| format!("\\u{{{b:x}}}"), ""),
        codes(CARD, |b| format!("\\x{b:02x}"), ""),
        codes(CARD, |b| format!("\\{b:03o}"), ""),
        codes(CARD, |b| format!("={b:02X}"), ""),
        "card 4111%201111%201111%201111".into(),
        "card&nbsp;4111 1111 11=\r\n11 1111".into(),
        STANDARD.encode(hex(&STANDARD.encode(CARD))),
        format!("data:text/plain;base64,{}", STANDARD.encode(CARD)),
        format!("token={}", STANDARD.encode(CARD)),
        zipped(CARD),
        STANDARD
            .encode(format!("{}{CARD}", "long text, ".repeat(20)))
            .as_bytes()
            .chunks(76)
            .map(|line| format!("{}\r\n", str::from_utf8(line).unwrap()))
            .collect(),
        ELSEWHERE[0].into(),
        ELSEWHERE[1].into(),
        ELSEWHERE[2].into(),
        format!("key: {}", ELSEWHERE[3]),
        "let card = \"card 4111 \" + \"1111 1111\" +\n    \" 1111\";".into(),
        CARD.chars().filter_map(|c| char::from_u32(0xe0000 + u32::from(c))).collect(),
        CARD.bytes().filter_map(|b| char::from_u32(0xe0100 + u32::from(b) - 16)).collect(),
        CARD.bytes()
            .flat_map(|b| (0..8).rev().map(move |bit| if b >> bit & 1 == 1 { '\u{200c}' } else { '\u{200b}' }))
            .collect(),
    ] {
        assert!(decoded(&text).iter().any(|d| d.contains(CARD)), "{text}: {:?}", decoded(&text));
    }
}

#[test]
fn values_cut_up_are_joined() {
    for (text, joined) in [
        ("mail alice@exam\nple.com now", "alice@example.com"),
        ("mail alice\n@example.com now", "alice@example.com"),
        ("> AKIAIOSF\n> ODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("078-05-\n1120", "078-05-1120"),
        ("GB82 WEST 1234\n5698 7654 32", "GB82 WEST 12345698 7654 32"),
        ("jo [at] example (dot) com", "jo@example.com"),
        ("4111 | 1111 | 1111 | 1111", "4111-1111-1111-1111"),
        ("moc.elpmaxe@ecila", "alice@example.com"),
    ] {
        let found = readings(text);
        assert!(found.iter().any(|r| r.view.text.contains(joined) && !r.sure), "{text}: {:?}", decoded(text));
    }
}

#[test]
fn what_is_not_encoded_text_gives_no_view() {
    for text in [
        "Plain prose, with a ratio of 5 = 2 + 3, AT&T, 100% sure, and C:\\ as a path.\nA second line (of it).",
        "123e4567-e89b-42d3-a456-426614174000 at 12:30:45, 2024-01-15",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "internationalization of getElementsByTagName, really",
        "| 1204 | 1523 | 99 |\n| 1 | 2 | 3 |",
    ] {
        let found: Vec<Reading> = readings(text).into_iter().filter(|r| r.sure).collect();
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn decoded_places_map_to_their_code() {
    let text = format!("say {} now", STANDARD.encode(CARD));
    let view = &readings(&text)[0].view;
    // "4111 1111 1111 1111" begins in the second group of six bytes.
    assert_eq!(view.to_raw(TextSpan::new(5, view.text.len())), TextSpan::new(4, text.len() - 4));
    assert_eq!(view.to_raw(TextSpan::new(6, 12)), TextSpan::new(12, 20));
    let view = &readings("say \\u0034111 now")[0].view;
    assert_eq!(view.text, "say 4111 now");
    assert_eq!(view.to_raw(TextSpan::new(4, 8)), TextSpan::new(4, 13));
}

#[test]
fn values_in_tables_stand_behind_their_names() {
    for (text, record) in [
        ("name,dob\nAnn,1990-04-03\nBob,1984-12-24\n", "dob: 1990-04-03\nname: Bob\ndob: 1984-12-24\n"),
        ("Here it is:\nid, name, ssn\n1, Ann, 078-05-1120", "name:  Ann\nssn:  078-05-1120"),
        ("\"full name\";\"e-mail\"\r\n\"Ro; Jo\";jo@x.org\r\n", "full name: \"Ro; Jo\"\ne-mail: jo@x.org"),
        ("| # | Name | SSN |\n|---|:--|----|\n| 1 | Ann | 078-05-1120 |\n", "SSN:  078-05-1120 \n"),
        (" user | pass\n------+------\n ann  | hunter2\n", "pass:  hunter2"),
        ("a\tb b\n10x\t\n\t200\n", "a: 10x\nb b: 200\n"),
        ("tax id,city\n555,Rome\n\nname,dob\nAnn,1990", "name: Ann\ndob: 1990"),
        ("tax id,city\n555,Rome\nname,dob,ip\nAnn,1990,::1", "dob: 1990\nip: ::1"),
    ] {
        let found = readings(text);
        assert!(found.iter().any(|r| r.view.text.contains(record) && !r.sure), "{text}: {:?}", decoded(text));
    }
    for text in [
        "Sure, here\nyou are",
        "first,\nsecond,\nthird",
        "use a::b, c;\nlet x = 1;",
        "The first line, of which there are many, is no header,\nnor is this one, which has words, and more,",
        "name,dob\n\nAnn,1990-04-03",
    ] {
        assert!(decoded(text).iter().all(|d| !d.contains(": ")), "{text}: {:?}", decoded(text));
    }
    let text = "name,dob\nAnn,1990-04-03\n";
    let view = &readings(text)[0].view;
    let at = view.text.find("1990").unwrap();
    assert_eq!(view.to_raw(TextSpan::new(at, at + 10)), TextSpan::new(13, 23));
}

fn hold(text: &str) -> usize {
    decode(&View::raw(text), Limits::STREAM, false, &mut DecodeState::default()).hold
}

#[test]
fn what_has_ended_is_not_held() {
    for text in
        ["Hello there, ", "a ratio of 5 to the ", "wonderful, this ", "see https://example.com/foo ", "in 2024, "]
    {
        assert_eq!(hold(text), usize::MAX, "{text}");
    }
    assert!(hold("see Y2FyZCA0M") <= 4);
    assert!(hold("fish &am") <= 5);
    assert!(hold("fish %2") <= 5);
}

/// All readings of a text that are not open, by place.
fn closed(text: &str) -> Vec<(TextSpan, String)> {
    let found = decode(&View::raw(text), Limits::STREAM, true, &mut DecodeState::default()).views;
    place(&found)
}

fn place(found: &[Reading]) -> Vec<(TextSpan, String)> {
    let mut all: Vec<(TextSpan, String)> =
        found.iter().map(|r| (r.view.to_raw(TextSpan::new(0, r.view.text.len())), r.view.text.to_string())).collect();
    all.sort();
    all.dedup();
    all
}

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,20}",
        "[ -~]{0,40}".prop_map(|t| STANDARD.encode(t)),
        "[ -~]{0,40}".prop_map(|t| hex(&t)),
        "[ -~]{0,12}".prop_map(|t| codes(&t, |b| format!("{b}"), " ")),
        "(%[0-9A-F]{0,2}|&#?[a-z0-9]{0,5};?|\\\\u[0-9a-f]{0,4}|=[0-9A-F]{0,2}){0,9}",
        "([0-9]{1,4} ?[|*+:-] ?){0,5}",
        "([a-z0-9@.]{0,9}(\"|'|\n|\r\n|\" \\+ \"|\\[at\\])){0,4}",
        "((name|ssn|dob)[,|\t;]){1,2}ip\n(([0-9a-z\"]{0,9}[,|\t;]){0,2}[0-9. é]{0,80}\r?\n){0,4}",
        "[\u{200b}\u{200c}\u{e0041}\u{e0100}\u{e0120}a]{0,30}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|p| p.concat())
}

#[test]
fn a_run_may_turn_out_to_be_of_another_alphabet() {
    // Hex, at a shift with a part that ends before the run does, up to the `M`.
    let text = "323c2a22222e4858483020412020MA==";
    let limits = Limits { stretch: 64, ..Limits::STREAM };
    let whole = decode(&View::raw(text), limits, true, &mut DecodeState::default()).views;
    for cut in 0..text.len() {
        let mut state = DecodeState::default();
        let now = decode(&View::raw(text.get(..cut).unwrap()), limits, false, &mut state);
        let mut found: Vec<_> = now.views.into_iter().filter(|r| !r.open).collect();
        found.extend(decode(&View::raw(text), limits, true, &mut state).views);
        assert_eq!(place(&found), place(&whole), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn bounds_hold_and_maps_stay_inside(text in texts()) {
        let views = decode(&View::raw(&text), Limits { inflated: 0, ..Limits::WHOLE }, true, &mut DecodeState::default()).views;
        prop_assert!(views.iter().map(|r| r.view.text.len()).sum::<usize>() <= MOST_GROWTH * text.len());
        for view in views.iter().map(|r| &r.view) {
            let mut last = TextSpan::new(0, 0);
            for (at, c) in view.text.char_indices() {
                let span = view.to_raw(TextSpan::new(at, at + c.len_utf8()));
                prop_assert!(text.get(span.range()).is_some_and(|t| !t.is_empty()));
                prop_assert!(span.start >= last.start && span.end >= last.end);
                last = span;
            }
        }
    }

    /// However a text grows, its readings are those of the whole; what begins before the hold has been read.
    #[test]
    fn growth_changes_nothing(text in texts(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let limits = Limits { stretch: 64, ..Limits::STREAM };
        let mut cuts: Vec<usize> = cuts.iter().map(|i| text.floor_char_boundary(i.index(text.len() + 1))).collect();
        cuts.sort_unstable();
        let (mut state, mut found) = (DecodeState::default(), Vec::new());
        for cut in cuts {
            let now = decode(&View::raw(text.get(..cut).unwrap()), limits, false, &mut state);
            found.extend(now.views.into_iter().filter(|r| !r.open));
        }
        found.extend(decode(&View::raw(&text), limits, true, &mut state).views);
        let whole = decode(&View::raw(&text), limits, true, &mut DecodeState::default()).views;
        prop_assert_eq!(place(&found), place(&whole));
    }
}

#[test]
fn overlong_stretches_are_read_in_overlapping_pieces() {
    let text = STANDARD.encode(format!("{}{CARD}{}", "x".repeat(1500), "y".repeat(4000)));
    let found = closed(&text);
    assert!(found.len() > 2 && found.iter().any(|(_, t)| t.contains(CARD)), "{found:?}");
}
