//! What is not wrong with a rule but should not be shipped either.

use std::fmt;

use jiff::Timestamp;

use super::compile::MAX_PATTERN_BYTES;
use super::{Prefilter, Rule, Ruleset, shape};
use crate::detect::open::OpenTail;

/// Longest match of a rule on streams, unless a keyword opens it: so much may be held back on the mere chance.
const MAX_STREAM_MATCH: usize = 4096;
/// A keyword of this many bytes at the start of a match is no mere chance (`-----BEGIN`).
const OPENING_KEYWORD_BYTES: usize = 8;

/// Something that lint holds against a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintFinding {
    /// The file of the rule.
    pub file: String,
    /// Its line there, from 1.
    pub line: Option<usize>,
    /// The rule's id.
    pub rule: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

/// Ordinary text, of which nothing has to be held.
const PROSE: &str = "It is a truth universally acknowledged, that ";

impl fmt::Display for LintFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": rule {}: {} ({})", self.rule, self.what, self.mend)
    }
}

impl Ruleset {
    /// Everything that lint holds against the rules, in their order.
    #[must_use]
    pub fn lint(&self) -> Vec<LintFinding> {
        let mut found = Vec::new();
        for rule in &*self.rules {
            let mut note = |what: String, mend: &str| {
                let (file, line, rule) = (rule.file.clone(), rule.line, rule.spec.id.clone());
                found.push(LintFinding { file, line, rule, what, mend: mend.to_owned() });
            };
            lint_papers(rule, &mut note);
            lint_pattern(rule, &mut note);
            lint_keywords(rule, &mut note);
            self.lint_shadow(rule, &mut note);
        }
        self.lint_breadth(&mut found);
        self.lint_allows(Timestamp::now(), &mut found);
        found
    }

    /// Entries that do nothing: their day has passed, or they speak of no rule.
    fn lint_allows(&self, now: Timestamp, found: &mut Vec<LintFinding>) {
        for entry in self.allows() {
            let mut note = |what: String, mend: &str| {
                let (file, line, rule) = (entry.file.clone(), entry.line, format!("allow {}", entry.spec.id));
                found.push(LintFinding { file, line, rule, what, mend: mend.to_owned() });
            };
            if entry.until <= now {
                let what = format!("expired on {}; it has no effect", entry.spec.expires);
                note(what, "remove it, or have its owner confirm it with a later date");
            }
            if !self.rules.iter().any(|rule| entry.speaks_of(&rule.info)) {
                note("speaks of no rule of the set".to_owned(), "name rules or kinds that are in it");
            }
        }
    }

    /// A rule that loses all of its own examples to rules of other kinds never reports anything.
    fn lint_shadow(&self, rule: &Rule, note: &mut impl FnMut(String, &str)) {
        let mut winners = Vec::new();
        for example in &rule.spec.matches {
            let found = self.find_all(example);
            if found.iter().any(|f| f.rule.kind == rule.info.kind) {
                return;
            }
            winners.extend(found.iter().map(|f| f.rule.id.to_string()));
        }
        winners.sort_unstable();
        winners.dedup();
        if !winners.is_empty() {
            let what = format!("all of its examples are taken by other rules: {}", winners.join(", "));
            note(what, "raise its confidence, or narrow the others");
        }
    }
}

fn lint_papers(rule: &Rule, note: &mut impl FnMut(String, &str)) {
    if rule.spec.matches.is_empty() || rule.spec.ignores.is_empty() {
        note("has no examples of both kinds".to_owned(), "give at least one text in `matches` and one in `ignores`");
    }
    if rule.spec.doc.trim().is_empty() {
        note("says nothing in `doc`".to_owned(), "say in one sentence what it finds and why a leak is bad");
    }
}

fn lint_pattern(rule: &Rule, note: &mut impl FnMut(String, &str)) {
    let matcher = &rule.matcher;
    let opened = matches!(matcher.prefilter, Prefilter::Keywords(around)
        if around.lead >= OPENING_KEYWORD_BYTES && rule.spec.keywords.iter().any(|k| k.len() == around.lead));
    if !matcher.injection && matcher.longest > MAX_STREAM_MATCH && !opened {
        note(
            format!("matches up to {} bytes, so much may be held back", matcher.longest),
            "bound it to 4096 bytes, or open it with a keyword of at least 8 bytes",
        );
    }
    if rule.spec.regex.len() > MAX_PATTERN_BYTES / 2 {
        note(format!("a regex of {} bytes", rule.spec.regex.len()), "split it into rules");
    }
    let opens_at_spaces = |open: OpenTail| open.start(&mut open.cache(), PROSE, 0) < PROSE.len();
    if !matcher.injection && OpenTail::new([(&matcher.hir, matcher.longest)].into_iter()).is_ok_and(opens_at_spaces) {
        note(
            "a match can begin with white space or punctuation, so every space between words is held back".to_owned(),
            "begin it with a word character; `\\b` looks at what stands before",
        );
    }
    if matches!(matcher.prefilter, Prefilter::Never) {
        note("matches no digits, but its prefilter asks for them".to_owned(), "use keywords");
    }
}

fn lint_keywords(rule: &Rule, note: &mut impl FnMut(String, &str)) {
    let keywords: Vec<String> = rule.spec.keywords.iter().map(|k| k.to_ascii_lowercase()).collect();
    for (i, keyword) in keywords.iter().enumerate() {
        let others: Vec<String> =
            keywords.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, k)| k.clone()).collect();
        if !others.is_empty() && shape::keyword(&rule.matcher.hir, &others).is_some() {
            note(format!("no match needs the keyword `{keyword}`"), "remove it");
        }
    }
}
