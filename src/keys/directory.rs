//! The folder of public keys that the sidecar reads.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::keys::file::{file_stem, read_public};
use crate::keys::{KeyError, PublicKey, Recipients};

/// How often a tenant's file is looked at again: a rotated key is used, and a withdrawn one no longer, after this at the latest.
pub const RECHECK: Duration = Duration::from_secs(5);

/// To whom each tenant's records are sealed: the key of `DIR/TENANT.pub`, read when first asked for and again when the file
/// changes, and the auditors'.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    auditors: HashMap<Arc<str>, Vec<Arc<PublicKey>>>,
    everywhere: Vec<Arc<PublicKey>>,
    known: RwLock<HashMap<Arc<str>, Arc<Known>>>,
    since: Instant,
}

#[derive(Debug)]
struct Known {
    recipients: Arc<Recipients>,
    stamp: Stamp,
    /// Milliseconds since the directory was opened.
    checked: AtomicU64,
}

/// What tells one state of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let data = std::fs::metadata(path)?;
        Ok(Self { inode: data.ino(), size: data.size(), changed: (data.ctime(), data.ctime_nsec()) })
    }
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
        Ok(Self {
            path: path.to_owned(),
            auditors: HashMap::new(),
            everywhere: Vec::new(),
            known: RwLock::default(),
            since: Instant::now(),
        })
    }

    /// Adds an auditor's key: to one tenant's records, or to every tenant's that has no auditor of its own.
    pub fn add_auditor(&mut self, tenant: Option<&Arc<str>>, key: PublicKey) {
        let of = match tenant {
            Some(tenant) => self.auditors.entry(Arc::clone(tenant)).or_default(),
            None => &mut self.everywhere,
        };
        of.push(Arc::new(key));
    }

    /// The tenant's public key, as its file has it now.
    ///
    /// # Errors
    /// [`KeyError`]; a missing file is [`KeyError::Io`] of kind `NotFound`.
    pub fn public_key(&self, tenant: &str) -> Result<PublicKey, KeyError> {
        let path = self.file_of(tenant)?;
        let (file, key) = read_public(&path)?;
        // SECURITY: a key file copied under another tenant's name would let the one read the other's records.
        if file.tenant != tenant {
            return Err(KeyError::Format { path, problem: "the first line names another tenant" });
        }
        Ok(key)
    }

    /// To whom the tenant's records are sealed.
    ///
    /// # Errors
    /// As [`public_key`](Self::public_key).
    pub fn recipients(&self, tenant: &str) -> Result<Arc<Recipients>, KeyError> {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(tenant).map(Arc::clone);
        if let Some(known) = known
            && (known.is_fresh(now) || Stamp::of(&self.file_of(tenant)?).is_ok_and(|stamp| stamp == known.stamp))
        {
            return Ok(Arc::clone(&known.recipients));
        }
        let read = self.read(tenant, now);
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(known) => {
                let recipients = Arc::clone(&known.recipients);
                all.insert(Arc::from(tenant), Arc::new(known));
                Ok(recipients)
            }
            Err(error) => {
                all.remove(tenant);
                Err(error)
            }
        }
    }

    fn read(&self, tenant: &str, now: u64) -> Result<Known, KeyError> {
        let path = self.file_of(tenant)?;
        // Before the key: if the file changes in between, the next look sees it.
        let stamp = Stamp::of(&path).map_err(|source| KeyError::Io { path, source })?;
        let own = Arc::new(self.public_key(tenant)?);
        let auditors = self.auditors.get(tenant).unwrap_or(&self.everywhere);
        let recipients = Recipients::new(std::iter::once(own).chain(auditors.iter().map(Arc::clone)));
        Ok(Known { recipients: Arc::new(recipients), stamp, checked: AtomicU64::new(now) })
    }

    fn file_of(&self, tenant: &str) -> Result<PathBuf, KeyError> {
        Ok(self.path.join(format!("{}.pub", file_stem(tenant)?)))
    }
}

impl Known {
    /// True if it need not be looked at now, or somebody else just does.
    fn is_fresh(&self, now: u64) -> bool {
        let checked = self.checked.load(Ordering::Relaxed);
        let age = Duration::from_millis(now.saturating_sub(checked));
        age < RECHECK || self.checked.compare_exchange(checked, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
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
        assert_eq!(keys.public_key("acme").unwrap(), *key.public());
        assert!(matches!(keys.public_key("nobody"), Err(KeyError::Io { .. })));
        assert!(keys.public_key("other").unwrap_err().to_string().contains("another tenant"));
        assert!(Directory::open(&dir.path().join("absent")).is_err());
    }

    #[test]
    fn auditors_read_along_and_a_changed_file_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let [own, next, all, special] = std::array::from_fn(|_| generate(Algorithm::P256).unwrap());
        let (public, private) = write_pair(dir.path(), "acme", &own).unwrap();
        write_pair(dir.path(), "other", &own).unwrap();
        let mut keys = Directory::open(dir.path()).unwrap();
        keys.add_auditor(None, all.public().clone());
        keys.add_auditor(Some(&Arc::from("other")), special.public().clone());
        let ids = |tenant: &str| -> Vec<[u8; 32]> {
            keys.recipients(tenant).unwrap().keys().iter().map(|key| *key.id()).collect()
        };
        assert_eq!(ids("acme"), [*own.public().id(), *all.public().id()]);
        assert_eq!(ids("other"), [*own.public().id(), *special.public().id()]);
        std::fs::remove_file(&public).unwrap();
        std::fs::remove_file(private).unwrap();
        assert_eq!(ids("acme").len(), 2, "still fresh");
        // As if it had been opened long before.
        keys.since = Instant::now().checked_sub(RECHECK * 2).unwrap();
        write_pair(dir.path(), "acme", &next).unwrap();
        assert_eq!(*keys.recipients("acme").unwrap().keys()[0].id(), *next.public().id());
        std::fs::remove_file(&public).unwrap();
        keys.known.read().unwrap()["acme"].checked.store(0, Ordering::Relaxed);
        assert!(keys.recipients("acme").is_err(), "withdrawn");
    }
}
