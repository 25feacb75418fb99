//! What texts were found to hold, so that a conversation's next turn costs what is new in it: a client resends its whole history with
//! every turn, and most of a request has been scanned before.
//!
//! SECURITY: a text is known by its HMAC under the tenant's key, so nobody can make two texts pass for one another, and no tenant's
//! knowledge is another's. Remembered are findings, never texts; what is done about them is decided anew each time.
//!
//! LIMIT: memory is two generations of at most [`GENERATION_BYTES`]. What is asked for moves to the young one; when that is full, it
//! becomes the old one, and what was in the old one is forgotten.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::detect::{Finding, Ruleset, Scope};
use crate::redact::{Fingerprint, TenantKey};
use crate::text::{Part, Phase};

/// LIMIT: bytes of one generation: some 60,000 texts, the histories of about a thousand long conversations.
const GENERATION_BYTES: usize = 8 << 20;
/// What remembering a text costs beside its findings, about: key, pointer, their share of the table.
const ENTRY_BYTES: usize = 128;
/// LIMIT: a text with more findings is scanned each time, so that one entry is never large.
const MOST_FINDINGS: usize = 256;
/// A shorter text is scanned faster than it is looked up.
const SHORTEST: usize = 64;

/// What texts were found to hold. One for all tenants.
pub struct Memory {
    generations: ArcSwap<Generations>,
    /// Of the young generation.
    bytes: AtomicUsize,
}

#[derive(Default)]
struct Generations {
    young: Arc<DashMap<Fingerprint, Arc<[Finding]>>>,
    old: Arc<DashMap<Fingerprint, Arc<[Finding]>>>,
}

/// All that findings of a text depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) key: &'a TenantKey,
    pub(super) ruleset: &'a Ruleset,
    pub(super) scope: Scope,
    pub(super) part: Part,
    pub(super) text: &'a str,
}

impl Question<'_> {
    /// `joints`: where the literals begin that the text is made of, if it is of several. `None`: not worth remembering.
    pub(super) fn fingerprint(&self, joints: impl Iterator<Item = usize>) -> Option<Fingerprint> {
        if self.text.len() < SHORTEST {
            return None;
        }
        let mut terms = Vec::with_capacity(64);
        terms.extend_from_slice(self.ruleset.hash().as_bytes());
        terms.extend([0, u8::from(self.scope.phase == Phase::Request), u8::from(self.scope.injection)]);
        terms.extend_from_slice(self.part.name().as_bytes());
        joints.for_each(|joint| terms.extend_from_slice(&(joint as u64).to_be_bytes()));
        Some(self.key.fingerprint(&terms, self.text))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { generations: ArcSwap::from_pointee(Generations::default()), bytes: AtomicUsize::new(0) }
    }
}

impl Memory {
    /// The findings of a text, if it is known.
    pub(super) fn recall(&self, text: &Fingerprint) -> Option<Arc<[Finding]>> {
        let generations = self.generations.load();
        if let Some(found) = generations.young.get(text) {
            return Some(Arc::clone(&found));
        }
        let found = generations.old.get(text).map(|found| Arc::clone(&found))?;
        self.insert(*text, Arc::clone(&found));
        Some(found)
    }

    /// Remembers the findings of a text.
    pub(super) fn remember(&self, text: Fingerprint, findings: &[Finding]) {
        if findings.len() <= MOST_FINDINGS {
            self.insert(text, findings.into());
        }
    }

    fn insert(&self, text: Fingerprint, findings: Arc<[Finding]>) {
        let cost = ENTRY_BYTES + size_of_val(&*findings);
        let generations = self.generations.load();
        generations.young.insert(text, findings);
        let before = self.bytes.fetch_add(cost, Ordering::Relaxed);
        // One thread sees the limit crossed.
        if before <= GENERATION_BYTES && before + cost > GENERATION_BYTES {
            self.bytes.store(0, Ordering::Relaxed);
            let old = Arc::clone(&generations.young);
            self.generations.store(Arc::new(Generations { young: Arc::default(), old }));
        }
    }
}

/// Shows no content.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question<'a>(key: &'a TenantKey, ruleset: &'a Ruleset, text: &'a str) -> Question<'a> {
        let scope = Scope { phase: Phase::Request, injection: true };
        Question { key, ruleset, scope, part: Part::User, text }
    }

    #[test]
    fn a_text_is_known_to_its_tenant_its_rules_its_part_and_its_joints_alone() {
        let (one, other) = (TenantKey::new([1; 32]), TenantKey::new([2; 32]));
        let (rules, other_rules) = (Ruleset::default(), Ruleset::embedded().unwrap());
        let text = "x".repeat(SHORTEST);
        let asked = question(&one, &rules, &text);
        let memory = Memory::default();
        let known = asked.fingerprint([].into_iter()).unwrap();
        memory.remember(known, &[]);
        assert!(memory.recall(&known).is_some_and(|found| found.is_empty()));
        let longer = format!("{text}x");
        for (question, joints) in [
            (Question { key: &other, ..asked }, vec![]),
            (Question { ruleset: &other_rules, ..asked }, vec![]),
            (Question { part: Part::System, ..asked }, vec![]),
            (Question { scope: Scope { injection: false, ..asked.scope }, ..asked }, vec![]),
            (Question { text: &longer, ..asked }, vec![]),
            (asked, vec![5]),
        ] {
            assert!(memory.recall(&question.fingerprint(joints.into_iter()).unwrap()).is_none(), "{question:?}");
        }
        let short = text.get(1..).unwrap();
        assert!(Question { text: short, ..asked }.fingerprint([].into_iter()).is_none());
    }

    #[test]
    fn memory_is_bounded_and_what_is_asked_for_stays() {
        let key = TenantKey::new([1; 32]);
        let rules = Ruleset::default();
        let (memory, filler) = (Memory::default(), "y".repeat(SHORTEST));
        let mark = |text: &str| question(&key, &rules, text).fingerprint([].into_iter()).unwrap();
        let (asked, forgotten) = (mark(&format!("asked{filler}")), mark(&format!("forgotten{filler}")));
        memory.remember(asked, &[]);
        memory.remember(forgotten, &[]);
        for number in 0..3 * GENERATION_BYTES / ENTRY_BYTES {
            memory.remember(mark(&format!("{number}{filler}")), &[]);
            if number % 1000 == 0 {
                assert!(memory.recall(&asked).is_some(), "{number}");
            }
        }
        assert!(memory.recall(&forgotten).is_none());
        let generations = memory.generations.load();
        assert!(generations.young.len() + generations.old.len() <= 2 * (GENERATION_BYTES / ENTRY_BYTES + 1));
    }
}
