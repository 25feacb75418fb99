//! Numbers that need no word beside them: their check digits are right in one of fifty random numbers or fewer, or the places of their
//! separators say what they are.
//!
//! In code, logs and prose, bare numbers of eleven to fifteen digits are rare, and what the checks leave of them is rarer still; numbers
//! of eight to ten digits are everywhere (some three hundred in a megabyte), so they need separators or a letter to stand here. Numbers so
//! written hardly ever mean anything else: ten megabytes of code, logs and conversations held one `### ### ###`, and no number with a letter
//! in front or in groups of other sizes that are listed here.

use super::super::{Candidate, Outcome};
use super::number::Number;
use super::{continues, label, named_otherwise, tables};

/// Scheme; confidence, by how many random numbers of that form would pass; forms: `#` is a digit, `@` a letter, anything else itself.
const TABLE: &[(&str, u8, &[&str])] = &[
    ("ad-nrt", 56, &["@-######-@"]),
    ("ae-eid", 76, &["784############", "784-####-#######-#"]),
    (
        "al-nipt",
        52,
        &["J########@", "K########@", "L########@", "M########@", "J ######## @", "K ######## @", "L ######## @"],
    ),
    ("ar-cuit", 66, &["###########"]),
    ("at-steuernummer", 60, &["##-###/####", "## ###/####"]),
    ("at-svnr", 56, &["#### ######"]),
    ("au-acn", 52, &["### ### ###"]),
    ("au-medicare", 56, &["#### ##### #"]),
    ("au-tfn", 52, &["### ### ###"]),
    ("au-abn", 64, &["###########", "## ### ### ###"]),
    ("be-nn", 72, &["###########", "## ## ## ### ##"]),
    ("br-cnpj", 62, &["##############"]),
    ("br-cpf", 57, &["###########"]),
    ("br-titulo", 54, &["############"]),
    ("ca-sin", 52, &["###-###-###", "### ### ###"]),
    ("ch-ahv", 78, &["756##########"]),
    ("cl-rut", 53, &["########-#", "########-K", "#######-#", "#######-K"]),
    ("co-nit", 64, &["###.###.###-#", "##.###.###-#", "###,###,###-#", "### ### ###-#"]),
    ("cr-cedula", 54, &["#-###-######", "#-0###-0###"]),
    ("de-kvnr", 54, &["@#########"]),
    ("de-steuernummer", 53, &["###/###/#####", "##/###/#####", "###/####/####"]),
    ("co-nit", 54, &["#########-#"]),
    ("de-steuer-id-issued", 60, &["###########", "## ### ### ###"]),
    ("do-rnc", 60, &["#-##-#####-#"]),
    ("ec-ruc", 80, &["##########001", "##########-001"]),
    ("ee-isikukood", 58, &["###########"]),
    ("eg-nid", 58, &["##############"]),
    ("es-naf", 56, &["############", "##/########/##"]),
    ("fr-siret", 54, &["##############", "### ### ### #####"]),
    ("gb-nhs", 51, &["### ### ####"]),
    ("gh-tin", 56, &["@00########", "@00#######X"]),
    ("gr-amka", 52, &["###########"]),
    ("gt-nit", 51, &["######-#", "######-K"]),
    ("in-aadhaar", 54, &["####-####-####", "#### #### ####"]),
    ("is-kennitala", 68, &["######-####"]),
    ("it-partita-iva", 54, &["###########"]),
    ("jmbg", 60, &["#############"]),
    ("ke-pin", 54, &["A#########@", "P#########@"]),
    ("kr-brn", 62, &["###-##-#####"]),
    ("kr-rrn-checked", 56, &["#############"]),
    ("kz-iin", 57, &["############"]),
    ("lu-nid", 74, &["#############"]),
    ("lv-personas-kods", 58, &["######-#####"]),
    ("ma-ice", 62, &["###############"]),
    ("md-idno", 58, &["100##########", "101##########", "102##########"]),
    ("mk-edb", 52, &["40###########"]),
    ("mu-nid", 68, &["@############@", "@#############"]),
    ("mz-nuit", 51, &["### ### ###"]),
    ("no-fodselsnummer", 74, &["###########", "######-#####", "###### #####"]),
    ("pe-dni", 53, &["########-#"]),
    ("pe-ruc", 58, &["###########"]),
    ("pl-pesel", 54, &["###########"]),
    ("py-ruc", 52, &["########-#", "#######-#"]),
    ("py-ruc", 51, &["######-#"]),
    ("ro-cnp", 62, &["#############"]),
    ("ru-inn", 56, &["############"]),
    ("ru-ogrn", 54, &["10###########", "11###########", "12###########"]),
    ("se-orgnr", 54, &["######-####"]),
    ("se-personnummer", 68, &["############"]),
    ("sg-uen", 54, &["#########@", "########@", "@##@@####@"]),
    ("sv-nit", 56, &["##############"]),
    ("th-pin", 62, &["#-##-#-###-#####-#", "#-####-#####-##-#", "# #### ##### ## #"]),
    ("th-pin", 52, &["2############", "3############", "5############", "8############"]),
    ("tn-mf", 58, &["#######@/@/@/###", "#######/@/@/@/###", "######@/@/@/###"]),
    ("tr-tckn", 57, &["###########"]),
    ("uy-rut", 70, &["########001#", "##-######-###-#"]),
    ("vn-mst", 56, &["##########-###"]),
    ("ve-rif", 57, &["@#########", "@########-#"]),
];

