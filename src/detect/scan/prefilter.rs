//! Where rules have to look: one pass for the keywords of all rules, one for digits.

use std::cmp::Reverse;
use std::ops::Range;

use super::digits::{Clusters, Digits};
use super::judge::{CONTEXT_BEFORE, ends_word};
use super::keywords::{Hits, Keywords};
use super::{Each, Place};
use crate::detect::ruleset::phrase::{Class, Entry};
use crate::detect::ruleset::shape::Around;
use crate::detect::ruleset::{Prefilter, Rule, Scope};
use crate::text::TextSpan;

/// Farthest that an unbounded injection pattern is followed around a keyword. LIMIT: longer matches are not found.
const INJECTION_REACH: usize = 4 << 10;

/// Finds the places at which rules have to run.
#[derive(Default)]
pub(super) struct Finder {
    keywords: Option<Keywords>,
    /// By keyword: the rules that have it.
    by_keyword: Vec<Word>,
    digits: Digits,
    always: Vec<u32>,
    /// The word classes of all phrases, each once.
    classes: Vec<Class>,
    phrases: Vec<Spoken>,
}

/// A rule that is a phrase.
#[derive(Debug)]
struct Spoken {
    rule: u32,
    /// Its classes, by their number among all.
    classes: Vec<usize>,
}

/// A keyword: whom it concerns.
#[derive(Debug, Default)]
struct Word {
    hits: Vec<Hit>,
    /// The entries of classes that are found by it: number of the class, and of the entry in it.
    entries: Vec<(usize, usize)>,
    /// What all of them demand of a place, so that most places are dropped without asking each.
    starts: bool,
    word: bool,
    injection: bool,
}

/// A rule and how far its matches reach around a hit.
#[derive(Debug, Clone, Copy)]
struct Hit {
    rule: u32,
    injection: bool,
    lead: usize,
    trail: usize,
    /// Hits inside a word are none.
    starts: bool,
    /// Hits that go on as a longer word are none.
    word: bool,
    side: Side,
}

/// What a hit is to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// All that a match needs.
    Alone,
    /// One of `keywords`, where a match needs one of `also` too.
    Keyword,
    /// One of `also`.
    Also,
}

/// The working memory of one run, reused.
pub(super) struct Memory {
    windows: Windows,
    hits: Hits,
    clusters: Clusters,
    /// By class of words: where they stand.
    spoken: Vec<Vec<TextSpan>>,
}

impl Memory {
    pub(super) fn new(rules: usize) -> Self {
        let (hits, clusters, spoken) = (Hits::default(), Clusters::default(), Vec::new());
        Self { windows: Windows::new(rules), hits, clusters, spoken }
    }
}

/// The open window of each rule. Windows that touch are one, so that no text is searched twice.
struct Windows {
    open: Vec<Option<(usize, usize)>>,
    touched: Vec<u32>,
    /// By rule that needs two words: the last stretch around one and around the other.
    pairs: Vec<[Option<(usize, usize)>; 2]>,
    paired: Vec<u32>,
}

impl Windows {
    fn new(rules: usize) -> Self {
        Self {
            open: vec![None; rules],
            touched: Vec::with_capacity(rules),
            pairs: vec![[None; 2]; rules],
            paired: Vec::with_capacity(rules),
        }
    }

    fn hit(&mut self, hit: &Hit, start: usize, end: usize, each: Each<'_>) {
        if hit.side == Side::Alone {
            return self.add(hit.rule, start, end, each);
        }
        let Some([keyword, also]) = self.pairs.get_mut(hit.rule as usize) else { return };
        if keyword.is_none() && also.is_none() {
            self.paired.push(hit.rule);
        }
        let (own, other) = if hit.side == Side::Keyword { (keyword, also) } else { (also, keyword) };
        match own {
            Some(stretch) if start <= stretch.1 => stretch.1 = stretch.1.max(end),
            _ => *own = Some((start, end)),
        }
        // INVARIANT: a match lies within the stretches around both of its words. The later of the two finds that around the
        // earlier: another one has replaced it only if it ends before the later word does.
        if let Some((first, last)) = *other
            && first.max(start) < last.min(end)
        {
            self.add(hit.rule, first.max(start), last.min(end), each);
        }
    }

