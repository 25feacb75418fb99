//! Southern Europe: Iberia, Italy, Greece, Cyprus, Malta, Turkey.

use super::checksum::{ends_with, luhn};
use super::europe_west::portuguese_card;
use super::number::Number;
use super::{Scheme, form, row};

const SPANISH: &str = "TRWAGMYFPDXBNJZSQVHLCKE";

pub(super) const TABLE: &[Scheme] = &[
    form("al-nipt", "letter, eight digits, letter (Drejtoria e Pergjithshme e Tatimeve)", |n| {
        n.is("@########@") && (b'A'..=b'M').contains(&n.char(0))
    }),
    form("ad-nrt", "letter of the kind of taxpayer, six digits, letter (Govern d'Andorra)", |n| {
        n.is("@######@") && b"ACDEFGLOPU".contains(&n.char(0))
    }),
    row("es-cif", "letter of the legal form, control digit or letter (Orden EHA/451/2008)", spanish_company),
    row("es-naf", "province, number and mod 97 (Tesoreria General de la Seguridad Social)", |n| {
        let number = n.num(2, 8);
        let body = if number < 10_000_000 { number + n.num(0, 2) * 10_000_000 } else { n.num(0, 10) };
        n.digits(12) && (1..=66).contains(&n.num(0, 2)) && body % 97 == n.num(10, 2)
    }),
    row("es-nie", "letter, seven digits and a letter mod 23 (Ministerio del Interior)", |n| {
        let lead = match n.char(0) {
            b'X' => 0,
            b'Y' => 1,
            b'Z' => 2,
            _ => return false,
        };
        n.is("@#######@") && ends_with(n, SPANISH, (lead * 10_000_000 + n.num(1, 7)) % 23)
    }),
    row("es-nif", "digits and a letter mod 23 (Real Decreto 1553/2005)", spanish_person),
    row("gr-afm", "powers of two mod 11 (AADE)", |n| {
        n.digits(9) && n.dot(&[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == n.at(8)
    }),
    row("gr-amka", "date of birth and Luhn (IDIKA)", |n| n.digits(11) && n.date(4, 2, 0) && luhn(n)),
    row("it-codice-fiscale", "name, date, place and control letter (DM 23 December 1976)", italian_person),
    row("it-partita-iva", "office and Luhn (Agenzia delle Entrate)", |n| {
        let office = matches!(n.num(7, 3), 1..=100 | 120 | 121 | 888 | 999);
        n.digits(11) && n.num(0, 7) > 0 && office && luhn(n)
    }),
    row(
        "pt-cc",
        "number, version and the Luhn sum over letters and digits (Instituto dos Registos e do Notariado)",
        portuguese_card,
    ),
    row("pt-nif", "weights 9 to 2, mod 11 (Autoridade Tributaria)", |n| {
        n.digits(9) && matches!(n.at(0), 1 | 2 | 3 | 5..=9) && check_11(n.dot(&[9, 8, 7, 6, 5, 4, 3, 2])) == n.at(8)
    }),
    row("pt-niss", "prime weights mod 10 (Seguranca Social)", |n| {
        n.digits(11) && [1, 2].contains(&n.at(0)) && 9 - n.dot(&[29, 23, 19, 17, 13, 11, 7, 5, 3, 2]) % 10 == n.at(10)
    }),
    row("tr-tckn", "two check digits mod 10 (Nufus ve Vatandaslik Isleri)", |n| {
        let (odd, even) = (n.dot(&[1, 0, 1, 0, 1, 0, 1, 0, 1]), n.dot(&[0, 1, 0, 1, 0, 1, 0, 1]));
        let tenth = (odd * 7 + 200 - even) % 10 == n.at(9);
        n.digits(11) && n.at(0) > 0 && tenth && (odd + even + n.at(9)) % 10 == n.at(10)
    }),
    row("tr-vkn", "powers of two mod 9 (Gelir Idaresi)", |n| {
        let term = |at: u32| {
            let shifted = (n.at(at as usize) + 9 - at) % 10;
            let product = shifted * 2u32.pow(9 - at) % 9;
            if shifted != 0 && product == 0 { 9 } else { product }
        };
        n.digits(10) && (10 - (0..9).map(term).sum::<u32>() % 10) % 10 == n.at(9)
    }),
];

/// 11 less the remainder, 0 where that is 10 or 11.
fn check_11(sum: u32) -> u32 {
    match 11 - sum % 11 {
        10 | 11 => 0,
        check => check,
    }
}

pub(super) fn spanish_person(n: &Number) -> bool {
    let digits = match n.char(0) {
        b'K' | b'L' | b'M' if n.is("@#######@") => n.num(1, 7),
        _ if n.is("########@") => n.num(0, 8),
        _ if n.is("#######@") => n.num(0, 7),
        _ => return false,
    };
    digits > 0 && ends_with(n, SPANISH, digits % 23)
}

pub(super) fn spanish_company(n: &Number) -> bool {
    let check = (1..10u32).find(|check| {
        let text: String =
            n.part(1, 7).bytes().iter().map(|b| char::from(*b)).chain(char::from_digit(*check, 10)).collect();
        Number::of(&text).is_some_and(|n| luhn(&n))
    });
    let check = check.unwrap_or(0);
    let digit = !b"PQSW".contains(&n.char(0)) && n.char(8).is_ascii_digit() && n.at(8) == check;
    let letter = !b"ABEH".contains(&n.char(0)) && ends_with(n, "JABCDEFGHI", check.into());
    n.is("@#######?") && b"ABCDEFGHJNPQRSUVW".contains(&n.char(0)) && (digit || letter)
}

pub(super) fn cypriot(n: &Number) -> bool {
    const EVEN: [u64; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let value = |at: usize| EVEN.get(n.at(at) as usize).copied().unwrap_or_default();
    let sum = [0, 2, 4, 6].map(value).iter().sum::<u64>() + u64::from(n.dot(&[0, 1, 0, 1, 0, 1, 0, 1]));
    n.is("########@") && n.num(0, 2) != 12 && ends_with(n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26)
}

pub(super) fn maltese_vat(n: &Number) -> bool {
    n.digits(8) && n.num(0, 6) > 100_000 && n.dot(&[3, 4, 6, 7, 8, 9, 10, 1]) % 37 == 0
}

/// The values of `A`–`Z` in odd places of a codice fiscale; the digits have those of `A`–`J`.
const ODD: [u64; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
/// Letters that stand for 0 to 9 where two persons would have one number (omocodia).
const OMOCODIA: &[u8; 10] = b"LMNPQRSTUV";

fn italian_person(n: &Number) -> bool {
    let digit = |at: usize| {
        let c = n.char(at);
        match c.is_ascii_digit() {
            true => Some(n.at(at)),
            false => (0u32..).zip(OMOCODIA).find(|(_, letter)| **letter == c).map(|(digit, _)| digit),
        }
    };
    let two = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let dated = two(6).is_some() && two(9).is_some_and(|day| matches!(day, 1..=31 | 41..=71));
    let placed = [12, 13, 14].iter().all(|at| digit(*at).is_some());
    let value = |at: usize| {
        let c = n.char(at);
        let place = if c.is_ascii_digit() { n.at(at) } else { n.at(at).saturating_sub(10) };
        if at % 2 == 0 { ODD.get(place as usize).copied().unwrap_or_default() } else { place.into() }
    };
    let sum: u64 = (0..15).map(value).sum();
    let shape = n.is("@@@@@@??@??@???@") && b"ABCDEHLMPRST".contains(&n.char(8));
    shape && dated && placed && ends_with(n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", sum % 26)
}
