//! Bank accounts and banks: IBAN (ISO 13616, lengths by the SWIFT IBAN registry,
//! <https://www.swift.com/standards/data-standards/iban-international-bank-account-number>), BIC (ISO 9362), and the routing numbers of
//! the American Bankers Association (<https://www.aba.com/about-us/routing-number>).

use super::{Candidate, Outcome, digits, label};

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
    // Lengths of before the country joined the registry, still in its banks' papers.
    (16, "BI"),
    (32, "NI"),
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

/// Countries of ISO 3166-1, and XK, which banks of Kosovo use.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC \
    CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL \
    GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI \
    LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE \
    PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ \
    TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// The words that stand directly before a BIC.
const BIC_LABELS: &[&str] = &["bic", "swift", "code", "bank", "swiftcode", "biccode"];

/// A bank's identifier code: institution, country, place, branch. Words of eight letters look so too, so those must be called one.
pub(super) fn bic(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let country = text.get(4..6).unwrap_or("");
    if !matches!(text.len(), 8 | 11) || !COUNTRIES.split_ascii_whitespace().any(|known| known == country) {
        return Outcome::Reject;
    }
    let telling = text.ends_with("XXX") || text.bytes().any(|b| b.is_ascii_digit());
    let called = label::words(label::nearest(candidate.before)).iter().any(|word| BIC_LABELS.contains(&word.as_str()));
    if telling || called { Outcome::Accept } else { Outcome::Reject }
}

/// The districts of the Federal Reserve, and those of thrifts, of electronic transfers and of traveller's cheques.
const DISTRICTS: [std::ops::RangeInclusive<u8>; 4] = [1..=12, 21..=32, 61..=72, 80..=80];

/// A routing number: district and check digit.
pub(super) fn routing(candidate: &Candidate<'_>) -> Outcome {
    let number: Vec<u8> = digits(candidate.text).collect();
    let [a, b, ..] = number.as_slice() else { return Outcome::Reject };
    let sum: u32 = number.iter().zip([3, 7, 1].iter().cycle()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    let district = DISTRICTS.iter().any(|districts| districts.contains(&(a * 10 + b)));
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let piece =
        candidate.before.ends_with(joins) || candidate.after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if number.len() == 9 && district && sum.is_multiple_of(10) && !piece { Outcome::Accept } else { Outcome::Reject }
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

    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn codes_of_banks_name_a_country() {
        for (before, text) in
            [("BIC ", "DEUTDEFF"), ("", "DEUTDEFF500"), ("at ", "NEDSZAJJXXX"), ("swift_code: ", "MMQIGBMM")]
        {
            assert_eq!(bic(&among(before, text, "")), Outcome::Accept, "{text}");
        }
        assert_eq!(bic(&among("SWIFT is a ", "DATABASE", "")), Outcome::Reject);
        assert_eq!(bic(&among("BIC ", "ACCOUNTS", "")), Outcome::Reject);
    }

    #[test]
    fn routing_numbers_have_a_district_and_a_check_digit() {
        for text in ["121000358", "3222-7162-7", "011000015"] {
            assert_eq!(routing(&alone(text)), Outcome::Accept, "{text}");
        }
        for text in ["121000357", "421042111", "1234-0000-0", "000000000", ""] {
            assert_eq!(routing(&alone(text)), Outcome::Reject, "{text}");
        }
    }

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
