//! Places that keep copies of segments: objects that are made once and never replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::audit::scan::MAX_SEGMENT;
use crate::audit::storage::read_limited;

/// A place elsewhere. Keys are relative paths with `/`.
pub trait Target: Send {
    /// What to call it in messages.
    fn name(&self) -> String;
    /// Makes an object, whole and durable, if there is none of that key.
    ///
    /// # Errors
    /// `AlreadyExists`; others as the place says.
    fn create(&mut self, key: &str, bytes: &[u8]) -> io::Result<()>;
    /// An object's bytes.
    ///
    /// # Errors
    /// `NotFound`; others as the place says.
    fn read(&mut self, key: &str) -> io::Result<Vec<u8>>;
}

/// What configuration names: a folder, or a URL of an object store.
///
/// # Errors
/// It is a URL of a kind that this program was not built for, or cannot be used.
pub fn open(to: &str) -> io::Result<Box<dyn Target>> {
    if !to.contains("://") {
        return Ok(Box::new(Folder(PathBuf::from(to))));
    }
    #[cfg(feature = "object-store")]
    return Ok(Box::new(crate::audit::ship::cloud::Cloud::open(to)?));
    #[cfg(not(feature = "object-store"))]
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this program ships to folders only; for S3, GCS and Azure build it with `--features object-store`",
    ))
}

/// A folder, on another disk or machine. Its file system must know hard links.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Target for Folder {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn create(&mut self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(key);
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(folder)?;
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // Whole under another name first: a link to it is made at once or not at all, and never replaces.
        let draft = path.with_extension(format!("{}.part", std::process::id()));
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&draft)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::hard_link(&draft, &path)
        })();
        let _ = fs::remove_file(&draft);
        written?;
        File::open(folder)?.sync_all()
    }

    fn read(&mut self, key: &str) -> io::Result<Vec<u8>> {
        read_limited(&self.0.join(key), MAX_SEGMENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_made_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder(dir.path().join("archive"));
        folder.create("pod/a.seg", b"one").unwrap();
        assert_eq!(folder.create("pod/a.seg", b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(folder.read("pod/a.seg").unwrap(), b"one");
        assert_eq!(folder.read("pod/b.seg").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs::read_dir(dir.path().join("archive/pod")).unwrap().count(), 1, "no draft is left");
    }
}
