//! Frames in, edits out: slots are put into channels, channels are decided, and a frame's edits are complete when all of its slots are
//! decided. Frames leave in the order in which they came.

mod calls;
mod reader;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::dialect::Table;
use crate::dialect::table::Class;
use crate::dialect::walk::{Indices, Outline, walk};
use crate::dialect::withdraw::Withdrawals;
use crate::inspect::calls::{OpenCall, declare_tools};
use crate::inspect::channel::{Channel, Key};
use crate::inspect::context::Context;
use crate::inspect::decide::decide;
use crate::inspect::told::Mark;
use crate::inspect::{Refusal, RefusalCode};
use crate::policy::Conditional;
use crate::text::{Part, Phase, WireRange};
use crate::wire::json::ScanError;
use crate::wire::splice::WireEdit;
use calls::take_copied;
use reader::{Reader, Runs};

/// LIMIT: documents within strings within documents: a tool argument that holds JSON that holds JSON. Deeper ones are read as text.
pub(super) const MAX_NESTING: u8 = 3;

/// LIMIT: lanes open at once in one stream: choices times tool calls times kinds of text. More is no honest provider.
const MAX_LANES: usize = 4_096;

/// LIMIT: arguments of one call, which are held until they are complete. Files that agents write stay below it.
const MAX_ARGUMENT_BYTES: usize = 8 << 20;

/// What one frame waits for.
#[derive(Debug, Default)]
struct Pending {
    edits: Vec<WireEdit>,
    /// Literals that are not decided yet, and calls that begin here and have no verdict yet.
    slots: usize,
    derived: Vec<Derived>,
}

/// A value that repeats other text of its frame.
#[derive(Debug)]
struct Derived {
    range: WireRange,
    /// What takes its place.
    blank: &'static str,
    /// Slots (by index in the outline) whose text it repeats.
    sources: Vec<usize>,
    stale: bool,
}

/// The frames and channels of one body or stream (or of one document within it).
#[derive(Debug, Default)]
pub(super) struct Assembly {
    outline: Outline,
    frames: VecDeque<Pending>,
    /// Sequence number of the first of `frames`.
    first: u64,
    /// Channels that go on in later frames.
    lanes: Vec<Channel>,
    /// Tool calls that have begun and have no verdict yet.
    calls: Vec<OpenCall>,
    /// Tool calls that leave only with an approval, until what stands beside them is judged too.
    conditional: Vec<(OpenCall, Conditional)>,
    /// What became of those that have one.
    fates: Withdrawals,
    /// Those that were let go, if they may be repeated.
    told: Vec<(Indices, String, Mark)>,
    /// What a record shows in place of leaves of arguments in the newest frame.
    filters: Vec<WireEdit>,
    nesting: u8,
    /// Path of the field that holds this document, if it is nested.
    within: Arc<str>,
}

type Outlined<'a> = Option<(Table, &'a Outline)>;

/// Where a channel stands, for paths and for the depth of nesting.
pub(super) struct Place<'a> {
    /// How many documents the text's document stands in.
    pub nesting: u8,
    within: &'a Arc<str>,
    outlined: Outlined<'a>,
}

impl Place<'_> {
    /// The path of `offset` in the channel.
    pub(super) fn path(&self, channel: &Channel, offset: usize) -> Arc<str> {
        if self.nesting > 0 {
            return Arc::clone(self.within);
        }
        if let (Key::Run(_) | Key::Single | Key::Copy { .. }, Some((table, outline))) = (channel.key, self.outlined)
            && let Some(slot) = channel.piece_at(offset).and_then(|p| outline.slots.get(p.slot))
        {
            return Arc::from(outline.path(table.trie, slot));
        }
        Arc::clone(&channel.path)
    }
}

fn pending(frames: &mut VecDeque<Pending>, first: u64, frame: u64) -> Option<&mut Pending> {
    frames.get_mut(usize::try_from(frame.checked_sub(first)?).ok()?)
}

/// Why a frame was not taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not JSON that every parser reads the same way.
    Malformed(ScanError),
    /// The exchange is refused.
    Refused(Refusal),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The refusal of numbers that stand for text.
