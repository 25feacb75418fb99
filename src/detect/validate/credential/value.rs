//! What the characters of a value say: its form, its classes, and how much it costs to spell.
//!
//! The cost of a pair of letters is the negative binary logarithm of how often the second follows the first in words and
//! identifiers. Changes between letters and digits, and humps that no `camelCase` has, cost as much as a rare pair. Words
//! and identifiers come to 3 to 4.5 a pair, random letters and digits to 5 to 7.

/// Cost of letter pairs, rows by the first, columns by the second: one digit each. Counted over the distinct words and parts of
/// identifiers in the sources of this program's dependencies, weighted by the logarithm of how often each occurs.
const PAIRS: [&[u8; 26]; 26] = [
    b"85448759596343948343667768",
    b"35564678357367468445478969",
    b"36573773594467268453578979",
    b"45642677388566468445565779",
    b"47435568698453757334757579",
    b"46553379398366369445597869",
    b"47662654497564468345487879",
    b"26552777396656369454586968",
    b"56445559898542359543959795",
    b"37572777486977357846366999",
    b"46551667389555559635677969",
    b"37652669397377359755578949",
    b"35652778398657437745598999",
    b"47433537496676469733568989",
    b"66457669696442549345455789",
    b"36563675497467448344566879",
    b"57644766698556655556196869",
    b"37552669396656369544568959",
    b"57473764396666548642477966",
    b"37562684298667469345587759",
    b"54564569499443749333999799",
    b"36561677398657567656899898",
    b"36554675398553458435787799",
    b"45453466498557537652776669",
    b"55554677497443528634876887",
    b"47551678497666459757668765",
];

/// What a change costs that words do not have: between letter and digit, or from lower to upper case and back.
const CHANGE: f32 = 6.0;
/// What a sign costs: it may stand anywhere.
const SIGN: f32 = 3.0;

/// Letters of the shortest run that counts as a word.
const WORD: usize = 3;

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Digits,
    Letters,
    /// At least 16 hexadecimal digits, with both digits and letters.
    Hex,
    /// RFC 9562.
    Uuid,
    Mixed,
}

/// A value and its statistics.
#[derive(Debug)]
pub(super) struct Value<'a> {
    text: &'a str,
    pub(super) form: Form,
    pub(super) len: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    /// What is neither ASCII letter nor digit.
    pub(super) signs: usize,
    /// Mean cost of a pair.
    pub(super) cost: f32,
}

impl<'a> Value<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let count = |is: fn(&u8) -> bool| text.bytes().filter(is).count();
        let (lower, upper) = (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
        let digits = count(u8::is_ascii_digit);
        let len = text.len();
        let form = if digits == len {
            Form::Digits
        } else if lower + upper == len {
            Form::Letters
        } else if len >= 16 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Form::Hex
        } else if is_uuid(text) {
            Form::Uuid
        } else {
            Form::Mixed
        };
        Self { text, form, len, lower, upper, digits, signs: len - lower - upper - digits, cost: cost(text.as_bytes()) }
    }

    pub(super) fn letters(&self) -> usize {
        self.lower + self.upper
    }

    /// How many of lower case, upper case, digits and signs it has.
    pub(super) fn classes(&self) -> usize {
        [self.lower, self.upper, self.digits, self.signs].iter().filter(|n| **n > 0).count()
    }

    /// Letters, digits and the signs of base64 and of token formats only.
    pub(super) fn is_plain(&self) -> bool {
        self.text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+/=.:".contains(&b))
    }

    /// Letters, digits and `_` only, no digit first.
    pub(super) fn is_word(&self) -> bool {
        is_word(self.text)
    }

    /// `SOME_CONSTANT`, `some-slug-2`: words joined, at most two digits at the end of each.
    pub(super) fn is_identifier(&self) -> bool {
        self.text.split(['_', '-', '.', '/', ':']).all(|part| {
            let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
            part.len() <= 2 || (part.len() - letters.len() <= 2 && letters.bytes().all(|b| b.is_ascii_alphabetic()))
        }) && self.text.contains(['_', '-', '.', '/', ':'])
    }

    /// Most of its letters stand in words, whatever digits and humps lie between: `EcPrivateKeyRfc5915Der`.
    pub(super) fn is_spelt(&self) -> bool {
        let bytes = self.text.as_bytes();
        let (mut spelt, mut start) = (0, 0);
        for at in 1..=bytes.len() {
            let edge = match (bytes.get(at - 1), bytes.get(at)) {
                (Some(a), Some(b)) => {
                    !b.is_ascii_alphabetic()
                        || !a.is_ascii_alphabetic()
                        || (a.is_ascii_lowercase() && b.is_ascii_uppercase())
                }
                _ => true,
            };
            if edge {
                let run = bytes.get(start..at).unwrap_or_default();
                if run.len() >= WORD && run.iter().all(u8::is_ascii_alphabetic) && cost(run) < super::RANDOM {
                    spelt += run.len();
                }
                start = at;
            }
        }
        spelt * 3 >= self.letters() * 2 && self.digits * 2 < self.letters()
    }

    /// Letters with signs behind them: a word that somebody shouts.
    pub(super) fn is_exclaimed(&self) -> bool {
        self.text
            .trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b == b'-')
    }

    /// A hash of a password as `crypt` and LDAP write it.
    pub(super) fn is_hash(&self) -> bool {
        let scheme = self.text.starts_with('$') || (self.text.starts_with('{') && self.text.contains('}'));
        scheme && self.len >= 20 && (self.text.starts_with('{') || self.text.matches('$').count() >= 2)
    }

    /// A reference, a call, a template, a path, a URL: what a program writes where the value will be.
    pub(super) fn is_code(&self, quoted: bool) -> bool {
        let text = self.text;
        const TEMPLATES: [&str; 10] = ["${", "{{", "}}", "$(", "%(", "#{", "<%", "%>", "@{", "://"];
        let cut = text.starts_with([')', ']', '}', ',', ';', ':', '.']) && self.cost < super::VERY_RANDOM;
        let wrapped = [('<', '>'), ('{', '}'), ('[', ']'), ('%', '%'), ('(', ')')]
            .iter()
            .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close));
        let variable =
            text.strip_prefix(['$', '@', ':']).is_some_and(|rest| is_word(rest) && self.cost < super::RANDOM);
        let spelt = self.cost < super::VERY_RANDOM;
        let path = (text.starts_with(['/', '.', '~']) || text.contains("::") || text.contains("->")) && spelt;
        let dotted = text.contains('.') && spelt && text.split('.').all(is_word);
        let bare = !quoted
            && (text.contains(['(', ')', '[', ']', '{', '}', '<', '>', '|']) || text.starts_with(['&', '*', '@', '$']));
        cut || wrapped || variable || path || dotted || bare || TEMPLATES.iter().any(|t| text.contains(t))
    }
}

