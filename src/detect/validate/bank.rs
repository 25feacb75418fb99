//! International bank account numbers: ISO 13616, lengths by the SWIFT IBAN registry
//! (<https://www.swift.com/standards/data-standards/iban-international-bank-account-number>).

use super::{Candidate, Outcome};

/// Countries by the length of their IBANs.
const LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FK FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU MN XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM SO TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
    // Not in the registry, but used in practice.
    (24, "DZ"),
    (25, "AO CV GW MZ"),
    (26, "IR"),
    // French overseas territories: registered under FR, printed under their own codes.
    (27, "BL GF GP MF MQ NC PF PM RE TF WF YT"),
    (27, "BF CF CG CM GA GQ KM MG TD"),
    (28, "BJ CI MA ML NE SN TG"),
];

/// Length of the country and check digits.
pub(super) fn iban(candidate: &Candidate<'_>) -> Outcome {
    let compact: Vec<u8> =
        candidate.text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase()).collect();
    let Some((country, _)) = compact.split_at_checked(2) else { return Outcome::Reject };
    let known = LENGTHS.iter().any(|(length, countries)| {
        *length == compact.len() && countries.split(' ').any(|known| known.as_bytes() == country)
    });
    if known && mod_97(&compact) == Some(1) { Outcome::Accept } else { Outcome::Reject }
}

/// ISO 7064 mod 97-10 over the number with its first four characters moved to the end.
fn mod_97(compact: &[u8]) -> Option<u32> {
    let (head, tail) = compact.split_at_checked(4)?;
    tail.iter().chain(head).try_fold(0, |rest, byte| {
        let value = char::from(*byte).to_digit(36)?;
        Some(if value > 9 { (rest * 100 + value) % 97 } else { (rest * 10 + value) % 97 })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::alone;
    use super::*;

    #[test]
    fn examples_of_the_registry_are_valid() {
        for text in [
            "GB82 WEST 1234 5698 7654 32",
            "DE89370400440532013000",
            "de89 3704 0044 0532 0130 00",
            "NO93 8601 1117 947",
            "MT84MALT011000012345MTLCAST001S",
            "FR14 2004 1010 0505 0001 3M02 606",
        ] {
            assert_eq!(iban(&alone(text)), Outcome::Accept, "{text}");
        }
    }

    #[test]
    fn wrong_lengths_and_countries_are_not() {
        for text in ["GB82 WEST 1234 5698 7654 3", "ZZ89370400440532013000", "DE88370400440532013000", "", "DE", "DÉ12"]
        {
            assert_eq!(iban(&alone(text)), Outcome::Reject, "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_never_an_iban(at in 2usize..22, by in 1u8..10) {
            let mut number = *b"DE89370400440532013000";
            number[at] = (number[at] - b'0' + by) % 10 + b'0';
            let text = String::from_utf8(number.to_vec()).unwrap();
            prop_assert_eq!(iban(&alone(&text)), Outcome::Reject);
        }
    }
}
