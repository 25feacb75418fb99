//! Frames in, edits out: slots are put into channels, channels are decided, and a frame's edits are complete when all of its slots are
//! decided. Frames leave in the order in which they came.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::dialect::Table;
use crate::dialect::table::Class;
use crate::dialect::walk::{Form, Indices, Outline, Slot, walk};
use crate::inspect::channel::{Channel, Key, Mode};
use crate::inspect::context::Context;
use crate::inspect::decide::decide;
use crate::inspect::opaque;
use crate::inspect::{Refusal, RefusalCode, ToolCallNote, Usage};
use crate::text::{Part, Phase, WireRange};
use crate::wire::json::ScanError;
use crate::wire::splice::WireEdit;

/// LIMIT: documents within strings within documents: a tool argument that holds JSON that holds JSON. Deeper ones are read as text.
pub(super) const MAX_NESTING: u8 = 3;

/// LIMIT: lanes open at once in one stream: choices times tool calls times kinds of text. More is no honest provider.
const MAX_LANES: usize = 4_096;

/// What one frame waits for.
#[derive(Debug, Default)]
struct Pending {
    edits: Vec<WireEdit>,
    /// Literals that are not decided yet.
    slots: usize,
    derived: Vec<Derived>,
}

/// A value that repeats other text of its frame.
#[derive(Debug)]
struct Derived {
    range: WireRange,
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
    /// Names of tools whose call has begun.
    tools: Vec<(Indices, String)>,
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
        if let (Key::Run(_) | Key::Single, Some((table, outline))) = (channel.key, self.outlined)
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
        self.frames.push_back(Pending::default());
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
        };
        for (number, slot) in outline.slots.iter().enumerate() {
            reader.slot(number, slot)?;
        }
        let Reader { ends, touched, runs, .. } = reader;
        let outlined = Some((table, outline));
        for mut run in runs.channels {
            self.advance(context, &mut run, true, outlined)?;
        }
        self.settle(context, outlined, &ends, &touched)?;
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
        }
        if !ends.is_empty() {
            lanes.retain(|lane| !has_ended(lane));
            self.note_calls(context, |indices| ends.iter().any(|prefix| indices.starts_with(prefix)));
        }
        self.lanes = lanes;
        Ok(())
    }

    /// Says that nothing more comes: decides everything.
    ///
    /// # Errors
    /// A guardrail's refusal.
    pub(super) fn end(&mut self, context: &mut Context) -> Result<(), Refusal> {
        let lanes = std::mem::take(&mut self.lanes);
        lanes.into_iter().try_for_each(|mut lane| self.advance(context, &mut lane, true, None))?;
        self.note_calls(context, |_| true);
        Ok(())
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

    fn note_calls(&mut self, context: &mut Context, ended: impl Fn(&Indices) -> bool) {
        self.tools.retain(|(indices, name)| {
            let over = ended(indices);
            if over {
                let note = ToolCallNote { name: name.clone(), decision: "released".to_owned(), reason: String::new() };
                context.report.tool_calls.push(note);
            }
            !over
        });
    }

    fn list_derived(&mut self, outline: &Outline) {
        let Some(pending) = self.frames.back_mut() else { return };
        for whole in outline.wholes.iter().filter(|w| w.class == Class::Derived) {
            let inside = |range: WireRange| range.start >= whole.range.start && range.end <= whole.range.end;
            let beside = outline.slots.iter().enumerate().filter(|(_, s)| !inside(s.range) && outline.beside(whole, s));
            pending.derived.push(Derived {
                range: whole.range,
                sources: beside.map(|(n, _)| n).collect(),
                stale: false,
            });
        }
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
            pending.edits.push(WireEdit { range: derived.range, bytes: b"null".to_vec() });
        }
        pending.edits.sort_by_key(|e| (e.range.start, e.range.end));
        Some(pending.edits)
    }
}

/// Puts one frame's slots into channels.
struct Reader<'a> {
    assembly: &'a mut Assembly,
    context: &'a mut Context,
    table: Table,
    doc: &'a [u8],
    outline: &'a Outline,
    /// Indices under which everything has ended.
    ends: Vec<Indices>,
    /// Lanes that have grown.
    touched: Vec<usize>,
    runs: Runs,
}

/// The channels that end with the frame.
#[derive(Default)]
struct Runs {
    channels: Vec<Channel>,
    /// The last text of the conversation.
    spoken: Option<usize>,
    unlisted: Option<usize>,
    definitions: Option<usize>,
}

impl Runs {
    /// Adjacent texts of one speaker are one text; the next speaker begins a new one. Tool definitions and unlisted strings are gathered
    /// over the whole document.
    fn open(&mut self, part: Part) -> &mut Option<usize> {
        match part {
            Part::Unlisted => &mut self.unlisted,
            Part::ToolDefinition => &mut self.definitions,
            _ => {
                let same = self.spoken.and_then(|at| self.channels.get(at)).is_some_and(|c| c.part == part);
                self.spoken = self.spoken.filter(|_| same);
                &mut self.spoken
            }
        }
    }
}

