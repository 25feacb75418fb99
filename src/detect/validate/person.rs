//! National identifiers of persons.

use super::{Candidate, Outcome, digits, label};

/// US social security numbers: the areas, groups and serials that can have been issued
/// (<https://www.ssa.gov/employer/randomization.html>: no area 000, 666 or 9xx, no group 00, no serial 0000).
pub(super) fn us_ssn(candidate: &Candidate<'_>) -> Outcome {
    let number = digits(candidate.text).take(9).fold(0u32, |number, digit| number * 10 + u32::from(digit));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    if digits(candidate.text).count() != 9 || matches!(area, 0 | 666) || group == 0 || serial == 0 {
        return Outcome::Reject;
    }
    // Areas from 900 on were never issued; samples and taxpayers' numbers (ITIN) have them. It takes a word for it.
    let unissued = area >= 900;
    if unissued && !candidate.text.contains('-') {
        return Outcome::Reject;
    }
    let continues = |c: Option<char>, next: Option<char>| match c {
        Some('-' | '.' | '/' | '+') => next.is_some_and(char::is_alphanumeric),
        Some(c) => c.is_alphanumeric() || c == '_',
        None => false,
    };
    let (mut before, mut after) = (candidate.before.chars().rev(), candidate.after.chars());
    if continues(before.next(), before.next()) || continues(after.next(), after.next()) {
        return Outcome::Reject;
    }
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let in_row =
        digit(candidate.before.trim_end().chars().next_back()) || digit(candidate.after.trim_start().chars().next());
    let called =
        label::words(label::nearest(candidate.before)).iter().any(|word| matches!(word.as_str(), "ssn" | "security"));
    match candidate.text {
        _ if label::is_machine(candidate.before) => Outcome::Confidence(30),
        // Beside its own name it is meant as one, whatever else it looks like.
        _ if unissued => Outcome::Confidence(if called { 62 } else { 35 }),
        // Columns of a table are numbers in a row.
        text if text.contains([' ', '.']) => Outcome::Confidence(if in_row { 30 } else { 52 }),
        _ => Outcome::Accept,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn issued_ranges_only() {
        assert_eq!(us_ssn(&alone("536-90-4399")), Outcome::Accept);
        assert_eq!(us_ssn(&alone("536 90 4399")), Outcome::Confidence(52));
        assert_eq!(us_ssn(&among("17 ", "536 90 4399", "")), Outcome::Confidence(30));
        assert_eq!(us_ssn(&alone("987-65-4321")), Outcome::Confidence(35));
        assert_eq!(us_ssn(&among("the SSN ", "987-65-4321", "")), Outcome::Confidence(62));
        for text in ["000-12-3456", "666-12-3456", "987 65 4321", "123-00-4567", "123-45-0000", "123-45-678", ""] {
            assert_eq!(us_ssn(&alone(text)), Outcome::Reject, "{text}");
        }
    }

    #[test]
    fn a_piece_of_a_longer_number_is_none() {
        assert_eq!(us_ssn(&among("2024-", "536-90-4399", "")), Outcome::Reject);
        assert_eq!(us_ssn(&among("", "536-90-4399", "-12")), Outcome::Reject);
        assert_eq!(us_ssn(&among("ssn: ", "536-90-4399", ". Then")), Outcome::Accept);
    }
}
