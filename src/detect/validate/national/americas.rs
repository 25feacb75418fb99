//! The Americas.

use super::checksum::{ends_with, luhn, luhn_sum};
use super::europe_east::rising_11;
use super::number::{Number, is_date};
use super::{Scheme, form, row};

pub(super) const TABLE: &[Scheme] = &[
    row("ar-cuit", "kind, number and weights mod 11 (ARCA, ANSES)", |n| {
        let check = match 11 - n.dot(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
            11 => 0,
            10 => 9,
            check => check,
        };
        n.digits(11) && [20, 23, 24, 25, 26, 27, 30, 33, 34].contains(&n.num(0, 2)) && check == n.at(10)
    }),
    row("br-cnh", "two check digits mod 11 (Senatran)", |n| {
        let first = n.dot(&[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
        let second = n.dot(&[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11;
        let less = if first == 10 { 2 } else { 0 };
        let second = if second == 10 { 0 } else { (second + 11 - less) % 11 % 10 };
        n.digits(11) && first % 10 == n.at(9) && second == n.at(10)
    }),
    row("br-cnpj", "two check digits mod 11, letters allowed since 2026 (Receita Federal, IN 2.229/2024)", |n| {
        // The value of a character is its ASCII code less that of `0`.
        let value = |at: usize| u32::from(n.char(at).saturating_sub(b'0'));
        let sum = |weights: &[u32]| weights.iter().zip(0..).map(|(w, at)| w * value(at)).sum::<u32>();
        let first = brazilian(sum(&[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
        let second = brazilian(sum(&[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]));
        n.is("????????????##") && first == n.at(12) && second == n.at(13)
    }),
    row("br-cns", "first digit and weights 15 to 1, mod 11 (Ministerio da Saude)", |n| {
        let sum = n.dot(&[15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
        n.digits(15) && [1, 2, 7, 8, 9].contains(&n.at(0)) && sum % 11 == 0
    }),
    row("br-cpf", "two check digits mod 11 (Receita Federal)", |n| {
        let first = brazilian(n.dot(&[10, 9, 8, 7, 6, 5, 4, 3, 2]));
        let second = brazilian(n.dot(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]));
        n.digits(11) && first == n.at(9) && second == n.at(10)
    }),
    row("br-pis", "weights mod 11 (Caixa)", |n| {
        n.digits(11) && brazilian(n.dot(&[3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == n.at(10)
    }),
    row("br-titulo", "state and two check digits mod 11 (TSE)", |n| {
        let first = n.dot(&[2, 3, 4, 5, 6, 7, 8, 9]) % 11 % 10;
        let second = n.dot_from(8, &[7, 8, 9]) % 11 % 10;
        n.digits(12) && (1..=28).contains(&n.num(8, 2)) && first == n.at(10) && second == n.at(11)
    }),
    row("ca-bc-phn", "begins with 9, weights mod 11 (British Columbia Ministry of Health)", |n| {
        n.digits(10) && n.at(0) == 9 && 11 - n.dot_from(1, &[2, 4, 8, 5, 10, 9, 7, 3]) % 11 == n.at(9)
    }),
    row("ca-bn", "nine digits with Luhn, account (Canada Revenue Agency)", |n| {
        let account = n.part(9, 2);
        let known = [*b"RC", *b"RM", *b"RP", *b"RT", *b"RR", *b"RZ"].iter().any(|code| code == account.bytes());
        n.is("#########@@####") && known && luhn(&n.part(0, 9))
    }),
    row("ca-ohip", "ten digits with Luhn, two letters of the version (ServiceOntario)", |n| {
        (n.digits(10) || n.is("##########@@")) && n.at(0) > 0 && luhn(&n.part(0, 10))
    }),
    row("ca-sin", "nine digits with Luhn, none from 0 or 8 (Service Canada)", |n| {
        n.digits(9) && ![0, 8].contains(&n.at(0)) && luhn(n)
    }),
    row("cl-rut", "weights 2 to 7 from the right, mod 11, 10 is K (Servicio de Impuestos Internos)", |n| {
        let body = n.part(0, n.len().saturating_sub(1));
        let check = if n.char(n.len().saturating_sub(1)) == b'K' { 10 } else { n.last() };
        (8..=9).contains(&n.len()) && body.digits(body.len()) && n.at(0) > 0 && rising_11(n, 6) == check
    }),
    row("co-nit", "prime weights mod 11 (DIAN)", |n| {
        const PRIMES: [u32; 15] = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
        let body = (0..n.len().saturating_sub(1)).rev().map(|at| n.at(at));
        let sum: u32 = body.zip(PRIMES).map(|(v, w)| v * w).sum();
        (9..=11).contains(&n.len())
            && n.digits(n.len())
            && n.at(0) > 0
            && ends_with(n, "01987654321", (sum % 11).into())
    }),
    form("cu-ni", "date of birth (Ministerio del Interior)", |n| n.digits(11) && n.date(0, 2, 4)),
    row("do-cedula", "eleven digits with Luhn (Junta Central Electoral)", |n| n.digits(11) && luhn(n)),
    row("do-rnc", "weights mod 11 (DGII)", |n| {
        let check = (19 - n.dot(&[7, 9, 8, 6, 5, 4, 3, 2]) % 11) % 9 + 1;
        n.digits(9) && [1, 4, 5].contains(&n.at(0)) && check == n.at(8)
    }),
    row("ec-cedula", "province, Luhn (Registro Civil)", ecuadorian),
    row("ec-ruc", "province, kind and its weights mod 10 or 11 (SRI)", |n| {
        let province = matches!(n.num(0, 2), 1..=24 | 30 | 50);
        let body = match n.at(2) {
            0..=5 => ecuadorian(&n.part(0, 10)) && n.num(10, 3) > 0,
            6 => n.dot(&[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0 && n.num(9, 4) > 0 || ecuadorian(&n.part(0, 10)),
            _ => n.dot(&[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0 && n.num(10, 3) > 0,
        };
        n.digits(13) && province && body
    }),
    form("cr-cedula", "persons by province, companies by class (Registro Nacional)", |n| match n.len() {
        9 => n.digits(9) && (1..=9).contains(&n.at(0)),
        _ => n.digits(10) && ((2..=5).contains(&n.at(0)) || n.at(0) == 0 && n.at(1) > 0),
    }),
    row("gt-nit", "weights from the right, mod 11, 10 is K (SAT)", |n| {
        let check = if n.char(n.len().saturating_sub(1)) == b'K' { 10 } else { n.last() };
        let body = n.part(0, n.len().saturating_sub(1));
        (5..=9).contains(&n.len()) && body.digits(body.len()) && n.at(0) > 0 && rising_11(n, 12) == check
    }),
    row("mx-curp", "name, date, sex, state and check digit mod 10 (RENAPO)", |n| {
        let value = |at: usize| if n.char(at) > b'N' { n.at(at) + 1 } else { n.at(at) };
        let sum: u32 = (0..17).zip((2..=18u32).rev()).map(|(at, w)| value(at) * w).sum();
        n.is("@@@@######@@@@@@?#")
            && b"HMX".contains(&n.char(10))
            && n.date(4, 6, 8)
            && (10 - sum % 10) % 10 == n.at(17)
    }),
    row("mx-nss", "eleven digits with Luhn (IMSS)", |n| n.digits(11) && luhn(n)),
    row("mx-rfc", "name, date and check digit mod 11 (SAT)", |n| {
        let value = |at: usize| match n.char(at) {
            b'&' => 24,
            c if c > b'N' => n.at(at) + 1,
            _ => n.at(at),
        };
        // Companies have three letters, and a blank of the value 37 before them.
        let blank = if n.len() == 12 { 37 * 13 } else { 0 };
        let weights = (2u32..).take(n.len().saturating_sub(1));
        let sum: u32 = (0..n.len().saturating_sub(1)).rev().zip(weights).map(|(at, w)| value(at) * w).sum();
        let check = match 11 - (sum + blank) % 11 {
            11 => 0,
            check => check,
        };
        mexican(n) && check == n.last()
    }),
    form("mx-rfc-form", "name and date (SAT)", mexican),
    form("pe-dni", "weights mod 11, a digit or a letter (RENIEC)", |n| {
        let at = n.dot(&[3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        let checked = ends_with(n, "65432110987", at.into()) || ends_with(n, "KJIHGFEDCBA", at.into());
        n.digits(8) || n.is("########?") && checked
    }),
    row("pe-ruc", "kind and weights mod 11 (SUNAT)", |n| {
        let check = (11 - n.dot(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10;
        n.digits(11) && [10, 15, 16, 17, 20].contains(&n.num(0, 2)) && check == n.at(10)
    }),
    row("py-ruc", "weights from the right, mod 11 (DNIT)", |n| {
        (6..=9).contains(&n.len()) && n.digits(n.len()) && n.at(0) > 0 && rising_11(n, 10) % 10 == n.last()
    }),
    row("sv-dui", "weights 9 to 2, mod 10 (RNPN)", |n| {
        n.digits(9) && n.num(0, 8) > 0 && (10 - n.dot(&[9, 8, 7, 6, 5, 4, 3, 2]) % 10) % 10 == n.at(8)
    }),
    row("sv-nit", "place, date, weights mod 11 (Ministerio de Hacienda)", |n| {
        let check = match n.num(10, 3) <= 100 {
            true => n.dot(&[14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11 % 10,
            false => (11 - n.dot(&[2, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10,
        };
        n.digits(14) && [0, 1, 9].contains(&n.at(0)) && n.date(8, 6, 4) && check == n.at(13)
    }),
    row("us-dea", "two letters, odd places and twice the even ones, mod 10 (DEA)", |n| {
        n.is("@@#######")
            && b"ABCDEFGHJKLMPRSTUX".contains(&n.char(0))
            && n.dot_from(2, &[1, 2, 1, 2, 1, 2]) % 10 == n.at(8)
    }),
    form("us-ein", "prefixes of campuses (IRS)", |n| {
        let free = matches!(n.num(0, 2), 0 | 7..=9 | 17..=19 | 28..=29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97);
        n.digits(9) && !free
    }),
    form("us-itin", "begins with 9, groups that are given out (IRS)", |n| {
        n.digits(9) && n.at(0) == 9 && matches!(n.num(3, 2), 50..=65 | 70..=88 | 90..=92 | 94..=99)
    }),
    form("us-mbi", "letters and digits in their places, no S, L, O, I, B, Z (CMS)", |n| {
        let letters = n.bytes().iter().filter(|b| b.is_ascii_uppercase()).all(|b| !b"SLOIBZ".contains(b));
        n.is("#@?#@?#@@##") && n.at(0) > 0 && letters
    }),
    row("us-npi", "begins with 1 or 2, Luhn with 80840 before it (CMS, 45 CFR 162)", |n| {
        n.digits(10) && [1, 2].contains(&n.at(0)) && (luhn_sum(n) + 24) % 10 == 0
    }),
    row("uy-ci", "weights 2, 9, 8, 7, 6, 3, 4, mod 10 (DNIC)", |n| {
        n.digits(8) && n.num(0, 7) > 0 && (10 - n.dot(&[2, 9, 8, 7, 6, 3, 4]) % 10) % 10 == n.at(7)
    }),
    row("uy-rut", "weights mod 11 (DGI)", |n| {
        let check = (11 - n.dot(&[4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        n.digits(12) && (1..=22).contains(&n.num(0, 2)) && n.num(8, 3) == 1 && check == n.at(11)
    }),
    row("ve-rif", "letter and weights mod 11 (SENIAT)", |n| {
        let letter = match n.char(0) {
            b'V' => 4,
            b'E' => 8,
            b'J' | b'C' => 12,
            b'P' => 16,
            b'G' => 20,
            _ => return false,
        };
        let sum = letter + n.dot_from(1, &[3, 2, 7, 6, 5, 4, 3, 2]);
        n.is("@#########") && ends_with(n, "00987654321", (sum % 11).into())
    }),
];

/// The remainder's complement by 11; 10 and 11 count as 0.
fn brazilian(sum: u32) -> u32 {
    match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    }
}

fn ecuadorian(n: &Number) -> bool {
    n.digits(10) && matches!(n.num(0, 2), 1..=24 | 30) && n.at(2) <= 6 && luhn(n)
}

fn mexican(n: &Number) -> bool {
    let letters = n.len().saturating_sub(9);
    let name = n.bytes().iter().take(letters).all(|b| b.is_ascii_uppercase() || *b == b'&');
    let date = n.part(letters, 6);
    let dated = date.digits(6) && is_date(date.num(0, 2), date.num(2, 2), date.num(4, 2));
    [3, 4].contains(&letters) && name && dated && n.part(letters + 6, 3).is("???")
}