fn is_word(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_uuid(text: &str) -> bool {
    let groups = text.split('-').map(str::len);
    groups.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn cost(bytes: &[u8]) -> f32 {
    let (mut sum, mut pairs) = (0.0f32, 0.0f32);
    for pair in bytes.windows(2) {
        let [a, b] = pair else { continue };
        sum += match (a.is_ascii_alphabetic(), b.is_ascii_alphabetic()) {
            (true, true) if a.is_ascii_lowercase() && b.is_ascii_uppercase() => CHANGE,
            (true, true) => letters(*a, *b),
            (true, false) if b.is_ascii_digit() => CHANGE,
            (false, true) if a.is_ascii_digit() => CHANGE,
            // How long a number is says nothing.
            _ if a.is_ascii_digit() && b.is_ascii_digit() => continue,
            _ => SIGN,
        };
        pairs += 1.0;
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}

fn letters(a: u8, b: u8) -> f32 {
    let at = |c: u8| usize::from(c.to_ascii_lowercase().wrapping_sub(b'a'));
    let digit = PAIRS.get(at(a)).and_then(|row| row.get(at(b))).copied().unwrap_or(b'9');
    f32::from(digit.wrapping_sub(b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cost_less_than_random_letters() {
        for words in ["passwordFieldName2", "getAccessToken", "whiteduke", "utf8mb4_unicode_ci", "MAX_TOKEN_LENGTH_32"]
        {
            assert!(Value::of(words).cost < 4.7, "{words}");
        }
        for random in ["q9Zf2LmX7rTb4KwD", "lzqk3jmcvbtp8s6w", "iyfmob6xjrfmit67", "eIdWHQqRfFmvP5LDDhIGxPUzi7I27"] {
            assert!(Value::of(random).cost >= 4.7, "{random}");
        }
    }

    #[test]
    fn identifiers_with_numbers_are_spelt() {
        for text in ["EcPrivateKeyRfc5915Der", "Curve25519SeedBin", "Base64Decoder2"] {
            assert!(Value::of(text).is_spelt(), "{text}");
        }
        for text in ["q9Zf2LmX7rTb4KwD", "eIdWHQqRfFmvP5LDDhIGxPUzi7I27", "lzqk3jmcvbtp8s6w"] {
            assert!(!Value::of(text).is_spelt(), "{text}");
        }
    }

    #[test]
    fn forms() {
        for (text, form) in [
            ("12345678", Form::Digits),
            ("abcDEF", Form::Letters),
            ("9f86d081884c7d65", Form::Hex),
            ("5e1b4c0a-93d7-4f26-8a1c-7d20b9e64f13", Form::Uuid),
            ("9f86d0", Form::Mixed),
        ] {
            assert_eq!(Value::of(text).form, form, "{text}");
        }
    }

    #[test]
    fn code_is_seen() {
        for text in
            ["${PASS}", "user.password", "/etc/secret/file", "get(x)", "$PASSWORD", "<token>", "https://h.example/a"]
        {
            assert!(Value::of(text).is_code(false), "{text}");
        }
        for text in ["q9Zf2LmX7rTb4KwD", "p4ss(word)!", "abc/DEF+9f2K"] {
            assert!(!Value::of(text).is_code(true), "{text}");
        }
    }
}
