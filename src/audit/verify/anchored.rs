//! The log against checkpoints that were kept elsewhere: what an anchor has seen must still be there.

use std::collections::HashMap;

use crate::audit::body::CommitBody;
use crate::audit::note::{Checkpoint, Note, origin, split};
use crate::audit::scan::Scan;
use crate::audit::verify::{Code, Verification};

/// Checkpoints of trusted signers, by segment.
pub(super) struct Anchored {
    by_segment: HashMap<u64, Vec<Awaited>>,
}

struct Awaited {
    checkpoint: Checkpoint,
    /// The root that the log has at that size.
    found: Option<[u8; 32]>,
}

impl Anchored {
    /// Reads anchors. Notes of other signers are other pods' and say nothing here; an anchor without any note of a trusted one is
    /// a problem.
    pub(super) fn new(anchors: &[String], trusted: &[[u8; 32]], result: &mut Verification) -> Self {
        let mut by_segment: HashMap<u64, Vec<Awaited>> = HashMap::new();
        for anchor in anchors {
            let mut known = false;
            for note in split(anchor).filter_map(Note::parse) {
                if !trusted.iter().any(|signer| note.is_signed_by(signer)) {
                    continue;
                }
                known = true;
                if let Some((_, segment)) = note.checkpoint.place() {
                    by_segment.entry(segment).or_default().push(Awaited { checkpoint: note.checkpoint, found: None });
                }
            }
            if !known {
                result.add(Code::UnknownSigner, 0, "an anchor holds no checkpoint of a trusted signer");
            }
        }
        Self { by_segment }
    }

    /// A commit of a segment.
    pub(super) fn see(&mut self, segment: u64, commit: &CommitBody) {
        for awaited in self.by_segment.get_mut(&segment).into_iter().flatten() {
            if awaited.checkpoint.size == commit.tree_size {
                awaited.found = Some(commit.root);
            }
        }
    }

    /// The whole segment has been seen.
    pub(super) fn judge(&mut self, segment: u64, scan: &Scan, result: &mut Verification) {
        let leaves = scan.commits.map_or(0, |(_, last)| last.commit.tree_size);
        for Awaited { checkpoint, found } in self.by_segment.remove(&segment).unwrap_or_default() {
            let size = checkpoint.size;
            if checkpoint.origin != origin(&scan.header) {
                let message = format!("segment {segment} is another one than was anchored ({})", checkpoint.origin);
                result.add(Code::Tampered, segment, message);
            } else if size > leaves {
                let message = format!("segment {segment} has {leaves} frames; {size} were anchored");
                result.add(Code::Truncated, segment, message);
            } else if found != Some(checkpoint.root) {
                let message = format!("segment {segment}: its first {size} frames are not those that were anchored");
                result.add(Code::Tampered, segment, message);
            }
        }
    }

    /// Every segment has been seen; the next one would be `next`. Holes before it are problems of their own.
    pub(super) fn judge_absent(self, next: u64, result: &mut Verification) {
        let mut absent: Vec<u64> = self.by_segment.into_keys().filter(|segment| *segment >= next).collect();
        absent.sort_unstable();
        for segment in absent {
            result.add(Code::Truncated, segment, format!("segment {segment} was anchored and is not here"));
        }
    }
}
