//! Primary account numbers of payment cards.
//!
//! Form: ISO/IEC 7812-1 (12 to 19 digits, the last by Luhn). Issuer ranges: what the networks publish, as gathered at
//! <https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN)>. A tenth of all numbers pass
//! Luhn, so ranges, lengths, groups and neighbours decide how sure we are. Test card numbers count: they pass every check
//! that a real one passes, and who tests a redaction uses them.

use super::{Candidate, Outcome, digits, label};

/// Numbers with these first six digits and one of these lengths belong to a network.
struct Range {
    low: u32,
    high: u32,
    lengths: std::ops::RangeInclusive<usize>,
    /// Confidence for a bare run of digits.
    plain: u8,
    /// Confidence for digits in the groups that cards are printed in.
    grouped: u8,
}

const fn range(low: u32, high: u32, lengths: std::ops::RangeInclusive<usize>, plain: u8, grouped: u8) -> Range {
    Range { low, high, lengths, plain, grouped }
}

/// Published ranges; the first that fits counts. Lengths that are rare or collide with other numbers count less.
const RANGES: &[Range] = &[
    range(400_000, 499_999, 16..=16, 80, 92), // Visa
    range(400_000, 499_999, 13..=13, 45, 65), // Visa, old; EAN-13 bar codes begin so too
    range(400_000, 499_999, 19..=19, 60, 80), // Visa
    range(510_000, 559_999, 16..=16, 80, 92), // Mastercard
    range(222_100, 272_099, 16..=16, 75, 92), // Mastercard, 2-series
    range(340_000, 349_999, 15..=15, 75, 92), // American Express
    range(370_000, 379_999, 15..=15, 75, 92), // American Express
    range(601_100, 601_199, 16..=19, 75, 90), // Discover
    range(644_000, 659_999, 16..=19, 70, 88), // Discover, RuPay, Elo, Verve
    range(300_000, 305_999, 14..=14, 60, 85), // Diners Club
    range(300_000, 305_999, 16..=19, 60, 85), // Diners Club
    range(309_500, 309_599, 14..=14, 60, 85), // Diners Club
    range(309_500, 309_599, 16..=19, 60, 85), // Diners Club
    range(360_000, 369_999, 14..=14, 60, 85), // Diners Club
    range(360_000, 369_999, 16..=19, 60, 85), // Diners Club
    range(380_000, 399_999, 14..=14, 60, 85), // Diners Club
    range(380_000, 399_999, 16..=19, 60, 85), // Diners Club, Hipercard
    range(352_800, 358_999, 16..=19, 70, 90), // JCB, RuPay
    range(308_800, 309_499, 16..=16, 60, 85), // JCB
    range(309_600, 310_299, 16..=16, 60, 85), // JCB
    range(311_200, 312_099, 16..=16, 60, 85), // JCB
    range(315_800, 315_999, 16..=16, 60, 85), // JCB
    range(333_700, 334_999, 16..=16, 60, 85), // JCB
    range(213_100, 213_199, 15..=15, 40, 75), // JCB, old
    range(180_000, 180_099, 15..=15, 40, 75), // JCB, old
    range(620_000, 629_999, 16..=19, 65, 85), // UnionPay
    range(810_000, 829_999, 16..=19, 50, 80), // UnionPay, RuPay
    range(220_000, 220_599, 16..=19, 65, 85), // Mir, BORICA
    range(979_200, 979_289, 16..=16, 70, 88), // Troy
    range(508_500, 508_999, 16..=16, 65, 85), // RuPay
    range(606_985, 608_500, 16..=16, 65, 85), // RuPay
    range(506_099, 506_198, 16..=19, 65, 85), // Verve
    range(507_865, 507_964, 16..=19, 65, 85), // Verve
    range(506_699, 506_778, 16..=16, 65, 85), // Elo
    range(509_000, 509_999, 16..=16, 65, 85), // Elo
    range(504_175, 504_175, 16..=16, 65, 85), // Elo
    range(636_297, 636_368, 16..=16, 65, 85), // Elo
    range(606_282, 606_282, 13..=19, 65, 85), // Hipercard
    range(637_095, 637_612, 16..=16, 65, 85), // Hipercard, InstaPayment
    range(501_900, 501_999, 16..=16, 60, 80), // Dankort
    range(604_001, 604_200, 16..=19, 60, 80), // UkrCard
    range(860_000, 860_099, 16..=16, 60, 80), // Uzcard
    range(986_000, 986_099, 16..=16, 60, 80), // Humo
    range(911_200, 911_299, 16..=16, 60, 80), // Belkart
    range(501_800, 501_899, 16..=16, 60, 80), // Maestro
    range(502_000, 502_099, 16..=16, 60, 80), // Maestro
    range(503_800, 503_899, 16..=16, 60, 80), // Maestro
    range(589_300, 589_399, 16..=16, 60, 80), // Maestro
    range(630_400, 630_499, 16..=16, 60, 80), // Maestro
    range(675_900, 676_399, 16..=16, 60, 80), // Maestro
    range(100_000, 199_999, 15..=15, 25, 45), // UATP: many numbers begin so
    range(500_000, 509_999, 12..=19, 40, 65), // Maestro: any length, so only beside a word for it or in groups
    range(560_000, 589_999, 12..=19, 40, 65), // Maestro
    range(600_000, 699_999, 12..=19, 40, 65), // Maestro
];

