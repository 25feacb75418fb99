//! Patterns of kinds, rules and tenants: literal text in which `*` stands for any text, the empty one too.

use std::fmt;

/// LIMIT: 128 bytes a pattern: kinds and tenant names are shorter (see `identity::MAX_NAME_BYTES`),
/// and matching costs the product of both lengths at worst.
pub const MAX_PATTERN_BYTES: usize = 128;

/// A pattern such as `pci.*`, `*` or `pii.email`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(Box<str>);

impl Glob {
    /// Reads a pattern. `None` if it is empty, over [`MAX_PATTERN_BYTES`], or holds anything but ASCII letters, digits, `.`, `_`,
    /// `-` and `*`, of which neither kinds nor tenants are made.
    #[must_use]
    pub fn new(pattern: &str) -> Option<Self> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-*".contains(&byte);
        let valid = !pattern.is_empty() && pattern.len() <= MAX_PATTERN_BYTES && pattern.bytes().all(fine);
        valid.then(|| Self(pattern.into()))
    }

    /// True if the whole of `text` fits the pattern, byte for byte.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let Some(head) = pieces.next() else { return false };
        let Some(mut rest) = text.strip_prefix(head) else { return false };
        // The last piece must stand at the end; those between are found leftmost, which leaves the most for the others.
        let Some(tail) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            let Some((_, after)) = rest.split_once(piece) else { return false };
            rest = after;
        }
        rest.ends_with(tail)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn matching() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "pci.pan", true),
            ("**", "pci.pan", true),
            ("pci.*", "pci.pan", true),
            ("pci.*", "pci.", true),
            ("pci.*", "pci", false),
            ("pci.*", "xpci.pan", false),
            ("*.email", "pii.email", true),
            ("*.email", "pii.emails", false),
            ("pii.*.code", "pii.uk.nhs.code", true),
            ("pii.*.code", "pii.code", false),
            ("pii.email", "pii.email", true),
            ("pii.email", "pii.email2", false),
            ("pii.email", "PII.email", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*ab*", "ab", false),
            ("*ab*ab*", "xabyabz", true),
        ] {
            assert_eq!(Glob::new(pattern).unwrap().matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        let long = "a".repeat(MAX_PATTERN_BYTES + 1);
        for pattern in ["", " ", "pci,*", "pci.?", "é", "a b", long.as_str()] {
            assert_eq!(Glob::new(pattern), None, "{pattern:?}");
        }
    }

    /// The textbook definition, exponential but plainly right.
    fn reference(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                reference(rest, text) || text.split_first().is_some_and(|(_, after)| reference(pattern, after))
            }
            (Some((p, rest)), Some((t, after))) => p == t && reference(rest, after),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{1,8}", text in "[ab]{0,10}") {
            let glob = Glob::new(&pattern).unwrap();
            prop_assert_eq!(glob.matches(&text), reference(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
