//! What `[identity]` resolves to.

use std::sync::Arc;

use jiff::Timestamp;

use crate::identity::Principal;

/// `[identity]`: the methods that are tried, virtual keys first, then the static principal.
#[derive(Debug, Clone, Default)]
pub struct IdentitySettings {
    /// Keys that this sidecar hands out in place of the provider's.
    pub virtual_keys: Vec<VirtualKey>,
    /// Who every other caller is; `None`: nobody.
    pub fallback: Option<Arc<Principal>>,
}

/// One `[[identity.virtual_key]]`.
#[derive(Debug, Clone)]
pub struct VirtualKey {
    /// SHA-256 of the key; the key itself is nowhere stored.
    pub sha256: [u8; 32],
    /// Whose key it is.
    pub principal: Arc<Principal>,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}
