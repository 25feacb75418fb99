//! Asia and the Middle East.

use super::checksum::{cross_sum, ends_with, luhn, mod_11_2, verhoeff};
use super::number::{Number, is_date};
use super::{Scheme, form, row};

pub(super) const TABLE: &[Scheme] = &[
    row("ae-eid", "784, year of birth, Luhn (ICP)", |n| {
        n.digits(15) && n.num(0, 3) == 784 && (1900..2100).contains(&n.num(3, 4)) && luhn(n)
    }),
    row("cn-ric", "place, date of birth, ISO 7064 mod 11-2 (GB 11643)", |n| {
        let shape = n.digits(18) || n.is("#################X");
        let place =
            matches!(n.num(0, 2), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91);
        shape && place && matches!(n.num(6, 2), 18..=20) && n.date(8, 10, 12) && mod_11_2(n)
    }),
    row("cn-uscc", "powers of three mod 31 (GB 32100)", |n| {
        const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
        const WEIGHTS: [u64; 18] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1];
        let value = |b: &u8| ALPHABET.iter().position(|c| c == b).and_then(|at| u64::try_from(at).ok());
        let sum = n.bytes().iter().zip(WEIGHTS).try_fold(0, |sum, (b, w)| Some(sum + value(b)? * w));
        n.len() == 18 && n.part(2, 6).digits(6) && sum.is_some_and(|sum| sum % 31 == 0)
    }),
    row("hk-id", "one or two letters, six digits, weights mod 11 (Immigration Department)", |n| {
        let (letters, tail) = (n.len().saturating_sub(7), n.part(n.len().saturating_sub(7), 7));
        let first = match letters {
            1 => 36 * 9 + n.at(0) * 8,
            _ => n.at(0) * 9 + n.at(1) * 8,
        };
        let shape = n.is("@######?") || n.is("@@######?");
        let check = tail.char(6).is_ascii_digit() || tail.char(6) == b'A';
        shape && check && (first + tail.dot(&[7, 6, 5, 4, 3, 2, 1])) % 11 == 0
    }),
    form("id-nik", "place, date of birth (Dukcapil)", |n| {
        let day = if n.num(6, 2) > 40 { n.num(6, 2) - 40 } else { n.num(6, 2) };
        let place = (11..=97).contains(&n.num(0, 2)) && n.num(2, 2) > 0 && n.num(4, 2) > 0;
        n.digits(16) && place && is_date(n.num(10, 2), n.num(8, 2), day) && n.num(12, 4) > 0
    }),
    row("id-npwp", "first nine digits with Luhn (Direktorat Jenderal Pajak)", |n| {
        n.digits(15) && luhn(&n.part(0, 9)) || n.digits(16) && n.at(0) == 0 && luhn(&n.part(1, 9))
    }),
    row("il-id", "nine digits with Luhn (Population and Immigration Authority)", |n| {
        n.digits(n.len()) && (8..=9).contains(&n.len()) && luhn(&n.padded(9))
    }),
    row("in-aadhaar", "twelve digits, none from 0 or 1, Verhoeff (UIDAI)", |n| {
        let mirrored = n.bytes().iter().eq(n.bytes().iter().rev());
        n.digits(12) && n.at(0) > 1 && !mirrored && verhoeff(n)
    }),
    form("in-epic", "three letters and seven digits (Election Commission of India)", |n| n.is("@@@#######")),
    row("in-gstin", "state, PAN and mod 36 (GSTN)", |n| {
        let value = |at: usize| {
            let product = n.at(at) * if at % 2 == 0 { 1 } else { 2 };
            product / 36 + product % 36
        };
        let sum: u32 = (0..14).map(value).sum();
        indian_business(n) && (36 - sum % 36) % 36 == n.at(14)
    }),
    form("in-gstin-form", "state and PAN (GSTN)", indian_business),
    form("in-pan", "letters and digits in their places, kind of holder (Income Tax Department)", |n| {
        n.is("@@@@@####@") && b"ABCFGHJLPTKE".contains(&n.char(3)) && n.num(5, 4) > 0
    }),
    row("in-vid", "sixteen digits, none from 0 or 1, Verhoeff (UIDAI)", |n| n.digits(16) && n.at(0) > 1 && verhoeff(n)),
    row("ir-melli", "weights 10 to 2, mod 11 (Sabt-e Ahval)", |n| {
        let rest = n.dot(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        n.digits(10) && n.num(3, 6) > 0 && n.at(9) == if rest < 2 { rest } else { 11 - rest }
    }),
    row("jp-corporate", "first digit, weights 1 and 2, mod 9 (National Tax Agency)", |n| {
        n.digits(13) && 9 - n.dot_from(1, &[2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]) % 9 == n.at(0)
    }),
    row("jp-my-number", "weights mod 11 (Ordinance 85 of 2014)", |n| {
        let rest = n.dot(&[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        n.digits(12) && n.at(11) == if rest < 2 { 0 } else { 11 - rest }
    }),
    row("kr-brn", "weights mod 10 (National Tax Service)", |n| {
        let sum = n.dot(&[1, 3, 7, 1, 3, 7, 1, 3, 5]) + n.at(8) * 5 / 10;
        n.digits(10) && n.num(0, 3) > 100 && n.num(3, 2) > 0 && (10 - sum % 10) % 10 == n.at(9)
    }),
    form(
        "kr-rrn",
        "date of birth, sex and century (Ministry of the Interior; numbers since 2020 have no check digit)",
        korean,
    ),
    row("kr-rrn-checked", "date of birth, sex and century, weights mod 11 (Ministry of the Interior)", |n| {
        let sum = n.dot(&[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11;
        // Numbers of foreigners counted from 13 before 2020.
        let foreign = (5..=8).contains(&n.at(6)) && (13 - sum) % 10 == n.at(12);
        korean(n) && (foreign || (11 - sum) % 10 == n.at(12))
    }),
    form("lk-nic", "year and day of birth (Department for Registration of Persons)", |n| {
        let day = if n.len() == 12 { n.num(4, 3) } else { n.num(2, 3) };
        let year = n.len() != 12 || (1900..2020).contains(&n.num(0, 4));
        let shape = n.digits(12) || n.is("#########V") || n.is("#########X");
        shape && year && matches!(day, 1..=366 | 501..=866)
    }),
    form("my-nric", "date and place of birth (JPN)", |n| {
        let place = matches!(n.num(6, 2), 1..=16 | 21..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99);
        n.digits(12) && n.date(0, 2, 4) && place
    }),
    form("ph-tin", "nine digits and a branch (BIR)", |n| {
        (n.digits(9) || n.digits(12) || n.digits(14)) && n.num(0, 9) > 100_000 && n.at(0) < 6
    }),
    form("pk-cnic", "province, family, sex (NADRA)", |n| n.digits(13) && (1..=7).contains(&n.at(0)) && n.num(5, 7) > 0),
    row("sa-id", "begins with 1 or 2, Luhn (Absher)", |n| n.digits(10) && [1, 2].contains(&n.at(0)) && luhn(n)),
    row("sg-nric", "letter, weights mod 11 (ICA)", |n| {
        let sum = n.dot_from(1, &[2, 7, 6, 5, 4, 3, 2]);
        let (offset, letters) = match n.char(0) {
            b'S' => (0, "JZIHGFEDCBA"),
            b'T' => (4, "JZIHGFEDCBA"),
            b'F' => (0, "XWUTRQPNMLK"),
            b'G' => (4, "XWUTRQPNMLK"),
            b'M' => (3, "XWUTRQPNJLK"),
            _ => return false,
        };
        n.is("@#######@") && ends_with(n, letters, ((sum + offset) % 11).into())
    }),
    row("sg-uen", "weights mod 11 by kind of entity (ACRA)", |n| {
        let business = n.dot(&[10, 4, 9, 3, 8, 2, 7, 1]) % 11;
        let company = n.dot(&[10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11;
        (n.is("########@") && ends_with(n, "XMKECAWLJDB", business.into()))
            || (n.is("#########@")
                && (1800..2100).contains(&n.num(0, 4))
                && ends_with(n, "ZKCMDNERGWH", company.into()))
            || other_entity(n)
    }),
    row("th-pin", "weights 13 to 2, mod 11 (Department of Provincial Administration)", |n| {
        let sum = n.dot(&[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
        n.digits(13) && n.num(1, 11) > 0 && (11 - sum % 11) % 10 == n.at(12)
    }),
    row("tw-id", "letter as two digits, weights mod 10 (Ministry of the Interior)", |n| {
        // In the order in which the counties got their codes, from 10 on.
        let code =
            b"ABCDEFGHJKLMNPQRSTUVXYWZIO".iter().position(|b| *b == n.char(0)).and_then(|at| u32::try_from(at).ok());
        let code = code.map_or(0, |at| at + 10);
        let sum = code / 10 + code % 10 * 9 + n.dot_from(1, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
        n.is("@#########") && [1, 2, 8, 9].contains(&n.at(1)) && sum % 10 == 0
    }),
    row("tw-ubn", "weights 1 and 2, sums of digits mod 5 (Ministry of Finance, 2023)", |n| {
        let products = [1, 2, 1, 2, 1, 2, 4, 1];
        let sum = cross_sum((0..8).map(|at| n.at(at)), &products);
        n.digits(8) && (sum % 5 == 0 || n.at(6) == 7 && (sum + 1) % 5 == 0)
    }),
    row(
        "uz-pinfl",
        "sex and century, date of birth, weights 7, 3, 1, mod 10 (Uzbekistan, resolution 8 of 2018)",
        |n| {
            let dated = (1..=6).contains(&n.at(0)) && is_date(n.num(5, 2), n.num(3, 2), n.num(1, 2));
            n.digits(14) && dated && n.dot(&[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7]) % 10 == n.at(13)
        },
    ),
    form("vn-cccd", "province, century and year (Ministry of Public Security of Vietnam)", |n| {
        n.digits(12) && (1..=96).contains(&n.num(0, 3)) && n.at(3) <= 3
    }),
    row("vn-mst", "prime weights mod 11 (General Department of Taxation)", |n| {
        let check = 10 - i64::from(n.dot(&[31, 29, 23, 19, 17, 13, 7, 5, 3]) % 11);
        (n.digits(10) || n.digits(13)) && n.num(0, 9) > 0 && check == i64::from(n.at(9))
    }),
];

fn korean(n: &Number) -> bool {
    n.digits(13) && n.date(0, 2, 4)
}

fn indian_business(n: &Number) -> bool {
    let state = matches!(n.num(0, 2), 1..=38 | 96..=99);
    n.is("##@@@@@####@?Z?") && state && n.at(12) > 0
}

/// Entities that are neither businesses nor companies: `T08LL0001A`.
fn other_entity(n: &Number) -> bool {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    let value =
        |at: usize| ALPHABET.iter().position(|b| *b == n.char(at)).and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
    let sum: u32 = [4, 3, 5, 3, 10, 2, 2, 5, 7].iter().zip(0..).map(|(w, at)| w * value(at)).sum();
    let check = usize::try_from((sum + 6) % 11).ok().and_then(|at| ALPHABET.get(at));
    n.is("@##@@####@") && b"RST".contains(&n.char(0)) && check == Some(&n.char(9))
}
