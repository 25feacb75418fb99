//! Finding placeholders again in what a model wrote, in all the ways in which models garble them.
//!
//! ```text
//! placeholder = [opener [space] [emphasis]] word separator code [[emphasis] [space] closer]
//! ```
//! Letters in either case; `separator` is `_`, `\_`, `-` or a space; each side's bracket may be lost, but then no letter,
//! digit or underscore may follow or stand before. Only issued words and codes are followed, so text is held back only while it
//! reads like an issued placeholder so far.
//!
//! INVARIANT: a decision is made on bytes that are there. Where the text ends before the decision, the answer is "open", so
//! any growing prefix leads to the same restorations.

use crate::redact::index::Issued;
use crate::redact::placeholder::{self, CODE_LEN, LONGEST_WORD};
use crate::redact::vault::Vault;
use crate::text::TextSpan;

/// LIMIT: no placeholder, and so no hold-back, is longer than this many bytes: every character of the word a
/// three-byte separator at worst, and 24 bytes for code, brackets, emphasis, spaces and the look ahead.
pub const RESTORE_REACH: usize = 3 * LONGEST_WORD + CODE_LEN + 30;

/// LIMIT: `***` is the most emphasis that Markdown knows.
const MOST_EMPHASIS: usize = 3;

/// Opening brackets, and the closing ones that each goes with. An escaped one only goes with an escaped one: else
/// the backslash is the text's own (`C:\[EMAIL_7KQ2MX]`).
const BRACKETS: &[(&str, &[&str])] =
    &[("[", CLOSERS), ("\\[", &["\\]"]), ("［", CLOSERS), ("【", CLOSERS), ("%5B", CLOSERS)];

const CLOSERS: &[&str] = &["]", "］", "】", "%5D"];

const SEPARATORS: &[&str] = &["_", "\\_", " ", "-", "\u{a0}", "\u{2011}"];

/// A placeholder found in a response, to be replaced by the value it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoration {
    /// What is replaced (brackets, emphasis and all).
    pub span: TextSpan,
    /// Index of the vault's entry.
    pub entry: usize,
}

/// The first bytes of all opening brackets.
pub(super) fn openers() -> impl Iterator<Item = u8> {
    BRACKETS.iter().filter_map(|(open, _)| open.bytes().next())
}

impl Vault {
    /// Finds issued placeholders in `text` from byte `from` on. Appends those that can no longer change and returns the
    /// decided offset (see `Ruleset::scan`).
    pub fn restorations(&self, text: &str, from: usize, ended: bool, out: &mut Vec<Restoration>) -> usize {
        self.walk(text, from, ended, |found| {
            if let Found { span, code: Code::Issued(entry) } = found {
                out.push(Restoration { span, entry });
            }
        })
    }

    /// How many placeholders in the whole of `text` are one slip (a wrong character, two exchanged) away from an issued one.
    /// They are not restored: a guess could write one person's value in another's place.
    #[must_use]
    pub fn near_misses(&self, text: &str) -> usize {
        let mut count = 0;
        let near = Mode::Near;
        self.walk_in(near, text, 0, true, |found| count += usize::from(found.code == Code::Near));
        count
    }

    fn walk(&self, text: &str, from: usize, ended: bool, found: impl FnMut(Found)) -> usize {
        self.walk_in(Mode::Issued, text, from, ended, found)
    }

    fn walk_in(&self, mode: Mode, text: &str, from: usize, ended: bool, mut found: impl FnMut(Found)) -> usize {
        if self.is_empty() {
            return text.len();
        }
        let mut at = from;
        while let Some(skipped) = text.as_bytes().get(at..).and_then(|bytes| self.index.next_start(bytes)) {
            at += skipped;
            match self.read(mode, Cursor { text, at, ended }) {
                Err(Open) => return at,
                Ok(Some(placeholder)) => {
                    at = placeholder.span.end;
                    found(placeholder);
                }
                Ok(None) => at += 1,
            }
        }
        text.len()
    }

    /// Reads a placeholder at `start`.
    fn read(&self, mode: Mode, start: Cursor<'_>) -> Result<Option<Found>, Open> {
        let first = start.text.as_bytes().get(start.at);
        for (opener, closers) in BRACKETS.iter().filter(|(opener, _)| opener.as_bytes().first() == first) {
            let mut inner = start;
            if inner.eat(opener)? {
                inner.eat(" ")?;
                let emphasis = inner.eat_emphasis()?;
                return self.read_words(mode, inner, |_, end| {
                    Ok(match end.closed(closers, true)? {
                        Some(end) => Some(TextSpan::new(start.at, end)),
                        // Unbalanced emphasis stays, with the bracket before it; the word is read again by itself.
                        None if *opener == "\\[" || emphasis => None,
                        None => end.is_boundary()?.then(|| TextSpan::new(start.at, end.at)),
                    })
                });
            }
        }
        if !start.starts_a_word() {
            return Ok(None);
        }
        self.read_words(mode, start, |word, end| {
            Ok(match end.closed(CLOSERS, false)? {
                Some(end) => Some(TextSpan::new(word, end)),
                None => end.is_boundary()?.then(|| TextSpan::new(word, end.at)),
            })
        })
    }

