//! The folder of public keys that the sidecar reads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::keys::file::{file_stem, read_public};
use crate::keys::{KeyError, PublicKey};

/// Public keys by tenant, read from `DIR/TENANT.pub` when first asked for.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    known: RwLock<HashMap<Arc<str>, Arc<PublicKey>>>,
}

impl Directory {
    /// The keys in `path`. Private key files in it are warned about: they do not belong on the sidecar's machine, but
    /// `keys new` writes both halves into one folder, and refusing to start would not make them leave.
    ///
    /// # Errors
    /// [`KeyError::Io`] if the folder cannot be listed.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let io_error = |source| KeyError::Io { path: path.to_owned(), source };
        let mut private = 0_usize;
        for entry in std::fs::read_dir(path).map_err(io_error)? {
            let name = entry.map_err(io_error)?.file_name();
            private += usize::from(Path::new(&name).extension().is_some_and(|extension| extension == "key"));
        }
        if private > 0 {
            tracing::warn!(
                folder = %path.display(),
                private,
                "private keys lie beside the public ones: whoever takes this machine can read the audit log. Move the .key files to where records are read"
            );
        }
        Ok(Self { path: path.to_owned(), known: RwLock::default() })
    }

    /// The tenant's public key.
    ///
    /// # Errors
    /// [`KeyError`]; a missing file is [`KeyError::Io`] of kind `NotFound`.
    pub fn public_key(&self, tenant: &str) -> Result<Arc<PublicKey>, KeyError> {
        if let Some(key) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(tenant) {
            return Ok(Arc::clone(key));
        }
        let path = self.path.join(format!("{}.pub", file_stem(tenant)?));
        let (file, key) = read_public(&path)?;
        // SECURITY: a key file copied under another tenant's name would let the one read the other's records.
        if file.tenant != tenant {
            return Err(KeyError::Format { path, problem: "the first line names another tenant" });
        }
        let key = Arc::new(key);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(Arc::from(tenant), Arc::clone(&key));
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, generate, write_pair};

    #[test]
    fn a_tenant_has_its_own_key_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let key = generate(Algorithm::P256).unwrap();
        let (public, _) = write_pair(dir.path(), "acme", &key).unwrap();
        std::fs::copy(public, dir.path().join("other.pub")).unwrap();
        let keys = Directory::open(dir.path()).unwrap();
        assert_eq!(keys.public_key("acme").unwrap().as_ref(), key.public());
        assert!(matches!(keys.public_key("nobody"), Err(KeyError::Io { .. })));
        assert!(keys.public_key("other").unwrap_err().to_string().contains("another tenant"));
        assert!(Directory::open(&dir.path().join("absent")).is_err());
    }
}
