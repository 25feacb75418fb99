//! Responses that are one JSON document: read, inspected as one frame, and only then answered, so that a refusal can
//! still be a status.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::inspect::{Cleared, Refusal, RefusalCode, Report, ResponseInspector};
use crate::proxy::budget::{Budget, Held};

/// Reads an upstream's whole body.
///
/// # Errors
/// `UpstreamFailed` (it broke off), `UpstreamTimeout`, `UpstreamGarbage` (too large), `Overloaded`.
pub async fn read(
    mut upstream: Incoming,
    limit: usize,
    idle: Duration,
    budget: &Arc<Budget>,
) -> Result<(Vec<Bytes>, Held), Refusal> {
    let mut held = budget.take(0).ok_or_else(|| Refusal::new(RefusalCode::Overloaded, ""))?;
    let mut chunks = Vec::new();
    let mut length = 0_usize;
    loop {
        let frame = match timeout(idle, upstream.frame()).await {
            Err(_elapsed) => return Err(Refusal::new(RefusalCode::UpstreamTimeout, "the body fell silent")),
            Ok(None) => return Ok((chunks, held)),
            Ok(Some(Err(_broken))) => return Err(Refusal::new(RefusalCode::UpstreamFailed, "the body broke off")),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers of an upstream carry nothing that passes.
        let Ok(chunk) = frame.into_data() else { continue };
        length = length.saturating_add(chunk.len());
        if length > limit {
            return Err(Refusal::new(RefusalCode::UpstreamGarbage, format!("a body over {limit} bytes")));
        }
        if !held.grow(chunk.len()) {
            return Err(Refusal::new(RefusalCode::Overloaded, ""));
        }
        chunks.push(chunk);
    }
}

/// What came of an inspection.
#[derive(Debug)]
pub struct Inspected {
    /// What may leave, or why nothing may.
    pub pieces: Result<Vec<Cleared<Bytes>>, Refusal>,
    /// What was found.
    pub report: Report,
}

/// Inspects a body. CPU-bound.
#[must_use]
pub fn inspect(mut inspector: ResponseInspector, chunks: Vec<Bytes>) -> Inspected {
    let mut pieces = Vec::new();
    let run = || {
        for chunk in chunks {
            inspector.push(chunk)?;
            pieces.extend(std::iter::from_fn(|| inspector.pull()));
        }
        inspector.finish()?;
        pieces.extend(std::iter::from_fn(|| inspector.pull()));
        Ok(())
    };
    let outcome = run();
    Inspected { pieces: outcome.map(|()| pieces), report: inspector.take_report() }
}