/// The surest scheme whose form and check digits the candidate has.
pub(in super::super) fn alone(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let Some(number) = Number::of(text).filter(|number| !number.is_filler()) else { return Outcome::Reject };
    if continues(candidate) || in_row(candidate) || is_stamp(text) || is_amount(candidate) {
        return Outcome::Reject;
    }
    let fitting = TABLE.iter().filter(|(.., forms)| forms.iter().any(|form| has_form(text, form)));
    let valid = |name: &str| tables().any(|scheme| scheme.name == name && (scheme.valid)(&number));
    let surest = fitting.filter(|(name, ..)| valid(name)).map(|(_, sure, _)| *sure).max();
    // Names last: to read them takes longer than to see that most numbers are none.
    let named = || label::is_machine(candidate.before) || named_otherwise(candidate.before) || is_reference(candidate);
    // Trade items (EAN-13, ISBN) are more than all persons.
    let sold = is_trade_item(&number);
    match surest.filter(|sure| !(sold && (*sure < 60 || text.starts_with("978"))) && !named()) {
        Some(sure) => Outcome::Confidence(sure),
        None => Outcome::Reject,
    }
}

/// Whether it is called a reference. Beside the word for a number that is fine (`taxpayer reference`), but here there is none.
fn is_reference(candidate: &Candidate<'_>) -> bool {
    let words = label::words(label::nearest(candidate.before));
    words.last().is_some_and(|last| matches!(last.as_str(), "ref" | "reference" | "referenz" | "referencia"))
}

/// Whether `text` is written in `form`.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(c, wanted): (u8, u8)| match wanted {
        b'#' => c.is_ascii_digit(),
        b'@' => c.is_ascii_alphabetic(),
        itself => c.eq_ignore_ascii_case(&itself),
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

/// Whether it has the check digit of an EAN-13 (GS1 General Specifications, section 7.9).
fn is_trade_item(number: &Number) -> bool {
    number.digits(13) && number.dot(&[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 == 0
}

/// Whether it is round, or a currency or a percentage stands beside it: `734 000 000`, `123 456 789 €`.
fn is_amount(candidate: &Candidate<'_>) -> bool {
    let sign = |c: Option<char>| c.is_some_and(|c| "$€£¥₹₽₩₺₫₪%".contains(c));
    let after = candidate.after.trim_start();
    let code = ["EUR", "USD", "GBP", "CHF", "PLN", "CZK", "SEK", "NOK", "DKK", "RUB", "JPY", "INR"];
    candidate.text.ends_with(" 000")
        || sign(candidate.before.trim_end().chars().next_back())
        || sign(after.chars().next())
        || code.iter().any(|code| after.starts_with(code))
}

/// Whether it begins with a day of these decades and goes on as times and builds do: `202401311230`, `20240131-1`.
fn is_stamp(text: &str) -> bool {
    let number = |from: usize, len: usize| text.get(from..from + len).and_then(|part| part.parse::<u32>().ok());
    let day = matches!((number(0, 4), number(4, 2), number(6, 2)), (Some(1970..=2069), Some(1..=12), Some(1..=31)));
    let time = matches!((number(8, 2), number(10, 2)), (Some(0..=23), Some(0..=59)));
    day && (time && matches!(text.len(), 12 | 14) || text.as_bytes().get(8) == Some(&b'-'))
}

/// Whether other numbers stand on both sides, or on one side of groups with spaces: columns of a table.
fn in_row(candidate: &Candidate<'_>) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let before = candidate.before.trim_end_matches([' ', '\t']).chars().next_back();
    let after = candidate.after.trim_start_matches([' ', '\t']).chars().next();
    if candidate.text.contains(' ') { digit(before) || digit(after) } else { digit(before) && digit(after) }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{alone as bare, among};
    use super::*;

    #[test]
    fn schemes_exist_and_few_random_numbers_pass() {
        for (name, sure, forms) in TABLE {
            assert!(tables().any(|scheme| scheme.name == *name), "{name}");
            assert!((50..=85).contains(sure) && !forms.is_empty(), "{name}");
        }
        // Every number of eleven to fifteen digits from a fixed sequence: what all the checks together let pass.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut passed = [0u32; 16];
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            for (digits, passed) in passed.iter_mut().enumerate().skip(11) {
                let text = format!("{:015}", (state >> 8) % 1_000_000_000_000_000);
                *passed += u32::from(alone(&bare(text.get(..digits).unwrap())) != Outcome::Reject);
            }
        }
        for (digits, passed) in passed.iter().enumerate() {
            assert!(*passed < 20_000 * 9 / 100, "{passed} of 20000 random numbers of {digits} digits pass");
        }
    }

    #[test]
    fn names_and_neighbours_say_otherwise() {
        assert_eq!(alone(&bare("71429196278")), Outcome::Confidence(57));
        assert_eq!(alone(&among("id no. ", "900.499.432-5", "")), Outcome::Confidence(64));
        for (before, text, after) in [
            ("order_id=", "71429196278", ""),
            ("tel: ", "71429196278", ""),
            ("ref ", "71429196278", ""),
            ("17 ", "71429196278", " 42"),
            ("", "71429196279", ""),
            ("", "734 000 000", " km"),
            ("", "046 454 286", " €"),
            ("$ ", "046 454 286", ""),
            ("", "9780520230453", ""),
            ("", "202310010008", ""),
            ("build ", "20240131-0", ""),
            ("x-", "71429196278", "-y"),
        ] {
            assert_eq!(alone(&among(before, text, after)), Outcome::Reject, "{before}{text}{after}");
        }
    }
}
