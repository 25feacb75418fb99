//! Numbers of things that people carry and drive.

use super::{Candidate, Outcome, card, digits};

/// Who may assign the first two digits of an IMEI (reporting bodies; <https://www.gsma.com/get-involved/working-groups/tac-database>).
const REPORTING_BODIES: [u8; 21] = [1, 10, 30, 31, 32, 33, 34, 35, 44, 45, 49, 50, 51, 52, 53, 54, 86, 91, 97, 98, 99];

/// The identity of a mobile device: 3GPP TS 23.003, 6.2.1 (fourteen digits and Luhn's).
pub(super) fn imei(candidate: &Candidate<'_>) -> Outcome {
    let number: Vec<u8> = digits(candidate.text).collect();
    let [a, b, ..] = number.as_slice() else { return Outcome::Reject };
    let constant = number.iter().all(|digit| digit == a);
    let valid = number.len() == 15 && REPORTING_BODIES.contains(&(a * 10 + b)) && card::luhn(&number);
    if valid && !constant && !continues(candidate) { Outcome::Accept } else { Outcome::Reject }
}

/// What a letter counts in a vehicle's number, from A on; 0 for those that are not used.
const VIN_LETTERS: [u32; 26] = [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 0, 7, 0, 9, 2, 3, 4, 5, 6, 7, 8, 9];
/// What a place counts; the ninth is the check digit.
const VIN_WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

/// Vehicle identification numbers: ISO 3779, and the check digit of 49 CFR 565.15, which North America and China demand and others
/// do not. Without it, it takes a word for it.
pub(super) fn vin(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text.to_ascii_uppercase();
    let letters = text.bytes().filter(u8::is_ascii_uppercase).count();
    if text.len() != 17 || !(2..=15).contains(&letters) || continues(candidate) {
        return Outcome::Reject;
    }
    let value = |b: u8| match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        _ => VIN_LETTERS.get(usize::from(b.wrapping_sub(b'A'))).copied().filter(|value| *value > 0),
    };
    let Some(values) = text.bytes().map(value).collect::<Option<Vec<u32>>>() else { return Outcome::Reject };
    let sum: u32 = values.iter().zip(VIN_WEIGHTS).map(|(value, weight)| value * weight).sum();
    let check = match sum % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or_default(),
    };
    // The last four places are the serial's, and digits in every market with a check digit.
    let serial = text.bytes().rev().take(4).all(|b| b.is_ascii_digit());
    match text.as_bytes().get(8) == Some(&check) {
        true if serial && !text.starts_with('0') => Outcome::Accept,
        _ => Outcome::Confidence(35),
    }
}

/// A vehicle's plate, which a word has announced: letters and digits, as many as fit on one.
pub(super) fn plate(candidate: &Candidate<'_>) -> Outcome {
    let letters = candidate.text.bytes().filter(u8::is_ascii_uppercase).count();
    let figures = digits(candidate.text).count();
    match letters > 0 && figures > 0 && (4..=9).contains(&(letters + figures)) && !continues(candidate) {
        true => Outcome::Accept,
        false => Outcome::Reject,
    }
}

/// Whether the candidate is a piece of something longer.
fn continues(candidate: &Candidate<'_>) -> bool {
    let piece = |first: Option<char>, second: Option<char>| match first {
        Some('-' | '.' | '/' | '+') => second.is_some_and(char::is_alphanumeric),
        Some(c) => c.is_alphanumeric() || c == '_',
        None => false,
    };
    let (mut before, mut after) = (candidate.before.chars().rev(), candidate.after.chars());
    piece(before.next(), before.next()) || piece(after.next(), after.next())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn devices_have_a_reporting_body_and_a_check_digit() {
        for text in ["490154203237518", "49-015420-323751-8"] {
            assert_eq!(imei(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["490154203237517", "720154203237512", "000000000000000", "4901542032375", ""] {
            assert_eq!(imei(&alone(text)), Outcome::Reject, "{text}");
        }
        assert_eq!(imei(&among("7-", "490154203237518", "")), Outcome::Reject);
    }

    #[test]
    fn plates_have_letters_and_digits() {
        assert_eq!(plate(&among("plate ", "B-MA 4127", "")), Outcome::Accept);
        for text in ["HOT", "2024", "ABCD 12345678"] {
            assert_eq!(plate(&among("plate ", text, "")), Outcome::Reject, "{text}");
        }
    }

    #[test]
    fn vehicles_with_a_check_digit_stand_alone() {
        assert_eq!(vin(&alone("1M8GDM9AXKP042788")), Outcome::Accept);
        assert_eq!(vin(&alone("1m8gdm9axkp042788")), Outcome::Accept);
        // Volkswagen writes Z where others have a check digit.
        assert_eq!(vin(&alone("WVWZZZ1JZXW000001")), Outcome::Confidence(35));
        for text in ["1M8GDM9AXKP04278O", "11111111111111111", "ABCDEFGHJKLMNPRST", "1M8GDM9AXKP04278"] {
            assert_eq!(vin(&alone(text)), Outcome::Reject, "{text}");
        }
    }
}
