//! Telephone numbers: ITU-T E.164 country codes and lengths (<https://www.itu.int/rec/T-REC-E.164>), and
//! the ways in which national numbers are written.

use super::{Candidate, Outcome, digit_groups, label};

/// Country codes that are assigned, with the fewest and most digits that may follow.
const CODES: &[(&str, usize, usize)] = &[
    ("1", 10, 10),
    ("7", 10, 10),
    ("20 27 30 31 33 34 36 40 41 45 47 48 61 66 84 90 92 93 94 98", 7, 11),
    ("32 51 52 53 54 55 56 57 58 60 62 63 64 65 81 82 86 91 95", 7, 11),
    ("39 43 44 46 49", 6, 13),
    ("211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237 238 239", 6, 11),
    (
        "240 241 242 243 244 245 246 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 266 267 268 269",
        6,
        10,
    ),
    ("247 290 291 297 298 299", 4, 7),
    (
        "350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 380 381 382 383 385 386 387 389",
        5,
        12,
    ),
    ("420 421 423", 7, 10),
    ("500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599", 5, 11),
    ("670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692", 4, 9),
    ("800 808 870 878 881 882 883 979", 7, 12),
    ("850 852 853 855 856 880 886", 7, 11),
    ("960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 992 993 994 995 996 998", 6, 11),
];

/// The most digits after `+` (E.164, 6.1).
const MOST: usize = 15;

/// The number that is dialled from outside: without `x123` or `ext. 123`.
fn subscriber(text: &str) -> &str {
    text.split(|c: char| c.is_ascii_alphabetic() || c == '#').next().unwrap_or("").trim_end()
}

/// `+` or `00`, a country code, and as many digits as it may have.
pub(super) fn international(candidate: &Candidate<'_>) -> Outcome {
    // `+44 (0)20 …`: the trunk zero is not dialled from abroad.
    let text = subscriber(candidate.text).replace("(0)", "");
    let compact: String = text.chars().filter(char::is_ascii_digit).collect();
    let prefixed = text.strip_prefix("00");
    let number = if prefixed.is_some() { compact.get(2..).unwrap_or("") } else { compact.as_str() };
    if number.len() > MOST || continues(candidate) {
        return Outcome::Reject;
    }
    let assigned = CODES.iter().any(|(codes, fewest, most)| {
        codes.split(' ').any(|code| {
            number.strip_prefix(code).is_some_and(|rest| (*fewest..=*most).contains(&rest.len()) && !constant(rest))
        })
    });
    let nanp = number.strip_prefix('1').is_none_or(north_american);
    // Numbers with leading zeros are many. One whose country code stands by itself is more than that.
    let code = prefixed.map(|rest| rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap_or(""));
    let apart = code.is_none_or(|code| CODES.iter().any(|(codes, ..)| codes.split(' ').any(|known| known == code)));
    match assigned && nanp {
        true if apart => Outcome::Accept,
        true => Outcome::Confidence(40),
        false => Outcome::Reject,
    }
}

/// Digits in groups that numbers have and dates, versions and identifiers do not.
pub(super) fn national(candidate: &Candidate<'_>) -> Outcome {
    let text = subscriber(candidate.text);
    let groups = digit_groups(text);
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    if continues(candidate) || !(7..=13).contains(&number.len()) || constant(&number) || date(text, &groups) {
        return Outcome::Reject;
    }
    if label::is_machine(candidate.before) || runs_on(candidate.before) && !text.starts_with('(') {
        return Outcome::Reject;
    }
    // Groups of three with points or spaces are an amount, unless something else marks a number.
    let thousands = groups.split_first().is_some_and(|(first, rest)| *first <= 3 && rest.iter().all(|len| *len == 3));
    if thousands && !number.starts_with('0') && !text.contains(['(', '-', '/']) {
        return Outcome::Reject;
    }
    // A social security number of the US; no country writes telephone numbers so.
    if groups == [3, 2, 4] {
        return Outcome::Confidence(40);
    }
    if groups == [3, 3, 4] {
        return if north_american(&number) { Outcome::Accept } else { Outcome::Confidence(40) };
    }
    Outcome::Accept
}

/// A number beside a word for it: any length that a subscriber may have.
pub(super) fn bare(candidate: &Candidate<'_>) -> Outcome {
    let text = subscriber(candidate.text);
    let groups = digit_groups(text);
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    // Small countries have short numbers; what is so short must be called one.
    let least = if is_called(candidate.before) { 5 } else { 7 };
    let machine = label::is_machine(candidate.before) || runs_on(candidate.before);
    if continues(candidate) || !(least..=MOST).contains(&number.len()) || constant(&number) || date(text, &groups) {
        return Outcome::Reject;
    }
    if machine { Outcome::Reject } else { Outcome::Accept }
}

/// Whether the word directly before a number names it: `Tel. 40123`, `my number is 40123`.
fn is_called(before: &str) -> bool {
    const NAMES: &[&str] =
        &["phone", "tel", "telephone", "telefon", "telefono", "mobile", "cell", "fax", "whatsapp", "handy", "celular"];
    let is_name = |name: &str| label::words(name).last().is_some_and(|word| NAMES.contains(&word.as_str()));
    let before = before.trim_end_matches(['.', ':', ' ']);
    let lower = before.to_ascii_lowercase();
    is_name(label::nearest(before))
        || ["my number is", "call me at", "call me on", "text me at"].iter().any(|said| lower.ends_with(said))
}

