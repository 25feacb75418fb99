//! A file whose blocks are written ahead: a sync of a file that does not grow needs no journal commit.

use std::io;

use crate::audit::storage::{SegmentFile, Storage};

/// Bytes of zeros written when a segment is made: enough for the first seconds, and quick.
const FIRST_STEP: u64 = 1 << 20;
/// Bytes of zeros written ahead later.
const STEP: u64 = 4 << 20;
/// When fewer bytes than this are left of the zeros, an idle writer writes the next step.
const LOW: u64 = 1 << 20;

/// Extension of a segment that is being made: holds no record yet.
pub(crate) const DRAFT: &str = ".new";

/// A file and how far its zeros reach.
pub(crate) struct Space {
    file: Box<dyn SegmentFile>,
    allocated: u64,
}

impl Space {
    /// A draft of the segment `name`, with its first zeros on disk.
    pub(crate) fn draft(storage: &dyn Storage, name: &str) -> io::Result<Self> {
        let draft = format!("{name}{DRAFT}");
        // A draft of an attempt before this one holds nothing.
        let _ = storage.remove(&draft);
        let mut space = Self { file: storage.create(&draft)?, allocated: 0 };
        let ready = space.zero(FIRST_STEP).and_then(|()| space.file.sync());
        if let Err(error) = ready {
            // On a full disk every byte counts.
            let _ = storage.remove(&draft);
            return Err(error);
        }
        Ok(space)
    }

    /// Writes `bytes` at `offset` and syncs.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        if end > self.allocated {
            self.zero(end.next_multiple_of(STEP)).or_else(|error| {
                // LIMIT: a disk that has no room for a whole step may have some for what must be written now.
                if error.kind() == io::ErrorKind::StorageFull { self.zero(end) } else { Err(error) }
            })?;
            self.file.sync()?;
        }
        self.file.write_at(offset, bytes)?;
        self.file.sync()
    }

    /// Writes zeros ahead of `used`, if they are running out. To be called when nobody waits. A full disk is no error as
    /// long as nothing has to be written.
    pub(crate) fn prepare(&mut self, used: u64) -> io::Result<()> {
        if self.allocated.saturating_sub(used) >= LOW {
            return Ok(());
        }
        if let Err(error) = self.zero(self.allocated + STEP) {
            tracing::warn!(%error, "audit: no space could be prepared ahead");
        }
        self.file.sync()
    }

    /// Cuts the zeros off behind `used`: nothing more will be written here.
    pub(crate) fn finish(&mut self, used: u64) -> io::Result<()> {
        self.file.truncate(used)?;
        self.file.sync()
    }

    fn zero(&mut self, to: u64) -> io::Result<()> {
        const ZEROS: &[u8] = &[0; 1 << 16];
        while self.allocated < to {
            let len = usize::try_from(to - self.allocated).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.file.write_at(self.allocated, ZEROS.get(..len).unwrap_or(ZEROS))?;
            self.allocated += len as u64;
        }
        Ok(())
    }
}
