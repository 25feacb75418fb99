//! Folding: one spelling for the many that look, or read, the same, so that rules are written once.
//!
//! A folded text is for scanning only; nothing of it is ever sent. It has no invisible characters, no diacritics
//! on Latin letters, ASCII digits, ASCII quotes, dashes and spaces, compatibility forms (full-width,
//! mathematical, circled) resolved as in NFKC, and look-alike letters of other scripts turned into Latin ones
//! where they stand in a token with Latin ones. Case stays as it is.
//!
//! Each character is folded by itself (no composition across characters), with a look at its neighbours in two
//! cases only: look-alikes and terminal escape sequences. Neither looks further than [`FOLD_REACH`]. So folding is
//! local: for a raw text `a + b` where `b` starts at a [`clean_cut`], `fold(a + b)` is `fold(a) + fold(b)`.

mod characters;
mod confusables;
mod hidden;
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

/// All that folding finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folding<'a> {
    /// The folded text.
    pub view: View<'a>,
    /// Texts written in invisible characters: each decoded, mapped to its carriers.
    pub hidden: Vec<View<'static>>,
    /// Counts for the injection signal.
    pub oddities: Oddities,
}

/// The folded view of `raw`; `raw` itself (borrowed) if it is its own fold, as printable ASCII is.
#[must_use]
pub fn fold(raw: &str) -> View<'_> {
    fold_counting(raw).0
}

/// Folds, counts oddities, and reads what is written in invisible characters.
#[must_use]
pub fn examine(raw: &str) -> Folding<'_> {
    let (view, oddities) = fold_counting(raw);
    let invisible = oddities.tags + oddities.variation_bytes + oddities.zero_width;
    let hidden = if invisible == 0 { Vec::new() } else { hidden::read(raw) };
    Folding { view, hidden, oddities }
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
        if token_open && matches!(look(c), Look::Foreign(Some(_), _)) {
            settled = at;
        }
    }
    settled
}

/// The last offset at or before `at` at which `raw` can be cut so that both sides fold as they do together.
/// Within a few bytes of `at` in ordinary text; 0 if there is none.
#[must_use]
pub fn clean_cut(raw: &str, at: usize) -> usize {
    let head = raw.get(..raw.floor_char_boundary(at.min(raw.len()))).unwrap_or_default();
    let mut cut = None;
    for (at, c) in head.char_indices().rev() {
        let end = at + c.len_utf8();
        if cut.is_some_and(|cut: usize| cut - at > FOLD_REACH) {
            break;
        }
        if sequence::is_introducer(c) {
            cut = None;
        } else if cut.is_none() && c.is_ascii() && !confusables::in_token(c) {
            cut = Some(end);
        }
    }
    cut.unwrap_or(0)
}

fn fold_counting(raw: &str) -> (View<'_>, Oddities) {
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
        if !plain.is_empty() {
            state = Neighbours::default();
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
                odd.zero_width += u32::from(!after(|c| !c.is_ascii() && !characters::is_invisible_carrier(c)))
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
