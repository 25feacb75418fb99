//! The vault of one exchange: which placeholder stands for which value.
//!
//! A placeholder is a function of tenant, word and value, so a client that resends its history gets the same ones again,
//! on every replica, and no state is shared. Two values of one exchange whose codes collide (25 bits: about
//! 1 exchange in 70 at 1,000 values of one word) are kept apart by a second attempt for the later one; since a history
//! is resent in its order, that too comes out the same.
//!
//! Values are digested exactly as they stand. To fold case or spaces first would give two spellings one placeholder,
//! and restoring could write only one of them back.
//!
//! SECURITY: restored is what this exchange issued, by word and code, and nothing else. A caller (or a document that the
//! caller sends) may contain the text of a placeholder that this exchange also issues for a value. It is then restored to that
//! value: the caller sent the value in the same exchange, so nobody learns anything. What a document could reach
//! by this, the value in a tool's arguments, the policy of that tool decides.
//!
//! Where the provider keeps the conversation, the caller does not send it again: then a vault leaves [`Keepsake`]s for those of later
//! exchanges, as long as `inspect::history` keeps them.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashTable;

use crate::redact::index::Index;
use crate::redact::key::TenantKey;
use crate::redact::placeholder::Code;
use crate::redact::{placeholder, restore};
use crate::secret::Sensitive;

/// Text that has passed redaction: the only text that audit records accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered(String);

impl Filtered {
    /// Only redaction makes one: `text` must be the edited text.
    pub(crate) fn from_redacted(text: String) -> Self {
        Self(text)
    }
    /// No text.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(String::new())
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Placeholders issued in one exchange, and those of the exchanges that it goes on from. Lives no longer than the exchange.
#[derive(Debug)]
pub struct Vault {
    key: TenantKey,
    entries: Vec<Entry>,
    /// Places in `entries`, found by a keyed hash of the value. SECURITY: values lie in `entries` alone, where they are wiped.
    by_value: HashTable<usize>,
    hasher: RandomState,
    pub(super) index: Index,
    sent: Sent,
    outlives: bool,
}

/// The request's body as it went upstream.
#[derive(Default)]
struct Sent {
    body: Bytes,
    is_there: bool,
}

/// Shows no content.
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent(..)")
    }
}

/// A value and what stands for it; shared by the exchanges that go on from the one which issued it.
#[derive(Debug)]
struct Issued {
    placeholder: Box<str>,
    code: Code,
    value: Sensitive<String>,
}

/// What a vault leaves for those of later exchanges: one value that a caller sent.
#[derive(Debug, Clone)]
pub struct Keepsake {
    issued: Arc<Issued>,
    secret: bool,
}

impl Keepsake {
    /// Bytes of memory, near enough.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of::<Issued>() + self.issued.placeholder.len() + self.issued.value.expose().len()
    }
}

#[derive(Debug)]
struct Entry {
    issued: Arc<Issued>,
    secret: bool,
    /// The caller sent it. What is issued once the request has left is a value that the model made.
    sent: bool,
}

impl Entry {
    /// The word that its placeholder begins with, `[WORD_`.
    fn word(&self) -> &str {
        placeholder::word(&self.issued.placeholder)
    }
}

impl Vault {
    /// An empty vault.
    #[must_use]
    pub fn new(key: TenantKey) -> Self {
        let index = Index::new(restore::openers());
        let (entries, by_value, hasher) = (Vec::new(), HashTable::new(), RandomState::new());
        Self { key, entries, by_value, hasher, index, sent: Sent::default(), outlives: false }
    }

    /// Issues (or finds again) the placeholder, `[WORD_XXXXXX]`, of `value` and remembers the value. `secret`: a PAN or a
    /// secret, which is never restored into tool arguments.
    pub fn issue(&mut self, word: &str, value: &str, secret: bool) -> &str {
        let word = placeholder::checked_word(word);
        let at = self.find(value, |entry| entry.word() == word).unwrap_or_else(|| self.remember(word, value));
        match self.entries.get_mut(at) {
            Some(entry) => {
                entry.secret |= secret;
                &entry.issued.placeholder
            }
            None => "",
        }
    }

