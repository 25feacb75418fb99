//! From rule specs to rules that run: every field checked, every pattern compiled within its limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use regex_automata::meta;
use regex_syntax::hir::{Hir, HirKind};

use super::errors::{Lines, Reporter, RulesetError};
use super::load::Sourced;
use super::numeral::Numeral;
use super::phrase::{MOST_GAP, MOST_UNLESS, Phrase};
use super::schema::RuleSpec;
use super::shape;
use super::words::{context_words, essential, spellings};
use super::{Matcher, Prefilter, Rule};
use crate::detect::finding::RuleInfo;
use crate::detect::scan::{CONTEXT_AFTER, CONTEXT_BEFORE, word_finder};
use crate::detect::validate;

/// LIMIT: rules of one set; the shipped set has a few hundred.
const MAX_RULES: usize = 4096;
/// LIMIT: bytes of one pattern as written.
pub(super) const MAX_PATTERN_BYTES: usize = 8 << 10;
/// LIMIT: bytes of one pattern's compiled automaton.
const MAX_AUTOMATON_BYTES: usize = 64 << 20;
/// LIMIT: bytes of states that one pattern's lazy DFA keeps, per thread that scans.
const LAZY_DFA_BYTES: usize = 512 << 10;
/// LIMIT: longest match of a rule that runs on streams: a private key in PEM of 16 KiB. So much may be held back.
pub(super) const MAX_MATCH: usize = 16 << 10;
/// LIMIT: bytes of a keyword. One byte is allowed (`@`).
const MAX_KEYWORD_BYTES: usize = 64;
/// Longest placeholder word, see [`RuleInfo::word`].
const MAX_WORD_BYTES: usize = 20;
/// The most that an entropy per character can ask for: eight bits.
const MAX_ENTROPY: f64 = 8.0;
/// Name of the group that is the finding's span.
const SECRET_GROUP: &str = "secret";
/// Kinds of this family run on request text only, and have weights.
const INJECTION: &str = "injection.";

/// Compiles all rules; mistakes go to `errors`.
pub(super) fn compile(sources: Vec<Sourced>, errors: &mut Vec<RulesetError>) -> Vec<Rule> {
    if sources.len() > MAX_RULES {
        Reporter { file: "(all files)", rule: String::new(), lines: &Lines::default(), errors }
            .report(format!("{} rules are more than the {MAX_RULES} allowed", sources.len()), "remove rules");
        return Vec::new();
    }
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut rules = Vec::with_capacity(sources.len());
    for Sourced { file, lines, spec } in sources {
        let mut reporter = Reporter { file: &file, rule: spec.id.clone(), lines: &lines, errors };
        if let Some(other) = seen.insert(spec.id.clone(), file.clone()) {
            reporter.report_at("id", format!("the id is taken by a rule in {other}"), "give each rule its own id");
        }
        check_names(&spec, &mut reporter);
        check_numbers(&spec, &mut reporter);
        check_lists(&spec, &mut reporter);
        if let Some(matcher) = matcher(&spec, &mut reporter) {
            let info = Arc::new(RuleInfo {
                id: spec.id.as_str().into(),
                kind: spec.kind.as_str().into(),
                word: word(&spec).into(),
                weight: spec.weight,
            });
            let line = lines.of("");
            rules.push(Rule { info, file: file.clone(), line, spec, matcher });
        }
    }
    rules
}

fn word(spec: &RuleSpec) -> String {
    let last = spec.kind.rsplit('.').next().unwrap_or_default();
    spec.word.clone().unwrap_or_else(|| last.to_ascii_uppercase())
}

