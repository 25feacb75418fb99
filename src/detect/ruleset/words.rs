//! How the words of rules are looked for: keywords and context words in their usual spellings.

use super::schema::RuleSpec;
use crate::detect::scan::{mentions, word_finder};

/// The context words of a rule as they are looked for: each in its usual spellings, several words also written as one, as names of
/// fields are (`tax id`, `tax_id`, `tax-id`, `taxid`).
pub(super) fn context_words(spec: &RuleSpec) -> Vec<String> {
    let words = spec.context.iter().map(|w| w.trim()).filter(|w| !w.is_empty());
    let joined = words.flat_map(|word| match word.contains(' ') {
        true => [" ", "_", "-", ""].iter().map(|link| word.replace(' ', link)).collect(),
        false => vec![word.to_owned()],
    });
    joined.flat_map(|word| spellings(&word)).collect()
}

/// The words without those that have another one in them as a word: whoever finds the others finds them.
pub(super) fn essential(mut words: Vec<String>) -> Vec<String> {
    words.sort_by_key(String::len);
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        let found = word_finder(&kept).is_ok_and(|finder| mentions(&word, &finder));
        if !found {
            kept.push(word);
        }
    }
    kept
}

/// The automaton ignores the case of ASCII letters only; other scripts get their usual spellings.
pub(super) fn spellings(keyword: &str) -> Vec<String> {
    if keyword.is_ascii() {
        return vec![keyword.to_ascii_lowercase()];
    }
    let mut chars = keyword.chars();
    let title = chars.next().map(|c| c.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect());
    let mut all: Vec<String> = [keyword.to_lowercase(), keyword.to_uppercase(), keyword.to_owned()].into();
    all.extend(title);
    all.iter_mut().for_each(|s| s.make_ascii_lowercase());
    all.sort_unstable();
    all.dedup();
    all
}