impl Reader<'_> {
    fn slot(&mut self, number: usize, slot: &Slot) -> Result<(), Refusal> {
        let resolved = self.outline.resolve(self.table.trie, self.table.roles, self.doc, slot);
        let raw = self.doc.get(slot.range.range()).unwrap_or_default();
        let request = self.context.phase == Phase::Request;
        let lane = |label| {
            if request { None } else { Some(Key::Lane { label, name: resolved.name, indices: resolved.indices }) }
        };
        if slot.form != Form::String && !matches!(resolved.class, Some(Class::UsageInput | Class::UsageOutput)) {
            // Numbers of fields that a program fills (times, counters) are no text.
            if slot.form == Form::Key || matches!(resolved.class, None | Some(Class::Text(..) | Class::Input)) {
                return self.append(number, slot, Key::Single, resolved.part, Mode::Text);
            }
            return Ok(());
        }
        match resolved.class {
            Some(Class::Text(_, label)) => {
                self.append(number, slot, lane(label).unwrap_or(Key::Run(resolved.part)), resolved.part, Mode::Text)
            }
            Some(Class::Signed(_, label)) => {
                self.append(number, slot, lane(label).unwrap_or(Key::Single), resolved.part, Mode::Signed)
            }
            Some(Class::Arguments(label)) => {
                self.append(number, slot, lane(label).unwrap_or(Key::Single), Part::ToolArguments, Mode::Document)
            }
            Some(Class::Input) => self.append(number, slot, Key::Single, Part::ToolArguments, Mode::Leaf),
            Some(Class::UsageInput) => self.usage(raw, |usage, count| usage.input = count),
            Some(Class::UsageOutput) => self.usage(raw, |usage, count| usage.output = count),
            Some(
                class @ (Class::Ends
                | Class::Type
                | Class::Role
                | Class::Token
                | Class::Model
                | Class::ToolName
                | Class::Blob
                | Class::Media),
            ) => {
                if class == Class::Ends {
                    self.ends.push(resolved.indices);
                }
                // What a caller wrote is inspected even where a program's identifier is expected.
                let minted = !request || matches!(class, Class::Type | Class::Role | Class::Blob | Class::Media);
                if !opaque::is(class, raw) {
                    return self.unlisted(number, slot);
                }
                match class {
                    Class::Model if self.context.report.model.is_none() => {
                        self.context.report.model = Some(String::from_utf8_lossy(raw).into_owned());
                    }
                    Class::ToolName if !request => self.tool(resolved.indices, raw),
                    _ => {}
                }
                if minted {
                    self.context.report.coverage.opaque += raw.len() as u64;
                    return Ok(());
                }
                self.unlisted(number, slot)
            }
            None | Some(Class::Derived | Class::Index) => self.unlisted(number, slot),
        }
    }

    fn unlisted(&mut self, number: usize, slot: &Slot) -> Result<(), Refusal> {
        self.append(number, slot, Key::Run(Part::Unlisted), Part::Unlisted, Mode::Text)
    }

    fn tool(&mut self, indices: Indices, raw: &[u8]) {
        if self.assembly.tools.len() < MAX_LANES {
            self.assembly.tools.push((indices, String::from_utf8_lossy(raw).into_owned()));
        }
    }

    fn usage(&mut self, raw: &[u8], set: impl Fn(&mut Usage, u64)) -> Result<(), Refusal> {
        if let Some(count) = std::str::from_utf8(raw).ok().and_then(|s| s.parse().ok()) {
            set(self.context.report.usage.get_or_insert_with(Usage::default), count);
        }
        Ok(())
    }

    fn append(&mut self, number: usize, slot: &Slot, key: Key, part: Part, mode: Mode) -> Result<(), Refusal> {
        self.count(slot, part);
        let assembly = &mut *self.assembly;
        let frame = assembly.first + assembly.frames.len() as u64 - 1;
        let put = |channel: &mut Channel, assembly: &mut Assembly| {
            channel.append(self.doc, slot.range, slot.escaped, slot.form, frame, number);
            let empty = channel.pieces.last().is_none_or(|p| p.text.is_empty());
            if !empty && let Some(pending) = assembly.frames.back_mut() {
                pending.slots += 1;
            }
        };
        let none = || Arc::from("");
        match key {
            Key::Single => {
                let mut channel = Channel::new(key, part, mode, none());
                put(&mut channel, assembly);
                return assembly.advance(self.context, &mut channel, true, Some((self.table, self.outline)));
            }
            Key::Run(_) => {
                let next = self.runs.channels.len();
                let at = *self.runs.open(part).get_or_insert(next);
                if at == next {
                    self.runs.channels.push(Channel::new(key, part, mode, none()));
                }
                if let Some(channel) = self.runs.channels.get_mut(at) {
                    put(channel, assembly);
                }
            }
            Key::Lane { .. } => {
                let mut lanes = std::mem::take(&mut assembly.lanes);
                let at = lanes.iter().position(|lane| lane.key == key).unwrap_or(lanes.len());
                if at == lanes.len() {
                    let path = Arc::from(self.outline.path(self.table.trie, slot));
                    lanes.push(Channel::new(key, part, mode, path));
                }
                if let Some(lane) = lanes.get_mut(at) {
                    put(lane, assembly);
                }
                let over = lanes.len() > MAX_LANES;
                assembly.lanes = lanes;
                if over {
                    return Err(Refusal::new(
                        RefusalCode::LimitExceeded,
                        format!("more than {MAX_LANES} texts at once in one stream"),
                    ));
                }
                if !self.touched.contains(&at) {
                    self.touched.push(at);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, slot: &Slot, part: Part) {
        // A nested document has been counted with the literal that holds it.
        if self.assembly.nesting == 0 {
            let coverage = &mut self.context.report.coverage;
            let counter = if part == Part::Unlisted { &mut coverage.unlisted } else { &mut coverage.inspected };
            *counter += slot.range.len() as u64;
        }
    }
}
