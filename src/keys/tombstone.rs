//! Tombstones: what is left of a shredded key, so that a verifier can say why records open for nobody.
//!
//! A file `TENANT@ID.shredded` of one line: `sidewall-shredded-key-v1 ALGORITHM tenant=NAME id=HEX time=RFC3339`.

use std::fs;
use std::io;
use std::path::Path;

use crate::keys::file::decode_stem;

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
    /// The tenant.
    pub tenant: String,
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
        let tenant = decode_stem(&stem)?;
        words.next().is_none().then_some(Self { algorithm, tenant, stem, id, time })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_others_are_none() {
        let tombstone = Tombstone {
            algorithm: "p256".to_owned(),
            tenant: "org/1".to_owned(),
            stem: "org%2F1".to_owned(),
            id: "ab".repeat(32),
            time: "2026-01-01T00:00:00Z".to_owned(),
        };
        assert_eq!(Tombstone::parse(&tombstone.line()).as_ref(), Some(&tombstone));
        for bad in [
            "",
            "sidewall-shredded-key-v1",
            &tombstone.line().replace("id=", "key="),
            &format!("{} x", tombstone.line().trim_end()),
        ] {
            assert_eq!(Tombstone::parse(bad), None, "{bad}");
        }
    }
}
