//! Whether a value that stands beside a name like `password`, `token` or `api_key` is a credential.
//!
//! Three things decide together: what the value is called ([`name`]), whether somebody wrote it in place of one
//! ([`filler`]), and whether its characters look drawn at random or chosen as a password rather than spelt as words,
//! identifiers or code ([`value`]). The stronger the name, the less the value has to prove.

mod filler;
mod name;
mod value;

use super::{Candidate, Outcome};
use name::{Link, Name, Sort};
use value::{Form, Value};

use filler::is_filler;
pub(super) use filler::{repeats, says_none};

/// Mean cost (bits a character pair, see [`value`]) from which on characters look drawn at random. English, identifiers and
/// names stay below 4.5, random strings of 16 letters and digits above 4.9.
const RANDOM: f32 = 4.7;
/// The same where nothing but the value speaks for a credential.
const VERY_RANDOM: f32 = 5.0;
/// So many signs no text has, and no identifier.
const MANY_SIGNS: usize = 4;
/// Decimal numbers this long are no timestamps, counters or phone numbers.
const LONG_NUMBER: usize = 15;

/// The words of a list, which is written as one text to be read as one.
fn words_of(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.split_ascii_whitespace()
}

/// True if the list has this word.
fn holds(list: &'static str, word: &str) -> bool {
    words_of(list).any(|listed| listed == word)
}

/// Judges the value by its name. See the table of validators.
pub(super) fn credential(candidate: &Candidate<'_>) -> Outcome {
    let name = Name::before(candidate.before);
    if name.sort == Sort::Other || is_filler(candidate.text) {
        return Outcome::Reject;
    }
    let value = Value::of(candidate.text);
    // Hashes have rules of their own.
    if value.is_code(name.quoted) || value.is_hash() {
        return Outcome::Reject;
    }
    let sure = match (name.sort, name.link) {
        // `IDENTIFIED BY 'x'`, `-Password "x"`.
        (Sort::Password, Link::Beside) if name.quoted => password(&value, &name),
        (_, Link::Beside) => beside(&value),
        (_, Link::Listed) if !name.quoted || value.len < 12 || (value.cost < RANDOM && value.signs < MANY_SIGNS) => 0,
        (Sort::Password, _) => password(&value, &name),
        (Sort::Secret, _) => secret(&value),
        (Sort::Key, _) => key(&value, &name),
        (Sort::Other, _) => 0,
    };
    if sure == 0 { Outcome::Reject } else { Outcome::Confidence(sure) }
}

/// A credential in a header or another place that holds nothing else.
pub(super) fn token(candidate: &Candidate<'_>) -> Outcome {
    let value = Value::of(candidate.text);
    if is_filler(candidate.text) || value.is_code(false) {
        return Outcome::Reject;
    }
    match secret(&value) {
        0 => Outcome::Reject,
        sure => Outcome::Confidence(sure),
    }
}

/// What somebody says in a sentence that a password is. Any characters may stand in it, and a sentence may also go on otherwise.
pub(super) fn said(candidate: &Candidate<'_>) -> Outcome {
    let text = candidate.text.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    if is_filler(text) || says_none(text) || repeats(text) {
        return Outcome::Reject;
    }
    let has = |kind: fn(&char) -> bool| usize::from(text.chars().any(|c| kind(&c)));
    let (lower, upper) = (has(|c| c.is_ascii_lowercase()), has(|c| c.is_ascii_uppercase()));
    let (digit, sign) = (has(char::is_ascii_digit), has(char::is_ascii_punctuation));
    match lower + upper + digit + sign {
        0..=1 => Outcome::Reject,
        // `incorrect!`, `CaseSensitive`, `8-12`
        2 if digit == 0 || lower + upper == 0 => Outcome::Reject,
        2 => Outcome::Confidence(62),
        3 if digit == 0 => Outcome::Confidence(50),
        _ => Outcome::Accept,
    }
}

/// People choose passwords, so words with a digit or sign count; words alone are as often a label or a type.
fn password(value: &Value<'_>, name: &Name) -> u8 {
    let random = value.cost >= RANDOM;
    match value.form {
        Form::Digits | Form::Uuid => 40,
        Form::Letters if random && value.len >= 8 => 62,
        Form::Letters => 35,
        Form::Hex => 70,
        Form::Mixed if value.letters() == 0 => 40,
        Form::Mixed if value.is_identifier() && !random => 45,
        Form::Mixed if value.is_exclaimed() && !random => 40,
        Form::Mixed if !name.quoted && value.is_word() && !random => 50,
        Form::Mixed if value.classes() >= 3 && value.len >= 10 && random => 82,
        Form::Mixed if value.signs > 0 && value.digits > 0 => 72,
        Form::Mixed if value.len >= 6 => 65,
        Form::Mixed => 50,
    }
}

