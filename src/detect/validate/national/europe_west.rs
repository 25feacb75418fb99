//! Northern and western Europe.

use super::checksum::{cross_sum, ends_with, hybrid, luhn, luhn_sum, remainder, two_pass, verhoeff};
use super::number::{Number, is_date};
use super::{Scheme, form, row};

pub(super) const TABLE: &[Scheme] = &[
    row("at-steuernummer", "tax office, number and Luhn (BMF)", |n| n.digits(9) && luhn(n)),
    row(
        "at-svnr",
        "weights mod 11 in the fourth place, date of birth (Dachverband der Sozialversicherungstraeger)",
        |n| {
            let check = n.dot(&[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
            n.digits(10)
                && n.at(0) > 0
                && check == n.at(3)
                && (1..=31).contains(&n.num(4, 2))
                && (1..=15).contains(&n.num(6, 2))
        },
    ),
    row("be-nn", "date of birth and mod 97 (Rijksregister, royal decree of 3 April 1984)", |n| {
        let (body, check) = (n.num(0, 9), 97 - n.num(9, 2).min(97));
        let month = match n.num(2, 2) {
            bis @ 20..=32 => bis - 20,
            bis @ 40..=52 => bis - 40,
            month => month,
        };
        let century = [body, body + 2_000_000_000].iter().any(|body| body % 97 == check);
        n.digits(11) && month <= 12 && n.num(4, 2) <= 31 && n.num(9, 2) > 0 && century
    }),
    row("ch-ahv", "country 756 and the check digit of EAN-13 (Zentrale Ausgleichsstelle)", |n| {
        n.is("756##########") && n.dot(&[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 == 0
    }),
    row("ch-uid", "weights mod 11 (Bundesamt fuer Statistik, UID)", |n| {
        let digits = if n.is("CHE#########") { n.part(3, 9) } else { *n };
        digits.digits(9) && digits.dot(&[5, 4, 3, 2, 7, 6, 5, 4, 1]) % 11 == 0
    }),
    form("de-ausweis", "letters and digits that are printed on cards (BSI TR-03105), not all letters", |n| {
        let allowed = |b: &u8| b.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(b);
        let digits = n.bytes().iter().filter(|b| b.is_ascii_digit()).count();
        let card = n.bytes().first().is_some_and(u8::is_ascii_uppercase) && n.bytes().iter().all(allowed);
        (n.len() == 9 || n.len() == 10 && n.at(9) == n.dot(&[7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10) && card && digits >= 4
    }),
    row("de-kvnr", "letter as two digits, weights 1 and 2, sums of digits mod 10 (GKV-Spitzenverband)", |n| {
        let letter = n.at(0).saturating_sub(9);
        let values = [letter / 10, letter % 10].into_iter().chain((1..9).map(|at| n.at(at)));
        n.is("@#########") && cross_sum(values, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) % 10 == n.at(9)
    }),
    form("de-steuernummer", "ten, eleven or thirteen digits (ELSTER)", |n| {
        n.digits(10) || n.digits(11) || n.digits(13)
    }),
    row("de-lanr", "weights 4 and 9, mod 10 (Kassenaerztliche Bundesvereinigung)", |n| {
        n.digits(9) && (10 - n.dot(&[4, 9, 4, 9, 4, 9]) % 10) % 10 == n.at(6)
    }),
    row("de-steuer-id", "ISO 7064 mod 11,10, no digit more than three times in the first ten (BZSt)", |n| {
        let most = (b'0'..=b'9').map(|d| n.bytes().iter().take(10).filter(|b| **b == d).count()).max();
        n.digits(11) && n.at(0) > 0 && most.is_some_and(|most| most <= 3) && hybrid(n, 10)
    }),
    row(
        "de-steuer-id-issued",
        "as de-steuer-id, and one digit twice or three times among nine or eight others (BZSt)",
        |n| {
            let counts: Vec<usize> = (b'0'..=b'9')
                .map(|d| n.bytes().iter().take(10).filter(|b| **b == d).count())
                .filter(|count| *count > 1)
                .collect();
            n.digits(11) && n.at(0) > 0 && matches!(counts.as_slice(), [2 | 3]) && hybrid(n, 10)
        },
    ),
    row("de-svnr", "area, date of birth, letter, sums of digits mod 10 (Deutsche Rentenversicherung, VKVV)", |n| {
        let letter = n.at(8).saturating_sub(9);
        let values = (0..8).map(|at| n.at(at)).chain([letter / 10, letter % 10, n.at(9), n.at(10)]);
        let check = cross_sum(values, &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]) % 10;
        n.is("########@###") && is_date(n.num(6, 2), n.num(4, 2), n.num(2, 2)) && check == n.at(11)
    }),
    form("dk-cpr", "date of birth (CPR-kontoret; numbers since 2007 have no check digit)", |n| {
        n.digits(10) && n.date(4, 2, 0)
    }),
    row("dk-cvr", "weights mod 11 (Erhvervsstyrelsen)", |n| {
        n.digits(8) && n.at(0) > 0 && n.dot(&[2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    }),
    row("ee-isikukood", "century, date of birth, two-pass mod 11 (EVS 585)", baltic_person),
    row("fi-hetu", "date of birth and mod 31 (Digi- ja vaestotietovirasto)", |n| {
        let serial = match n.len() {
            10 => n.is("#########?").then(|| n.num(0, 9)),
            _ => n.is("######@###?").then(|| n.num(0, 6) * 1000 + n.num(7, 3)),
        };
        serial.is_some_and(|s| {
            n.date(4, 2, 0) && s % 1000 >= 2 && ends_with(n, "0123456789ABCDEFHJKLMNPRSTUVWXY", s % 31)
        })
    }),
    row("fi-ytunnus", "weights mod 11 (Patentti- ja rekisterihallitus)", |n| {
        n.digits(8) && n.dot(&[7, 9, 10, 5, 8, 4, 2, 1]) % 11 == 0
    }),
    row("fr-nir", "sex, month, department and mod 97 (INSEE)", |n| {
        french(n) && n.len() == 15 && {
            let corsica = match n.char(6) {
                b'A' => 19,
                b'B' => 18,
                _ => n.num(5, 2),
            };
            let body = (n.num(0, 5) * 100 + corsica) * 1_000_000 + n.num(7, 6);
            97 - body % 97 == n.num(13, 2)
        }
    }),
    form("fr-nir-13", "sex, month and department of a French number without its key (INSEE)", |n| {
        french(n) && n.len() == 13
    }),
    row("fr-siren", "nine digits, Luhn (INSEE)", |n| n.digits(9) && luhn(n)),
    row("fr-siret", "nine digits and five, each with Luhn (INSEE)", |n| n.digits(14) && luhn(n) && luhn(&n.part(0, 9))),
    row("fr-spi", "first ten digits mod 511 (DGFiP)", |n| {
        n.digits(13) && n.at(0) <= 3 && n.num(0, 10) % 511 == n.num(10, 3)
    }),
    form("gb-driving-licence", "surname, date of birth, initials (DVLA)", |n| {
        let name = n.bytes().iter().take(5).collect::<Vec<_>>();
        let padded = name.iter().skip_while(|b| b.is_ascii_uppercase()).all(|b| **b == b'9');
        let month = n.num(6, 2) % 50;
        let initials = n.bytes().iter().skip(11).take(2).all(|b| b.is_ascii_uppercase() || *b == b'9');
        let tail = n.len() == 16 && n.part(5, 6).digits(6) && initials && n.char(14).is_ascii_uppercase();
        tail && n.char(0).is_ascii_uppercase() && padded && (1..=12).contains(&month) && (1..=31).contains(&n.num(8, 2))
    }),
    row("gb-nhs", "weights 10 to 2, mod 11 (NHS Data Dictionary)", |n| {
        n.digits(10) && n.dot(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    }),
    form("gb-nino", "prefixes that are given out (HMRC, NIM39110)", |n| {
        let (first, second) = (n.char(0), n.char(1));
        let taken = [*b"BG", *b"GB", *b"KN", *b"NK", *b"NT", *b"TN", *b"ZZ"].contains(&[first, second]);
        let letters = !b"DFIQUV".contains(&first) && !b"DFIQUVO".contains(&second) && !taken;
        n.is("@@######@") && letters && b"ABCD".contains(&n.char(8))
    }),
    row("gb-utr", "weights mod 11 in the first place (HMRC)", |n| {
        let at = n.dot_from(1, &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
        n.digits(10) && [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1].get(at as usize) == Some(&n.at(0))
    }),
    row("ie-pps", "weights 8 to 2 and letter mod 23 (Department of Social Protection)", irish),
    row("is-kennitala", "date of birth or foundation, weights mod 11 (Thjodskra)", |n| {
        let day = if n.num(0, 2) > 40 { n.num(0, 2) - 40 } else { n.num(0, 2) };
        let century = [0, 8, 9].contains(&n.at(9));
        n.digits(10)
            && is_date(n.num(4, 2), n.num(2, 2), day)
            && century
            && n.dot(&[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    }),
    row("lt-asmens-kodas", "century, date of birth, two-pass mod 11 (Registru centras)", baltic_person),
    row("lu-nid", "date of birth, Luhn and Verhoeff (CTIE)", |n| {
        let date = is_date(n.num(2, 2), n.num(4, 2), n.num(6, 2)) && (18..=20).contains(&n.num(0, 2));
        let body = n.part(0, 11);
        let without_luhn = Number::of(&String::from_utf8_lossy(&[body.bytes(), n.part(12, 1).bytes()].concat()));
        n.digits(13) && date && luhn(&n.part(0, 12)) && without_luhn.is_some_and(|n| verhoeff(&n))
    }),
    row("lv-personas-kods", "date of birth or a prefix of 32 to 39, weights mod 11 (PMLP)", |n| {
        let check = (1 + n.dot(&[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10;
        let dated = n.date(4, 2, 0) && check == n.at(10);
        n.digits(11) && (dated || (32..=39).contains(&n.num(0, 2)))
    }),
    row("nl-bsn", "the test of eleven (RvIG)", bsn),
    row("no-fodselsnummer", "date of birth, two check digits mod 11 (Skatteetaten)", |n| {
        let day = if n.num(0, 2) > 40 { n.num(0, 2) - 40 } else { n.num(0, 2) };
        let month = match n.num(2, 2) {
            month @ 81..=92 => month - 80,
            month @ 41..=52 => month - 40,
            month => month,
        };
        let first = n.dot(&[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11 == 0;
        n.digits(11) && is_date(n.num(4, 2), month, day) && first && n.dot(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    }),
    row("no-orgnr", "weights mod 11 (Bronnoysundregistrene)", |n| {
        n.digits(9) && [8, 9].contains(&n.at(0)) && n.dot(&[3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0
    }),
    row("se-orgnr", "no month in the middle, Luhn (Bolagsverket)", |n| n.digits(10) && n.num(2, 2) >= 20 && luhn(n)),
    row("se-personnummer", "date of birth, Luhn over the last ten digits (Skatteverket)", |n| {
        let short = if n.len() == 12 { n.part(2, 10) } else { *n };
        let day = if short.num(4, 2) > 60 { short.num(4, 2) - 60 } else { short.num(4, 2) };
        let century = n.len() == 10 || n.len() == 12 && (18..=20).contains(&n.num(0, 2));
        century && is_date(short.num(0, 2), short.num(2, 2), day) && luhn(&short)
    }),
];

/// Sex, year, month, department (2A and 2B for Corsica), commune and serial; months beyond 12 for unknown ones.
fn french(n: &Number) -> bool {
    let department = n.num(5, 2) > 0 || n.char(5) == b'2' && [b'A', b'B'].contains(&n.char(6));
    let month = matches!(n.num(3, 2), 1..=12 | 20..=42 | 50..=99);
    let digits = n.part(0, 6).digits(6) && n.part(7, 8).bytes().iter().all(u8::is_ascii_digit);
    let place = n.char(6).is_ascii_digit() || n.char(5) == b'2';
    digits && place && [1, 2, 3, 4, 7, 8].contains(&n.at(0)) && month && department && n.num(10, 3) > 0
}

fn baltic_person(n: &Number) -> bool {
    let check = two_pass(n, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1], &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 10;
    n.digits(11) && (1..=8).contains(&n.at(0)) && n.date(1, 3, 5) && check == n.at(10)
}

fn bsn(n: &Number) -> bool {
    n.digits(n.len()) && (8..=9).contains(&n.len()) && n.padded(9).num(0, 2) > 0 && eleven(n)
}

/// The test of eleven.
fn eleven(n: &Number) -> bool {
    n.padded(9).dot(&[9, 8, 7, 6, 5, 4, 3, 2, 10]) % 11 == 0
}

pub(super) fn irish(n: &Number) -> bool {
    // The second letter counts since 2013; before, W, T and X told a spouse.
    let second = if n.is("#######@@") && n.char(8) <= b'I' { n.at(8) - 9 } else { 0 };
    let at = (n.dot(&[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
    (n.is("#######@") || n.is("#######@@")) && ends_with(&n.part(0, 8), "WABCDEFGHIJKLMNOPQRSTUV", at.into())
}

pub(super) fn austrian_vat(n: &Number) -> bool {
    let sum = cross_sum((1..8).map(|at| n.at(at)), &[1, 2, 1, 2, 1, 2, 1]);
    n.is("U########") && (20 - (sum + 4) % 10) % 10 == n.at(8)
}

pub(super) fn belgian_vat(n: &Number) -> bool {
    let n = n.padded(10);
    n.digits(10) && n.at(0) <= 1 && n.num(0, 8) > 0 && 97 - n.num(0, 8) % 97 == n.num(8, 2)
}

pub(super) fn british_vat(n: &Number) -> bool {
    let sum = n.dot(&[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97;
    (n.digits(9) || n.digits(12)) && n.num(0, 7) > 0 && (sum == 0 || sum == 42)
}

pub(super) fn french_vat(n: &Number) -> bool {
    let siren = n.part(2, 9);
    let key = (12 + 3 * (siren.num(0, 9) % 97)) % 97;
    let monaco = siren.num(0, 3) == 0;
    let shape = n.is("###########") && key == n.num(0, 2) || n.is("??#########") && !n.part(0, 2).digits(2);
    shape && (monaco || luhn(&siren))
}

pub(super) fn lithuanian_vat(n: &Number) -> bool {
    let weights =
        |from: u32| (0..n.len().saturating_sub(1)).zip(from..).map(move |(at, w)| n.at(at) * (1 + w % 9)).sum::<u32>();
    let first = weights(0) % 11;
    let check = if first == 10 { weights(2) % 11 % 10 } else { first };
    (n.digits(9) && n.at(7) == 1 || n.digits(12) && n.at(10) == 1) && check == n.last()
}

pub(super) fn latvian_vat(n: &Number) -> bool {
    n.digits(11) && n.at(0) > 3 && n.dot(&[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3
}

pub(super) fn dutch_vat(n: &Number) -> bool {
    // Sole traders have numbers without a BSN since 2020, with ISO 7064 mod 97-10 over `NL` and the whole number.
    let whole: String = "NL".chars().chain(n.bytes().iter().map(|b| char::from(*b))).collect();
    let newer = Number::of(&whole).is_some_and(|whole| remainder(&whole, 97) == 1);
    n.is("#########B##") && n.num(0, 9) > 0 && n.num(10, 2) > 0 && (newer || eleven(&n.part(0, 9)))
}

pub(super) fn swedish_vat(n: &Number) -> bool {
    n.digits(12) && n.num(10, 2) > 0 && luhn(&n.part(0, 10))
}

pub(super) fn luxembourgish_vat(n: &Number) -> bool {
    n.digits(8) && n.num(0, 6) % 89 == n.num(6, 2)
}

pub(super) fn portuguese_card(n: &Number) -> bool {
    n.is("#########@@#") && luhn_sum(n) % 10 == 0
}
