//! Where the private half of a tenant's key is: in a file, or on a token.

use crate::keys::file::KeyError;
use crate::keys::keyring::Opener;
use crate::keys::token::{self, Located, TokenKey};
use crate::keys::{PrivateKey, PublicKey};

/// A private key, or where it is.
#[derive(Debug, Clone)]
pub enum Holder {
    /// In the file itself.
    File(PrivateKey),
    /// On a token.
    Token(TokenKey),
}

impl From<PrivateKey> for Holder {
    fn from(key: PrivateKey) -> Self {
        Self::File(key)
    }
}

impl Holder {
    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        match self {
            Self::File(key) => key.public(),
            Self::Token(key) => &key.public,
        }
    }

    /// What opens with it.
    ///
    /// # Errors
    /// [`KeyError::Token`].
    pub fn opener(self) -> Result<Box<dyn Opener>, KeyError> {
        match self {
            Self::File(key) => Ok(Box::new(key)),
            Self::Token(key) => token::opener(&key),
        }
    }

    /// The key on its token, to be destroyed there; `None` for a key in a file. `was_meant`: it was being destroyed before, so that it may
    /// be gone already.
    ///
    /// # Errors
    /// [`KeyError::Token`].
    pub(crate) fn located(&self, was_meant: bool) -> Result<Option<Located>, KeyError> {
        let Self::Token(key) = self else { return Ok(None) };
        match token::locate(key)? {
            None if !was_meant => {
                Err(KeyError::token(&key.uri, "no such key on the token: if it is on another, shred it there"))
            }
            located => Ok(located),
        }
    }
}
