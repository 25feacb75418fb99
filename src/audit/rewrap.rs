//! Rewrapping: a new recipient for what is written, without touching a record.
//!
//! Beside a log may lie files `….rewrap` of JSON lines, one a data key:
//! `{"segment","header","tenant","number","epoch","commitment","kem","key_id","enc","ct"}` (header hash, commitment and key id in
//! hexadecimal, enc and ct in base64). A stanza is sealed as in a KEY frame. Nobody signs it and nobody needs to: the data
//! key that it opens must agree with the commitment in the KEY frame, which is signed.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::audit::body::{KeyBody, Stanza};
use crate::audit::error::AuditError;
use crate::audit::storage::read_limited;
use crate::keys::pair::{hex, unhex};

/// Extension of files of rewrapped data keys.
pub const EXTENSION: &str = "rewrap";
/// LIMIT: bytes of one such file: 100,000 data keys.
const MAX_FILE: u64 = 64 << 20;

/// A data key, sealed to one more recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrapped {
    /// Segment number.
    pub segment: u64,
    /// Hash of the segment's header.
    pub header: String,
    /// The tenant.
    pub tenant: String,
    /// Its number in the segment.
    pub number: u32,
    /// The data key's epoch.
    pub epoch: u32,
    /// The data key's commitment.
    pub commitment: String,
    /// HPKE's id of the KEM.
    pub kem: u16,
    /// Id of the recipient's key.
    pub key_id: String,
    /// Encapsulated key.
    pub enc: String,
    /// Sealed data key.
    pub ct: String,
}

impl Rewrapped {
    pub(crate) fn new(
        segment: u64,
        header: &[u8; 32],
        number: u32,
        epoch: u32,
        body: &KeyBody,
        stanza: &Stanza,
    ) -> Self {
        Self {
            segment,
            header: hex(header),
            tenant: body.tenant.clone(),
            number,
            epoch,
            commitment: hex(&body.commitment),
            kem: stanza.kem,
            key_id: hex(&stanza.key_id),
            enc: STANDARD.encode(&stanza.enc),
            ct: STANDARD.encode(&stanza.ct),
        }
    }

    /// The stanza; `None` if it cannot be one.
    pub(crate) fn stanza(&self) -> Option<Stanza> {
        let key_id = unhex(&self.key_id)?.try_into().ok()?;
        let (enc, ct) = (STANDARD.decode(&self.enc).ok()?, STANDARD.decode(&self.ct).ok()?);
        Some(Stanza { kem: self.kem, key_id, enc, ct })
    }
}

/// Every rewrapped data key in a folder. Lines that are none are passed over: they open nothing.
///
/// # Errors
/// [`AuditError::Open`] if a file cannot be read.
pub fn load(dir: &Path) -> Result<Vec<Rewrapped>, AuditError> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| AuditError::open(dir, error))? {
        let path = entry.map_err(|error| AuditError::open(dir, error))?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            let bytes = read_limited(&path, MAX_FILE).map_err(|error| AuditError::open(&path, error))?;
            all.extend(bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()));
        }
    }
    Ok(all)
}