    fn add(&mut self, rule: u32, start: usize, end: usize, each: Each<'_>) {
        let Some(slot) = self.open.get_mut(rule as usize) else { return };
        match slot {
            // Hits come in order of their ends, so a window may begin before the one before it.
            Some(window) if start <= window.1 => *window = (window.0.min(start), window.1.max(end)),
            Some(window) => {
                each(rule, Place::Within(window.0, window.1));
                *window = (start, end);
            }
            None => {
                *slot = Some((start, end));
                self.touched.push(rule);
            }
        }
    }

    fn finish(&mut self, each: Each<'_>) {
        for rule in self.touched.drain(..) {
            if let Some((start, end)) = self.open.get_mut(rule as usize).and_then(Option::take) {
                each(rule, Place::Within(start, end));
            }
        }
        for rule in self.paired.drain(..) {
            self.pairs.get_mut(rule as usize).into_iter().for_each(|pair| *pair = [None; 2]);
        }
    }
}

impl Finder {
    /// # Errors
    /// The keywords together are too large.
    pub(super) fn new(rules: &[Rule]) -> Result<Self, String> {
        let mut words: Vec<String> = Vec::new();
        let mut this = Self::default();
        for (rule, number) in rules.iter().zip(0u32..) {
            let injection = rule.matcher.injection;
            let reach = if injection { INJECTION_REACH } else { usize::MAX };
            let hit = |lead: usize, trail: usize| Hit {
                rule: number,
                injection,
                lead: lead.min(reach),
                trail: trail.min(reach),
                starts: false,
                word: false,
                side: Side::Alone,
            };
            let around = |around: Around, side| Hit { starts: around.starts, side, ..hit(around.lead, around.trail) };
            match &rule.matcher.prefilter {
                Prefilter::Always => this.always.push(number),
                Prefilter::Never => {}
                Prefilter::Phrase => this.add_phrase(&mut words, number, rule),
                Prefilter::Digits(numeral) => this.digits.add(number, numeral.clone()),
                Prefilter::Context { lead, trail } => {
                    this.add_words(&mut words, &rule.matcher.keywords, Hit { word: true, ..hit(*lead, *trail) });
                }
                Prefilter::Keywords(found) => {
                    let also = &rule.matcher.also;
                    let side = if also.is_empty() { Side::Alone } else { Side::Keyword };
                    let sides = [(&rule.matcher.keywords, found, side), (also, &rule.matcher.around_also, Side::Also)];
                    for (own, found, side) in sides {
                        this.add_words(&mut words, own, around(*found, side));
                    }
                }
            }
        }
        if !words.is_empty() {
            this.keywords = Some(Keywords::new(&words)?);
        }
        Ok(this)
    }

    fn add_words(&mut self, words: &mut Vec<String>, new: &[String], hit: Hit) {
        for word in new {
            let Some(own) = self.word(words, word) else { continue };
            if own.hits.iter().all(|h| (h.rule, h.side) != (hit.rule, hit.side)) {
                own.hits.push(hit);
                (own.starts, own.word) = (own.starts && hit.starts, own.word && hit.word);
                own.injection &= hit.injection;
            }
        }
    }

    fn add_phrase(&mut self, words: &mut Vec<String>, rule: u32, of: &Rule) {
        let Some(phrase) = &of.matcher.phrase else { return };
        let classes = phrase.classes.iter().map(|class| {
            self.classes.iter().position(|known| known == class).unwrap_or_else(|| {
                let number = self.classes.len();
                for (at, entry) in class.0.iter().enumerate() {
                    let Some(own) = self.word(words, &entry.anchor) else { continue };
                    let (starts, word) = entry.edges();
                    own.entries.push((number, at));
                    (own.starts, own.word) = (own.starts && starts, own.word && word);
                }
                self.classes.push(class.clone());
                number
            })
        });
        let classes = classes.collect();
        self.phrases.push(Spoken { rule, classes });
    }

