//! Tombstones: what is left of a shredded key, so that a verifier can say why records open for nobody.
//!
//! A file `TENANT@ID.shredded` of one line: `sidewall-shredded-key-v1 ALGORITHM tenant=NAME id=HEX time=RFC3339`.

use std::fs;
use std::io;
use std::path::Path;

/// First word of a tombstone.
const WORD: &str = "sidewall-shredded-key-v1";
/// Its file's extension.
pub const EXTENSION: &str = "shredded";
/// LIMIT: bytes of a tombstone that are read.
const MAX_FILE: u64 = 4096;

/// A key that exists no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Name of the algorithm.
    pub algorithm: String,
    /// The tenant, percent-encoded as in file names.
    pub stem: String,
    /// The public key's id, in hexadecimal.
    pub id: String,
    /// When it was shredded, RFC 3339.
    pub time: String,
}

impl Tombstone {
    /// Its line.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{WORD} {} tenant={} id={} time={}\n", self.algorithm, self.stem, self.id, self.time)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim_end().split(' ');
        let mut next = |prefix: &str| words.next()?.strip_prefix(prefix).map(str::to_owned);
        next(WORD).filter(String::is_empty)?;
        let (algorithm, stem, id, time) = (next("")?, next("tenant=")?, next("id=")?, next("time=")?);
        words.next().is_none().then_some(Self { algorithm, stem, id, time })
    }
}

/// The tombstones in a folder. What is none is passed over: it shreds nothing.
///
/// # Errors
/// If the folder cannot be listed or a tombstone not be read.
pub fn tombstones(dir: &Path) -> io::Result<Vec<Tombstone>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) && fs::metadata(&path)?.len() <= MAX_FILE {
            found.extend(Tombstone::parse(&fs::read_to_string(&path)?));
        }
    }
    Ok(found)
}
