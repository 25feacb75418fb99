//! Folding: one spelling for the many that look, or read, the same, so that rules are written once.
//!
//! A folded text is for scanning only; nothing of it is ever sent. It has no invisible characters, no diacritics
//! on Latin letters, ASCII digits, ASCII quotes, dashes and spaces, compatibility forms (full-width,
//! mathematical, circled) resolved as in NFKC, and look-alike letters of other scripts turned into Latin ones
//! where they stand in a token with Latin ones. Case stays as it is.
//!
//! Each character is folded by itself (no composition across characters), with a look at its neighbours in two
//! cases only: look-alikes and terminal escape sequences. Neither looks further than [`FOLD_REACH`]. So folding is
//! local: for a raw text `a + b` where `b` starts at a [`clean_cut`], `fold(a + b)` ends as `fold(b)` does.

mod characters;
mod confusables;
mod sequence;

use characters::{Folded, fold_char, is_plain, plain_prefix};
use confusables::{Look, look};

use crate::text::TextSpan;
use crate::text::view::{Builder, Origin, View};

/// LIMIT: no character's fold depends on anything further away than this many raw bytes: 16 characters for look-alikes, of at
/// most 4 bytes each; escape sequences longer than this are not taken for such.
pub const FOLD_REACH: usize = 64;

/// How many characters of its token, on either side, decide about a look-alike.
const LOOK_CHARS: usize = 16;

/// What stood in a text that no honest text needs much of. Counts of characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oddities {
    /// Zero-width and other invisible characters, without emoji joiners and presentation selectors.
    pub zero_width: u32,
    /// Tag characters (U+E0000…), without those of flag emoji.
    pub tags: u32,
    /// Bidirectional embeddings, overrides and isolates.
    pub bidi: u32,
    /// Variation selectors that select nothing: they can carry one byte each.
    pub variation_bytes: u32,
    /// Diacritics that stand on other diacritics (zalgo).
    pub stacked_marks: u32,
    /// Look-alike letters of other scripts inside Latin tokens.
    pub confusables: u32,
    /// Control characters and terminal escape sequences.
    pub controls: u32,
}

/// The folded view of `raw`; `raw` itself (borrowed) if it is its own fold, as printable ASCII is.
#[must_use]
pub fn fold(raw: &str) -> View<'_> {
    fold_counting(raw).0
}

/// Fewer candidates than this are not looked at more closely by [`count_invisible`].
const FEW: usize = 4;

/// Counts what stands in `raw` that no honest text needs much of; all zero without a closer look if there is hardly anything
/// invisible in it.
#[must_use]
pub fn count_invisible(raw: &str) -> Oddities {
    // The first bytes of most of them (U+2000–U+2FFF, U+F000–U+FFFF, U+C0000–U+FFFFF).
    let starts = memchr::memchr3_iter(0xe2, 0xef, 0xf3, raw.as_bytes());
    let seen = starts.filter(|at| raw.get(*at..).and_then(|r| r.chars().next()).is_some_and(characters::is_invisible));
    if seen.take(FEW).count() < FEW { Oddities::default() } else { fold_counting(raw).1 }
}

/// The offset before which the fold of `raw` can no longer change, whatever text follows `raw`.
#[must_use]
pub fn settled(raw: &str) -> usize {
    let mut settled = raw.len();
    let mut token_open = true;
    let mut chars = 0;
    for (at, c) in raw.char_indices().rev() {
        if raw.len() - at > FOLD_REACH {
            break;
        }
        if sequence::is_introducer(c) && sequence::may_go_on(raw.get(at..).unwrap_or_default()) {
            settled = at;
        }
        chars += 1;
        token_open &= confusables::in_token(c) && chars <= LOOK_CHARS;
        if token_open && matches!(look(c), Look::Foreign(Some(_), _)) && confusable(raw, at, c).is_none() {
            settled = at;
        }
    }
    settled
}

