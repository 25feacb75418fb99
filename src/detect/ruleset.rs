//! Rules compiled into one scanner.
//!
//! TOML files become specs (`load`, `schema`), specs become rules (`compile`, `shape`), rules together become the
//! automata of a scan (`crate::detect::scan`). `lint` and `selftest` judge rules by their own examples.

mod allow;
mod broad;
pub(crate) mod bytes;
mod compile;
mod embedded;
mod errors;
mod hash;
mod lint;
mod load;
pub(crate) mod numeral;
pub(crate) mod phrase;
mod schema;
mod selftest;
pub(crate) mod shape;
mod tuning;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use jiff::Timestamp;
use regex_automata::meta;
use regex_syntax::hir::Hir;

pub use allow::{AllowSpec, Allowed};
pub use errors::{RulesetError, RulesetErrors};
pub use lint::LintFinding;
pub use schema::RuleSpec;
pub use selftest::ExampleFailure;
pub use tuning::Override;
pub(crate) use tuning::Tuning;

use crate::detect::finding::{Finding, RuleInfo};
use crate::detect::scan::{Engine, Terms};
pub use crate::detect::scan::{Fate, ScanState};
use crate::detect::validate::Validator;
use crate::text::Phase;

/// What is asked of a scan.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Requests are whole texts and may look ahead for context; responses look behind only, so that
    /// bodies and streams agree.
    pub phase: Phase,
    /// Whether injection rules run. They judge whole texts: then nothing is decided before the end.
    pub injection: bool,
}

/// One rule: what its file says, and what runs.
pub struct Rule {
    /// What findings carry.
    pub info: Arc<RuleInfo>,
    /// The file that holds the rule.
    pub file: String,
    /// Its line there, from 1.
    pub line: Option<usize>,
    /// All fields as written.
    pub spec: RuleSpec,
    pub(crate) matcher: Matcher,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("id", &self.info.id).finish_non_exhaustive()
    }
}

/// The part of a rule that runs.
pub(crate) struct Matcher {
    pub(crate) regex: meta::Regex,
    /// The pattern without the word boundaries that stop the fast automata at text beyond ASCII: matches at every place at which
    /// `regex` does, and at some more. `None`: the pattern has no such boundary.
    pub(crate) sieve: Option<meta::Regex>,
    pub(crate) hir: Hir,
    /// In place of the pattern: word classes that stand together.
    pub(crate) phrase: Option<phrase::Phrase>,
    pub(crate) prefilter: Prefilter,
    /// The rule's keywords, or the context words that stand in for them, as the prefilter looks for them; ASCII in lower case.
    pub(crate) keywords: Vec<String>,
    /// What every match has besides a keyword (ASCII in lower case), and where. Empty: nothing is known of it.
    pub(crate) also: Vec<String>,
    pub(crate) around_also: shape::Around,
    /// A match with none of these in it, or shortly before it, is none. Empty if the pattern itself sees to that.
    pub(crate) must_be_near: Box<[Box<str>]>,
    pub(crate) injection: bool,
    /// Longest match, bytes of the view.
    pub(crate) longest: usize,
    /// Index of the group that is the finding's span.
    pub(crate) secret: Option<usize>,
    /// A match with fewer digits is none.
    pub(crate) least_digits: usize,
    pub(crate) validator: Option<Validator>,
    pub(crate) entropy: Option<f64>,
    /// Finds context words, in any ASCII case.
    pub(crate) context: Option<AhoCorasick>,
    pub(crate) context_required: bool,
    pub(crate) confidence: u8,
}

/// Where a rule's pattern has to run.
#[derive(Debug, Clone)]
pub(crate) enum Prefilter {
    /// Around each hit of a keyword.
    Keywords(shape::Around),
    /// Where digits lie as those of its matches may.
    Digits(numeral::Numeral),
    /// Where the words of its phrase stand.
    Phrase,
    /// Around each context word, which stands before a match or behind it.
    Context { lead: usize, trail: usize },
    /// Everywhere.
    Always,
    /// Nowhere: no match can have the digits that it must have.
    Never,
}

/// A compiled, immutable set of rules.
#[derive(Default)]
pub struct Ruleset {
    rules: Arc<[Rule]>,
    engine: Arc<Engine>,
    /// All allow-list entries of the files.
    allows: Arc<[Arc<Allowed>]>,
    /// Those that had not expired when the set was loaded.
    in_force: Arc<[Arc<Allowed>]>,
    /// Rows beside the rules, or none at all.
    tuning: Box<[Tuning]>,
    hash: Arc<str>,
}

