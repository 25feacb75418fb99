//! How sure a match is: digits, entropy, validator, context words.

use aho_corasick::AhoCorasick;

use super::watch::Fate;
use super::window::{LOOK_BACK, Window};
use crate::detect::ruleset::Matcher;
use crate::detect::validate::{Candidate, Outcome};
use crate::text::TextSpan;

/// Bytes before a span in which context words count.
pub(crate) const CONTEXT_BEFORE: usize = 64;
/// Bytes after a span in which context words count (requests only).
pub(crate) const CONTEXT_AFTER: usize = 32;
/// What a context word adds to the confidence.
const CONTEXT_BOOST: u8 = 30;
/// The most that a context word makes of it: only a validator is certain.
const CONTEXT_CAP: u8 = 99;

/// A span of the view and what stands around it.
pub(super) struct Surroundings<'a> {
    pub(super) window: &'a Window<'a>,
    pub(super) span: TextSpan,
    pub(super) ahead: bool,
}

impl<'a> Surroundings<'a> {
    fn text(&self) -> &'a str {
        self.window.text().get(self.span.range()).unwrap_or_default()
    }

    fn before(&self) -> &'a str {
        self.window.text().get(self.reach(self.span)..self.span.start).unwrap_or_default()
    }

    /// Where what counts as standing before `span` begins.
    fn reach(&self, span: TextSpan) -> usize {
        let text = self.window.text();
        // Not more raw text than every call sees, however much of it the fold has dropped.
        let seen = self.window.view_at(self.window.raw(span).start.saturating_sub(LOOK_BACK));
        text.ceil_char_boundary(span.start.saturating_sub(CONTEXT_BEFORE).max(seen))
    }

    fn after(&self) -> &'a str {
        if !self.ahead {
            return "";
        }
        let text = self.window.text();
        let end = text.floor_char_boundary(self.span.end.saturating_add(CONTEXT_AFTER).min(text.len()));
        text.get(self.span.end..end).unwrap_or_default()
    }
}

/// A match that is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub(super) confidence: u8,
    /// A context word stands near.
    pub(super) context: bool,
}

/// Judges a match of a rule that is as sure as `confidence`; or why it is none.
pub(super) fn judge(
    matcher: &Matcher,
    mut confidence: u8,
    around: &Surroundings<'_>,
    whole: TextSpan,
) -> Result<Judged, Fate> {
    let text = around.window.text().get(whole.range()).unwrap_or_default();
    if !matcher.must_be_near.is_empty() {
        let near = around.window.text().get(around.reach(whole)..whole.end).unwrap_or_default();
        if !matcher.must_be_near.iter().any(|word| holds(near, word)) {
            return Err(Fate::NoKeyword);
        }
    }
    if matcher.least_digits > 0 && text.bytes().filter(u8::is_ascii_digit).count() < matcher.least_digits {
        return Err(Fate::FewDigits);
    }
    let mentioned = || {
        matcher.context.as_ref().is_some_and(|words| {
            let near = |text: &str| mentions(text, words);
            near(around.before()) || near(around.after())
        })
    };
    // Most numbers have no such word beside them, and to see that costs less than a validator.
    if matcher.context_required && !mentioned() {
        return Err(Fate::NoContext);
    }
    if let Some(least) = matcher.entropy {
        let entropy = entropy(around.text());
        if entropy < least {
            return Err(Fate::LowEntropy(entropy));
        }
    }
    if let Some(validator) = matcher.validator {
        match validator.check(&Candidate { text: around.text(), before: around.before(), after: around.after() }) {
            Outcome::Reject => return Err(Fate::Invalid),
            Outcome::Accept => {}
            Outcome::Confidence(sure) => confidence = sure.min(100),
        }
    }
    let context = confidence < CONTEXT_CAP && (matcher.context_required || mentioned());
    if context {
        confidence = confidence.saturating_add(CONTEXT_BOOST).min(CONTEXT_CAP);
    }
    Ok(Judged { confidence, context })
}

/// True if `text` has `word` (ASCII in lower case) in any ASCII case.
fn holds(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes()))
}

/// Shannon entropy of the bytes of `text`, bits per byte.
fn entropy(text: &str) -> f64 {
    let mut counts = [0u16; 256];
    let mut total = 0f64;
    for b in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(b)) {
            *count = count.saturating_add(1);
        }
        total += 1.0;
    }
    counts.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / total).map(|p| -p * p.log2()).sum()
}

/// A finder of `words` (ASCII in lower case) in any ASCII case, for [`mentions`].
///
/// # Errors
/// The words are too many.
pub(crate) fn word_finder(words: &[String]) -> Result<AhoCorasick, aho_corasick::BuildError> {
    AhoCorasick::builder().ascii_case_insensitive(true).build(words)
}

/// True if `text` has one of `words` as a word.
pub(crate) fn mentions(text: &str, words: &AhoCorasick) -> bool {
    words.find_overlapping_iter(text).any(|found| is_word(text.as_bytes(), found.start(), found.end()))
}

/// True if `text[start..end]` is a word: whole, in the plural, or as a part of `camelCase` or `snake_case`.
fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let at = |i: usize| text.get(i).copied().unwrap_or(b' ');
    let before = start.checked_sub(1).map_or(b' ', at);
    let starts = !before.is_ascii_alphabetic() || (before.is_ascii_lowercase() && at(start).is_ascii_uppercase());
    starts && ends_word(text, end)
}

/// True if `text[..end]` ends where a word does, but for the `s` of a plural.
pub(super) fn ends_word(text: &[u8], end: usize) -> bool {
    let at = |i: usize| text.get(i).copied().unwrap_or(b' ');
    let ends = |end: usize| {
        let next = at(end);
        !next.is_ascii_alphabetic() || (at(end.saturating_sub(1)).is_ascii_lowercase() && next.is_ascii_uppercase())
    };
    ends(end) || (at(end).eq_ignore_ascii_case(&b's') && ends(end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_words_are_words() {
        for (text, word, expected) in [
            ("my SSN is", "ssn", true),
            ("the mission ", "ssn", false),
            ("ssn", "ssn", true),
            ("credit cards: ", "card", true),
            ("\"cardNumber\": ", "card", true),
            ("discard ", "card", false),
            ("cardigan ", "card", false),
            ("user_card=", "card", true),
            ("userCard=", "card", true),
            ("a", "card", false),
        ] {
            let words = word_finder(&[word.to_owned()]).unwrap();
            assert_eq!(mentions(text, &words), expected, "{text}");
        }
    }

    #[test]
    fn entropy_is_shannons() {
        assert_eq!(entropy("aaaa"), 0.0);
        assert!((entropy("abcd") - 2.0).abs() < 1e-9);
        assert!((entropy("aabb") - 1.0).abs() < 1e-9);
    }
}
