//! Decides a channel: findings and placeholders in its text become edits, as far as nothing that may still come can change them.

use crate::detect::{Finding, Scope};
use crate::dialect::walk::Form;
use crate::dialect::{ARGUMENTS, Table};
use crate::inspect::assembly::{Assembly, Fault, MAX_NESTING, Place};
use crate::inspect::calls::remember;
use crate::inspect::channel::{Channel, Key, Mode};
use crate::inspect::context::{Context, is_signal};
use crate::inspect::memory::Question;
use crate::inspect::{FilteredText, Guards, Refusal, joints};
use crate::redact::{Filtered, Fingerprint};
use crate::text::{Part, Phase, TextSpan};
use crate::wire::splice::WireEdit;

/// Something to be done to the text.
enum Act {
    Finding(Finding),
    Restore { span: TextSpan, entry: usize },
}

impl Act {
    fn span(&self) -> TextSpan {
        match self {
            Self::Finding(finding) => finding.span,
            Self::Restore { span, .. } => *span,
        }
    }
}

/// Decides as much of `channel` as can be decided, and returns the decided offset. `edit` gets frame, slot and edit.
///
/// # Errors
/// A guardrail's refusal.
pub(super) fn decide(
    context: &mut Context,
    channel: &mut Channel,
    ended: bool,
    place: &Place<'_>,
    mut edit: impl FnMut(u64, usize, WireEdit),
) -> Result<usize, Refusal> {
    let repeats = matches!(channel.key, Key::Copy { .. });
    if repeats && let Some(edits) = context.told.as_ref().and_then(|told| told.find(channel)) {
        for (span, replacement) in edits.iter() {
            channel.replace(*span, replacement, &mut edit);
        }
        return Ok(channel.text.len());
    }
    let decided = decide_text(context, channel, ended, place, edit)?;
    if ended
        && (repeats || matches!(channel.key, Key::Lane { .. }))
        && let Some(told) = &mut context.told
    {
        told.remember(channel);
    }
    Ok(decided)
}

fn decide_text(
    context: &mut Context,
    channel: &mut Channel,
    ended: bool,
    place: &Place<'_>,
    mut edit: impl FnMut(u64, usize, WireEdit),
) -> Result<usize, Refusal> {
    if channel.mode == Mode::Document && !ended {
        return Ok(0);
    }
    let nested = place.nesting < MAX_NESTING && looks_like_json(&channel.text, channel.mode);
    if nested && document(context, channel, place, &mut edit)? {
        return Ok(channel.text.len());
    }
    let decided = scan(context, channel, ended);
    if let Some(onlooker) = context.guards.onlooker.as_ref().filter(|_| ended) {
        onlooker.saw(&context.guards, scope(context, channel), channel.part, &channel.text);
    }
    if let Some(judge) = context.guards.judge.as_ref().filter(|_| ended && context.phase == Phase::Response) {
        judge.observe(channel.part, &channel.text);
    }
    let decided = decided.min(restorations(context, channel, ended));
    act(context, channel, decided, place, &mut edit)?;
    if ended {
        if place.nesting == 0 {
            remember(context, channel, |offset| place.path(channel, offset));
        }
        let judged = context.phase == Phase::Request && context.guards.judge.is_some() && !is_key(channel);
        let shown = if judged || recorded(channel) { channel.filtered_text() } else { Filtered::nothing() };
        signals(context, channel, place, shown.as_str())?;
        finish(context, channel, place, shown);
    }
    Ok(decided)
}

