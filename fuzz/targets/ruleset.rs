//! Loading a ruleset: whatever the file holds, it loads or says why not, and what loads can be linted, tested and run.

use sidewall::detect::{Finding, Ruleset, ScanState, Scope};
use sidewall::text::Phase;

pub(crate) const SEEDS: &[&[u8]] = &[
    b"[[rule]]\nid = \"a\"\nkind = \"pii.a\"\nconfidence = 50\nkeywords = [\"ab\"]\nregex = 'ab(?P<secret>[0-9]{2,4})'\nmatches = [\"ab12\"]\nignores = [\"ab\"]\n",
    b"[[rule]]\nid = \"b\"\nkind = \"injection.b\"\nconfidence = 50\nweight = 40\nkeywords = [\"x\"]\nregex = '(?i)\\bx+ y'\nmatches = [\"x y\"]\nignores = [\"y\"]\n",
    b"[[rule]]\nid = \"c\"\nkind = \"pci.c\"\nconfidence = 70\ndigits = 12\nregex = '\\d{12,19}'\nvalidator = \"luhn-pan\"\ncontext = [\"card\"]\nmatches = [\"4111111111111111\"]\nignores = [\"1\"]\n",
];

/// A text in which every seed finds something.
const TEXT: &str = "ab1234 x y card 4111 1111 1111 1111 \u{ff11}\u{ff12} end";

pub(crate) fn ruleset(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(rules) = Ruleset::from_texts(&[("fuzz.toml".to_owned(), text.to_owned())]) else { return };
    drop((rules.lint(), rules.selftest()));
    let mut found: Vec<Finding> = Vec::new();
    let scope = Scope { phase: Phase::Request, injection: true };
    let decided = rules.scan(scope, TEXT, true, &mut ScanState::default(), &mut found);
    assert!(decided == TEXT.len(), "an ended text is decided");
    assert!(found.iter().all(|f| TEXT.get(f.span.range()).is_some()), "findings lie on boundaries of characters");
    assert!(found.windows(2).all(|two| two[0].span.end <= two[1].span.start), "findings are disjoint and in order");
}