impl fmt::Debug for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ruleset").field("rules", &self.rules.len()).field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Ruleset {
    /// The rules that the program carries.
    ///
    /// # Errors
    /// Every mistake of the files (a defect of the program; its tests look for it).
    pub fn embedded() -> Result<Self, RulesetErrors> {
        let files = embedded::FILES.map(|(name, text)| (name.to_owned(), text.to_owned()));
        Self::from_texts(&files)
    }

    /// The files that the program carries: names and contents.
    #[must_use]
    pub fn embedded_texts() -> Vec<(String, String)> {
        embedded::FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// The ruleset files of `paths`: names and contents, unread.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, RulesetErrors> {
        let mut errors = Vec::new();
        let files = load::read(paths, &mut errors);
        if errors.is_empty() { Ok(files) } else { Err(RulesetErrors(errors)) }
    }

    /// The rules of `paths`: files, or folders of `*.toml`.
    ///
    /// # Errors
    /// Every mistake of all files at once.
    pub fn load(paths: &[PathBuf]) -> Result<Self, RulesetErrors> {
        let mut errors = Vec::new();
        let files = load::read(paths, &mut errors);
        Self::build(&files, errors, Timestamp::now())
    }

    /// The rules of ruleset texts, each with the name by which errors call it.
    ///
    /// # Errors
    /// Every mistake of all texts at once.
    pub fn from_texts(files: &[(String, String)]) -> Result<Self, RulesetErrors> {
        Self::build(files, Vec::new(), Timestamp::now())
    }

    /// As [`Ruleset::from_texts`], as it would have been at `now`: allow-list entries that had expired then have no effect.
    ///
    /// # Errors
    /// Every mistake of all texts at once.
    pub fn from_texts_at(files: &[(String, String)], now: Timestamp) -> Result<Self, RulesetErrors> {
        Self::build(files, Vec::new(), now)
    }

    fn build(files: &[(String, String)], mut errors: Vec<RulesetError>, now: Timestamp) -> Result<Self, RulesetErrors> {
        let mut loaded = load::Loaded::default();
        files.iter().for_each(|(name, text)| load::parse(name, text, &mut loaded, &mut errors));
        let rules = compile::compile(loaded.rules, &mut errors);
        let allows = allow::compile(loaded.allows, &mut errors);
        if !errors.is_empty() {
            return Err(RulesetErrors(errors));
        }
        Self::assemble(rules, allows, now).map_err(|what| RulesetErrors::of_all(what, "use fewer or simpler rules"))
    }

    fn assemble(rules: Vec<Rule>, allows: Vec<Arc<Allowed>>, now: Timestamp) -> Result<Self, String> {
        let engine = Arc::new(Engine::new(&rules)?);
        Ok(Self::put_together(rules.into(), engine, allows.into(), now))
    }

    /// A set with the entries that have not ended at `now`.
    fn put_together(rules: Arc<[Rule]>, engine: Arc<Engine>, allows: Arc<[Arc<Allowed>]>, now: Timestamp) -> Self {
        let in_force: Arc<[_]> = allows.iter().filter(|entry| entry.until > now).cloned().collect();
        let hash = hash::of(rules.iter().map(|r| &r.spec), in_force.iter().map(|entry| &entry.spec));
        let tuning = tuning::rows(&rules, &in_force, None, &[]);
        Self { rules, engine, allows, in_force, tuning, hash }
    }

    /// The same set as it is at `now`, when allow-list entries of it have ended. Shares all automata.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self::put_together(Arc::clone(&self.rules), Arc::clone(&self.engine), Arc::clone(&self.allows), now)
    }

    /// All rules, in the order of their files.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Scans the channel text `text` (all of it so far; it only grows between calls), appends the findings
    /// that can no longer change, disjoint and in order of `span.start`, and returns the decided offset:
    /// every finding that starts before it has been reported, and none will cross it. `ended` says that
    /// no more text comes; then the whole text is decided.
    ///
    /// INVARIANT: findings do not depend on how the text grew; each call costs no more than the new text and the
    /// open tail.
    pub fn scan(&self, scope: Scope, text: &str, ended: bool, state: &mut ScanState, out: &mut Vec<Finding>) -> usize {
        self.engine.scan(self.terms(), scope, text, ended, state, out)
    }

    /// All rules, on the set's own terms.
    pub(crate) fn terms(&self) -> Terms<'_> {
        Terms { rules: &self.rules, tuning: &self.tuning, only: None, watch: None }
    }

    /// Scans a whole text on other terms, for the sake of who watches.
    pub(crate) fn scan_on(&self, terms: Terms<'_>, scope: Scope, text: &str, state: &mut ScanState) {
        self.engine.scan(terms, scope, text, true, state, &mut Vec::new());
    }

    /// Short hash of the rules in force (for `x-sidewall-ruleset` and the audit).
    #[must_use]
    pub const fn hash(&self) -> &Arc<str> {
        &self.hash
    }
}

#[cfg(test)]
mod tests;
