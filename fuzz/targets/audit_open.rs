//! A segment file may hold anything: walking it never panics, and nothing unsigned counts as committed.

use sidewall::audit::frame::{FRAME_HEADER_LEN, FrameHeader, FrameType};
use sidewall::audit::header::Header;
use sidewall::audit::scan::scan;

pub(crate) const SEEDS: &[&[u8]] = &[
    b"\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00................\x03\x01\x50",
    b"\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00................\x00\x01\x2a\x00\x04acme................................\x00",
    b"\x05\x00\x41\x01\x00\x00\x00\x00\x00\x00\x00\x01",
    b"SIDEWALL\x00\x01\x00\xc0\x00\x00\x00\x00\x00\x01\x00\x00",
];

/// Panics if a property does not hold.
pub(crate) fn audit_open(data: &[u8]) {
    check(data);
    // The same behind a header that is whole, as they are and as frames whose headers are whole.
    let header = Header {
        segment: 1,
        previous_size: 0,
        previous_root: [0; 32],
        created_ms: 0,
        boot: [0; 16],
        signer: [1; 32],
        pod: [0; 64],
    };
    let head = header.encode().to_vec();
    check(&[head.as_slice(), data].concat());
    let mut framed = head;
    let mut rest = data;
    while let Some((&[kind, tenant, len], tail)) = rest.split_first_chunk::<3>() {
        let body = tail.get(..usize::from(len)).unwrap_or(tail);
        let kind = FrameType::ALL[usize::from(kind) % FrameType::ALL.len()];
        let header = FrameHeader {
            len: u32::try_from(body.len()).unwrap_or(u32::MAX),
            kind,
            tenant: u32::from(tenant & 3),
            epoch: u32::from(tenant >> 2 & 3),
            sequence: u64::from(tenant >> 4),
        };
        framed.extend_from_slice(&header.encode());
        framed.extend_from_slice(body);
        rest = tail.get(body.len()..).unwrap_or_default();
    }
    check(&framed);
}

fn check(bytes: &[u8]) {
    let mut batches = 0;
    if let Ok(scan) = scan(bytes, |_, _, _| batches += 1) {
        assert!(batches == 0 && scan.commits.is_none(), "nobody signed this");
        assert!(bytes.len() >= FRAME_HEADER_LEN);
    }
}
