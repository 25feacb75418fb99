//! What is scanned: files as they are named, folders file by file, and what is left out with a word about it.

use std::io::Read;
use std::path::{Path, PathBuf};

/// LIMIT: bytes of one input; the scan needs a few times as much memory.
const MAX_INPUT: u64 = 256 << 20;
/// How much of a file is looked at for a zero byte, as Git does it.
const SNIFFED: usize = 8 << 10;
/// Folders of version control: they hold packed copies of what is beside them.
const LEFT_OUT: [&str; 3] = [".git", ".hg", ".svn"];

/// Why a file was not scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Unscanned {
    /// It is no text: nothing was missed.
    Binary,
    /// It may be text and could not be read.
    Unread(String),
}

/// The files of `paths`; those of folders in order of their names, at any depth. Symbolic links inside folders are not followed.
pub(super) fn expand(paths: &[PathBuf]) -> Vec<(PathBuf, Option<Unscanned>)> {
    let mut files = Vec::new();
    for path in paths {
        if path.as_os_str() != "-" && path.is_dir() {
            walk(path, &mut files);
        } else {
            files.push((path.clone(), None));
        }
    }
    files
}

fn walk(folder: &Path, files: &mut Vec<(PathBuf, Option<Unscanned>)>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            files.push((folder.to_owned(), Some(Unscanned::Unread(format!("cannot be read: {error}")))));
            return;
        }
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Ok(found) = path.symlink_metadata() else { continue };
        let left_out = path.file_name().is_some_and(|name| LEFT_OUT.iter().any(|other| name == *other));
        if found.is_dir() && !left_out {
            walk(&path, files);
        } else if found.is_file() {
            files.push((path, None));
        }
    }
}

/// The text of a file, or of standard input (`-`).
pub(super) fn read(file: &Path) -> Result<String, Unscanned> {
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(MAX_INPUT + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(MAX_INPUT + 1).read_to_end(&mut bytes))
    };
    let read = read.map_err(|error| Unscanned::Unread(format!("cannot be read: {error}")))?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_INPUT) {
        return Err(Unscanned::Unread(format!("is larger than {} MiB; split it", MAX_INPUT >> 20)));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Unscanned::Unread("is UTF-16; convert it first, for example with iconv".to_owned()));
    }
    if bytes.iter().take(SNIFFED).any(|byte| *byte == 0) {
        return Err(Unscanned::Binary);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Unscanned::Unread(format!("is not UTF-8 at byte {at}; convert it first, for example with iconv"))
    })
}