/// Machines make tokens: they are long and random.
fn secret(value: &Value<'_>) -> u8 {
    let random = value.cost >= RANDOM;
    match value.form {
        Form::Uuid => 66,
        Form::Hex if value.len >= 32 => 80,
        Form::Hex => 66,
        Form::Digits if value.len >= LONG_NUMBER => 60,
        Form::Letters if value.len >= 12 && value.cost >= VERY_RANDOM => 64,
        Form::Digits | Form::Letters => 0,
        Form::Mixed if value.letters() == 0 => 0,
        Form::Mixed if value.digits == 0 && value.cost < VERY_RANDOM => 0,
        Form::Mixed if (value.is_identifier() && !random) || value.is_spelt() => 0,
        Form::Mixed if value.len >= 20 && random => 84,
        Form::Mixed if value.len >= 14 && (random || value.digits >= 3) => 74,
        Form::Mixed if value.len >= 10 && random => 64,
        Form::Mixed if value.len >= 8 && random && value.digits >= 2 => 60,
        Form::Mixed => 45,
    }
}

/// Things called a key are mostly those of a map.
fn key(value: &Value<'_>, name: &Name) -> u8 {
    match value.form {
        Form::Uuid | Form::Hex if name.bare || value.len < 32 => 0,
        Form::Uuid => 60,
        Form::Hex => 64,
        Form::Mixed if value.len < 16 || value.digits < 2 || value.letters() < 4 || !value.is_plain() => 0,
        Form::Mixed if name.bare && (value.len < 20 || value.cost < VERY_RANDOM) => 0,
        Form::Mixed if value.cost >= RANDOM && !value.is_identifier() => 66,
        Form::Mixed | Form::Digits | Form::Letters => 0,
    }
}

/// A word for a secret, a space, a value: prose and command lines. Only what can be nothing else.
fn beside(value: &Value<'_>) -> u8 {
    match value.form {
        Form::Uuid => 60,
        Form::Hex if value.len >= 20 => 64,
        Form::Mixed if value.len >= 14 && value.digits >= 3 && value.letters() >= 3 && value.is_plain() => {
            match value.cost >= RANDOM && !value.is_identifier() {
                true => 66,
                false if value.signs == 0 && value.digits >= 4 && value.len >= 16 => 60,
                false => 0,
            }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::among;
    use super::*;

    fn sure(before: &str, text: &str) -> u8 {
        match credential(&among(before, text, "")) {
            Outcome::Confidence(sure) => sure,
            _ => 0,
        }
    }

    #[test]
    fn assigned_random_values_are_credentials() {
        for (before, text) in [
            ("API_KEY: ", "q9Zf2LmX7rTb4KwD8sYv"),
            ("client_secret=", "9f86d081884c7d659a2feaa0c55ad015"),
            ("password = \"", "Tr0ub4dor&3x9"),
            ("my password is ", "Zx8!kQ2#vLp0"),
            ("var snykToken string = \"", "5e1b4c0a-93d7-4f26-8a1c-7d20b9e64f13"),
            ("<add key=\"Password\" value=\"", "Cleartext7!"),
            ("PASTEBIN_KEY=", "zwD26NeyMCvBsR9nxfaybLHD7TcLh22O"),
            ("mysql --password ", "kD83hsLq0Zx7Tb2m"),
            ("\\\"secretKey\\\": \\\"", "jf83Hs9qLpZ27xKc"),
        ] {
            assert!(sure(before, text) >= 60, "{before}{text}: {}", sure(before, text));
        }
    }

    #[test]
    fn names_that_are_none_and_values_that_are_words_are_not() {
        for (before, text) in [
            ("password = ", "changeme"),
            ("api_key = ", "os.environ['API_KEY']"),
            ("token: ", "${GITHUB_TOKEN}"),
            ("secret_name: ", "my-app-database-7"),
            ("password: ", "<your-password>"),
            ("tokens: ", "1048576"),
            ("PASSWORD=", "xxxxxxxxxxxx"),
            ("passwordField = ", "findViewById(R.id.password1)"),
            ("\"TITLE_TOKENSALE\": \"", "Token-utforsaljning"),
            ("\"cache_key\": \"", "q9Zf2LmX7rTb4KwD8sYv"),
            ("\"key\": \"", "9f86d081884c7d659a2feaa0c55ad015"),
            ("token = ", "parser.next_token2"),
            ("\"password\": \"", "Passwort"),
            ("next_token=", "q9Zf2LmX7rTb4KwD8sYv"),
            ("private_key_id: ", "9f86d081884c7d659a2feaa0c55ad015"),
            ("token type ", "application/x-www-form"),
        ] {
            assert!(sure(before, text) < 60, "{before}{text}: {}", sure(before, text));
        }
    }
}
