//! Redaction and restoration: strategies, placeholders, the vault of one exchange.

mod index;
pub mod key;
pub mod placeholder;
pub mod restore;
pub mod vault;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use key::{Fingerprint, KeyError, RedactionKey, TenantKey};
pub use restore::{RESTORE_REACH, Restoration};
pub use vault::{Filtered, Keepsake, Vault};

/// How a finding is taken out of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A placeholder that is restored for the caller: `[EMAIL_7KQ2MX]`.
    Tokenize,
    /// One way: `[EMAIL]`.
    Mask,
    /// Nothing is left.
    Drop,
}

/// What stands in place of `value` by `strategy`. `word` and `secret` as in [`Vault::issue`].
#[must_use]
pub fn replacement<'v>(
    strategy: Strategy,
    vault: &'v mut Vault,
    word: &str,
    value: &str,
    secret: bool,
) -> Cow<'v, str> {
    match strategy {
        Strategy::Tokenize => Cow::Borrowed(vault.issue(word, value, secret)),
        Strategy::Mask => Cow::Owned(mask_text(word)),
        Strategy::Drop => Cow::Borrowed(""),
    }
}

/// The mask of a kind: `[WORD]`.
#[must_use]
pub fn mask_text(word: &str) -> String {
    format!("[{}]", placeholder::checked_word(word))
}
