//! The bytes of the open event: a slice of the chunk they came in, as long as one chunk holds them.

use bytes::{Bytes, BytesMut};

pub(super) struct Buffer(Store);

enum Store {
    Chunk(Bytes),
    /// An event that began in an earlier chunk.
    Joined(BytesMut),
}

impl Buffer {
    pub(super) const fn new() -> Self {
        Self(Store::Chunk(Bytes::new()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Store::Chunk(bytes) => bytes,
            Store::Joined(bytes) => bytes,
        }
    }

    /// Copies only if something is left of the chunks before.
    pub(super) fn push(&mut self, chunk: Bytes) {
        if self.bytes().is_empty() {
            self.0 = Store::Chunk(chunk);
            return;
        }
        match &mut self.0 {
            Store::Chunk(bytes) => {
                let mut joined = BytesMut::with_capacity(bytes.len() + chunk.len());
                joined.extend_from_slice(bytes);
                joined.extend_from_slice(&chunk);
                self.0 = Store::Joined(joined);
            }
            Store::Joined(bytes) => bytes.extend_from_slice(&chunk),
        }
    }

    /// Takes the first `len` bytes, or all if there are fewer.
    pub(super) fn take(&mut self, len: usize) -> Bytes {
        let len = len.min(self.bytes().len());
        match &mut self.0 {
            Store::Chunk(bytes) => bytes.split_to(len),
            Store::Joined(bytes) => bytes.split_to(len).freeze(),
        }
    }
}
