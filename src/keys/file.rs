//! Key files: two lines of text, one for people and programs, one of base64.
//!
//! ```text
//! sidewall-public-key-v1 p256 tenant=acme id=3f0c… made=2026-01-31T08:00:00Z
//! BPq1…
//! ```
//!
//! The first word is `sidewall-public-key-v1` (file `TENANT.pub`, given to the sidecar) or `sidewall-private-key-v1`
//! (file `TENANT.key`, mode 0600, kept by whoever reads). The tenant is percent-encoded as in the file's name. The id is
//! the public key's ([`PublicKey::id`]), in hexadecimal. Base64 is the standard alphabet with padding, of the key as
//! RFC 9180 serialises it (section 7.1.1). Where the private half is on a token, `TENANT.key` begins with
//! `sidewall-token-key-v1`, holds the public key, and a third line says where: a URI (RFC 7512).

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::keys::holder::Holder;
use crate::keys::pair::hex;
use crate::keys::token::{TokenKey, TokenUri};
use crate::keys::{Algorithm, PrivateKey, PublicKey, SealError};

/// First word of a public key's file.
const PUBLIC: &str = "sidewall-public-key-v1";
/// First word of a private key's file.
const PRIVATE: &str = "sidewall-private-key-v1";
/// First word of a file that says on which token a private key is.
const TOKEN: &str = "sidewall-token-key-v1";
/// LIMIT: a key file is about 200 bytes, with the longest tenant under 1 KiB.
const MAX_FILE: u64 = 4096;
/// LIMIT: tenant names are identifiers, and file names end at 255 bytes; three bytes for one that must be encoded.
const MAX_TENANT: usize = 80;

/// Why a key could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is not a key file of the wanted kind.
    #[error("{path}: {problem}; expected the two lines that `sidewall keys new` writes")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The tenant's name cannot be one.
    #[error("a tenant's name has 1 to {MAX_TENANT} bytes")]
    Tenant,
    /// A file of that name exists; keys are never overwritten.
    #[error("{0} exists; a key is never overwritten (move it away, or choose another folder)")]
    Exists(PathBuf),
    /// No key could be made.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A token is not there, or does not do what is asked of it.
    #[error("{uri}: {problem}")]
    Token {
        /// Which token or key.
        uri: TokenUri,
        /// What is wrong.
        problem: String,
    },
}

impl KeyError {
    pub(crate) fn token(uri: &TokenUri, problem: impl Into<String>) -> Self {
        Self::Token { uri: uri.clone(), problem: problem.into() }
    }
}

/// What a key file says beside the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// The tenant.
    pub tenant: String,
    /// The key's algorithm.
    pub algorithm: Algorithm,
    /// When it was made, RFC 3339, if the file says so.
    pub made: Option<String>,
}

/// The name of a tenant's key files without extension: bytes other than ASCII letters, digits, `-`, `_` and inner `.`
/// become `%XX`.
///
/// # Errors
/// [`KeyError::Tenant`].
pub fn file_stem(tenant: &str) -> Result<String, KeyError> {
    use std::fmt::Write as _;
    if tenant.is_empty() || tenant.len() > MAX_TENANT {
        return Err(KeyError::Tenant);
    }
    let mut out = String::with_capacity(tenant.len());
    for (at, byte) in tenant.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && at > 0) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(out)
}

/// Writes `TENANT.pub` and `TENANT.key` into `dir` (made if absent) and returns their paths.
///
/// # Errors
/// [`KeyError`]; an existing file is never overwritten.
pub fn write_pair(dir: &Path, tenant: &str, key: &PrivateKey) -> Result<(PathBuf, PathBuf), KeyError> {
    write_holder(dir, tenant, &Holder::from(key.clone()))
}

/// As [`write_pair`], wherever the private half is.
///
/// # Errors
/// As `write_pair`.
pub fn write_holder(dir: &Path, tenant: &str, key: &Holder) -> Result<(PathBuf, PathBuf), KeyError> {
    let stem = file_stem(tenant)?;
    let (public, private) = free_pair(dir, tenant)?;
    fs::create_dir_all(dir).map_err(|source| KeyError::Io { path: dir.to_owned(), source })?;
    // The private file first: a public key whose private half was lost would seal records for nobody.
    match key {
        Holder::File(key) => write_new(&private, PRIVATE, &stem, key.public(), key.bytes().expose(), "", 0o600)?,
        Holder::Token(TokenKey { public, uri }) => {
            write_new(&private, TOKEN, &stem, public, public.as_bytes(), &format!("{uri}\n"), 0o600)?;
        }
    }
    write_new(&public, PUBLIC, &stem, key.public(), key.public().as_bytes(), "", 0o644)?;
    Ok((public, private))
}

