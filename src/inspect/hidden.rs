//! What the text of a request hides from one plain scan: values that a joint between two literals cuts in two, and texts that are encoded
//! or written in invisible characters.
//!
//! Requests only: they are whole. Whatever is found is reported where it stands in the channel's own text, so an edit replaces the
//! encoded run.

use crate::detect::{Finding, Ruleset, ScanState, Scope};
use crate::inspect::channel::Channel;
use crate::text::{Limits, Part, TextSpan, View, decode, fold};

/// How far to both sides of a joint between two literals a finding is looked for that the joint cuts in two: longer than any card number
/// or key prefix with its separators.
const JOINT_REACH: usize = 96;

/// Adds what is hidden in `channel` to its findings, which stay in order; what overlaps a finding that is there already is left.
pub(super) fn find(ruleset: &Ruleset, scope: Scope, channel: &mut Channel) {
    let before = channel.findings.len();
    across_joints(ruleset, scope, channel);
    disguised(ruleset, scope, channel);
    if channel.findings.len() > before {
        channel.findings.sort_by_key(|f| (f.span.start, f.span.end));
    }
}

/// Scans the decoded views of the text, and what it spells in invisible characters.
fn disguised(ruleset: &Ruleset, scope: Scope, channel: &mut Channel) {
    let mut views = decode(&View::raw(&channel.text), Limits::WHOLE);
    if !channel.text.is_ascii() {
        views.append(&mut fold::examine(&channel.text).hidden);
    }
    let mut found = Vec::new();
    for view in &views {
        ruleset.scan(scope, &view.text, true, &mut ScanState::default(), &mut found);
        for finding in found.drain(..) {
            let span = view.to_raw(finding.span);
            if !channel.findings.iter().any(|f| f.span.overlaps(span)) {
                channel.findings.push(Finding { span, ..finding });
            }
        }
    }
}

/// Finds what a joint between two content parts or messages cuts in two: scans the neighbourhood of each joint as if the separator were
/// not there.
fn across_joints(ruleset: &Ruleset, scope: Scope, channel: &mut Channel) {
    if channel.pieces.len() < 2 || matches!(channel.part, Part::Unlisted | Part::ToolDefinition) {
        return;
    }
    let mut tight = String::new();
    // (offset in `tight`, offset in the channel's text) where each piece begins.
    let mut starts = Vec::with_capacity(channel.pieces.len());
    for piece in &channel.pieces {
        starts.push((tight.len(), piece.text.start));
        tight.push_str(channel.text.get(piece.text.range()).unwrap_or_default());
    }
    let to_text = |offset: usize| {
        let at = starts.partition_point(|(t, _)| *t <= offset).saturating_sub(1);
        starts.get(at).map_or(offset, |(t, text)| text + (offset - t))
    };
    let mut from = 0;
    for (joint, _) in starts.iter().skip(1) {
        if *joint < from || *joint == 0 || *joint >= tight.len() {
            continue;
        }
        let start = floor(&tight, joint.saturating_sub(JOINT_REACH));
        let end = floor(&tight, (joint + JOINT_REACH).min(tight.len()));
        let window = tight.get(start..end).unwrap_or_default();
        let mut found = Vec::new();
        let scope = Scope { injection: false, ..scope };
        ruleset.scan(scope, window, true, &mut ScanState::default(), &mut found);
        for finding in found {
            let (a, b) = (start + finding.span.start, start + finding.span.end);
            if a < *joint && *joint < b {
                // `to_text(b)` would be the start of the next piece where `b` is a piece's end.
                let span = TextSpan::new(to_text(a), to_text(b - 1) + 1);
                if !channel.findings.iter().any(|f| f.span.overlaps(span)) {
                    channel.findings.push(Finding { span, ..finding });
                    from = b;
                }
            }
        }
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
