//! A folder of key files over time: which key is in force, which were replaced, which exist no more.
//!
//! `TENANT.pub` and `TENANT.key` are in force. A rotation keeps what they were as `TENANT@ID.pub` and `TENANT@ID.key` (the first 16
//! digits of the key's id), so that each period has a key of its own and can be shredded alone. Shredding destroys the private file (and the
//! key on its token, where the file names one) and leaves `TENANT@ID.shredded`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::keys::file::{KeyError, file_stem, read_holder, read_public, write_holder};
use crate::keys::holder::Holder;
use crate::keys::pair::hex;
use crate::keys::random;
use crate::keys::token::Located;
use crate::keys::tombstone::{EXTENSION, Tombstone, tombstones};

/// Digits of a key's id in file names.
const SHORT_ID: usize = 16;

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// New records are sealed to it.
    InForce,
    /// It was replaced; older records open with it.
    Replaced,
    /// Its private half was destroyed.
    Shredded,
}

/// A key of the folder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// The tenant.
    pub tenant: String,
    /// The key's id, in hexadecimal.
    pub id: String,
    /// Its algorithm.
    pub algorithm: String,
    /// What became of it.
    pub state: State,
    /// When it was made (or shredded), RFC 3339, if the file says so.
    pub time: Option<String>,
    /// Its public file.
    pub public: Option<PathBuf>,
    /// Its private file.
    pub private: Option<PathBuf>,
    /// The token that it is on, as a URI, if it is on one.
    pub token: Option<String>,
}

/// Every key in a folder, by tenant, the newest last.
///
/// # Errors
/// [`KeyError`]: the folder, or a key file in it, cannot be read.
pub fn list(dir: &Path) -> Result<Vec<Listed>, KeyError> {
    let io_error = |source| KeyError::Io { path: dir.to_owned(), source };
    let mut all: BTreeMap<(String, String), Listed> = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(io_error)? {
        let path = entry.map_err(io_error)?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let (file, key, private) = match path.extension().and_then(|extension| extension.to_str()) {
            Some("pub") if stem != "signer" => {
                let (file, key) = read_public(&path)?;
                (file, key, None)
            }
            Some("key") if stem != "signer" => {
                let (file, key) = read_holder(&path)?;
                (file, key.public().clone(), Some(key))
            }
            _ => continue,
        };
        let id = hex(key.id());
        let listed = all.entry((file.tenant.clone(), id.clone())).or_insert_with(|| Listed {
            tenant: file.tenant,
            id,
            algorithm: file.algorithm.row().name.to_owned(),
            state: State::Replaced,
            time: file.made,
            public: None,
            private: None,
            token: None,
        });
        if !stem.contains('@') {
            listed.state = State::InForce;
        }
        *(if private.is_some() { &mut listed.private } else { &mut listed.public }) = Some(path);
        if let Some(Holder::Token(key)) = private {
            listed.token = Some(key.uri.to_string());
        }
    }
    for Tombstone { algorithm, tenant, id, time, .. } in tombstones(dir).map_err(io_error)? {
        let gone = Listed {
            tenant: tenant.clone(),
            id: id.clone(),
            algorithm,
            state: State::Shredded,
            time: Some(time),
            public: None,
            private: None,
            token: None,
        };
        all.insert((tenant, id), gone);
    }
    let mut all: Vec<Listed> = all.into_values().collect();
    all.sort_by(|a, b| {
        (&a.tenant, a.state == State::InForce, &a.time).cmp(&(&b.tenant, b.state == State::InForce, &b.time))
    });
    Ok(all)
}

/// Puts `key` in force for `tenant` and keeps what was in force before. Returns the public and the private file.
///
/// The steps are ordered so that a crash between any two of them leaves every private key in some file, and a public key in
/// force whose private half exists.
///
/// # Errors
/// [`KeyError`]; also if nothing is in force that could be replaced.
pub fn rotate(dir: &Path, tenant: &str, key: &Holder) -> Result<(PathBuf, PathBuf), KeyError> {
    let stem = file_stem(tenant)?;
    let (public, private) = (dir.join(format!("{stem}.pub")), dir.join(format!("{stem}.key")));
    let before = in_force(dir, tenant)?;
    keep(&private, &named(dir, &stem, &hex(before.public().id()), "key"))?;
    // The public file may be another key's: after a crash in the middle of a rotation.
    if public.exists() {
        let (_, before) = read_public(&public)?;
        keep(&public, &named(dir, &stem, &hex(before.id()), "pub"))?;
    }
    let fresh = dir.join(format!(".{stem}.new"));
    let _ = fs::remove_dir_all(&fresh);
    let (new_public, new_private) = write_holder(&fresh, tenant, key)?;
    replace(&new_private, &private)?;
    replace(&new_public, &public)?;
    let _ = fs::remove_dir(&fresh);
    Ok((public, private))
}

/// The private key in force for a tenant, or where it is.
///
/// # Errors
/// [`KeyError`].
pub fn in_force(dir: &Path, tenant: &str) -> Result<Holder, KeyError> {
    Ok(read_holder(&dir.join(format!("{}.key", file_stem(tenant)?)))?.1)
}

