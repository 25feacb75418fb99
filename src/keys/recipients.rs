//! To whom a tenant's records are sealed.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use crate::keys::PublicKey;
use crate::keys::pair::KEY_ID_LEN;

/// LIMIT: recipients of one tenant: itself and its auditors. Each costs one sealing a tenant and segment.
pub const MAX_RECIPIENTS: usize = 8;

/// The tenant's own key, and auditors'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    keys: Vec<Arc<PublicKey>>,
    id: [u8; KEY_ID_LEN],
}

impl Recipients {
    /// These keys, each once, at most [`MAX_RECIPIENTS`].
    #[must_use]
    pub fn new(all: impl IntoIterator<Item = Arc<PublicKey>>) -> Self {
        let mut keys: Vec<Arc<PublicKey>> = Vec::new();
        let mut hash = Context::new(&SHA256);
        for key in all.into_iter().take(MAX_RECIPIENTS) {
            if !keys.contains(&key) {
                hash.update(key.id());
                keys.push(key);
            }
        }
        let mut id = [0; KEY_ID_LEN];
        id.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self { keys, id }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[Arc<PublicKey>] {
        &self.keys
    }

    /// The same for the same keys only: SHA-256 over their ids.
    #[must_use]
    pub const fn id(&self) -> &[u8; KEY_ID_LEN] {
        &self.id
    }
}