/// Where a tenant's key pair would be written: two names that are free.
///
/// # Errors
/// [`KeyError::Exists`], [`KeyError::Tenant`].
pub fn free_pair(dir: &Path, tenant: &str) -> Result<(PathBuf, PathBuf), KeyError> {
    let stem = file_stem(tenant)?;
    let (public, private) = (dir.join(format!("{stem}.pub")), dir.join(format!("{stem}.key")));
    for path in [&public, &private] {
        if path.symlink_metadata().is_ok() {
            return Err(KeyError::Exists(path.clone()));
        }
    }
    Ok((public, private))
}

/// Reads a tenant's public key.
///
/// # Errors
/// [`KeyError`].
pub fn read_public(path: &Path) -> Result<(KeyFile, PublicKey), KeyError> {
    let Lines { file, id, bytes, .. } = read(path, &[PUBLIC])?;
    let key = PublicKey::new(file.algorithm, bytes.to_vec())?;
    check_id(path, &key, &id)?;
    Ok((file, key))
}

/// Reads a tenant's private key, which must be in the file itself.
///
/// # Errors
/// [`KeyError`].
pub fn read_private(path: &Path) -> Result<(KeyFile, PrivateKey), KeyError> {
    match read_holder(path)? {
        (file, Holder::File(key)) => Ok((file, key)),
        (_, Holder::Token(key)) => Err(KeyError::token(&key.uri, "the key is on a token, where one in a file belongs")),
    }
}

/// Reads a tenant's private key, or where it is. No token is asked.
///
/// # Errors
/// [`KeyError`].
pub fn read_holder(path: &Path) -> Result<(KeyFile, Holder), KeyError> {
    let Lines { word, file, id, bytes, third } = read(path, &[PRIVATE, TOKEN])?;
    let key = if word == TOKEN {
        let format = |problem| KeyError::Format { path: path.to_owned(), problem };
        let uri = third.parse().map_err(|_| format("the third line is no URI of a token's key"))?;
        Holder::Token(TokenKey { public: PublicKey::new(file.algorithm, bytes.to_vec())?, uri })
    } else {
        Holder::File(PrivateKey::new(file.algorithm, bytes.to_vec())?)
    };
    check_id(path, key.public(), &id)?;
    Ok((file, key))
}

fn write_new(
    path: &Path,
    word: &str,
    stem: &str,
    public: &PublicKey,
    bytes: &[u8],
    more: &str,
    mode: u32,
) -> Result<(), KeyError> {
    let name = public.algorithm().row().name;
    let id = hex(public.id());
    let made = jiff::Timestamp::now();
    let text = format!("{word} {name} tenant={stem} id={id} made={made:.0}\n{}\n{more}", &*encode(bytes));
    let text = Zeroizing::new(text);
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::Io { path: path.to_owned(), source },
    })
}

fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

/// What stands in a key file.
struct Lines {
    word: &'static str,
    file: KeyFile,
    id: String,
    bytes: Zeroizing<Vec<u8>>,
    third: String,
}

