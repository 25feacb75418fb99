//! VAT numbers with the letters of their country, in the form of the European register
//! (<https://ec.europa.eu/taxation_customs/vies/>; Directive 2006/112/EC, article 215).

use super::checksum::{hybrid, luhn};
use super::number::Number;
use super::{Scheme, europe_east as east, europe_south as south, europe_west as west, row};

pub(super) const TABLE: &[Scheme] =
    &[row("eu-vat", "letters of a country, the form and the check digits of its VAT numbers", |n| {
        let Some((prefix, valid)) = COUNTRIES.iter().find(|(prefix, _)| n.bytes().starts_with(prefix.as_bytes()))
        else {
            return false;
        };
        valid(&n.part(prefix.len(), n.len()))
    })];

type Valid = fn(&Number) -> bool;

/// By the letters in front.
const COUNTRIES: &[(&str, Valid)] = &[
    ("AT", west::austrian_vat),
    ("BE", west::belgian_vat),
    ("BG", east::bulgarian_vat),
    ("CY", south::cypriot),
    ("CZ", |n| east::czech_company(n) || east::birth_number(n)),
    ("DE", |n| n.digits(9) && n.at(0) > 0 && hybrid(n, 10)),
    ("DK", |n| n.digits(8) && n.at(0) > 0 && n.dot(&[2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0),
    ("EE", east::estonian_vat),
    ("EL", |n| n.digits(9) && n.dot(&[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == n.at(8)),
    ("ES", |n| {
        let foreign = n.is("@#######@") && b"XYZ".contains(&n.char(0));
        foreign || south::spanish_company(n) || south::spanish_person(n)
    }),
    ("FI", |n| n.digits(8) && n.dot(&[7, 9, 10, 5, 8, 4, 2, 1]) % 11 == 0),
    ("FR", west::french_vat),
    ("GB", west::british_vat),
    ("HR", |n| n.digits(11) && hybrid(n, 10)),
    ("HU", |n| n.digits(8) && n.dot(&[9, 7, 3, 1, 9, 7, 3, 1]) % 10 == 0),
    ("IE", |n| west::irish(n) || old_irish(n)),
    ("IT", |n| n.digits(11) && n.num(0, 7) > 0 && luhn(n)),
    ("LT", west::lithuanian_vat),
    ("LU", west::luxembourgish_vat),
    ("LV", west::latvian_vat),
    ("MT", south::maltese_vat),
    ("NL", west::dutch_vat),
    ("PL", east::polish_vat),
    ("PT", |n| n.digits(9) && (11 - n.dot(&[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == n.at(8)),
    ("RO", |n| n.len() >= 6 && east::romanian_vat(n)),
    ("SE", west::swedish_vat),
    ("SI", east::slovenian_vat),
    ("SK", |n| n.digits(10) && n.at(0) > 0 && n.num(0, 10) % 11 == 0),
    ("XI", west::british_vat),
];

/// The form before 2013: a digit, a letter, five digits, a letter. The number counts with its second character at the end.
fn old_irish(n: &Number) -> bool {
    let digits: String =
        std::iter::once(b'0').chain(n.bytes().iter().skip(2).copied().take(5)).map(char::from).collect();
    let whole = format!("{digits}{}{}", char::from(n.char(0)), char::from(n.char(7)));
    n.is("#@#####@") && Number::of(&whole).is_some_and(|whole| west::irish(&whole))
}