fn check_names(spec: &RuleSpec, reporter: &mut Reporter<'_>) {
    let lower = |s: &str, extra: u8| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == extra)
    };
    if !lower(&spec.id, b'-') {
        reporter.report_at(
            "id",
            format!("id `{}` is not `[a-z0-9-]+`", spec.id),
            "use lower-case letters, digits, hyphens",
        );
    }
    if spec.kind.split('.').count() < 2 || !spec.kind.split('.').all(|part| lower(part, b'_')) {
        reporter.report_at(
            "kind",
            format!("kind `{}` is not dotted lower case", spec.kind),
            "write it like `pii.email`",
        );
    }
    let word = word(spec);
    let is_part = |p: &str| p.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) && !p.is_empty();
    let starts_well = word.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    if word.len() > MAX_WORD_BYTES || !starts_well || !word.split('_').all(is_part) {
        reporter.report(
            format!("word `{word}` cannot stand in a placeholder"),
            format!("give `word` in upper case, like `AWS_KEY`, at most {MAX_WORD_BYTES} bytes"),
        );
    }
    if let Some(name) = &spec.validator
        && validate::lookup(name).is_none()
    {
        let names: Vec<&str> = validate::names().collect();
        reporter.report_at(
            "validator",
            format!("validator `{name}` does not exist"),
            format!("validators are: {}", names.join(", ")),
        );
    }
}

fn check_numbers(spec: &RuleSpec, reporter: &mut Reporter<'_>) {
    if spec.confidence > 100 {
        reporter.report_at("confidence", "confidence is over 100", "give 0 to 100");
    }
    match (is_injection(spec), spec.weight) {
        (true, 1..=100) | (false, 0) => {}
        (true, _) => reporter.report("an injection rule needs a weight", "give `weight` from 1 to 100"),
        (false, _) => reporter.report("only `injection.*` rules have a weight", "remove `weight`"),
    }
    if spec.entropy.is_some_and(|e| !(e > 0.0 && e <= MAX_ENTROPY)) {
        reporter.report_at(
            "entropy",
            "entropy is not in 0 to 8 bits per character",
            "give about 3.0 for random tokens",
        );
    }
    if spec.digits == Some(0) {
        reporter.report_at("digits", "`digits = 0` is no prefilter", "give the least number of digits in a match");
    }
}

fn check_lists(spec: &RuleSpec, reporter: &mut Reporter<'_>) {
    let prefilters = [!spec.keywords.is_empty(), spec.digits.is_some(), spec.always.is_some()];
    let phrase = !spec.phrase.is_empty();
    let given = prefilters.iter().filter(|given| **given).count();
    if given != usize::from(!phrase) && !(given == 0 && spec.context_required) {
        reporter.report(
            "has not exactly one of `keywords`, `digits`, `always`",
            "name words that every match contains, or its least number of digits, or say why neither is possible; with \
             `context_required` the context words will do",
        );
    }
    if spec.keywords.iter().any(|k| k.is_empty() || k.len() > MAX_KEYWORD_BYTES) {
        reporter.report("a keyword is empty or too long", format!("give 1 to {MAX_KEYWORD_BYTES} bytes"));
    }
    if spec.also.iter().any(|k| k.is_empty() || k.len() > MAX_KEYWORD_BYTES) {
        reporter.report("a word of `also` is empty or too long", format!("give 1 to {MAX_KEYWORD_BYTES} bytes"));
    }
    if !spec.also.is_empty() && (!is_injection(spec) || spec.keywords.is_empty()) {
        reporter.report("`also` stands beside `keywords` of `injection.*` rules only", "remove `also`");
    }
    if spec.context.iter().any(|word| word.trim().is_empty()) {
        reporter.report("a context word is empty", "remove it");
    }
    if spec.context_required && spec.context.is_empty() {
        reporter.report("`context_required` without `context`", "name the words that must stand near");
    }
}

pub(super) fn is_injection(spec: &RuleSpec) -> bool {
    spec.kind.starts_with(INJECTION)
}

