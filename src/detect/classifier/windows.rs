//! From a text to windows of tokens.

use tokenizers::Tokenizer;

use super::Gap;
use super::spec::Input;
use crate::text::{Part, TextSpan};

/// Bytes that are made into tokens at once: some milliseconds, after which the deadline is looked at.
const STRETCH: usize = 16 << 10;

/// Tokens of one window, and the text they stand for.
pub(super) struct Window {
    pub(super) ids: Vec<i64>,
    pub(super) span: TextSpan,
}

/// Cuts `text` into windows; one at least.
///
/// # Errors
/// [`Gap::Late`] if `late` says so between two stretches; [`Gap::Failed`] if the tokenizer does.
pub(super) fn cut(
    tokenizer: &Tokenizer,
    input: &Input,
    part: Part,
    text: &str,
    late: &impl Fn() -> bool,
) -> Result<Vec<Window>, Gap> {
    let mut ids: Vec<i64> = Vec::new();
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    while from < text.len() {
        if late() {
            return Err(Gap::Late);
        }
        let to = stretch(text, from);
        let stretch = text.get(from..to).unwrap_or_default();
        let encoding = tokenizer.encode(stretch, false).map_err(|_error| Gap::Failed)?;
        ids.extend(encoding.get_ids().iter().map(|id| i64::from(*id)));
        spans.extend(encoding.get_offsets().iter().map(|(start, end)| (from + start, from + end)));
        from = to;
    }
    let room = input.room();
    let step = room - input.overlap;
    let channel = (!input.channels.is_empty()).then(|| input.channels.get(&part).copied());
    let mut windows = Vec::new();
    let mut at = 0;
    loop {
        let end = (at + room).min(ids.len());
        let mut window = input.start.clone();
        // A part that the model has no token for is unknown to it.
        window.extend(channel.map(|token| token.unwrap_or(input.pad)));
        window.extend_from_slice(ids.get(at..end).unwrap_or_default());
        window.extend_from_slice(&input.end);
        let first = spans.get(at).map_or(0, |span| span.0);
        let last = spans.get(end.saturating_sub(1)).map_or(text.len(), |span| span.1);
        windows.push(Window { ids: window, span: TextSpan::new(first, last.max(first)) });
        if end >= ids.len() {
            return Ok(windows);
        }
        at += step;
    }
}

/// The end of a stretch that begins at `from`: behind white space, if there is any in its second half, so that no word is cut.
fn stretch(text: &str, from: usize) -> usize {
    let Some(most) = from.checked_add(STRETCH).filter(|most| *most < text.len()) else { return text.len() };
    let most = text.floor_char_boundary(most);
    let second = text.floor_char_boundary(from + STRETCH / 2);
    let half = text.get(second..most).unwrap_or_default();
    let cut = half.char_indices().rev().find(|(_, c)| c.is_whitespace());
    cut.map_or(most, |(at, c)| second + at + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokenizers::models::wordlevel::WordLevel;
    use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;

    use super::*;

    fn words() -> Tokenizer {
        let vocab = [("<unk>", 3), ("a", 10), ("b", 11), ("c", 12)].map(|(w, id)| (w.to_owned(), id));
        let model = WordLevel::builder().vocab(vocab.into_iter().collect()).unk_token("<unk>".into()).build().unwrap();
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(WhitespaceSplit));
        tokenizer
    }

    fn input(channels: &[(Part, i64)]) -> Input {
        Input {
            window: 6,
            overlap: 1,
            start: vec![0],
            end: vec![2],
            pad: 1,
            ids: "i".into(),
            mask: "m".into(),
            types: None,
            channels: BTreeMap::from_iter(channels.iter().copied()),
        }
    }

    #[test]
    fn windows_overlap_hold_their_channel_and_cover_the_text() {
        let cut = |input: &Input, part, text: &str| {
            let windows = cut(&words(), input, part, text, &|| false).unwrap();
            windows.into_iter().map(|w| (w.ids, w.span.start, w.span.end)).collect::<Vec<_>>()
        };
        assert_eq!(cut(&input(&[]), Part::User, "a b"), [(vec![0, 10, 11, 2], 0, 3)]);
        assert_eq!(
            cut(&input(&[]), Part::User, "a b c a b c a"),
            [(vec![0, 10, 11, 12, 10, 2], 0, 7), (vec![0, 10, 11, 12, 10, 2], 6, 13)]
        );
        let channels = input(&[(Part::User, 7)]);
        assert_eq!(
            cut(&channels, Part::User, "a b c a"),
            [(vec![0, 7, 10, 11, 12, 2], 0, 5), (vec![0, 7, 12, 10, 2], 4, 7)]
        );
        assert_eq!(cut(&channels, Part::System, "a"), [(vec![0, 1, 10, 2], 0, 1)]);
        assert_eq!(cut(&input(&[]), Part::User, ""), [(vec![0, 2], 0, 0)]);
    }

    #[test]
    fn long_texts_are_cut_between_words_and_a_deadline_is_kept() {
        let text = "a bb ".repeat(STRETCH);
        let windows = cut(&words(), &input(&[]), Part::User, &text, &|| false).unwrap();
        // No word is cut: `bb` is one unknown token each.
        let unknown = windows.iter().flat_map(|w| &w.ids).filter(|id| **id == 3).count();
        let known = windows.iter().flat_map(|w| &w.ids).filter(|id| **id == 10).count();
        assert!(unknown.abs_diff(known) <= windows.len(), "{unknown} {known}");
        let odd = "é".repeat(2 * STRETCH);
        assert!(!cut(&words(), &input(&[]), Part::User, &odd, &|| false).unwrap().is_empty());
        assert!(matches!(cut(&words(), &input(&[]), Part::User, &text, &|| true), Err(Gap::Late)));
    }
}