/// Whether another number stands before it: columns of a table or of a log.
fn runs_on(before: &str) -> bool {
    let rest = before.trim_end_matches(' ');
    rest.len() < before.len() && rest.ends_with(|c: char| c.is_ascii_digit())
}

/// An area of the North American plan starts with 2 to 9; N11 is a service. The exchange is not held to it: made-up
/// numbers (555-123-4567) stand for real ones.
fn north_american(number: &str) -> bool {
    let bytes = number.as_bytes();
    let start = |at: usize| bytes.get(at).is_some_and(|byte| (b'2'..=b'9').contains(byte));
    let service = |at: usize| bytes.get(at..at + 2) == Some(b"11");
    bytes.len() == 10 && start(0) && !service(1)
}

/// One digit only, or all but one: a filler.
fn constant(number: &str) -> bool {
    let mut bytes = number.bytes();
    bytes.next().is_none_or(|first| bytes.all(|byte| byte == first))
}

/// Whether the candidate is a piece of something longer.
fn continues(candidate: &Candidate<'_>) -> bool {
    let piece = |mut chars: &mut dyn Iterator<Item = char>| match (chars.next(), (&mut chars).next()) {
        (Some(c), _) if c.is_alphanumeric() || matches!(c, '_' | '+' | '$' | '€' | '£' | '%') => true,
        (Some('-'), Some(c)) => c.is_alphanumeric(),
        (Some('.' | ',' | '/' | ':'), Some(c)) => c.is_ascii_digit(),
        _ => false,
    };
    // `tel:0123…` and `phone:+1…` are names, `12:30` is a time.
    let mut before = candidate.before.chars().rev();
    let named =
        matches!((before.next(), before.next()), (Some(':' | '/' | '.' | ',' | '='), Some(c)) if !c.is_ascii_digit());
    (!named && piece(&mut candidate.before.chars().rev())) || piece(&mut candidate.after.chars())
}

/// `2024-01-31`, `31.01.2024`, `20240131`, with or without a time behind it.
fn date(text: &str, groups: &[usize]) -> bool {
    let numbers: Vec<u32> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .map(|group| group.parse().unwrap_or(u32::MAX))
        .collect();
    let year = |n: u32| (1900..=2100).contains(&n);
    let part = |n: u32| (1..=31).contains(&n);
    match (groups, numbers.as_slice()) {
        ([4, 1..=2, 1..=2, ..], [y, m, d, ..]) => year(*y) && part(*m) && part(*d),
        ([1..=2, 1..=2, 4, ..], [d, m, y, ..]) => year(*y) && part(*m) && part(*d),
        ([4, 4], [from, to]) => year(*from) && year(*to),
        ([8, ..], [all, ..]) => year(all / 10_000) && (1..=12).contains(&(all / 100 % 100)) && part(all % 100),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn international_numbers_need_an_assigned_code_and_a_length() {
        for text in [
            "+1 202-555-0143",
            "+442079460123",
            "+44 (0)20 7946 0123",
            "+49 30 23125 123",
            "0049 30 23125123",
            "+33 1 99 00 12 34",
        ] {
            assert_eq!(international(&alone(text)), Outcome::Accept, "{text}");
        }
        assert_eq!(international(&alone("0044207 9460123")), Outcome::Confidence(40));
        assert_eq!(international(&alone("001-202-555-0143x216")), Outcome::Accept);
        for text in ["+1 102-555-0143", "+999 1234567", "+44 20", "+1 202-555-01432", "+0000000000", "+1 111 111 1111"]
        {
            assert_eq!(international(&alone(text)), Outcome::Reject, "{text}");
        }
    }

    #[test]
    fn national_numbers_are_told_from_dates_amounts_and_ids() {
        for (before, text) in [
            ("", "(202) 555-0143"),
            ("tel:", "202-555-0143"),
            ("", "020 7946 0123"),
            ("", "030/23125-123"),
            ("", "01 99 00 12 34"),
        ] {
            assert_eq!(national(&among(before, text, "")), Outcome::Accept, "{text}");
        }
        for (before, text, after) in [
            ("", "2024-01-31 10", ":30"),
            ("", "31.01.2024", ""),
            ("", "1 000 000", ""),
            ("", "12.345.678", ""),
            ("1-", "202-555-0143", ""),
            ("", "202-555-0143", "-77"),
            ("order_id: ", "202-555-0143", ""),
            ("", "0000-0000", ""),
        ] {
            assert_eq!(national(&among(before, text, after)), Outcome::Reject, "{before}{text}{after}");
        }
    }

    #[test]
    fn bare_numbers_are_no_dates() {
        assert_eq!(bare(&among("phone ", "2025550143", "")), Outcome::Accept);
        assert_eq!(bare(&among("Tel. ", "40123", " (office)")), Outcome::Accept);
        assert_eq!(bare(&among("call ", "20240131", "")), Outcome::Reject);
        assert_eq!(bare(&among("call them, all ", "40123", "")), Outcome::Reject);
        assert_eq!(bare(&among("phone 16:13:40.345  ", "1702 14638", "")), Outcome::Reject);
    }
}
