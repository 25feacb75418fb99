//! The few things the log asks of a disk, as a trait: so that tests can put a failing or a simulated one in its place.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder of files. Names are plain file names.
pub trait Storage: Send + Sync {
    /// Claims the folder for this process, until the returned guard drops.
    ///
    /// # Errors
    /// `WouldBlock`: another process has it. Others as the system says.
    fn lock(&self) -> io::Result<Box<dyn Any + Send>>;
    /// Names of all files.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A file's bytes, at most `limit` of them: a longer file is `FileTooLarge`.
    ///
    /// # Errors
    /// As the system says.
    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>>;
    /// Makes a file that must not exist, readable by its owner only.
    ///
    /// # Errors
    /// As the system says.
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    /// Opens an existing file for writing.
    ///
    /// # Errors
    /// As the system says.
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    /// Renames, replacing what stands there, and makes the new name durable.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// An open file of a [`Storage`].
pub trait SegmentFile: Send {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// As the system says.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written durable.
    ///
    /// # Errors
    /// As the system says; after an error nothing is known of what was written since the last success.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` bytes (not durable until `sync`).
    ///
    /// # Errors
    /// As the system says.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// A folder of the real disk.
#[derive(Debug, Clone)]
pub struct Disk {
    dir: PathBuf,
}

/// Name of the lock file.
pub const LOCK: &str = "lock";
/// How often the lock is tried: `audit verify` holds it for a moment, and a predecessor may be about to leave.
const LOCK_TRIES: u32 = 5;
/// Pause between the tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

impl Disk {
    /// The folder `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Storage for Disk {
    #[expect(clippy::disallowed_methods, reason = "once at start, before anything is served")]
    fn lock(&self) -> io::Result<Box<dyn Any + Send>> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(self.path(LOCK))?;
        for _ in 1..LOCK_TRIES {
            if file.try_lock().is_ok() {
                return Ok(Box::new(file));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        file.try_lock()?;
        Ok(Box::new(file))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        read_limited(&self.path(name), limit)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.path(name))?;
        Ok(Box::new(DiskFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(DiskFile(OpenOptions::new().write(true).open(self.path(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))?;
        File::open(&self.dir)?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    if len > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

struct DiskFile(File);

impl SegmentFile for DiskFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}