/// An offset `cut` at or before `at`, at most [`MOST_BACK`] bytes before it and within a few in ordinary text, such that from `at`
/// on, the fold of `raw[cut..]` is the fold of `raw`.
#[must_use]
pub fn clean_cut(raw: &str, at: usize) -> usize {
    let at = raw.floor_char_boundary(at.min(raw.len()));
    // What stands further than this before `at` has no say about anything from `at` on.
    let safe = raw.floor_char_boundary(at.saturating_sub(FOLD_REACH));
    let first = raw.floor_char_boundary(at.saturating_sub(MOST_BACK));
    let mut cut = None;
    let mut next = raw.get(at..).and_then(|rest| rest.chars().next());
    for (start, c) in raw.get(first..at).unwrap_or_default().char_indices().rev() {
        let end = first + start + c.len_utf8();
        if cut.is_some_and(|cut: usize| cut - end >= FOLD_REACH) {
            return cut.unwrap_or(safe);
        }
        if sequence::is_introducer(c) {
            cut = None;
        } else if cut.is_none() && !confusables::in_token(c) && (c.is_ascii() || next.is_none_or(is_base)) {
            cut = Some(end);
        }
        next = Some(c);
    }
    match cut {
        Some(cut) if first == 0 => cut,
        _ if first == 0 && at <= FOLD_REACH => 0,
        _ => safe,
    }
}

/// True for characters that fold the same whatever they stand on.
fn is_base(c: char) -> bool {
    c.is_ascii() || characters::is_quick(c)
}

/// LIMIT: how far [`clean_cut`] goes back.
const MOST_BACK: usize = 4 * FOLD_REACH;

/// [`fold`], with counts of what no honest text needs much of.
#[must_use]
pub fn fold_counting(raw: &str) -> (View<'_>, Oddities) {
    let mut odd = Oddities::default();
    if is_plain(raw) {
        return (View::same(raw, Origin::Folded), odd);
    }
    let mut out = Builder::with_capacity(raw.len());
    let mut changed = false;
    let mut state = Neighbours::default();
    let mut at = 0;
    while let Some((plain, rest)) = raw.get(at..).and_then(|rest| rest.split_at_checked(plain_prefix(rest))) {
        out.copy(plain, at);
        at += plain.len();
        if let Some(last) = plain.chars().next_back() {
            state = Neighbours { last: Some(last), ..Neighbours::default() };
        }
        let Some(c) = rest.chars().next() else { break };
        let len = match sequence::is_introducer(c) {
            true => sequence::length(rest).unwrap_or(c.len_utf8()),
            false => c.len_utf8(),
        };
        let span = TextSpan::new(at, at + len);
        let written = rest.get(..len).unwrap_or_default();
        let before = out.len();
        match fold_char(c, state.base_is_ascii) {
            Folded::Keep => match confusable(raw, at, c) {
                Some(ascii) => {
                    odd.confusables += 1;
                    out.replace(ascii.encode_utf8(&mut [0; 4]), span);
                }
                None => out.copy(written, at),
            },
            Folded::Char(to) => out.replace(to.encode_utf8(&mut [0; 4]), span),
            Folded::Text(to) => out.replace(&to, span),
            Folded::Drop(why) => state.count(why, c, &mut odd),
        }
        changed |= out.len() - before != len || !out.ends_with(written);
        state.pass(c);
        at = span.end;
    }
    let view = if changed { out.finish(Origin::Folded) } else { View::same(raw, Origin::Folded) };
    (view, odd)
}

/// The Latin letter that `c`, at `at`, passes for, if its token makes it one: the token has ASCII letters or
/// digits, or letters of a third script, within reach. So a Russian or Greek word by itself stays as it is.
fn confusable(raw: &str, at: usize, c: char) -> Option<char> {
    let (latin, script) = match look(c) {
        Look::Latin(latin) => return Some(latin),
        Look::Foreign(Some(latin), script) => (latin, script),
        _ => return None,
    };
    let (before, from) = raw.split_at_checked(at)?;
    let is_mixed = |other: char| match look(other) {
        Look::Ascii | Look::Latin(_) => true,
        Look::Foreign(_, other) => other != script,
        Look::Other => false,
    };
    let behind = before.chars().rev().take(LOOK_CHARS).take_while(|&c| confusables::in_token(c)).any(is_mixed);
    let mixed =
        behind || from.chars().skip(1).take(LOOK_CHARS - 1).take_while(|&c| confusables::in_token(c)).any(is_mixed);
    mixed.then_some(latin)
}