    /// The entry of `value` that `fits`.
    fn find(&self, value: &str, fits: impl Fn(&Entry) -> bool) -> Option<usize> {
        let is =
            |at: &usize| self.entries.get(*at).is_some_and(|entry| entry.issued.value.expose() == value && fits(entry));
        self.by_value.find(self.hasher.hash_one(value), is).copied()
    }

    fn remember(&mut self, word: &str, value: &str) -> usize {
        let at = self.entries.len();
        // LIMIT: ends while fewer than 2²⁵ values of one word are held, more than any body that is admitted can name.
        let mut attempt = 0;
        let code = loop {
            let code = placeholder::code(word, &self.key.digest(word, value, attempt));
            if self.index.insert(word, code, at) {
                break code;
            }
            attempt += 1;
        };
        let placeholder = placeholder::write(word, code).into();
        let issued = Issued { placeholder, code, value: Sensitive::new(value.to_owned()) };
        self.put(Entry { issued: Arc::new(issued), secret: false, sent: !self.sent.is_there });
        at
    }

    /// INVARIANT: the index knows the entry's code at this place.
    fn put(&mut self, entry: Entry) {
        let (hashed, at) = (self.hasher.hash_one(entry.issued.value.expose()), self.entries.len());
        self.entries.push(entry);
        let hash = |at: &usize| self.hasher.hash_one(self.entries.get(*at).map_or("", |e| e.issued.value.expose()));
        self.by_value.insert_unique(hashed, at, hash);
    }

    /// Takes over what an earlier exchange left. INVARIANT: before anything is issued here, so that a new value whose code is taken gets
    /// another one, and no placeholder stands for two.
    pub fn inherit(&mut self, keepsakes: &[Keepsake]) {
        for Keepsake { issued, secret } in keepsakes {
            let word = placeholder::word(&issued.placeholder);
            if self.index.insert(word, issued.code, self.entries.len()) {
                self.put(Entry { issued: Arc::clone(issued), secret: *secret, sent: true });
            }
        }
    }

    /// Says whether later exchanges may go on from this one.
    pub const fn outlive(&mut self, may: bool) {
        self.outlives = may;
    }

    /// What it leaves for later exchanges: every value that the caller sent, now or earlier. `None`: nothing may go on from this exchange.
    #[must_use]
    pub fn keepsakes(&self) -> Option<Vec<Keepsake>> {
        let keep = |entry: &Entry| Keepsake { issued: Arc::clone(&entry.issued), secret: entry.secret };
        self.outlives.then(|| self.entries.iter().filter(|entry| entry.sent).map(keep).collect())
    }

    /// True if nothing was issued: then responses need no search.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many placeholders were issued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Remembers the request's body as it went upstream: what the model was shown, it may say to the caller who showed it.
    pub fn remember_sent(&mut self, body: Bytes) {
        self.sent = Sent { body, is_there: true };
    }

    /// True if `value` is one that the caller sent: it was tokenised, or it stands in the body that went upstream. A value that is
    /// written there with escapes is not found, which errs on the side of redacting.
    #[must_use]
    pub fn holds(&self, value: &str) -> bool {
        self.find(value, |entry| entry.sent).is_some()
            || memchr::memmem::find(&self.sent.body, value.as_bytes()).is_some()
    }

    /// The value behind a restoration's `entry`; `None` if there is no such entry.
    #[must_use]
    pub fn value(&self, entry: usize) -> Option<&Sensitive<String>> {
        self.entries.get(entry).map(|entry| &entry.issued.value)
    }

    /// The placeholder of `entry` as it was issued.
    #[must_use]
    pub fn placeholder(&self, entry: usize) -> Option<&str> {
        self.entries.get(entry).map(|entry| &*entry.issued.placeholder)
    }

    /// True if the entry is a PAN or a secret.
    #[must_use]
    pub fn is_secret(&self, entry: usize) -> bool {
        self.entries.get(entry).is_some_and(|entry| entry.secret)
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a test may fail loudly")]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn vault(key: u8) -> Vault {
        Vault::new(TenantKey::new([key; 32]))
    }

