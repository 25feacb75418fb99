//! Central and eastern Europe, the Balkans, and Russia's neighbours.

use super::checksum::{hybrid, rising, two_pass};
use super::number::{Number, is_date};
use super::{Scheme, row};

pub(super) const TABLE: &[Scheme] = &[
    row("az-voen", "weights mod 11 (Dovlet Vergi Xidmeti)", |n| {
        n.digits(10) && [1, 2].contains(&n.at(9)) && n.dot(&[4, 1, 8, 6, 2, 7, 5, 3]) % 11 == n.at(8)
    }),
    row("bg-egn", "date of birth, weights mod 11 (GRAO)", bulgarian_person),
    row("bg-lnch", "prime weights mod 10 (Bulgarian register of foreigners)", bulgarian_foreigner),
    row("by-unp", "prime weights mod 11, first two may be letters (Ministry of Taxes of Belarus)", |n| {
        let second = b"ABCEHKMOPT".iter().position(|b| *b == n.char(1)).and_then(|at| u32::try_from(at).ok());
        let (first, second) = if n.is("@@#######") { (n.at(0), second.unwrap_or(99)) } else { (n.at(0), n.at(1)) };
        let sum = first * 29 + second * 23 + n.dot_from(2, &[19, 17, 13, 7, 5, 3]);
        (n.digits(9) || n.is("@@#######")) && second < 36 && sum % 11 == n.at(8)
    }),
    row("cz-ico", "weights 8 to 2, mod 11 (Cesky statisticky urad)", czech_company),
    row("cz-rc", "date of birth, mod 11 since 1954 (zakon 133/2000)", birth_number),
    row("hr-oib", "ISO 7064 mod 11,10 (Porezna uprava)", |n| n.digits(11) && hybrid(n, 10)),
    row("hu-ado", "begins with 8, weights 1 to 9, mod 11 (NAV)", |n| {
        n.digits(10) && n.at(0) == 8 && n.dot(&[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == n.at(9)
    }),
    row("hu-adoszam", "weights 9, 7, 3, 1, mod 10 (NAV)", |n| {
        (n.digits(8) || n.digits(11)) && n.num(0, 7) > 0 && n.dot(&[9, 7, 3, 1, 9, 7, 3, 1]) % 10 == 0
    }),
    row("hu-szemelyi", "date of birth, weights mod 11 (torveny 1996. evi XX.)", |n| {
        let old = n.dot(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) % 11;
        let new = n.dot(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
        n.digits(11) && (1..=8).contains(&n.at(0)) && n.date(1, 3, 5) && [old, new].contains(&n.at(10))
    }),
    row("hu-taj", "weights 3 and 7, mod 10 (NEAK)", |n| {
        n.digits(9) && n.dot(&[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == n.at(8)
    }),
    row("jmbg", "date of birth, region, weights mod 11 (former Yugoslavia; Sl. list SFRJ 58/76)", |n| {
        let year = [9, 0].contains(&n.at(4));
        let sum = n.dot(&[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
        n.digits(13) && year && is_date(n.num(5, 2), n.num(2, 2), n.num(0, 2)) && sum % 11 == 0
    }),
    row("kz-iin", "date of birth, two-pass mod 11 (Ministry of Justice of Kazakhstan)", |n| {
        let check = two_pass(n, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]);
        n.digits(12) && n.date(0, 2, 4) && (1..=6).contains(&n.at(6)) && check == n.at(11)
    }),
    row("md-idno", "weights 7, 3, 1, mod 10 (Agentia Servicii Publice)", |n| {
        n.digits(13) && [0, 1, 2].contains(&n.at(0)) && n.dot(&[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == n.at(12)
    }),
    row("me-pib", "weights 8 to 2, mod 11 (Poreska uprava Crne Gore)", |n| {
        n.digits(8) && (11 - n.dot(&[8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == n.at(7)
    }),
    row("mk-edb", "weights mod 11 (UJP)", |n| {
        let n = if n.is("MK#############") { n.part(2, 13) } else { *n };
        n.digits(13)
            && [4, 5].contains(&n.at(0))
            && (11 - n.dot(&[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == n.at(12)
    }),
    row("pl-dowod", "three letters, check digit by weights 7, 3, 1 (rozporzadzenie MSWiA)", |n| {
        n.is("@@@######") && n.dot(&[7, 3, 1, 9, 7, 3, 1, 7, 3]) % 10 == 0
    }),
    row("pl-nip", "weights mod 11 (Ministerstwo Finansow)", polish_vat),
    row("pl-paszport", "two letters, check digit by weights 7, 3, 1 (rozporzadzenie MSWiA)", |n| {
        n.is("@@#######") && n.dot(&[7, 3, 9, 1, 7, 3, 1, 7, 3]) % 10 == 0
    }),
    row("pl-pesel", "date of birth, weights 1, 3, 7, 9, mod 10 (ustawa o ewidencji ludnosci)", |n| {
        let sum = n.dot(&[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
        n.digits(11) && is_date(n.num(0, 2), n.num(2, 2) % 20, n.num(4, 2)) && sum % 10 == 0
    }),
    row("pl-regon", "weights mod 11, nine or fourteen digits (GUS)", |n| {
        let nine = n.dot(&[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == n.at(8);
        let all = n.dot(&[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10 == n.at(13);
        nine && (n.digits(9) || n.digits(14) && all)
    }),
    row("ro-cnp", "sex, date of birth, county, weights mod 11 (Legea 105/1996)", |n| {
        let check = match n.dot(&[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11 {
            10 => 1,
            check => check,
        };
        let county = matches!(n.num(7, 2), 1..=52 | 70 | 80..=83);
        n.digits(13) && n.at(0) > 0 && n.date(1, 3, 5) && county && check == n.at(12)
    }),
    row("ro-cui", "weights mod 11 (ANAF)", romanian_vat),
    row("rs-pib", "ISO 7064 mod 11,10 (Poreska uprava Srbije)", |n| n.digits(9) && n.at(0) > 0 && hybrid(n, 10)),
    row("ru-inn", "weights mod 11, one check digit or two (FNS)", |n| {
        let ten = n.digits(10) && n.dot(&[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == n.at(9);
        let eleventh = n.dot(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == n.at(10);
        let twelfth = n.dot(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == n.at(11);
        n.num(0, 2) > 0 && (ten || n.digits(12) && eleventh && twelfth)
    }),
    row("ru-ogrn", "first digits mod 11 or 13 (FNS)", |n| {
        let legal = n.digits(13) && n.num(0, 12) % 11 % 10 == u64::from(n.at(12));
        let person = n.digits(15) && n.num(0, 14) % 13 % 10 == u64::from(n.at(14));
        (1..=5).contains(&n.at(0)) && (legal || person)
    }),
    row("ru-snils", "weights 9 to 1, mod 101 (SFR)", |n| {
        n.digits(11)
            && u64::from(n.dot(&[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100) == n.num(9, 2)
            && n.num(0, 9) > 1_001_998
    }),
    row("si-davcna", "weights 8 to 2, mod 11 (FURS)", slovenian_vat),
    row("sk-dic", "ten digits, divisible by 11 (Financna sprava)", |n| {
        n.digits(10) && n.at(0) > 0 && [2, 3, 4, 7, 8, 9].contains(&n.at(2)) && n.num(0, 10) % 11 == 0
    }),
    row("ua-edrpou", "weights 1 to 7, mod 11 (Derzhstat)", |n| {
        let middle = (30_000_000..60_000_000).contains(&n.num(0, 8));
        let (first, second) = match middle {
            true => ([7, 1, 2, 3, 4, 5, 6], [9, 3, 4, 5, 6, 7, 8]),
            false => ([1, 2, 3, 4, 5, 6, 7], [3, 4, 5, 6, 7, 8, 9]),
        };
        n.digits(8) && two_pass(n, &first, &second) % 10 == n.at(7)
    }),
    row("ua-rntrc", "weights mod 11 (Derzhavna podatkova sluzhba)", |n| {
        n.digits(10) && n.dot(&[10, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10 == n.at(9)
    }),
];

/// Czech and Slovak birth numbers: months of women have 50 added, and 20 more where a day's numbers ran out.
pub(super) fn birth_number(n: &Number) -> bool {
    let month = n.num(2, 2) % 50;
    let month = if month > 20 { month - 20 } else { month };
    let dated = is_date(n.num(0, 2), month, n.num(4, 2));
    let checked = n.num(0, 10) % 11 == 0 || n.num(0, 9) % 11 == 10 && n.at(9) == 0;
    dated && (n.digits(10) && checked || n.digits(9) && n.num(0, 2) < 54 && n.num(6, 3) > 0)
}

pub(super) fn czech_company(n: &Number) -> bool {
    n.digits(8) && n.num(0, 7) > 0 && (11 - n.dot(&[8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == n.at(7)
}

pub(super) fn polish_vat(n: &Number) -> bool {
    n.digits(10) && n.num(0, 3) > 0 && n.dot(&[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == n.at(9)
}

pub(super) fn romanian_vat(n: &Number) -> bool {
    let short = (4..=10).contains(&n.len()) && n.at(0) > 0;
    let n = n.padded(10);
    n.digits(10) && short && n.dot(&[7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10 == n.at(9)
}

pub(super) fn slovenian_vat(n: &Number) -> bool {
    n.digits(8) && n.at(0) > 0 && 11 - n.dot(&[8, 7, 6, 5, 4, 3, 2]) % 11 == if n.at(7) == 0 { 10 } else { n.at(7) }
}

pub(super) fn bulgarian_vat(n: &Number) -> bool {
    let nine = match n.dot(&[1, 2, 3, 4, 5, 6, 7, 8]) % 11 {
        10 => n.dot(&[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10,
        check => check,
    };
    let ten = (11 - n.dot(&[4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    let person = || bulgarian_person(n) || bulgarian_foreigner(n) || ten == n.at(9);
    n.digits(9) && nine == n.at(8) || n.digits(10) && person()
}

fn bulgarian_person(n: &Number) -> bool {
    let month = match n.num(2, 2) {
        month @ 21..=32 => month - 20,
        month @ 41..=52 => month - 40,
        month => month,
    };
    let check = n.dot(&[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    n.digits(10) && is_date(n.num(0, 2), month, n.num(4, 2)) && check == n.at(9)
}

fn bulgarian_foreigner(n: &Number) -> bool {
    n.digits(10) && n.dot(&[21, 19, 17, 13, 11, 9, 7, 3, 1]) % 10 == n.at(9)
}

pub(super) fn estonian_vat(n: &Number) -> bool {
    n.digits(9) && n.dot(&[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0
}

/// The weights 2, 3 … from the right, mod 11, the remainder's complement; 10 counts as 0.
pub(super) fn rising_11(n: &Number, cycle: usize) -> u32 {
    (11 - rising(n, cycle) % 11) % 11
}