/// What stood just before, as far as counting and dropping depend on it.
#[derive(Debug)]
struct Neighbours {
    base_is_ascii: bool,
    last: Option<char>,
    /// Characters since a black flag, which tag characters may follow.
    since_flag: Option<u8>,
}

impl Default for Neighbours {
    fn default() -> Self {
        Self { base_is_ascii: true, last: None, since_flag: None }
    }
}

impl Neighbours {
    fn count(&self, why: characters::Why, c: char, odd: &mut Oddities) {
        use characters::Why;
        let after = |test: fn(char) -> bool| self.last.is_some_and(test);
        match why {
            Why::Control => odd.controls += 1,
            Why::Bidi => odd.bidi += 1,
            Why::Mark => odd.stacked_marks += u32::from(after(characters::is_diacritic)),
            Why::Tag => odd.tags += u32::from(self.since_flag.is_none_or(|n| n > FLAG_TAGS)),
            // Emoji and ideographs take one selector.
            Why::Variation => odd.variation_bytes += u32::from(!after(|c| !characters::is_invisible(c))),
            // Between emoji, or letters of scripts that shape by joiners, a joiner is honest.
            Why::Joiner => {
                odd.zero_width += u32::from(!after(|c| !c.is_ascii() && !characters::is_invisible_carrier(c)));
            }
            Why::ZeroWidth => odd.zero_width += u32::from(c != '\u{ad}'),
        }
    }

    fn pass(&mut self, c: char) {
        self.since_flag = match c {
            '\u{1f3f4}' => Some(0),
            '\u{e0020}'..='\u{e007f}' => self.since_flag.map(|n| n.saturating_add(1)),
            _ => None,
        };
        if !characters::is_invisible(c) && !characters::is_diacritic(c) {
            self.base_is_ascii = c.is_ascii();
        }
        self.last = Some(c);
    }
}

