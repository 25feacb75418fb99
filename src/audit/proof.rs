//! Proof that one record stands in a log, for a third party that sees nothing else of it.
//!
//! It holds the segment's header, the record's frame (sealed: it says nothing to who lacks a key), its place in the tree, the hashes that lead
//! to the root, and the COMMIT that signs the root. Who trusts the signer's public key needs no more.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::audit::error::AuditError;
use crate::audit::folder::entries;
use crate::audit::frame::{Frame, FrameType};
use crate::audit::header::Header;
use crate::audit::merkle::{follow, leaf_hash, prove};
use crate::audit::read::Place;
use crate::audit::scan;
use crate::keys::pair::hex;

/// A proof, as JSON. Bytes are in base64, hashes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Version of this form: 1.
    pub v: u8,
    /// The segment's header.
    pub header: String,
    /// The RECORD frame.
    pub frame: String,
    /// Its number among the segment's leaves, from 0.
    pub leaf: u64,
    /// Hashes from the leaf to the root, nearest first (RFC 6962, section 2.1.1).
    pub path: Vec<String>,
    /// The COMMIT frame whose root it is.
    pub commit: String,
}

/// What a proof shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proven {
    /// Public key of the signer, in hexadecimal.
    pub signer: String,
    /// Name of the pod.
    pub pod: String,
    /// Segment number.
    pub segment: u64,
    /// The tenant's number in the segment.
    pub tenant: u32,
    /// Number among the tenant's records in the segment.
    pub sequence: u64,
    /// When the commit was signed, milliseconds since 1970.
    pub time_ms: u64,
}

/// Makes the proof of the record at `place`; `None` if none stands there.
///
/// # Errors
/// [`AuditError::Open`] if the folder or the segment cannot be read.
pub fn make(dir: &Path, place: Place) -> Result<Option<Proof>, AuditError> {
    let Some(entry) = entries(dir)?.into_iter().find(|entry| entry.number == place.segment) else {
        return Ok(None);
    };
    let (bytes, _) = entry.read().map_err(|error| AuditError::open(&entry.path, error))?;
    let mut leaves: Vec<[u8; 32]> = Vec::new();
    let mut found: Option<(u64, Vec<u8>)> = None;
    let mut header = None;
    let scanned = scan::scan(&bytes, |of, _, batch| {
        header.get_or_insert_with(|| of.clone());
        leaves.push(leaf_hash(batch.raw));
        for frame in &batch.frames {
            let is_it = (frame.header.kind, frame.header.tenant, frame.header.sequence)
                == (FrameType::Record, place.tenant, place.sequence);
            if is_it {
                found = Some((leaves.len() as u64, frame.raw.to_vec()));
            }
            leaves.push(leaf_hash(frame.raw));
        }
    });
    let last = scanned.ok().and_then(|scan| scan.commits).map(|(_, last)| last);
    let (Some(last), Some(header), Some((leaf, frame))) = (last, header, found) else { return Ok(None) };
    let end = usize::try_from(last.end).unwrap_or_default();
    let commit = bytes.get(end.saturating_sub(crate::audit::frame::COMMIT_FRAME_LEN)..end).unwrap_or_default();
    let path = prove(&leaves, usize::try_from(leaf).unwrap_or_default());
    Ok(Some(Proof {
        v: 1,
        header: STANDARD.encode(header.encode()),
        frame: STANDARD.encode(frame),
        leaf,
        path: path.iter().map(|hash| hex(hash)).collect(),
        commit: STANDARD.encode(commit),
    }))
}

/// Checks a proof against the trusted signers.
///
/// # Errors
/// What is wrong with it.
pub fn check(proof: &Proof, signers: &[[u8; 32]]) -> Result<Proven, &'static str> {
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| "not base64");
    let (header, frame, commit) = (bytes(&proof.header)?, bytes(&proof.frame)?, bytes(&proof.commit)?);
    let header = Header::decode(&header).map_err(|_| "not a segment's header")?;
    if !signers.contains(&header.signer) {
        return Err("the signer is not trusted");
    }
    let whole = |bytes| Frame::parse(bytes).filter(|frame: &Frame<'_>| frame.raw.len() == bytes.len());
    let commit = whole(&commit).and_then(|frame| scan::signed_commit(&frame, &header, &header.hash()));
    let commit = commit.ok_or("the commit is not signed by the signer")?;
    let parsed = whole(&frame).filter(|frame| frame.header.kind == FrameType::Record).ok_or("not a record's frame")?;
    let hash = |text: &String| crate::keys::pair::unhex(text)?.try_into().ok();
    let path: Option<Vec<[u8; 32]>> = proof.path.iter().map(hash).collect();
    let root = follow(leaf_hash(&frame), proof.leaf, commit.tree_size, &path.ok_or("a hash is none")?);
    if root != Some(commit.root) {
        return Err("the hashes do not lead from the record to the signed root");
    }
    Ok(Proven {
        signer: hex(&header.signer),
        pod: header.pod_name(),
        segment: header.segment,
        tenant: parsed.header.tenant,
        sequence: parsed.header.sequence,
        time_ms: commit.time_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditLog;
    use crate::audit::testing::{record, settings};
    use crate::audit::verify::parse_signer;

    #[tokio::test]
    async fn every_record_is_proven_and_no_changed_proof_passes() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, _) = settings(dir.path(), &["acme", "other"]);
        let log = AuditLog::open(&settings).unwrap();
        for (tenant, id) in [("acme", "e1"), ("other", "e2"), ("acme", "e3")] {
            log.append(record(tenant, id)).await.unwrap();
        }
        log.close().await.unwrap();
        let signer = std::fs::read_to_string(settings.dir.join("signer.pub")).unwrap();
        let signers = [parse_signer(&signer).unwrap()];
        let place = |tenant, sequence| Place { segment: 1, batch: 0, tenant, sequence };
        for (tenant, sequence) in [(1, 0), (2, 0), (1, 1)] {
            let proof = make(&settings.dir, place(tenant, sequence)).unwrap().unwrap();
            let proven = check(&proof, &signers).unwrap();
            assert_eq!((proven.segment, proven.tenant, proven.sequence), (1, tenant, sequence));
            assert!(check(&proof, &[[0; 32]]).is_err());
            let changed = |change: &dyn Fn(&mut Proof)| {
                let mut proof = proof.clone();
                change(&mut proof);
                check(&proof, &signers).is_err()
            };
            let flip = |text: &mut String| {
                let mut bytes = STANDARD.decode(&*text).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                *text = STANDARD.encode(bytes);
            };
            assert!(changed(&|proof| flip(&mut proof.header)));
            assert!(changed(&|proof| flip(&mut proof.frame)));
            assert!(changed(&|proof| flip(&mut proof.commit)));
            assert!(changed(&|proof| proof.leaf += 1));
            assert!(changed(&|proof| proof.path.truncate(1)));
        }
        assert!(make(&settings.dir, place(1, 2)).unwrap().is_none());
        assert!(make(&settings.dir, Place { segment: 9, ..place(1, 0) }).unwrap().is_none());
    }
}
