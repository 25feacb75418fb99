//! Redaction and restoration: strategies, placeholders, the vault of one exchange.

pub mod vault;

use serde::{Deserialize, Serialize};

pub use vault::{Filtered, Restoration, TenantKey, Vault};

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
