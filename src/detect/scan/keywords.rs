//! The keywords of all rules, found in one pass.
//!
//! The automaton is a full table, so that each byte costs one look-up. A look-up waits for the one before it; so a longer text is read in
//! [`LANES`] places at once, whose look-ups wait for nothing but their own. Each lane begins a keyword's length before its part of the
//! text, so that it sees what begins in the part before.

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind, StartKind};

/// Places of a text that are read at once.
const LANES: usize = 4;
/// A text shorter than this is read in one go: lanes overlap by the longest keyword.
const SHORTEST: usize = 512;

/// LIMIT: keyword bytes of one ruleset, of which each costs up to one KiB of table; the shipped rules have about a tenth.
const MAX_BYTES: usize = 64 << 10;

/// An automaton for all keywords, in any ASCII case.
pub(super) struct Keywords {
    dfa: DFA,
    start: StateID,
    longest: usize,
}

/// The working memory of one pass, reused.
#[derive(Debug, Default)]
pub(super) struct Hits([Vec<(usize, StateID)>; LANES]);

impl Keywords {
    /// For words, which are then known by their number.
    ///
    /// # Errors
    /// They are too many.
    pub(super) fn new(words: &[String]) -> Result<Self, String> {
        let bytes: usize = words.iter().map(String::len).sum();
        if bytes > MAX_BYTES {
            return Err(format!("the keywords have {bytes} bytes together, more than the {MAX_BYTES} allowed"));
        }
        let mut builder = DFA::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard).start_kind(StartKind::Unanchored);
        let dfa = builder.prefilter(false).build(words).map_err(|error| format!("keywords: {error}"))?;
        let start = dfa.start_state(Anchored::No).map_err(|error| format!("keywords: {error}"))?;
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        Ok(Self { dfa, start, longest })
    }

    /// Calls `each` with the number of each keyword in `text[from..]`, its first byte and the byte after its last, in order of ends.
    pub(super) fn find(&self, text: &[u8], from: usize, hits: &mut Hits, mut each: impl FnMut(usize, usize, usize)) {
        let rest = text.get(from..).unwrap_or_default();
        if rest.len() < SHORTEST.max(self.longest * LANES * 2) {
            let mut state = self.start;
            for (end, byte) in (from + 1..).zip(rest) {
                state = self.dfa.next_state(Anchored::No, state, *byte);
                if self.dfa.is_special(state) {
                    self.report(state, end, &mut each);
                }
            }
            return;
        }
        let own = rest.len() / LANES;
        // Every lane reads as much; what it reads before its own part is known to the lane before it.
        let before = self.longest.saturating_sub(1);
        let lanes: [&[u8]; LANES] = std::array::from_fn(|lane| {
            let start = (lane * own).saturating_sub(before);
            rest.get(start..start + own + before).unwrap_or_default()
        });
        let firsts: [usize; LANES] = std::array::from_fn(|lane| from + (lane * own).saturating_sub(before));
        let [mut a, mut b, mut c, mut d] = [self.start; LANES];
        let [in_a, in_b, in_c, in_d] = lanes;
        for (at, (((to_a, to_b), to_c), to_d)) in in_a.iter().zip(in_b).zip(in_c).zip(in_d).enumerate() {
            // Written out, so that the states stay in registers.
            a = self.dfa.next_state(Anchored::No, a, *to_a);
            b = self.dfa.next_state(Anchored::No, b, *to_b);
            c = self.dfa.next_state(Anchored::No, c, *to_c);
            d = self.dfa.next_state(Anchored::No, d, *to_d);
            if [a, b, c, d].into_iter().any(|state| self.dfa.is_special(state)) {
                for ((state, hits), first) in [a, b, c, d].into_iter().zip(&mut hits.0).zip(firsts) {
                    if self.dfa.is_special(state) {
                        hits.push((first + at + 1, state));
                    }
                }
            }
        }
        let mut known = from;
        for (hits, first) in hits.0.iter_mut().zip(firsts) {
            for (end, state) in hits.drain(..).filter(|(end, _)| *end > known) {
                self.report(state, end, &mut each);
            }
            known = known.max(first + own + before);
        }
        // The few bytes that lanes of equal length leave over.
        let first = known.saturating_sub(before).max(from);
        let mut state = self.start;
        for (end, byte) in (first + 1..).zip(text.get(first..).unwrap_or_default()) {
            state = self.dfa.next_state(Anchored::No, state, *byte);
            if end > known && self.dfa.is_special(state) {
                self.report(state, end, &mut each);
            }
        }
    }

    fn report(&self, state: StateID, end: usize, each: &mut impl FnMut(usize, usize, usize)) {
        if !self.dfa.is_match(state) {
            return;
        }
        for index in 0..self.dfa.match_len(state) {
            let pattern = self.dfa.match_pattern(state, index);
            each(pattern.as_usize(), end - self.dfa.pattern_len(pattern), end);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(words: &[String], text: &str, from: usize) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        let keywords = Keywords::new(words).unwrap();
        keywords.find(text.as_bytes(), from, &mut Hits::default(), |word, start, end| found.push((end, start, word)));
        assert!(found.is_sorted_by_key(|(end, ..)| *end), "in order of ends");
        found.sort_unstable();
        found
    }

    proptest! {
        /// Lanes find what a plain search finds: every keyword once, in order of ends.
        #[test]
        fn lanes_find_every_keyword_once(
            words in prop::collection::hash_set("[ab]{1,4}", 1..6),
            text in "[abC]{0,1500}",
            from in 0usize..40,
        ) {
            let words: Vec<String> = words.into_iter().collect();
            let from = from.min(text.len());
            let mut expected = Vec::new();
            for (number, word) in words.iter().enumerate() {
                for start in from..text.len() {
                    if text.get(start..).is_some_and(|rest| rest.starts_with(word.as_str())) {
                        expected.push((start + word.len(), start, number));
                    }
                }
            }
            expected.sort_unstable();
            prop_assert_eq!(found(&words, &text, from), expected);
        }
    }

    #[test]
    fn case_does_not_matter_and_too_many_words_are_refused() {
        assert_eq!(found(&["akia".to_owned()], "xAKIAx", 0), [(5, 1, 0)]);
        assert!(Keywords::new(&["x".repeat(MAX_BYTES + 1)]).is_err());
    }
}
