//! Values that a joint between two content parts or two messages of a request cuts in two.

use crate::detect::{Finding, Ruleset, ScanState, Scope};
use crate::inspect::channel::Channel;
use crate::text::{Part, TextSpan};

/// How far to both sides of a joint between two literals a finding is looked for that the joint cuts in two: longer than any card number
/// or key prefix with its separators.
const JOINT_REACH: usize = 96;

/// Scans the neighbourhood of each joint as if the separator were not there. What is found over a joint is one finding with whatever is
/// found on either side of it, so that neither half stays.
pub(super) fn find(ruleset: &Ruleset, scope: Scope, channel: &mut Channel) {
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
    let scope = Scope { injection: false, ..scope };
    let mut from = 0;
    for (joint, _) in starts.iter().skip(1) {
        if *joint < from || *joint == 0 || *joint >= tight.len() {
            continue;
        }
        let start = tight.floor_char_boundary(joint.saturating_sub(JOINT_REACH));
        let end = tight.floor_char_boundary((joint + JOINT_REACH).min(tight.len()));
        let window = tight.get(start..end).unwrap_or_default();
        let mut found = Vec::new();
        ruleset.scan(scope, window, true, &mut ScanState::default(), &mut found);
        for finding in found {
            let (a, b) = (start + finding.span.start, start + finding.span.end);
            if a < *joint && *joint < b {
                // `to_text(b)` would be the start of the next piece where `b` is a piece's end.
                let span = TextSpan::new(to_text(a), to_text(b - 1) + 1);
                channel.views.add(Finding { span, ..finding });
                from = b;
            }
        }
    }
}
