//! Africa, Australia and New Zealand.

use super::checksum::{ends_with, luhn, remainder};
use super::number::Number;
use super::{Scheme, form, row};

pub(super) const TABLE: &[Scheme] = &[
    row("au-abn", "weights mod 89 (Australian Business Register)", |n| {
        let sum = n.dot(&[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
        n.digits(11) && n.at(0) > 0 && sum % 89 == 10
    }),
    row("au-acn", "weights 8 to 1, mod 10 (ASIC)", |n| {
        n.digits(9) && (10 - n.dot(&[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == n.at(8)
    }),
    row("au-medicare", "begins with 2 to 6, weights mod 10 (Services Australia)", |n| {
        let check = n.dot(&[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == n.at(8);
        (n.digits(10) || n.digits(11)) && (2..=6).contains(&n.at(0)) && check && n.at(9) > 0
    }),
    row("au-tfn", "weights mod 11 (Australian Taxation Office)", |n| {
        let nine = n.digits(9) && n.dot(&[1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0;
        nine || n.digits(8) && n.dot(&[10, 7, 8, 4, 6, 3, 5, 1]) % 11 == 0
    }),
    form("eg-nid", "century, date of birth, governorate (Civil Status Organization)", |n| {
        let place = matches!(n.num(7, 2), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88);
        n.digits(14) && [2, 3].contains(&n.at(0)) && n.date(1, 3, 5) && place
    }),
    row("gh-tin", "kind of taxpayer, weights 1 to 9, mod 11, 10 is X (GRA)", |n| {
        let sum = n.dot_from(1, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11;
        (n.is("@##########") || n.is("@#########X"))
            && b"PCGQV".contains(&n.char(0))
            && ends_with(n, "0123456789X", sum.into())
    }),
    form("ke-pin", "A or P, nine digits, letter (Kenya Revenue Authority)", |n| {
        n.is("@#########@") && b"AP".contains(&n.char(0))
    }),
    row("ma-ice", "fifteen digits, divisible by 97 (OMPIC)", |n| {
        n.digits(15) && n.num(0, 9) > 0 && remainder(n, 97) == 0
    }),
    row("mu-nid", "initial, date of birth, weights mod 17 (Mauritius)", |n| {
        let sum = n.dot(&[14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 17;
        n.is("@############?") && n.date(5, 3, 1) && (17 - sum) % 17 == n.at(13)
    }),
    row("mz-nuit", "weights mod 11 (Autoridade Tributaria de Mocambique)", |n| {
        n.digits(9) && ends_with(n, "01234567891", (n.dot(&[8, 9, 4, 5, 6, 7, 8, 9]) % 11).into())
    }),
    form("ng-nin", "eleven digits (NIMC)", |n| n.digits(11)),
    row("nz-ird", "two sets of weights mod 11 (Inland Revenue)", |n| {
        let base = n.padded(9);
        let check = match base.dot(&[3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
            0 => 0,
            1 => match base.dot(&[7, 4, 3, 2, 5, 2, 7, 6]) % 11 {
                0 => 0,
                rest => 11 - rest,
            },
            rest => 11 - rest,
        };
        let range = (10_000_000..150_000_000).contains(&base.num(0, 9));
        n.digits(n.len()) && base.len() == 9 && range && check == base.at(8)
    }),
    row("nz-nhi", "letters and digits, mod 11 or mod 24 (Ministry of Health)", |n| {
        let value = |at: usize| match n.char(at) {
            c @ b'0'..=b'9' => Some(u32::from(c - b'0')),
            b'I' | b'O' | b'&' => None,
            // Letters count from 1, without I and O.
            c => Some(u32::from(c - b'A') + 1 - u32::from(c > b'I') - u32::from(c > b'O')),
        };
        let terms = (0..6).zip((2..=7u32).rev()).try_fold(0, |sum, (at, w)| Some(sum + value(at)? * w));
        let old = |sum: u32| n.is("@@@####") && sum % 11 > 0 && (11 - sum % 11) % 10 == n.at(6);
        let new = |sum: u32| n.is("@@@##@@") && value(6) == Some(24 - sum % 24);
        terms.is_some_and(|sum| old(sum) || new(sum))
    }),
    row("tn-mf", "seven digits, letter by weights mod 23 (Ministere des Finances)", |n| {
        let shape = n.is("#######@") || n.is("#######@@@###");
        let letter = n.part(0, 8);
        shape && ends_with(&letter, "ABCDEFGHJKLMNPQRSTVWXYZ", (n.dot(&[7, 6, 5, 4, 3, 2, 1]) % 23).into())
    }),
    row("za-id", "date of birth, citizenship, Luhn (Department of Home Affairs)", |n: &Number| {
        n.digits(13) && n.date(0, 2, 4) && n.at(10) <= 2 && luhn(n)
    }),
    row("za-tax", "begins with 0, 1, 2, 3 or 9, Luhn (SARS)", |n| {
        n.digits(10) && [0, 1, 2, 3, 9].contains(&n.at(0)) && luhn(n)
    }),
];