    #[test]
    fn placeholders_depend_on_tenant_word_and_value_alone() {
        let (mut a, mut b, mut other) = (vault(1), vault(1), vault(2));
        b.issue("PHONE", "+1 202 555 0100", false);
        let first = a.issue("EMAIL", "jo@example.com", false).to_owned();
        assert_eq!(a.issue("EMAIL", "jo@example.com", false), first);
        assert_eq!(a.len(), 1);
        assert_eq!(b.issue("EMAIL", "jo@example.com", false), first);
        assert_ne!(other.issue("EMAIL", "jo@example.com", false), first);
        assert_ne!(a.issue("EMAIL", "Jo@example.com", false), first);
        assert_ne!(a.issue("MAIL", "jo@example.com", false)["[MAIL_".len()..], first["[EMAIL_".len()..]);
        assert_eq!(first.len(), "[EMAIL_7KQ2MX]".len());
    }

    #[test]
    fn the_placeholder_format_is_pinned() {
        // Changing the derivation changes every placeholder in every caller's history: then raise the version in the salt.
        assert_eq!(vault(7).issue("EMAIL", "jo@example.com", false), "[EMAIL_QGS3A5]");
    }

    #[test]
    fn what_the_model_says_first_is_not_the_callers() {
        let mut vault = vault(1);
        vault.issue("EMAIL", "jo@example.com", false);
        vault.remember_sent(Bytes::from_static(b"[EMAIL_QGS3A5]"));
        vault.issue("EMAIL", "model@example.com", false);
        assert!(vault.holds("jo@example.com") && !vault.holds("model@example.com"));
    }

    #[test]
    fn what_was_left_is_known_again_and_never_stands_for_two_values() {
        let mut earlier = vault(1);
        for n in 0..3_000 {
            earlier.issue("ID", &n.to_string(), n % 2 == 0);
        }
        assert!(earlier.keepsakes().is_none(), "nothing may go on from it");
        earlier.outlive(true);
        earlier.remember_sent(Bytes::new());
        earlier.issue("ID", "the model's", false);
        let left = earlier.keepsakes().unwrap();
        assert_eq!(left.len(), 3_000);
        let mut later = vault(1);
        later.inherit(&left);
        later.inherit(&left);
        assert_eq!(later.len(), 3_000);
        let mut seen = HashSet::new();
        for n in 0..6_000 {
            assert!(seen.insert(later.issue("ID", &n.to_string(), false).to_owned()));
        }
        assert_eq!(later.issue("ID", "7", false), earlier.issue("ID", "7", false));
        assert!(later.holds("2") && later.is_secret(2) && !later.is_secret(1));
    }

    #[test]
    fn many_values_of_one_word_get_as_many_placeholders() {
        let mut vault = vault(3);
        let mut seen = HashSet::new();
        for n in 0..20_000 {
            assert!(seen.insert(vault.issue("ID", &n.to_string(), false).to_owned()));
        }
        assert_eq!(vault.len(), 20_000);
    }

    #[test]
    fn a_vault_knows_what_it_holds_and_what_is_secret() {
        let mut vault = vault(1);
        assert!(vault.is_empty() && !vault.holds("x"));
        vault.issue("KEY", "AKIAIOSFODNN7EXAMPLE", false);
        assert!(!vault.is_secret(0));
        vault.issue("KEY", "AKIAIOSFODNN7EXAMPLE", true);
        assert!(vault.is_secret(0) && vault.holds("AKIAIOSFODNN7EXAMPLE") && !vault.holds("AKIA"));
        assert_eq!(vault.value(0).unwrap().expose(), "AKIAIOSFODNN7EXAMPLE");
        assert!(vault.value(1).is_none());
        // The same value may have another word.
        assert_eq!(
            (vault.issue("TOKEN", "AKIAIOSFODNN7EXAMPLE", false).starts_with("[TOKEN_"), vault.len()),
            (true, 2)
        );
        assert!(!format!("{vault:?}").contains("AKIA"));
    }
}