/// Destroys a key's private file, and the key on the token that the file names, and leaves a tombstone; its public file goes too. Doing it again is harmless.
///
/// SECURITY: overwriting a file destroys no copy of it: backups, snapshots, and what a flash disk or a copying file system keeps. Where that
/// matters, keep tenant keys on a token or in a KMS.
///
/// # Errors
/// [`KeyError`].
pub fn shred(dir: &Path, listed: &Listed, time: &str) -> Result<PathBuf, KeyError> {
    let stem = file_stem(&listed.tenant)?;
    let path = named(dir, &stem, &listed.id, EXTENSION);
    let draft = path.with_extension("shredded.new");
    let tombstone = Tombstone {
        algorithm: listed.algorithm.clone(),
        tenant: listed.tenant.clone(),
        stem: stem.clone(),
        id: listed.id.clone(),
        time: time.to_owned(),
    };
    let io_error = |path: &Path| {
        let path = path.to_owned();
        |source| KeyError::Io { path, source }
    };
    let public = listed.public.as_ref().filter(|public| public.exists());
    match &listed.private {
        // Shredded before, whole or but for the public half.
        private if path.exists() && private.as_ref().is_none_or(|private| !private.exists()) => {
            public.map_or(Ok(()), |public| remove(public))?;
            return Ok(path);
        }
        Some(private) => {
            let on_token = read_holder(private)?.1.located(draft.exists())?;
            // Before the key: if the machine stops in between, this says that it was meant.
            write(&draft, tombstone.line().as_bytes()).map_err(io_error(&draft))?;
            on_token.map_or(Ok(()), Located::destroy)?;
            destroy(private).map_err(io_error(private))?;
        }
        // SECURITY: a tombstone beside a key that lives elsewhere would be a lie.
        None if !draft.exists() => {
            let problem = "the private half of this key is not in the folder: shred it where it is";
            return Err(KeyError::Format { path: listed.public.clone().unwrap_or(path), problem });
        }
        None => {}
    }
    replace(&draft, &path)?;
    public.map_or(Ok(()), |public| remove(public))?;
    Ok(path)
}

/// Puts a public key file where the sidecar reads it, whole or not at all.
///
/// # Errors
/// [`KeyError`].
pub fn publish(public: &Path, folder: &Path) -> Result<PathBuf, KeyError> {
    let path = folder.join(public.file_name().unwrap_or_default());
    let draft = path.with_extension("pub.new");
    let io_error = |source| KeyError::Io { path: path.clone(), source };
    let bytes = fs::read(public).map_err(|source| KeyError::Io { path: public.to_owned(), source })?;
    write(&draft, &bytes).map_err(io_error)?;
    replace(&draft, &path)?;
    Ok(path)
}

/// Takes a tenant's public key out of a folder, if it is the one with this id. True if it was there.
///
/// # Errors
/// [`KeyError`].
pub fn withdraw(folder: &Path, tenant: &str, id: &str) -> Result<bool, KeyError> {
    let path = folder.join(format!("{}.pub", file_stem(tenant)?));
    let there = path.exists() && hex(read_public(&path)?.1.id()) == id;
    if there {
        remove(&path)?;
    }
    Ok(there)
}

fn named(dir: &Path, stem: &str, id: &str, extension: &str) -> PathBuf {
    dir.join(format!("{stem}@{}.{extension}", id.get(..SHORT_ID).unwrap_or(id)))
}

/// A second name for the same file; there already after a rotation that did not end.
fn keep(path: &Path, kept: &Path) -> Result<(), KeyError> {
    match fs::hard_link(path, kept) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map_err(|source| KeyError::Io { path: kept.to_owned(), source }),
    }
}

fn replace(from: &Path, to: &Path) -> Result<(), KeyError> {
    let sync_folder = || fs::File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all();
    let renamed = fs::rename(from, to).and_then(|()| sync_folder());
    renamed.map_err(|source| KeyError::Io { path: to.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), KeyError> {
    fs::remove_file(path).map_err(|source| KeyError::Io { path: path.to_owned(), source })
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn destroy(path: &Path) -> io::Result<()> {
    let len = usize::try_from(fs::metadata(path)?.len()).unwrap_or_default();
    let noise: [u8; 64] = random::bytes().map_err(io::Error::other)?;
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(&noise.iter().copied().cycle().take(len).collect::<Vec<u8>>())?;
    file.sync_all()?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Algorithm, generate, write_pair};

    fn states(dir: &Path) -> Vec<(State, bool, bool)> {
        list(dir).unwrap().iter().map(|key| (key.state, key.public.is_some(), key.private.is_some())).collect()
    }

    #[test]
    fn a_key_is_replaced_kept_and_shredded() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = std::array::from_fn(|_| generate(Algorithm::P256).unwrap());
        assert!(rotate(dir.path(), "org/1", &first.clone().into()).is_err(), "nothing to replace");
        write_pair(dir.path(), "org/1", &first).unwrap();
        let (public, private) = rotate(dir.path(), "org/1", &second.clone().into()).unwrap();
        assert_eq!(read_public(&public).unwrap().1, *second.public());
        assert_eq!(read_holder(&private).unwrap().1.public(), second.public());
        assert_eq!(states(dir.path()), [(State::Replaced, true, true), (State::InForce, true, true)]);
        let sidecar = tempfile::tempdir().unwrap();
        publish(&public, sidecar.path()).unwrap();
        let id = hex(second.public().id());
        assert!(!withdraw(sidecar.path(), "org/1", &hex(first.public().id())).unwrap());
        assert!(withdraw(sidecar.path(), "org/1", &id).unwrap());

        let all = list(dir.path()).unwrap();
        assert_eq!((&all[0].tenant, &all[0].id), (&"org/1".to_owned(), &hex(first.public().id())));
        for _ in 0..2 {
            shred(dir.path(), &all[0], "2026-01-01T00:00:00Z").unwrap_or_default();
        }
        assert_eq!(states(dir.path()), [(State::Shredded, false, false), (State::InForce, true, true)]);
        assert!(fs::read_dir(dir.path()).unwrap().count() == 3);
    }
}
