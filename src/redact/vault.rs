//! The vault of one exchange: which placeholder stands for which value.

use crate::secret::Sensitive;
use crate::text::TextSpan;

/// A tenant's placeholder key, derived from `[redaction].key`.
#[derive(Clone, Debug)]
pub struct TenantKey(Sensitive<[u8; 32]>);

impl TenantKey {
    /// Wraps derived key material.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Sensitive::new(bytes))
    }
}

/// Text that has passed redaction: the only text that audit records accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered(String);

impl Filtered {
    /// Only redaction makes one: `text` must be the edited text.
    pub(crate) fn from_redacted(text: String) -> Self {
        Self(text)
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A placeholder found in a response, to be replaced by the value it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoration {
    /// What is replaced (brackets, emphasis and all).
    pub span: TextSpan,
    /// Index of the vault's entry.
    pub entry: usize,
}

/// Placeholders issued in one exchange. Lives no longer than the exchange.
#[derive(Debug)]
pub struct Vault {
    #[expect(dead_code, reason = "seam")]
    key: TenantKey,
}

impl Vault {
    /// An empty vault.
    #[must_use]
    pub fn new(key: TenantKey) -> Self {
        Self { key }
    }
    /// Issues (or finds again) the placeholder, `[WORD_XXXXXX]`, of `value` and remembers the value. `secret`: a PAN or a
    /// secret, which is never restored into tool arguments.
    pub fn issue(&mut self, _word: &str, _value: &str, _secret: bool) -> &str {
        ""
    }
    /// True if nothing was issued: then responses need no search.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }
    /// True if `value` is one that the caller sent (and that was tokenised).
    #[must_use]
    pub fn holds(&self, _value: &str) -> bool {
        false
    }
    /// Finds issued placeholders in `text` from byte `from` on. Appends those that can no longer change and returns the
    /// decided offset (see `Ruleset::scan`).
    pub fn restorations(&self, text: &str, _from: usize, _ended: bool, _out: &mut Vec<Restoration>) -> usize {
        text.len()
    }
    /// The value behind a restoration's `entry`; `None` if there is no such entry.
    #[must_use]
    pub fn value(&self, _entry: usize) -> Option<&Sensitive<String>> {
        None
    }
    /// True if the entry is a PAN or a secret.
    #[must_use]
    pub fn is_secret(&self, _entry: usize) -> bool {
        false
    }
}