    /// Reads word, separator and code; `finish` takes the offsets of the word and the cursor after the code, and gives
    /// the span of the whole.
    fn read_words(
        &self,
        mode: Mode,
        start: Cursor<'_>,
        finish: impl Fn(usize, Cursor<'_>) -> Result<Option<TextSpan>, Open>,
    ) -> Result<Option<Found>, Open> {
        for issued in self.index.words() {
            let mut cursor = start;
            if let Some(code) = cursor.eat_code(issued, mode)?
                && let Some(span) = finish(start.at, cursor)?
            {
                return Ok(Some(Found { span, code }));
            }
        }
        Ok(None)
    }
}

/// What a walk looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Issued placeholders only: text that turns away from all of them is let go at once.
    Issued,
    /// Also those that are one slip away.
    Near,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    span: TextSpan,
    code: Code,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Issued(usize),
    Near,
}

/// The text ends before the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open;

#[derive(Debug, Clone, Copy)]
struct Cursor<'t> {
    text: &'t str,
    at: usize,
    ended: bool,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character; `None` at the end of an ended text.
    fn peek(&self) -> Result<Option<char>, Open> {
        match self.rest().chars().next() {
            None if !self.ended => Err(Open),
            next => Ok(next),
        }
    }

    /// Goes past `literal` (in either case) if it is next.
    fn eat(&mut self, literal: &str) -> Result<bool, Open> {
        let rest = self.rest().as_bytes();
        let same = rest.iter().zip(literal.as_bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        if same == literal.len() {
            self.at += same;
            return Ok(true);
        }
        if same == rest.len() && !self.ended { Err(Open) } else { Ok(false) }
    }

    fn eat_any(&mut self, literals: &[&str]) -> Result<bool, Open> {
        for literal in literals {
            if self.eat(literal)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes past emphasis and code marks; true if there were any.
    fn eat_emphasis(&mut self) -> Result<bool, Open> {
        let from = self.at;
        while self.at - from < MOST_EMPHASIS && matches!(self.peek()?, Some('*' | '_' | '`')) {
            self.at += 1;
        }
        Ok(self.at > from)
    }

    /// Goes past the word, a separator and a code.
    fn eat_code(&mut self, issued: &Issued, mode: Mode) -> Result<Option<Code>, Open> {
        for (at, part) in issued.word.split('_').enumerate() {
            if at > 0 && !self.eat_any(SEPARATORS)? || !self.eat(part)? {
                return Ok(None);
            }
        }
        if !self.eat_any(SEPARATORS)? {
            return Ok(None);
        }
        let mut code = [0; CODE_LEN];
        for len in 1..=CODE_LEN {
            let symbol = self.peek()?.and_then(|c| u8::try_from(c).ok()).and_then(placeholder::symbol);
            let (Some(symbol), Some(to)) = (symbol, code.get_mut(len - 1)) else { return Ok(None) };
            *to = symbol;
            self.at += 1;
            if mode == Mode::Issued && !issued.may_begin(code, len) {
                return Ok(None);
            }
        }
        Ok(match issued.entry(code) {
            Some(entry) => Some(Code::Issued(entry)),
            None if mode == Mode::Near && !placeholder::is_valid(&issued.word, code) && issued.is_near(code) => {
                Some(Code::Near)
            }
            None => None,
        })
    }

    /// Where the placeholder ends if a closing bracket follows. `inside`: it was opened, so emphasis and a space may
    /// stand before the bracket.
    fn closed(mut self, closers: &[&str], inside: bool) -> Result<Option<usize>, Open> {
        if inside {
            self.eat_emphasis()?;
            self.eat(" ")?;
        }
        Ok(self.eat_any(closers)?.then_some(self.at))
    }

    /// True if no longer identifier goes on here. Underscores are emphasis unless letters follow them.
    fn is_boundary(mut self) -> Result<bool, Open> {
        for _ in 0..=MOST_EMPHASIS {
            match self.peek()? {
                Some('_') => self.at += 1,
                next => return Ok(!next.is_some_and(char::is_alphanumeric)),
            }
        }
        Ok(false)
    }

    /// True if no longer identifier ends here. An escape (`%20`, `\n`) before the word is no part of one.
    fn starts_a_word(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        match before.as_bytes() {
            [.., b'\\', b'n' | b'r' | b't'] => return true,
            [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => return true,
            _ => {}
        }
        !before.trim_end_matches('_').ends_with(char::is_alphanumeric)
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::redact::TenantKey;

    fn vault() -> Vault {
        let mut vault = Vault::new(TenantKey::new([7; 32]));
        for (word, value) in
            [("EMAIL", "jo@example.com"), ("PHONE", "+1 202 555 0100"), ("AWS_ACCESS_KEY", "AKIAIOSFODNN7EXAMPLE")]
        {
            vault.issue(word, value, false);
        }
        vault
    }

    fn restore(vault: &Vault, text: &str, found: &[Restoration]) -> String {
        let mut out = String::new();
        let mut at = 0;
        for restoration in found {
            out.push_str(&text[at..restoration.span.start]);
            out.push_str(vault.value(restoration.entry).unwrap().expose());
            at = restoration.span.end;
        }
        out + &text[at..]
    }

    fn whole(vault: &Vault, text: &str) -> String {
        let mut found = Vec::new();
        assert_eq!(vault.restorations(text, 0, true, &mut found), text.len());
        restore(vault, text, &found)
    }

    /// `§` stands for the code of the e-mail address, `¤` for its lower case, `£` for the whole placeholder of the access key.
    fn written(vault: &Vault, pattern: &str) -> String {
        let placeholder = vault.placeholder(0).unwrap();
        let code = &placeholder["[EMAIL_".len()..placeholder.len() - 1];
        let key = vault.placeholder(2).unwrap();
        pattern.replace('§', code).replace('¤', &code.to_ascii_lowercase()).replace('£', &key[1..key.len() - 1])
    }

    #[test]
    fn garbled_placeholders_are_restored() {
        let vault = vault();
        for (pattern, restored) in [
            ("[EMAIL_§]", "@"),
            ("to [EMAIL_§].", "to @."),
            ("[email_¤]", "@"),
            ("[Email_§]", "@"),
            ("EMAIL_§", "@"),
            ("[EMAIL_§", "@"),
            ("EMAIL_§]", "@"),
            ("**[EMAIL_§]**", "**@**"),
            ("[**EMAIL_§**]", "@"),
            ("[`EMAIL_§`]", "@"),
            ("`EMAIL_§`", "`@`"),
            ("__EMAIL_§__", "__@__"),
            ("_[EMAIL_§]_", "_@_"),
            ("[**EMAIL_§** is", "[**@** is"),
            ("EMAIL\\_§", "@"),
            ("\\[EMAIL\\_§\\]", "@"),
            ("C:\\[EMAIL_§]".trim_start_matches("C:"), "\\@"),
            ("[EMAIL-§]", "@"),
            ("[EMAIL §]", "@"),
            ("[ EMAIL_§ ]", "@"),
            ("［EMAIL_§］", "@"),
            ("【EMAIL_§】", "@"),
            ("%5BEMAIL_§%5D", "@"),
            ("?q=%20EMAIL_§&x", "?q=%20@&x"),
            ("mailto:EMAIL_§", "mailto:@"),
            ("[[EMAIL_§]](mailto:[EMAIL_§])", "[@](mailto:@)"),
            ("EMAIL_§, EMAIL_§", "@, @"),
        ] {
            let expected = restored.replace('@', "jo@example.com");
            assert_eq!(whole(&vault, &written(&vault, pattern)), expected, "{pattern}");
        }
        assert_eq!(whole(&vault, &written(&vault, "x [aws-access key_§§ £]")).matches("AKIA").count(), 1);
        assert_eq!(whole(&vault, &written(&vault, "[£]").replace('_', " ")), "AKIAIOSFODNN7EXAMPLE");
    }

    #[test]
    fn crockford_aliases_are_read() {
        let mut vault = Vault::new(TenantKey::new([7; 32]));
        let mut seen = 0;
        for n in 0..100 {
            let value = n.to_string();
            let text = vault.issue("ID", &value, false).to_owned();
            let (word, code) = text.split_at("[ID_".len());
            let garbled = format!("{word}{}", code.replace('0', "O").replace('1', "l"));
            seen += usize::from(garbled != text);
            assert_eq!(whole(&vault, &garbled), value);
        }
        assert!(seen > 10);
    }

    #[test]
    fn other_text_is_left_alone() {
        let vault = vault();
        for pattern in [
            "MY_EMAIL_§",
            "XEMAIL_§",
            "EMAIL_§9",
            "EMAIL_§_ID",
            "EMAIL§",
            "[MAIL_§]",
            "[PHONE_§]",
            "EMAIL",
            "[EMAIL_]",
            "[EMAIL_000000]",
            "E-mail §",
            "[EMAIL_ §]",
        ] {
            let text = written(&vault, pattern);
            assert_eq!(whole(&vault, &text), text, "{pattern}");
        }
    }

    #[test]
    fn slips_are_counted_and_not_restored() {
        let vault = vault();
        let placeholder = vault.placeholder(0).unwrap().to_owned();
        assert_eq!(vault.near_misses(&placeholder), 0);
        let at = "[EMAIL_".len();
        for offset in 0..CODE_LEN {
            for letter in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars() {
                let mut text = placeholder.clone();
                text.replace_range(at + offset..=at + offset, &letter.to_string());
                if text != placeholder {
                    assert_eq!((whole(&vault, &text), vault.near_misses(&text)), (text.clone(), 1), "{text}");
                }
            }
        }
        assert_eq!(vault.near_misses("[EMAIL_000000] and prose"), 0);
    }

    #[test]
    fn prose_is_held_back_only_where_a_placeholder_may_begin() {
        let vault = vault();
        let held = |text: &str| text.len() - vault.restorations(text, 0, false, &mut Vec::new());
        for (text, bytes) in [
            ("Hello wor", 0),
            ("Hello ", 0),
            ("see [", 1),
            ("see [1", 0),
            ("an e", 1),
            ("an ema", 3),
            ("an emat", 0),
            ("the email", 5),
            ("the email i", 0),
            ("the email is", 0),
            ("50%", 1),
            ("50% o", 0),
            ("the", 0),
        ] {
            assert_eq!(held(text), bytes, "{text}");
        }
        let empty = Vault::new(TenantKey::new([7; 32]));
        assert_eq!(empty.restorations("[EMAIL_", 0, false, &mut Vec::new()), 7);
    }

    /// Texts made of placeholders, their fragments, and what stands around them.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "[",
            "]",
            "**",
            "_",
            "`",
            " ",
            "\\",
            "%5B",
            "%5D",
            "［",
            "】",
            "EMAIL",
            "email",
            "_§",
            "\\_§",
            " ¤",
            "-§",
            "EMAIL_§",
            "[EMAIL_§]",
            "£",
            "[£]",
            "x",
            "9",
            "é",
            "AWS",
            "PHONE_",
            "\n",
        ]);
        prop::collection::vec(pieces, 0..12).prop_map(|p| written(&vault(), &p.concat()))
    }

    proptest! {
        #[test]
        fn growing_prefixes_find_what_the_whole_finds(text in texts(), cuts in prop::collection::vec(0usize..200, 0..8)) {
            let vault = vault();
            let mut expected = Vec::new();
            vault.restorations(&text, 0, true, &mut expected);
            let mut cuts: Vec<usize> = cuts.iter().map(|&c| text.floor_char_boundary(c.min(text.len()))).collect();
            cuts.sort_unstable();
            let (mut found, mut decided) = (Vec::new(), 0);
            for cut in cuts {
                let now = vault.restorations(&text[..cut], decided, false, &mut found);
                prop_assert!(now >= decided && now <= cut && cut - now <= RESTORE_REACH);
                decided = now;
                prop_assert!(found.iter().all(|r: &Restoration| r.span.end <= decided));
            }
            prop_assert_eq!(vault.restorations(&text, decided, true, &mut found), text.len());
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn redacting_and_restoring_is_the_identity(
            parts in prop::collection::vec(("[ -~é\\[\\]*_`\\\\]{0,12}", "[!-~é]{1,16}", prop::sample::select(vec!["EMAIL", "PAN", "AWS_KEY"])), 0..8)
        ) {
            let mut vault = Vault::new(TenantKey::new([9; 32]));
            let (mut original, mut redacted) = (String::new(), String::new());
            for (text, value, word) in &parts {
                original += text;
                original += value;
                redacted += text;
                redacted += &crate::redact::replacement(crate::redact::Strategy::Tokenize, &mut vault, word, value, false);
            }
            prop_assert_eq!(whole(&vault, &redacted), original);
        }

        #[test]
        fn nothing_but_issued_codes_is_restored(code in "[0-9A-HJKMNP-TV-Z]{6}", other in any::<u8>()) {
            let vault = vault();
            let mut stranger = Vault::new(TenantKey::new([other.max(8); 32]));
            let forged = stranger.issue("EMAIL", "jo@example.com", false).to_owned();
            for text in [format!("[EMAIL_{code}]"), forged] {
                if Some(text.as_str()) != vault.placeholder(0) {
                    prop_assert_eq!(whole(&vault, &text), text);
                }
            }
        }
    }
}