/// Card numbers: confidence by range, groups and what stands beside.
pub(super) fn pan(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let number: Vec<u8> = digits(text).collect();
    if !(12..=19).contains(&number.len()) || !luhn(&number) {
        return Outcome::Reject;
    }
    // 0000… and 4444… pass Luhn in some lengths; nobody holds them.
    if number.iter().all(|digit| Some(digit) == number.first()) {
        return Outcome::Reject;
    }
    let prefix = number.iter().take(6).fold(0, |prefix, digit| prefix * 10 + u32::from(*digit));
    let Some(range) = RANGES.iter().find(|r| (r.low..=r.high).contains(&prefix) && r.lengths.contains(&number.len()))
    else {
        return Outcome::Reject;
    };
    let grouped = text.bytes().any(|byte| !byte.is_ascii_digit());
    if !stands_alone(candidate, grouped) {
        return Outcome::Reject;
    }
    let mut confidence = range.plain;
    if grouped {
        match layout(text) {
            Layout::Card => confidence = range.grouped,
            Layout::Even => confidence = range.grouped.saturating_sub(20),
            Layout::None => return Outcome::Reject,
        }
    }
    // A French establishment: its first nine digits have a check digit of their own (SIREN), and one card in ten has such digits.
    if number.len() == 14 && !grouped && number.get(..9).is_some_and(luhn) {
        confidence = confidence.min(45);
    }
    if label::is_machine(candidate.before) {
        confidence = confidence.min(if grouped { 60 } else { 35 });
    }
    Outcome::Confidence(confidence)
}