/// The longest tag sequence of a flag: "gbsct" and the cancel tag, <https://unicode.org/reports/tr51/#Subdivision_Flags>.
const FLAG_TAGS: u8 = 7;

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(raw: &str) -> String {
        fold(raw).text.into_owned()
    }

    #[test]
    fn disguises_fold_to_what_they_look_like() {
        for (raw, plain) in [
            ("4\u{200b}1\u{ad}1\u{2060}1", "4111"),
            ("４１１１ ⁴¹¹¹ ①② 𝟒𝟏 ٤١١١ ४१११", "4111 4111 12 41 4111 4111"),
            ("4111\u{a0}1111\u{2009}1111–1111", "4111 1111 1111-1111"),
            ("p\u{430}ssw\u{43e}rd ΑKIA аdmin@exаmple.com", "password AKIA admin@example.com"),
            ("саса@example.com", "caca@example.com"),
            ("ｉｇｎｏｒｅ 𝐢𝐠𝐧𝐨𝐫𝐞 ⓘⓖⓝⓞⓡⓔ 🅸🅶", "ignore ignore ignore IG"),
            ("ígñöré i̵̛g̷̕n", "ignore ign"),
            ("\u{202e}abc\u{202c} \u{2066}x\u{2069}", "abc x"),
            ("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}x \u{9b}1mz", "red x z"),
            ("a\u{8}b\0c", "abc"),
            ("“it’s” «so» … ﬁne ½", "\"it's\" \"so\" ... fine 1/2"),
            ("1\u{5b0}2\u{e31}", "12"),
            ("jo＠example。com", "jo@example.com"),
            ("vis\u{e0041}\u{e0042}ible", "visible"),
        ] {
            assert_eq!(folded(raw), plain);
        }
    }

    #[test]
    fn honest_text_of_other_scripts_stays_as_it_is() {
        for raw in [
            "Съешь ещё этих мягких французских булок, да выпей чаю: сор, рае, НЕТ.",
            "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
            "日本語の文章です、テスト",
            "안녕하세요 세계",
            "שלום עולם",
            "कृपया ध्यान दें",
            "plain ASCII, a\ttab\r\nand a line",
        ] {
            let view = fold(raw);
            assert_eq!(view.text, raw);
            assert!(view.is_identity() && matches!(view.text, std::borrow::Cow::Borrowed(_)));
        }
    }

    #[test]
    fn honest_emoji_and_joiners_are_not_odd() {
        for raw in ["👨‍👩‍👧 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "क्‍ष", "co\u{ad}operate", "Привет"]
        {
            assert_eq!(fold_counting(raw).1, Oddities::default(), "{raw}");
        }
        let odd = fold_counting("a\u{200b}\u{200b}b\u{202e}c\u{e0041}\u{1b}[1mi\u{300}\u{301}pаy").1;
        let expected = Oddities {
            zero_width: 2,
            tags: 1,
            bidi: 1,
            variation_bytes: 0,
            stacked_marks: 1,
            confusables: 1,
            controls: 1,
        };
        assert_eq!(odd, expected);
    }

    /// Text in which everything that folds by its neighbours is frequent.
    fn texts() -> impl Strategy<Value = String> {
        let char = prop_oneof![
            3 => "[a-z0-9 .@]",
            3 => prop::sample::select(vec!["а", "о", "п", "Ρ", "α", "ո", "ø"]).prop_map(str::to_owned),
            2 => prop::sample::select(vec!["\u{1b}", "[", "3", "m", "]", "\u{7}", "\u{1b}\\", "\u{9b}"]).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["\u{301}", "\u{200d}", "\u{5b0}", "\u{3099}", "か", "😀", "é"]).prop_map(str::to_owned),
            1 => any::<char>().prop_map(|c| c.to_string()),
        ];
        prop::collection::vec(char, 0..120).prop_map(|c| c.concat())
    }

    /// The fold of `raw` from raw offset `from` on, piece by piece: raw places and text.
    fn pieces(raw: &str, base: usize, from: usize, until: usize) -> Vec<(usize, usize, char)> {
        let view = fold(&raw[base..]);
        let places = view.text.char_indices().map(|(at, c)| {
            let span = view.to_raw(TextSpan::new(at, at + c.len_utf8()));
            (base + span.start, base + span.end, c)
        });
        places.filter(|&(start, _, _)| start >= from && start < until).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn places_are_on_character_boundaries_and_in_order(raw in texts()) {
            let mut last = 0;
            for (start, end, _) in pieces(&raw, 0, 0, usize::MAX) {
                prop_assert!(start >= last && raw.get(start..end).is_some_and(|t| !t.is_empty()));
                last = start;
            }
            prop_assert!(fold(&raw).text.len() <= 4 * raw.len());
        }

        #[test]
        fn folding_from_a_clean_cut_is_folding_the_whole(raw in texts(), at in 0usize..300) {
            let at = raw.floor_char_boundary(at.min(raw.len()));
            let cut = clean_cut(&raw, at);
            prop_assert!(cut <= at && at - cut <= MOST_BACK + 4 && raw.is_char_boundary(cut));
            prop_assert_eq!(pieces(&raw, cut, at, usize::MAX), pieces(&raw, 0, at, usize::MAX), "cut at {}", cut);
        }

        #[test]
        fn what_is_settled_stays(raw in texts(), at in 0usize..300) {
            let head = &raw[..raw.floor_char_boundary(at.min(raw.len()))];
            let settled = settled(head);
            prop_assert!(head.len() - settled <= FOLD_REACH);
            prop_assert_eq!(pieces(head, 0, 0, settled), pieces(&raw, 0, 0, settled));
        }
    }
}
