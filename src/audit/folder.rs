//! The segments of a folder as readers see them: in order, each with the part of it that counts.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::audit::error::AuditError;
use crate::audit::header::{HEADER_LEN, Header, HeaderError};
use crate::audit::scan::MAX_SEGMENT;
use crate::audit::segment::number_in;
use crate::audit::storage::{LOCK, read_limited};

/// A segment file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The number in its name.
    pub(crate) number: u64,
    pub(crate) header: Result<Header, HeaderError>,
    /// What its successor's header says of it: committed size and root. `None` for the last.
    pub(crate) vouched: Option<(u64, [u8; 32])>,
}

/// Lists the segments of `dir` by number.
pub(crate) fn entries(dir: &Path) -> Result<Vec<Entry>, AuditError> {
    let mut entries = Vec::new();
    for file in std::fs::read_dir(dir).map_err(|error| AuditError::open(dir, error))? {
        let file = file.map_err(|error| AuditError::open(dir, error))?;
        let Ok(name) = file.file_name().into_string() else {
            continue;
        };
        if let Some(number) = number_in(&name) {
            let path = file.path();
            let header = read_header(&path).map_err(|error| AuditError::open(&path, error))?;
            entries.push(Entry { name, path, number, header, vouched: None });
        }
    }
    entries.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
    let mut successor: Option<(u64, (u64, [u8; 32]))> = None;
    for entry in entries.iter_mut().rev() {
        entry.vouched = successor.filter(|(number, _)| *number == entry.number + 1).map(|(_, point)| point);
        successor =
            entry.header.as_ref().ok().map(|header| (entry.number, (header.previous_size, header.previous_root)));
    }
    Ok(entries)
}

fn read_header(path: &Path) -> std::io::Result<Result<Header, HeaderError>> {
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    File::open(path)?.take(HEADER_LEN as u64).read_to_end(&mut bytes)?;
    Ok(Header::decode(&bytes))
}

impl Entry {
    /// The file's bytes, cut into what counts and what lies behind what the successor vouches for.
    pub(crate) fn read(&self) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
        let mut bytes = read_limited(&self.path, MAX_SEGMENT)?;
        let len = match self.vouched {
            Some((size, _)) if size > 0 => usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len()),
            _ => bytes.len(),
        };
        let rest = bytes.split_off(len);
        Ok((bytes, rest))
    }
}

/// True if a sidecar is writing in `dir` now: then the last batch may be half written.
pub(crate) fn is_live(dir: &Path) -> bool {
    let Ok(file) = File::open(dir.join(LOCK)) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}