/// The matcher of a rule that is a phrase.
fn phrase(spec: &RuleSpec, reporter: &mut Reporter<'_>) -> Option<Matcher> {
    let missing = spec.phrase.iter().chain(spec.unless.keys()).filter(|name| !spec.classes.contains_key(*name));
    for name in missing.clone() {
        reporter.report(format!("the class `{name}` does not exist"), "write `[class.NAME]` in the same file");
    }
    if missing.count() > 0 {
        return None;
    }
    let far = spec.gap.is_some_and(|gap| gap > MOST_GAP) || spec.unless.values().any(|reach| *reach > MOST_UNLESS);
    if !is_injection(spec) || !spec.regex.is_empty() || spec.phrase.len() < 2 || far {
        let mend = format!(
            "give two classes or more, no `regex`, `gap` up to {MOST_GAP}, `unless` up to {MOST_UNLESS}; phrases are for `injection.*`"
        );
        reporter.report_at("phrase", "is no phrase", mend);
        return None;
    }
    let phrase = match Phrase::new(spec) {
        Ok(phrase) => phrase,
        Err(e) => {
            reporter.report_at("unless", format!("the words are too many: {e}"), "use fewer");
            return None;
        }
    };
    let hir = Hir::fail();
    Some(Matcher {
        must_be_near: Box::default(),
        keywords: Vec::new(),
        also: Vec::new(),
        around_also: shape::NOWHERE,
        prefilter: Prefilter::Phrase,
        injection: true,
        longest: phrase.reach(),
        secret: None,
        least_digits: 0,
        validator: None,
        entropy: None,
        context: None,
        context_required: false,
        confidence: spec.confidence,
        regex: meta::Builder::new().build_from_hir(&hir).ok()?,
        sieve: None,
        hir,
        phrase: Some(phrase),
    })
}

fn matcher(spec: &RuleSpec, reporter: &mut Reporter<'_>) -> Option<Matcher> {
    if !spec.phrase.is_empty() {
        return phrase(spec, reporter);
    }
    if spec.regex.len() > MAX_PATTERN_BYTES {
        reporter.report(
            format!("the regex has {} bytes, more than the {MAX_PATTERN_BYTES} allowed", spec.regex.len()),
            "split it into rules",
        );
        return None;
    }
    let hir = match regex_syntax::parse(&spec.regex) {
        Ok(hir) => shape::folded(&hir),
        Err(e) => {
            reporter.report_at(
                "regex",
                format!("the regex does not parse: {e}"),
                "see the syntax of the Rust crate `regex`",
            );
            return None;
        }
    };
    let config = meta::Config::new()
        .nfa_size_limit(Some(MAX_AUTOMATON_BYTES))
        .onepass_size_limit(Some(MAX_AUTOMATON_BYTES))
        .hybrid_cache_capacity(LAZY_DFA_BYTES);
    let build =
        |hir: &Hir| meta::Builder::new().configure(config.clone()).build_from_hir(hir).map_err(|e| e.to_string());
    let secret = secret_group(&hir);
    // A group around all but the boundaries is the match itself; without groups the pattern needs only its fast automata.
    let whole = secret.is_some() && is_whole(&hir);
    let (hir, secret) = if whole { (shape::ungrouped(&hir), None) } else { (hir, secret) };
    let bounded = hir.properties().look_set().contains_word_unicode();
    let sieve = bounded.then(|| build(&shape::unbounded(&hir))).transpose();
    let (regex, sieve) = match build(&hir).and_then(|regex| Ok((regex, sieve?))) {
        Ok(built) => built,
        Err(e) => {
            let mend = "use smaller counts, and `[A-Za-z0-9_]` instead of `\\w`, `[0-9]` instead of `\\d`";
            reporter.report_at("regex", format!("the compiled regex is too large or wrong: {e}"), mend);
            return None;
        }
    };
    let injection = is_injection(spec);
    let longest = shape::max_len(&hir);
    if hir.properties().minimum_len().unwrap_or(0) == 0 {
        reporter.report_at("regex", "the regex matches the empty text", "demand at least one character");
        return None;
    }
    if longest > MAX_MATCH && !injection {
        let mend = format!("bound every `*`, `+` and `{{n,}}`: at most {MAX_MATCH} bytes may be held back in a stream");
        reporter.report_at("regex", "the regex has no bound on the length of its matches, or too large a one", mend);
        return None;
    }
    let prefilter = prefilter(spec, &hir);
    let by_context = matches!(prefilter, Prefilter::Context { .. });
    let keywords: Vec<String> = match by_context {
        true => essential(context_words(spec)),
        false => spec.keywords.iter().flat_map(|k| spellings(k)).collect(),
    };
    let proven = by_context || shape::keyword(&hir, &keywords).is_some();
    let also: Vec<String> = spec.also.iter().flat_map(|k| spellings(k)).collect();
    // INVARIANT: `also` never costs a match: it is proven of the pattern, or the rule does not load.
    let around_also = shape::keyword(&hir, &also).or(also.is_empty().then_some(shape::NOWHERE));
    let Some(around_also) = around_also else {
        let mend = "name words of which the pattern shows that every match contains one";
        reporter.report("a match may have none of the words in `also`", mend);
        return None;
    };
    Some(Matcher {
        must_be_near: if proven || injection {
            Box::default()
        } else {
            keywords.iter().map(|k| k.as_str().into()).collect()
        },
        keywords,
        also,
        around_also,
        prefilter,
        injection,
        longest,
        secret,
        least_digits: spec.digits.unwrap_or(0),
        validator: spec.validator.as_deref().and_then(validate::lookup),
        entropy: spec.entropy,
        context: context(spec, reporter)?,
        context_required: spec.context_required,
        confidence: spec.confidence,
        regex,
        sieve,
        hir,
        phrase: None,
    })
}

