//! Dates of birth: a date that somebody alive may have been born on, written as people write it. That it is one the rule's words say.

use super::{Candidate, Outcome};

/// Years of birth of people on record.
const YEARS: std::ops::RangeInclusive<u32> = 1880..=2035;

/// Beginnings of the months' names by which they are told apart, in the languages of the rule, without diacritics.
const MONTHS: [&str; 12] = [
    "jan gen ene sty led tam",
    "feb fev fab lut uno hel",
    "mar mrt maa bre mae",
    "apr avr abr kwi dub huh",
    "may mai mag maj mei kve tou",
    "jun giu jui cze cer kes",
    "jul lug lip cvc hei",
    "aug aou ago sie srp elo",
    "sep set wrz zar syy",
    "oct okt ott out paz rij lok",
    "nov lis mar",
    "dec dez dic gru pro jou",
];

/// A day that exists, in a year in which people of today, or of the last records, were born.
pub(super) fn birth(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let continues = |c: char| c.is_ascii_alphanumeric();
    if candidate.before.ends_with(continues) || candidate.after.starts_with(continues) {
        return Outcome::Reject;
    }
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let numbers: Vec<(u32, usize)> = groups.filter_map(|group| Some((group.parse().ok()?, group.len()))).collect();
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    let year = |(number, len): (u32, usize)| match len {
        4 => YEARS.contains(&number),
        _ => len == 2 && number < 100,
    };
    let day = |(number, _): (u32, usize), month: u32| (1..=days(month)).contains(&number);
    let valid = match *numbers.as_slice() {
        [y @ (_, 4), (month, _), d] | [(month, _), d, y] if year(y) && day(d, month) => true,
        [d, (month, _), y] => year(y) && day(d, month),
        // `18 July 1951`, `July 18, 1951`
        [d, y] if !letters.is_empty() => is_month(&letters) && year(y) && day(d, 1),
        // `19510718`
        [(all, 8)] => year((all / 10_000, 4)) && day((all % 100, 2), all / 100 % 100),
        _ => false,
    };
    if valid { Outcome::Accept } else { Outcome::Reject }
}

/// Days of a month in a leap year; none of what is no month.
fn days(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Whether a word of `letters`, which may have `de` or a suffix of a number around it, names a month.
fn is_month(letters: &str) -> bool {
    let month = |letters: &str| MONTHS.iter().any(|names| names.split(' ').any(|name| letters.starts_with(name)));
    let particles = ["st", "nd", "rd", "th", "er", "de", "del", "of"];
    month(letters) || particles.iter().any(|particle| letters.strip_prefix(particle).is_some_and(month))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn days_that_exist() {
        for text in [
            "1983-09-11",
            "11.09.1983",
            "09/11/1983",
            "13/09/1983",
            "18 July 1951",
            "July 18, 1951",
            "18. Juli 1951",
            "3rd May 1990",
            "18 de julio de 1951",
            "1951年7月18日",
            "19510718",
            "12.05.83",
            "1er mars 1980",
            "11 December 2019",
        ] {
            assert_eq!(birth(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in [
            "1983-13-11",
            "31.02.1983",
            "00/11/1983",
            "18 Jolly 1951",
            "1751-07-18",
            "19511332",
            "1.2.3.4",
            "2150-01-01",
        ] {
            assert_eq!(birth(&alone(text)), Outcome::Reject, "{text}");
        }
        assert_eq!(birth(&among("v", "1983-09-11", "")), Outcome::Reject);
    }
}