/// The check of ISO/IEC 7812-1, annex B.
pub(super) fn luhn(number: &[u8]) -> bool {
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(*digit);
            if at % 2 == 0 { digit } else { digit * 2 - if digit > 4 { 9 } else { 0 } }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the number is not a piece of something longer: a UUID, a decimal fraction, a dotted or dashed identifier.
fn stands_alone(candidate: &Candidate<'_>, grouped: bool) -> bool {
    if grouped && is_spelled(candidate.text) && goes_on_spelled(candidate) {
        return false;
    }
    let mut before = candidate.before.chars().rev();
    let mut after = candidate.after.chars();
    match (before.next(), before.next()) {
        (Some(c), _) if c.is_alphanumeric() || c == '_' => return false,
        (Some('-' | '.' | ','), Some(c)) if c.is_ascii_digit() && !(grouped && candidate.text.contains(' ')) => {
            // `1009,4974…` is a row of a table; `0.4974…` and `1-4974…` are not cards.
            return candidate.before.ends_with(',');
        }
        // The end of a UUID's group or of a dashed identifier.
        (Some('-'), Some(c)) if c.is_alphanumeric() || c == '_' => return false,
        (Some(' '), Some(c)) if c.is_ascii_digit() && grouped => {
            let row = candidate.before.trim_end_matches(' ');
            let rest = row.trim_end_matches(|c: char| c.is_ascii_digit());
            // A group of the same row; behind `4012-8888-8888-1881 ` another number begins.
            let same_row = !rest.ends_with(['-', '.', '/']);
            if row.len() - rest.len() == 4 && same_row && candidate.text.contains(' ') {
                return false;
            }
        }
        _ => {}
    }
    match (after.next(), after.next()) {
        (Some(c), _) if c.is_alphanumeric() || c == '_' => false,
        (Some('-'), Some(c)) if c.is_alphanumeric() => false,
        (Some('.'), Some(c)) if c.is_ascii_digit() => false,
        _ => true,
    }
}

/// Whether the digits stand one by one.
fn is_spelled(text: &str) -> bool {
    super::digit_groups(text).iter().all(|len| *len == 1)
}

/// Whether another single digit stands before or behind digits that are spelled: a piece of something longer.
fn goes_on_spelled(candidate: &Candidate<'_>) -> bool {
    let separator = |c: char| matches!(c, ' ' | '-' | '.' | '_' | '/' | ',');
    let single = |mut chars: std::iter::Peekable<&mut dyn Iterator<Item = char>>| {
        let separated = std::iter::from_fn(|| chars.next_if(|c| separator(*c))).count() > 0;
        separated
            && chars.next().is_some_and(|c| c.is_ascii_digit())
            && !chars.next().is_some_and(|c| c.is_alphanumeric())
    };
    let before: &mut dyn Iterator<Item = char> = &mut candidate.before.chars().rev();
    let after: &mut dyn Iterator<Item = char> = &mut candidate.after.chars();
    single(before.peekable()) || single(after.peekable())
}

/// Month and year that a card is good to: a date is that only beside a card.
pub(super) fn expiry(candidate: &Candidate<'_>) -> Outcome {
    let mut numbers = candidate.text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<u32>().ok());
    let (Some(month), Some(year), None) = (numbers.next(), numbers.next(), numbers.next()) else {
        return Outcome::Reject;
    };
    let year = if year < 100 { 2000 + year } else { year };
    if !(1..=12).contains(&month) || !EXPIRY_YEARS.contains(&year) {
        return Outcome::Reject;
    }
    let named = |text: &str| label::words(text).iter().any(|word| CARD_WORDS.contains(&word.as_str()));
    let numbered = digits(candidate.before).count() >= LEAST_BEFORE;
    match numbered || named(candidate.before) || named(candidate.after) {
        true => Outcome::Accept,
        false => Outcome::Reject,
    }
}

/// Words for a payment card.
const CARD_WORDS: &[&str] = &[
    "card",
    "cards",
    "visa",
    "mastercard",
    "amex",
    "cvv",
    "cvc",
    "karte",
    "kreditkarte",
    "carte",
    "tarjeta",
    "cartao",
    "carta",
    "kaart",
    "karta",
    "pan",
];

/// Years that cards in use or in old records are good to.
const EXPIRY_YEARS: std::ops::RangeInclusive<u32> = 2000..=2060;
/// Digits before an expiry date that are a card's number.
const LEAST_BEFORE: usize = 12;

/// How the digits are grouped.
enum Layout {
    /// As on cards: fours, or 4-6-5, 4-6-4, 6-10 …
    Card,
    /// In even small groups, as when somebody spells a number.
    Even,
    /// In none that a card has.
    None,
}

