//! A file whose blocks are written ahead: a sync of a file that does not grow needs no journal commit.

use std::io;

use crate::audit::storage::{SegmentFile, Storage};

/// Most bytes of zeros written ahead at once; a small segment takes a sixteenth of its size, but no less than this.
const STEP: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 20;
/// A segment begins with, and is kept at, this share of a step: enough for the first seconds, and quick.
const LOW: u64 = 4;

/// Extension of a segment that is being made: holds no record yet.
pub(crate) const DRAFT: &str = ".new";

/// A file and how far its zeros reach.
pub(crate) struct Space {
    file: Box<dyn SegmentFile>,
    allocated: u64,
    step: u64,
}

impl Space {
    /// A draft of the segment `name`, of about `size` bytes in the end, with its first zeros on disk.
    pub(crate) fn draft(storage: &dyn Storage, name: &str, size: u64) -> io::Result<Self> {
        let draft = format!("{name}{DRAFT}");
        // A draft of an attempt before this one holds nothing.
        let _ = storage.remove(&draft);
        let step = (size / 16).clamp(*STEP.start(), *STEP.end());
        let mut space = Self { file: storage.create(&draft)?, allocated: 0, step };
        let ready = space.zero(step / LOW).and_then(|()| space.file.sync());
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
            self.zero(end.next_multiple_of(self.step)).or_else(|error| {
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
        if self.allocated.saturating_sub(used) >= self.step / LOW {
            return Ok(());
        }
        if let Err(error) = self.zero(self.allocated + self.step) {
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