    /// What is known of a keyword.
    fn word(&mut self, words: &mut Vec<String>, word: &str) -> Option<&mut Word> {
        let at = words.iter().position(|w| w == word).unwrap_or_else(|| {
            words.push(word.to_owned());
            self.by_keyword.push(Word { starts: true, word: true, injection: true, ..Word::default() });
            words.len() - 1
        });
        self.by_keyword.get_mut(at)
    }

    fn entry(&self, (class, entry): (usize, usize)) -> Option<&Entry> {
        self.classes.get(class)?.0.get(entry)
    }

    /// Calls `each` with every phrase whose words are all there.
    fn speak(&self, spoken: &mut [Vec<TextSpan>], each: Each<'_>) {
        for spans in &mut *spoken {
            // Of words of one class at one place the longest.
            spans.sort_unstable_by_key(|span| (span.start, Reverse(span.end)));
            spans.dedup_by_key(|span| span.start);
        }
        for phrase in &self.phrases {
            let stands = |class: &usize| spoken.get(*class).is_some_and(|spans| !spans.is_empty());
            if phrase.classes.iter().all(stands) {
                let of = |class: &usize| spoken.get(*class).map(Vec::as_slice).unwrap_or_default();
                each(phrase.rule, Place::Words(&phrase.classes.iter().map(of).collect::<Vec<_>>()));
            }
        }
        spoken.iter_mut().for_each(Vec::clear);
    }

    /// Calls `each` with each rule and the places of `text` at which a match may be that starts in `from..open`.
    pub(super) fn run(
        &self,
        rules: &[Rule],
        scope: Scope,
        text: &str,
        Range { start: from, end: open }: Range<usize>,
        memory: &mut Memory,
        each: Each<'_>,
    ) {
        if from >= open {
            return;
        }
        for rule in &self.always {
            if scope.injection || rules.get(*rule as usize).is_some_and(|r| !r.matcher.injection) {
                each(*rule, Place::Within(from, text.len()));
            }
        }
        let Memory { windows, hits, clusters, spoken } = memory;
        spoken.resize_with(self.classes.len(), Vec::new);
        if let Some(keywords) = &self.keywords {
            // A keyword may stand shortly before a match.
            let first = text.floor_char_boundary(from.saturating_sub(CONTEXT_BEFORE));
            keywords.find(text.as_bytes(), first, hits, |word, start, end| {
                let Some(word) = self.by_keyword.get(word) else { return };
                let before = start.checked_sub(1).and_then(|at| text.as_bytes().get(at));
                let inside = before.is_some_and(u8::is_ascii_alphanumeric);
                if inside && word.starts || word.injection && !scope.injection {
                    return;
                }
                let goes_on = !ends_word(text.as_bytes(), end);
                if goes_on && word.word {
                    return;
                }
                if scope.injection {
                    for entry in &word.entries {
                        let stands = self.entry(*entry).and_then(|entry| entry.span(text, start, end));
                        spoken.get_mut(entry.0).into_iter().for_each(|spans| spans.extend(stands));
                    }
                }
                for hit in &word.hits {
                    let (first, last) = (end.saturating_sub(hit.lead), start.saturating_add(hit.trail));
                    let apart = inside && hit.starts || goes_on && hit.word;
                    let wanted = (scope.injection || !hit.injection) && !apart && first < open;
                    if wanted {
                        windows.hit(hit, first, last.min(text.len()), each);
                    }
                }
            });
            if scope.injection {
                self.speak(spoken, each);
            }
        }
        self.digits.find(text, from, clusters, &mut |rule, place| match place {
            Place::At(start) if start < open => each(rule, place),
            Place::Within(start, end) if start < open => windows.add(rule, start, end.min(text.len()), each),
            _ => {}
        });
        windows.finish(each);
    }
}