/// True if the text may be a JSON document that is worth a scan of its own.
fn looks_like_json(text: &str, mode: Mode) -> bool {
    match mode {
        // Arguments of a call are a document whatever they look like; an empty text is a call without arguments.
        Mode::Document => !text.trim_start().is_empty(),
        Mode::Text | Mode::Signed => false,
        Mode::Leaf => matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[')),
    }
}

/// Inspects the channel's text as a document of its own, leaf by leaf. False if it is none: then it is read as text.
fn document(
    context: &mut Context,
    channel: &mut Channel,
    place: &Place<'_>,
    edit: &mut impl FnMut(u64, usize, WireEdit),
) -> Result<bool, Refusal> {
    let mut inner = Assembly::nested(place.nesting + 1, place.path(channel, 0));
    let table = Table { trie: &ARGUMENTS, roles: &[] };
    match inner.ingest(context, table, channel.text.as_bytes()) {
        Ok(()) => {}
        Err(Fault::Refused(refusal)) => return Err(refusal),
        // The document is walked before anything is noted, so nothing has happened yet.
        Err(Fault::Malformed(_)) => return Ok(false),
    }
    inner.end(context)?;
    for inner_edit in inner.pop().unwrap_or_default() {
        let span = TextSpan::new(inner_edit.range.start, inner_edit.range.end);
        let replacement = String::from_utf8_lossy(&inner_edit.bytes);
        channel.replace(span, &replacement, &mut *edit);
    }
    channel.filtered.extend(inner.shown().map(|filter| {
        let span = TextSpan::new(filter.range.start, filter.range.end);
        (span, String::from_utf8_lossy(&filter.bytes).into_owned())
    }));
    Ok(true)
}

fn scope(context: &Context, channel: &Channel) -> Scope {
    let request = context.phase == Phase::Request;
    Scope { phase: context.phase, injection: request && channel.mode != Mode::Signed }
}

fn scan(context: &Context, channel: &mut Channel, ended: bool) -> usize {
    let request = context.phase == Phase::Request;
    let scope = scope(context, channel);
    let before = channel.findings.len();
    // A request's text is scanned at its end, all at once.
    let fingerprint = if request && ended { fingerprint(context, scope, channel) } else { None };
    let memory = &context.guards.memory;
    let decided = match fingerprint.and_then(|text| memory.recall(&text)) {
        Some(known) => {
            channel.findings.extend_from_slice(&known);
            channel.text.len()
        }
        None => {
            let decided = search(context, scope, channel, ended);
            if let Some(text) = fingerprint {
                memory.remember(text, channel.findings.get(before..).unwrap_or_default());
            }
            decided
        }
    };
    if channel.findings.iter().skip(before).any(is_signal) {
        let (signals, others) = std::mem::take(&mut channel.findings).into_iter().partition(is_signal);
        channel.findings = others;
        let mut signals: Vec<Finding> = signals;
        channel.signals.append(&mut signals);
    }
    decided
}

fn search(context: &Context, scope: Scope, channel: &mut Channel, ended: bool) -> usize {
    let ruleset = &context.guards.ruleset;
    if scope.phase == Phase::Request && ended {
        joints::find(ruleset, scope, channel);
    }
    ruleset.scan_views(scope, &channel.text, ended, &mut channel.views, &mut channel.findings)
}

fn fingerprint(context: &Context, scope: Scope, channel: &Channel) -> Option<Fingerprint> {
    let Guards { key, ruleset, .. } = &context.guards;
    let question = Question { key, ruleset, scope, part: channel.part, text: &channel.text };
    question.fingerprint(channel.pieces.iter().skip(1).map(|piece| piece.text.start))
}

fn restorations(context: &Context, channel: &mut Channel, ended: bool) -> usize {
    if context.phase == Phase::Request || channel.mode == Mode::Signed || context.vault.is_empty() {
        return channel.text.len();
    }
    // A call whose arguments are no document: nothing says how a value would have to be escaped there.
    if channel.mode == Mode::Document {
        return channel.text.len();
    }
    channel.restored_to =
        context.vault.restorations(&channel.text, channel.restored_to, ended, &mut channel.restorations);
    channel.restored_to
}

/// Acts on everything that starts before `decided`, in order of start. Of a finding that overlaps an earlier act, what lies behind that
/// act is acted upon: in an encoded text, two values can share the group of codes that one ends and the other begins in.
fn act(
    context: &mut Context,
    channel: &mut Channel,
    decided: usize,
    place: &Place<'_>,
    edit: &mut impl FnMut(u64, usize, WireEdit),
) -> Result<(), Refusal> {
    if channel.findings.is_empty() && channel.restorations.is_empty() {
        return Ok(());
    }
    let mut acts: Vec<Act> = Vec::new();
    let due = channel.findings.partition_point(|f| f.span.start < decided);
    acts.extend(channel.findings.drain(..due).map(Act::Finding));
    let due = channel.restorations.partition_point(|r| r.span.start < decided);
    acts.extend(channel.restorations.drain(..due).map(|r| Act::Restore { span: r.span, entry: r.entry }));
    acts.sort_by_key(|a| (a.span().start, matches!(a, Act::Finding(_))));
    for act in acts {
        let mut span = act.span();
        if span.start < channel.acted_to {
            if matches!(act, Act::Restore { .. }) || span.end <= channel.acted_to {
                continue;
            }
            span.start = channel.acted_to;
        }
        channel.acted_to = span.end;
        match act {
            Act::Finding(finding) => {
                let path = place.path(channel, span.start);
                let text = channel.value(span).into_owned();
                let ruling = context.rule(&finding, &text, channel.part, &path, channel.mode != Mode::Signed)?;
                if let Some(replacement) = &ruling.replacement {
                    channel.replace(span, replacement, &mut *edit);
                }
                channel.filtered.push((span, ruling.filtered));
            }
            Act::Restore { entry, .. } => {
                if channel.part == Part::ToolArguments && context.vault.is_secret(entry) {
                    continue;
                }
                if let Some(value) = context.vault.value(entry) {
                    channel.replace(span, value.expose(), &mut *edit);
                    context.report.restored += 1;
                }
            }
        }
    }
    Ok(())
}

/// Rules on injection signals: for what one speaker says, their sum over the whole text; for gathered texts (all tool definitions, all
/// unlisted strings) the sum in each literal, since many harmless texts do not add up to one attack.
///
/// A classifier is asked about the whole text in either case; of gathered texts, its answer counts by itself.
fn signals(context: &mut Context, channel: &mut Channel, place: &Place<'_>, shown: &str) -> Result<(), Refusal> {
    let mut rest = std::mem::take(&mut channel.signals);
    if rest.is_empty() && context.guards.judge.is_none() {
        return Ok(());
    }
    if context.phase == Phase::Request && recorded(channel) {
        let path = place.path(channel, rest.first().map_or(0, |first| first.span.start));
        return context.ask(rest, channel.part, &path, channel.text.len(), shown);
    }
    if channel.part == Part::ToolDefinition && context.phase == Phase::Request && !is_key(channel) {
        let path = place.path(channel, 0);
        context.ask(Vec::new(), channel.part, &path, channel.text.len(), shown)?;
    }
    while let Some(first) = rest.first() {
        let path = place.path(channel, first.span.start);
        let end = match channel.part {
            Part::Unlisted | Part::ToolDefinition => {
                channel.piece_at(first.span.start).map_or(usize::MAX, |p| p.text.end)
            }
            _ => usize::MAX,
        };
        let cut = rest.partition_point(|f| f.span.start < end).max(1);
        let later = rest.split_off(cut);
        context.rule_signals(&rest, channel.part, &path)?;
        rest = later;
    }
    Ok(())
}

/// True if the text is a key of a document: it is told by its path.
fn is_key(channel: &Channel) -> bool {
    channel.pieces.first().is_some_and(|piece| piece.form == Form::Key)
}

/// True if the record keeps the channel's filtered text; the others say nothing about what was spoken.
fn recorded(channel: &Channel) -> bool {
    !is_key(channel) && !matches!(channel.part, Part::Unlisted | Part::ToolDefinition)
}

fn finish(context: &mut Context, channel: &Channel, place: &Place<'_>, text: Filtered) {
    if !recorded(channel) || channel.text.is_empty() {
        return;
    }
    if context.phase == Phase::Response && !context.vault.is_empty() {
        let missed = context.vault.near_misses(&channel.text);
        context.report.unrestored += u32::try_from(missed).unwrap_or(u32::MAX);
    }
    let path = place.path(channel, 0);
    context.report.texts.push(FilteredText { part: channel.part, path, text });
}