fn context(spec: &RuleSpec, reporter: &mut Reporter<'_>) -> Option<Option<AhoCorasick>> {
    if spec.context.is_empty() {
        return Some(None);
    }
    match word_finder(&context_words(spec)) {
        Ok(found) => Some(Some(found)),
        Err(e) => {
            reporter.report(format!("the context words are too many: {e}"), "use fewer");
            None
        }
    }
}

/// Where the pattern has to run. Matches without a keyword in or near them, or with too few digits, are none (see `judge`), so that
/// windows may miss them.
fn prefilter(spec: &RuleSpec, hir: &Hir) -> Prefilter {
    if spec.always.is_some() {
        return Prefilter::Always;
    }
    if let Some(least) = spec.digits {
        return Numeral::of(hir, least).map_or(Prefilter::Never, Prefilter::Digits);
    }
    let keywords: Vec<String> = spec.keywords.iter().map(|k| k.to_ascii_lowercase()).collect();
    let longest = shape::max_len(hir);
    if keywords.is_empty() && spec.context_required {
        let (lead, trail) = (longest.saturating_add(CONTEXT_AFTER), longest.saturating_add(CONTEXT_BEFORE));
        return Prefilter::Context { lead, trail };
    }
    let near = shape::Around { lead: longest, trail: longest.saturating_add(CONTEXT_BEFORE), starts: false };
    Prefilter::Keywords(shape::keyword(hir, &keywords).unwrap_or(near))
}

fn secret_group(hir: &Hir) -> Option<usize> {
    match hir.kind() {
        HirKind::Capture(c) if c.name.as_deref() == Some(SECRET_GROUP) => Some(c.index as usize),
        HirKind::Capture(c) => secret_group(&c.sub),
        HirKind::Repetition(r) => secret_group(&r.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().find_map(secret_group),
        _ => None,
    }
}

/// True if the group `secret` is all of the pattern but for boundaries around it.
fn is_whole(hir: &Hir) -> bool {
    let is_secret = |hir: &Hir| matches!(hir.kind(), HirKind::Capture(c) if c.name.as_deref() == Some(SECRET_GROUP));
    match hir.kind() {
        HirKind::Concat(all) => {
            all.iter().all(|part| is_secret(part) || part.properties().maximum_len() == Some(0))
                && all.iter().any(is_secret)
        }
        _ => is_secret(hir),
    }
}