fn layout(text: &str) -> Layout {
    let groups = super::digit_groups(text);
    let mut separators = text.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty());
    let first = separators.next().unwrap_or("");
    if !separators.all(|other| other == first) {
        // Mixed separators are what an evasion looks like, and what line breaks do.
        return if groups.iter().rev().skip(1).all(|len| *len == 4) { Layout::Even } else { Layout::None };
    }
    match groups.as_slice() {
        [4, 6, 4 | 5] | [4, 4, 5] | [6, 10 | 13] | [8, 8] | [5, 5, 5] | [4, 5, 6] => Layout::Card,
        [4, 4, 4] | [4, 4, 4, 1..=4] | [4, 4, 4, 4, 1..=3] => Layout::Card,
        [4, 4, 4, 5..=7] => Layout::Card,
        [first, rest @ ..] if *first <= 3 => match rest.split_last() {
            Some((last, middle)) if middle.iter().all(|len| len == first) && last <= first => Layout::Even,
            _ => Layout::None,
        },
        _ => Layout::None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{alone, among};
    use super::*;

    fn confidence(outcome: Outcome) -> u8 {
        match outcome {
            Outcome::Confidence(confidence) => confidence,
            Outcome::Accept => 100,
            Outcome::Reject => 0,
        }
    }

    #[test]
    fn published_test_cards_are_found_in_every_form() {
        for text in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242-4242-4242-4242",
            "4242.4242.4242.4242",
            "4242\n4242\n4242\n4242",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "30569309025904",
            "3056 930902 5904",
            "3566002020360505",
            "6205500000000000004",
            "2200 0000 0000 0004",
            "9792 0301 7000 0004",
            "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
            "42 42 42 42 42 42 42 42",
        ] {
            assert!(confidence(pan(&alone(text))) >= 60, "{text}");
        }
    }

    #[test]
    fn what_is_no_card_is_rejected() {
        for (before, text, after) in [
            ("", "4242424242424243", ""),
            ("", "1708544264912", ""),
            ("", "0000000000000000", ""),
            ("loss=0.", "4242424242424242", ""),
            ("00000000-", "4242424242424242", ""),
            ("", "4242424242424242", "-8364"),
            ("", "42424 24242 424242", ""),
            ("1234 ", "4242 4242 4242 4242", ""),
            ("order 8149", "4242424242424242", ""),
        ] {
            assert_eq!(pan(&among(before, text, after)), Outcome::Reject, "{before}|{text}|{after}");
        }
    }

    #[test]
    fn a_machine_name_makes_it_doubtful() {
        assert!(confidence(pan(&among(r#"{"order_id":"#, "4242424242424242", "}"))) < 60);
        assert!(confidence(pan(&among("order 12093, card ", "4242424242424242", ""))) >= 60);
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_never_a_card(at in 0usize..16, by in 1u8..10) {
            let mut number = *b"4242424242424242";
            number[at] = (number[at] - b'0' + by) % 10 + b'0';
            let text = String::from_utf8(number.to_vec()).unwrap();
            prop_assert_eq!(pan(&alone(&text)), Outcome::Reject);
        }
    }

    #[test]
    fn a_piece_of_spelled_digits_is_no_card() {
        let spelled = "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2";
        assert_eq!(pan(&among("0 1 1 0 ", spelled, "")), Outcome::Reject);
        assert_eq!(pan(&among("", spelled, " 8 3")), Outcome::Reject);
        assert!(confidence(pan(&among("card ", spelled, ", thanks"))) >= 50);
        assert!(confidence(pan(&among("4012-8888-8888-1881 ", "4012 8888 8888 1881", ""))) >= 50);
    }

    #[test]
    fn a_month_is_an_expiry_date_beside_a_card_only() {
        for (before, text) in [("4242 4242 4242 4242 exp ", "09/28"), ("Visa, valid thru ", "11/2027")] {
            assert_eq!(expiry(&among(before, text, "")), Outcome::Accept, "{before}{text}");
        }
        for (before, text) in
            [("the offer is valid until ", "11/2027"), ("card exp ", "13/28"), ("card exp ", "09/1999")]
        {
            assert_eq!(expiry(&among(before, text, "")), Outcome::Reject, "{before}{text}");
        }
    }
}
