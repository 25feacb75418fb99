//! Private keys that open data keys, wherever they are: in files, on a token.

use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::file::{KeyError, read_holder};
use crate::keys::pair::{KEY_ID_LEN, Sealed};
use crate::keys::token::{self, TokenUri};
use crate::keys::{PrivateKey, PublicKey, SealError};

/// Extension of files of private keys.
const EXTENSION: &str = "key";

/// Opens what was sealed to a public key. The private half may never be in this process.
pub trait Opener {
    /// The public half.
    fn public(&self) -> &PublicKey;
    /// Opens what was sealed to it.
    ///
    /// # Errors
    /// [`SealError::Hpke`].
    fn open(&self, info: &[u8], aad: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError>;
}

impl Opener for PrivateKey {
    fn public(&self) -> &PublicKey {
        Self::public(self)
    }
    fn open(&self, info: &[u8], aad: &[u8], sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        Self::open(self, info, aad, sealed)
    }
}

/// Keys to read with.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Box<dyn Opener>>,
}

impl Keyring {
    /// Adds a key.
    pub fn add(&mut self, key: impl Opener + 'static) {
        self.keys.push(Box::new(key));
    }

    /// Adds every key of a token that fits.
    ///
    /// # Errors
    /// [`KeyError::Token`]; a token without any fitting key too.
    pub fn add_token(&mut self, uri: &TokenUri) -> Result<(), KeyError> {
        self.keys.extend(token::openers(uri)?);
        Ok(())
    }

    /// Adds the key of a file, or every `.key` file of a folder: those in force and those that were replaced.
    ///
    /// # Errors
    /// [`KeyError`]; a folder without any key too.
    pub fn add_path(&mut self, path: &Path) -> Result<(), KeyError> {
        if !path.is_dir() {
            self.keys.push(read_holder(path)?.1.opener()?);
            return Ok(());
        }
        let io_error = |source| KeyError::Io { path: path.to_owned(), source };
        let before = self.keys.len();
        for entry in std::fs::read_dir(path).map_err(io_error)? {
            let file = entry.map_err(io_error)?.path();
            let is_signer = file.file_stem().is_some_and(|stem| stem == "signer");
            if file.extension().is_some_and(|extension| extension == EXTENSION) && !is_signer {
                self.keys.push(read_holder(&file)?.1.opener()?);
            }
        }
        if self.keys.len() == before {
            return Err(KeyError::Format { path: path.to_owned(), problem: "no private key in this folder" });
        }
        Ok(())
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: &[u8; KEY_ID_LEN]) -> Option<&dyn Opener> {
        self.keys.iter().find(|key| key.public().id() == id).map(AsRef::as_ref)
    }
}

impl From<PrivateKey> for Keyring {
    fn from(key: PrivateKey) -> Self {
        Self { keys: vec![Box::new(key)] }
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.public())).finish()
    }
}