fn unreadable(path: &str) -> Refusal {
    let detail = "ids of tokens cannot be read here; send the text".to_owned();
    Refusal { path: Arc::from(path), ..Refusal::new(RefusalCode::Unreadable, detail) }
}

impl Assembly {
    /// For a document in the field `within`, `nesting` levels deep.
    pub(super) fn nested(nesting: u8, within: Arc<str>) -> Self {
        Self { nesting, within, ..Self::default() }
    }

    /// Takes a frame without a document: it only keeps its place in the order.
    pub(super) fn pass(&mut self) {
        self.frames.push_back(Pending::default());
    }

    /// Takes a frame's document.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(super) fn ingest(&mut self, context: &mut Context, table: Table, doc: &[u8]) -> Result<(), Fault> {
        let mut outline = std::mem::take(&mut self.outline);
        let result = self.ingest_outlined(context, table, doc, &mut outline);
        self.outline = outline;
        result
    }

    fn ingest_outlined(
        &mut self,
        context: &mut Context,
        table: Table,
        doc: &[u8],
        outline: &mut Outline,
    ) -> Result<(), Fault> {
        walk(table.trie, doc, outline).map_err(Fault::Malformed)?;
        if self.nesting == 0 && context.phase == Phase::Request {
            if let Some(path) = outline.token_ids(table.trie) {
                return Err(Fault::Refused(unreadable(&path)));
            }
            declare_tools(context, doc, outline)?;
            // The next turn may declare tools, and say nothing of what this one says.
            let goes_on = context.guards.history.is_some();
            context.tracing = context.guards.tools.traces() && (goes_on || !context.toolbox.is_empty());
        }
        self.frames.push_back(Pending::default());
        self.filters.clear();
        self.list_derived(outline);
        let outline = &*outline;
        let mut reader = Reader {
            assembly: self,
            context,
            table,
            doc,
            outline,
            ends: Vec::new(),
            touched: Vec::new(),
            runs: Runs::default(),
            copies: Vec::new(),
            repeated: Vec::new(),
        };
        reader.states()?;
        reader.earlier()?;
        let mut apart = outline.wholes.iter().filter(|whole| whole.class == Class::Apart).peekable();
        for (number, slot) in outline.slots.iter().enumerate() {
            while apart.next_if(|whole| whole.range.start <= slot.range.start).is_some() {
                reader.runs.part();
            }
            reader.slot(number, slot)?;
        }
        let Reader { ends, touched, runs, copies, mut repeated, .. } = reader;
        let outlined = Some((table, outline));
        for mut run in runs.channels {
            self.advance(context, &mut run, true, outlined)?;
        }
        if self.nesting == 0 && context.phase == Phase::Response {
            self.take_inputs(table, doc, outline)?;
        }
        self.settle(context, outlined, &ends, &touched)?;
        // What ends with this frame is decided by now, so that what repeats it is known.
        for mut copy in copies {
            self.advance(context, &mut copy, true, outlined)?;
            take_copied(&copy, &mut repeated);
        }
        self.judge_copies(context, repeated)?;
        Ok(())
    }

    /// Decides what this frame allows to decide of the channels that go on.
    fn settle(
        &mut self,
        context: &mut Context,
        outlined: Outlined<'_>,
        ends: &[Indices],
        touched: &[usize],
    ) -> Result<(), Refusal> {
        let mut lanes = std::mem::take(&mut self.lanes);
        let has_ended = |lane: &Channel| ends.iter().any(|prefix| lane.indices().starts_with(prefix));
        for (number, lane) in lanes.iter_mut().enumerate() {
            let ended = has_ended(lane);
            if ended || touched.contains(&number) {
                self.advance(context, lane, ended, outlined)?;
            }
            if ended {
                self.take_arguments(lane);
            }
        }
        if !ends.is_empty() {
            lanes.retain(|lane| !has_ended(lane));
        }
        self.lanes = lanes;
        if ends.is_empty() {
            return Ok(());
        }
        self.judge_calls(context, |indices| ends.iter().any(|prefix| indices.starts_with(prefix)))?;
        // Calls beside each other leave together: those under what has ended, once more than the call itself has.
        self.settle_calls(context, |indices| ends.iter().any(|prefix| indices != prefix && indices.starts_with(prefix)))
    }

    /// Says that nothing more comes: decides everything.
    ///
    /// # Errors
    /// A guardrail's refusal.
    pub(super) fn end(&mut self, context: &mut Context) -> Result<(), Refusal> {
        let lanes = std::mem::take(&mut self.lanes);
        for mut lane in lanes {
            self.advance(context, &mut lane, true, None)?;
            self.take_arguments(&lane);
        }
        self.judge_calls(context, |_| true)?;
        self.settle_calls(context, |_| true)
    }

    fn advance(
        &mut self,
        context: &mut Context,
        channel: &mut Channel,
        ended: bool,
        outlined: Outlined<'_>,
    ) -> Result<(), Refusal> {
        let place = Place { nesting: self.nesting, within: &self.within, outlined };
        let (first, frames) = (self.first, &mut self.frames);
        let decided = decide(context, channel, ended, &place, |frame, slot, edit| {
            let Some(pending) = pending(frames, first, frame) else { return };
            for derived in pending.derived.iter_mut().filter(|d| d.sources.contains(&slot)) {
                derived.stale = true;
            }
            pending.edits.push(edit);
        })?;
        if channel.part == Part::ToolArguments && channel.key == Key::Single {
            self.filters.extend(channel.filters());
        }
        while let Some(piece) = channel.pieces.get(channel.decided_pieces).filter(|p| p.text.end <= decided) {
            channel.decided_pieces += 1;
            if !piece.text.is_empty()
                && let Some(pending) = pending(frames, first, piece.frame)
            {
                pending.slots = pending.slots.saturating_sub(1);
            }
        }
        Ok(())
    }

    fn list_derived(&mut self, outline: &Outline) {
        let Some(pending) = self.frames.back_mut() else { return };
        for whole in outline.wholes.iter() {
            let Class::Derived(blank) = whole.class else { continue };
            let inside = |range: WireRange| range.start >= whole.range.start && range.end <= whole.range.end;
            let beside = outline.slots.iter().enumerate().filter(|(_, s)| !inside(s.range) && outline.beside(whole, s));
            pending.derived.push(Derived {
                range: whole.range,
                blank,
                sources: beside.map(|(n, _)| n).collect(),
                stale: false,
            });
        }
    }

    /// What a record shows in place of parts of the newest document, in order.
    pub(super) fn shown(&mut self) -> impl Iterator<Item = WireEdit> {
        let mut filters = std::mem::take(&mut self.filters);
        filters.sort_by_key(|filter| (filter.range.start, filter.range.end));
        filters.into_iter()
    }

    /// What became of the calls so far, if any of them was taken out.
    pub(super) fn withdrawals(&self) -> Option<&Withdrawals> {
        (!self.fates.withdrawn.is_empty()).then_some(&self.fates)
    }

    /// Number of the frame that came last.
    fn newest(&self) -> u64 {
        self.first + (self.frames.len() as u64).saturating_sub(1)
    }

    /// Number of the next frame.
    pub(super) const fn next(&self) -> u64 {
        self.first
    }

    /// The edits of the next frame, sorted and disjoint, if all of it is decided.
    pub(super) fn pop(&mut self) -> Option<Vec<WireEdit>> {
        if self.frames.front()?.slots > 0 {
            return None;
        }
        let mut pending = self.frames.pop_front()?;
        self.first += 1;
        for derived in pending.derived.iter().filter(|d| d.stale) {
            pending.edits.retain(|e| e.range.end <= derived.range.start || e.range.start >= derived.range.end);
            pending.edits.push(WireEdit { range: derived.range, bytes: derived.blank.into() });
        }
        pending.edits.sort_by_key(|e| (e.range.start, e.range.end));
        Some(pending.edits)
    }
}