fn read(path: &Path, wanted: &[&'static str]) -> Result<Lines, KeyError> {
    let io_error = |source| KeyError::Io { path: path.to_owned(), source };
    let format = |problem| KeyError::Format { path: path.to_owned(), problem };
    if fs::metadata(path).map_err(io_error)?.len() > MAX_FILE {
        return Err(format("too long for a key file"));
    }
    let text = Zeroizing::new(fs::read(path).map_err(io_error)?);
    let text = std::str::from_utf8(&text).map_err(|_| format("not text"))?;
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let first = words.next().unwrap_or_default();
    let word = match (wanted.iter().find(|word| **word == first), first) {
        (Some(word), _) => word,
        (None, PRIVATE | TOKEN) => return Err(format("this is a private key, where the public one belongs")),
        (None, PUBLIC) => return Err(format("this is a public key, where the private one belongs")),
        (None, _) => return Err(format("not a key file of version 1")),
    };
    let algorithm = words.next().and_then(Algorithm::from_name).ok_or_else(|| format("unknown algorithm"))?;
    let tenant = words.next().and_then(|word| word.strip_prefix("tenant=")).and_then(decode_stem);
    let tenant = tenant.ok_or_else(|| format("no tenant in the first line"))?;
    let id = words.next().and_then(|word| word.strip_prefix("id=")).ok_or_else(|| format("no id in the first line"))?;
    let made = words.find_map(|word| word.strip_prefix("made=")).map(str::to_owned);
    let bytes = STANDARD.decode(lines.next().unwrap_or_default()).map_err(|_| format("second line is not base64"))?;
    let (id, bytes) = (id.to_owned(), Zeroizing::new(bytes));
    let third = lines.next().unwrap_or_default().to_owned();
    Ok(Lines { word, file: KeyFile { tenant, algorithm, made }, id, bytes, third })
}

fn check_id(path: &Path, key: &PublicKey, id: &str) -> Result<(), KeyError> {
    if hex(key.id()) == id {
        Ok(())
    } else {
        Err(KeyError::Format { path: path.to_owned(), problem: "the id in the first line is another key's" })
    }
}

pub(crate) fn decode_stem(stem: &str) -> Option<String> {
    let mut out = Vec::with_capacity(stem.len());
    let mut bytes = stem.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
            out.push(high << 4 | low);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::keys::generate;

    #[test]
    fn a_pair_reads_back_and_only_its_owner_may_read_the_private_half() {
        for (algorithm, tenant) in [(Algorithm::P256, "acme"), (Algorithm::X25519, "org|1/../ü")] {
            let dir = tempfile::tempdir().unwrap();
            let key = generate(algorithm).unwrap();
            let (public, private) = write_pair(dir.path(), tenant, &key).unwrap();
            assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
            let (file, read) = read_public(&public).unwrap();
            assert_eq!((file.tenant.as_str(), file.algorithm, &read), (tenant, algorithm, key.public()));
            let (file, read) = read_private(&private).unwrap();
            assert_eq!((file.tenant.as_str(), read.public()), (tenant, key.public()));
            assert!(matches!(write_pair(dir.path(), tenant, &key), Err(KeyError::Exists(_))), "never overwritten");
            for (path, problem) in [(&private, "private"), (&public, "public")] {
                let error = if problem == "private" { read_public(path).err() } else { read_private(path).err() };
                assert!(error.unwrap().to_string().contains(problem));
            }
        }
    }

    #[test]
    fn a_file_may_say_on_which_token_the_key_is() {
        let dir = tempfile::tempdir().unwrap();
        let public = generate(Algorithm::P256).unwrap().public().clone();
        let key = TokenKey { public, uri: "pkcs11:token=audit;object=acme;id=%01%02".parse().unwrap() };
        let (_, private) = write_holder(dir.path(), "acme", &Holder::Token(key.clone())).unwrap();
        assert!(matches!(read_holder(&private).unwrap().1, Holder::Token(read) if read == key));
        assert!(read_private(&private).is_err(), "no key in this file");
        let text = fs::read_to_string(&private).unwrap();
        fs::write(&private, text.replace("pkcs11:", "http:")).unwrap();
        assert!(read_holder(&private).is_err());
    }

    #[test]
    fn damaged_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let (public, _) = write_pair(dir.path(), "acme", &generate(Algorithm::P256).unwrap()).unwrap();
        let text = fs::read_to_string(&public).unwrap();
        for bad in
            ["", "\n", text.split_at(text.len() / 2).0, &text.replace("p256", "x25519"), &text.replace("id=", "id=0")]
        {
            fs::write(&public, bad).unwrap();
            assert!(read_public(&public).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_tenants_stay_inside_the_folder() {
        assert_eq!(file_stem("acme-1.x").unwrap(), "acme-1.x");
        assert_eq!(file_stem("../etc").unwrap(), "%2E.%2Fetc");
        assert!(file_stem("").is_err() && file_stem(&"x".repeat(81)).is_err());
    }
}
