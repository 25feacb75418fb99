//! Numbers that need no word beside them: their check digits are right in one of fifty random numbers or fewer, or the places of their
//! separators say what they are.
//!
//! In code, logs and prose, bare numbers of eleven to fifteen digits are rare, and what the checks leave of them is rarer still; numbers
//! of nine and ten digits are everywhere. So none of those stands here.

use super::super::{Candidate, Outcome};
use super::number::Number;
use super::{continues, label, named_otherwise, tables};

/// Scheme; confidence, by how many random numbers of that form would pass; forms: `#` is a digit, `@` a letter, anything else itself.
const TABLE: &[(&str, u8, &[&str])] = &[
    ("ad-nrt", 56, &["@-######-@"]),
    ("ar-cuit", 66, &["###########"]),
    ("at-steuernummer", 60, &["##-###/####", "## ###/####"]),
    ("au-abn", 64, &["###########", "## ### ### ###"]),
    ("be-nn", 72, &["###########", "## ## ## ### ##"]),
    ("br-cnpj", 62, &["##############"]),
    ("br-cpf", 57, &["###########"]),
    ("ca-sin", 52, &["###-###-###"]),
    ("co-nit", 64, &["###.###.###-#", "##.###.###-#"]),
    ("de-steuer-id-issued", 60, &["###########", "## ### ### ###"]),
    ("do-rnc", 60, &["#-##-#####-#"]),
    ("ec-ruc", 80, &["##########001", "##########-001"]),
    ("ee-isikukood", 58, &["###########"]),
    ("eg-nid", 58, &["##############"]),
    ("fr-siret", 54, &["##############", "### ### ### #####"]),
    ("gr-amka", 52, &["###########"]),
    ("in-aadhaar", 54, &["####-####-####", "#### #### ####"]),
    ("is-kennitala", 68, &["######-####"]),
    ("jmbg", 60, &["#############"]),
    ("kr-brn", 62, &["###-##-#####"]),
    ("kr-rrn-checked", 56, &["#############"]),
    ("ma-ice", 62, &["###############"]),
    ("mu-nid", 68, &["@############@", "@#############"]),
    ("no-fodselsnummer", 74, &["###########", "######-#####", "###### #####"]),
    ("pe-ruc", 58, &["###########"]),
    ("pl-pesel", 54, &["###########"]),
    ("ro-cnp", 62, &["#############"]),
    ("ru-inn", 56, &["############"]),
    ("se-personnummer", 68, &["############"]),
    ("sg-uen", 56, &["#########@", "@##@@####@"]),
    ("th-pin", 62, &["#-##-#-###-#####-#", "#-####-#####-##-#"]),
    ("tn-mf", 58, &["#######@/@/@/###", "#######/@/@/@/###"]),
    ("tr-tckn", 57, &["###########"]),
    ("uy-rut", 70, &["########001#", "##-######-###-#"]),
    ("ve-rif", 57, &["@#########", "@########-#"]),
];

/// The surest scheme whose form and check digits the candidate has.
pub(in super::super) fn alone(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text;
    let Some(number) = Number::of(text).filter(|number| !number.is_filler()) else { return Outcome::Reject };
    let machine = label::is_machine(candidate.before) || named_otherwise(candidate.before);
    if continues(candidate) || machine || in_row(candidate) {
        return Outcome::Reject;
    }
    let fitting = TABLE.iter().filter(|(.., forms)| forms.iter().any(|form| has_form(text, form)));
    let valid = |name: &str| tables().any(|scheme| scheme.name == name && (scheme.valid)(&number));
    match fitting.filter(|(name, ..)| valid(name)).map(|(_, sure, _)| *sure).max() {
        Some(sure) => Outcome::Confidence(sure),
        None => Outcome::Reject,
    }
}

/// Whether `text` is written in `form`.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(c, wanted): (u8, u8)| match wanted {
        b'#' => c.is_ascii_digit(),
        b'@' => c.is_ascii_alphabetic(),
        itself => c == itself,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
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
            ("17 ", "71429196278", " 42"),
            ("", "71429196279", ""),
            ("x-", "71429196278", "-y"),
        ] {
            assert_eq!(alone(&among(before, text, after)), Outcome::Reject, "{before}{text}{after}");
        }
    }
}
