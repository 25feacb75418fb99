//! Puts one frame's slots into channels, by what the table says of each.

use std::borrow::Cow;
use std::sync::Arc;

use super::calls::repeated_call;
use super::{Assembly, MAX_ARGUMENT_BYTES, MAX_LANES};
use crate::dialect::Table;
use crate::dialect::table::{Class, State};
use crate::dialect::walk::{Form, Indices, Outline, Resolved, Slot, Whole};
use crate::inspect::calls::OpenCall;
use crate::inspect::channel::{Channel, Key, Mode};
use crate::inspect::context::Context;
use crate::inspect::{Refusal, RefusalCode, Usage, opaque};
use crate::text::{Part, Phase};
use crate::tools::Arguments;
use crate::wire::escape::unescape;
use crate::wire::splice::WireEdit;

/// Puts one frame's slots into channels.
pub(super) struct Reader<'a> {
    pub(super) assembly: &'a mut Assembly,
    pub(super) context: &'a mut Context,
    pub(super) table: Table,
    pub(super) doc: &'a [u8],
    pub(super) outline: &'a Outline,
    /// Indices under which everything has ended.
    pub(super) ends: Vec<Indices>,
    /// Lanes that have grown.
    pub(super) touched: Vec<usize>,
    pub(super) runs: Runs,
    /// Literals that repeat what was told before, and the calls among them.
    pub(super) copies: Vec<Channel>,
    pub(super) repeated: Vec<OpenCall>,
}

/// The channels that end with the frame.
#[derive(Default)]
pub(super) struct Runs {
    pub(super) channels: Vec<Channel>,
    /// The last text of the conversation.
    spoken: Option<usize>,
    unlisted: Option<usize>,
    definitions: Option<usize>,
}

impl Runs {
    /// Says that what follows has nothing to do with what was before it.
    pub(super) fn part(&mut self) {
        (self.spoken, self.unlisted, self.definitions) = (None, None, None);
    }

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

/// The words for a tool that the provider runs: its type, if it is a plain word.
fn hosted(raw: &[u8]) -> Cow<'static, str> {
    /// The type of tools that are a server of tools.
    const SERVER: &[u8] = b"mcp";
    let plain = raw.len() <= MAX_WORD && raw.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    match std::str::from_utf8(raw) {
        Ok(_) if raw == SERVER => Cow::Borrowed(State::McpServer.name()),
        Ok(word) if plain => Cow::Owned(format!("{}.{word}", State::HostedTool.name())),
        _ => Cow::Borrowed(State::HostedTool.name()),
    }
}

/// LIMIT: bytes of a tool's type that are repeated in refusals and records.
const MAX_WORD: usize = 40;

fn listed(rows: &[&str], raw: &[u8]) -> bool {
    rows.iter().any(|row| match row.strip_suffix('*') {
        Some(prefix) => raw.starts_with(prefix.as_bytes()),
        None => row.as_bytes() == raw,
    })
}

impl Reader<'_> {
    pub(super) fn slot(&mut self, number: usize, slot: &Slot) -> Result<(), Refusal> {
        let resolved = self.outline.resolve(self.table.trie, self.table.roles, self.doc, slot);
        let raw = self.doc.get(slot.range.range()).unwrap_or_default();
        let request = self.context.phase == Phase::Request;
        let copy = resolved.copy;
        let lane = |label| match request {
            true => None,
            false if copy => Some(Key::Copy { indices: resolved.indices }),
            false => {
                let parted = matches!(resolved.class, Some(Class::Text(..)));
                Some(Key::Lane { label, name: resolved.name, indices: resolved.indices, parted })
            }
        };
        if request && self.assembly.nesting == 0 {
            self.uses(&resolved, slot, raw)?;
        }
        if slot.form == Form::True {
            return Ok(());
        }
        if slot.form != Form::String
            && !matches!(resolved.class, Some(Class::UsageInput | Class::UsageOutput | Class::TokenLimit))
        {
            // Numbers of fields that a program fills (times, counters) are no text.
            if slot.form == Form::Key
                || matches!(
                    resolved.class,
                    None | Some(Class::Text(..) | Class::Joined(..) | Class::Alone(_) | Class::Input)
                )
            {
                return self.append(number, slot, Key::Single, resolved.part, Mode::Text);
            }
            return Ok(());
        }
        match resolved.class {
            Some(Class::Text(_, label)) => {
                if resolved.part == Part::ToolArguments {
                    self.call(resolved.indices, slot, copy)?;
                }
                self.append(number, slot, lane(label).unwrap_or(Key::Run(resolved.part)), resolved.part, Mode::Text)
            }
            Some(Class::Alone(_)) => self.append(number, slot, Key::Single, resolved.part, Mode::Text),
            Some(Class::Joined(_, label)) => {
                let key = if request {
                    None
                } else {
                    Some(Key::Lane { label, name: 0, indices: resolved.indices.outer(), parted: false })
                };
                self.append(number, slot, key.unwrap_or(Key::Run(resolved.part)), resolved.part, Mode::Text)
            }
            Some(Class::Signed(_, label)) => {
                self.append(number, slot, lane(label).unwrap_or(Key::Single), resolved.part, Mode::Signed)
            }
            Some(Class::Arguments(label)) => {
                self.call(resolved.indices, slot, copy)?;
                self.append(number, slot, lane(label).unwrap_or(Key::Single), Part::ToolArguments, Mode::Document)
            }
            Some(Class::Input) => {
                let within = |w: &Whole| w.range.start <= slot.range.start && slot.range.end <= w.range.end;
                if !self.outline.wholes.iter().any(within)
                    && let Some(call) = self.call(resolved.indices, slot, copy)?
                {
                    // No object: it stands for itself, and no schema of a tool accepts it.
                    call.arguments.add(Arguments::Json(format!("\"{}\"", String::from_utf8_lossy(raw))));
                }
                self.append(number, slot, Key::Single, Part::ToolArguments, Mode::Leaf)
            }
            Some(Class::TokenLimit) if slot.form == Form::Number => {
                let limit = std::str::from_utf8(raw).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
                self.context.max_tokens = Some(self.context.max_tokens.unwrap_or(0).max(limit));
                Ok(())
            }
            Some(Class::UsageInput) => self.usage(raw, |usage, count| usage.input = count),
            Some(Class::UsageOutput) => self.usage(raw, |usage, count| usage.output = count),
            Some(
                class @ (Class::Ends
                | Class::Type
                | Class::Role
                | Class::Token
                | Class::Handle
                | Class::Model
                | Class::ToolName
                | Class::WholeCall
                | Class::State(_)
                | Class::Hosted(_)
                | Class::Blob
                | Class::Media),
            ) => {
                if class == Class::Ends {
                    self.ends.push(resolved.indices);
                }
                if class == Class::WholeCall {
                    self.ends.push(resolved.indices);
                }
                if matches!(class, Class::ToolName | Class::WholeCall)
                    && let Some(call) = self.call(resolved.indices, slot, copy)?
                {
                    call.append_name(raw, slot.escaped);
                }
                if class == Class::Model && request {
                    self.context.models.insert(unescape(raw, slot.escaped).into_owned());
                }
                // What a caller wrote is inspected even where a program's identifier is expected.
                let minted = !request
                    || matches!(class, Class::Type | Class::Hosted(_) | Class::Role | Class::Blob | Class::Media);
                if !opaque::is(class, raw) {
                    return self.unlisted(number, slot);
                }
                if class == Class::Handle && !request {
                    self.context.leave(&String::from_utf8_lossy(raw));
                }
                if class == Class::Model && self.context.report.model.is_none() {
                    self.context.report.model = Some(String::from_utf8_lossy(raw).into_owned());
                }
                if minted {
                    self.context.report.coverage.opaque += raw.len() as u64;
                    return Ok(());
                }
                self.unlisted(number, slot)
            }
            Some(Class::Here) if !request => self.here(number, slot, raw),
            None
            | Some(
                Class::Here
                | Class::Apart
                | Class::Derived(_)
                | Class::Index(_)
                | Class::Tool(_)
                | Class::TokenLimit
                | Class::TokenIds
                | Class::Table(_)
                | Class::Copies(_),
            ) => self.unlisted(number, slot),
        }
    }

    /// Takes the origin of an address away.
    fn here(&mut self, number: usize, slot: &Slot, raw: &[u8]) -> Result<(), Refusal> {
        let address = unescape(raw, slot.escaped);
        let path = without_origin(&address);
        if !path.starts_with('/') || !opaque::is(Class::Token, path.as_bytes()) {
            return self.unlisted(number, slot);
        }
        self.context.report.coverage.opaque += raw.len() as u64;
        if let Some(pending) = self.assembly.frames.back_mut().filter(|_| path.len() < raw.len()) {
            pending.edits.push(WireEdit { range: slot.range, bytes: path.as_bytes().into() });
        }
        Ok(())
    }

    /// Asks whether a value of a request may be used that the provider keeps, fetches or runs.
    fn uses(&mut self, resolved: &Resolved, slot: &Slot, raw: &[u8]) -> Result<(), Refusal> {
        let name = match resolved.class {
            Some(Class::State(state)) if slot.form == Form::True || !raw.is_empty() => Cow::Borrowed(state.name()),
            Some(Class::Hosted(own)) if slot.form == Form::String && !listed(own, raw) => hosted(raw),
            Some(Class::Media) if slot.form == Form::String && !raw.is_empty() && !raw.starts_with(b"data:") => {
                Cow::Borrowed(State::RemoteUrl.name())
            }
            _ => return Ok(()),
        };
        let path = Arc::from(self.outline.path(self.table.trie, slot));
        self.context.use_state(&name, &path)
    }

    /// Finds what the request goes on from, before anything of it is decided: a new value must not get the placeholder of an earlier one.
    pub(super) fn earlier(&mut self) -> Result<(), Refusal> {
        let request = self.context.phase == Phase::Request && self.assembly.nesting == 0;
        if !request || self.context.guards.history.is_none() {
            return Ok(());
        }
        for slot in self.outline.slots.iter().filter(|slot| slot.form == Form::String && !slot.range.is_empty()) {
            let resolved = self.outline.resolve(self.table.trie, self.table.roles, self.doc, slot);
            let named = match resolved.class {
                // One that is denied is refused as that.
                Some(Class::State(state)) => state.goes_on() && self.context.may_use(state),
                class => class == Some(Class::Handle) && self.context.may_use(State::Conversation),
            };
            if named {
                let raw = self.doc.get(slot.range.range()).unwrap_or_default();
                let path = Arc::from(self.outline.path(self.table.trie, slot));
                self.context.go_on_from(&unescape(raw, slot.escaped), false, &path)?;
            }
        }
        Ok(())
    }

    /// The same for whole objects.
    pub(super) fn states(&mut self) -> Result<(), Refusal> {
        if self.context.phase == Phase::Response || self.assembly.nesting > 0 {
            return Ok(());
        }
        for whole in &self.outline.wholes {
            if let Class::State(state) = whole.class {
                let path = Arc::from(self.outline.path_of(self.table.trie, whole));
                self.context.use_state(state.name(), &path)?;
            }
        }
        Ok(())
    }

    fn unlisted(&mut self, number: usize, slot: &Slot) -> Result<(), Refusal> {
        self.append(number, slot, Key::Run(Part::Unlisted), Part::Unlisted, Mode::Text)
    }

    /// The call that a slot of a response belongs to; its frame then waits for the verdict.
    fn call(&mut self, indices: Indices, slot: &Slot, copy: bool) -> Result<Option<&mut OpenCall>, Refusal> {
        if self.context.phase == Phase::Request || self.assembly.nesting > 0 {
            return Ok(None);
        }
        let (outline, table) = (self.outline, self.table);
        if copy {
            let frame = self.assembly.newest();
            let begin = || OpenCall::new(indices, frame, Arc::from(outline.path(table.trie, slot)));
            return Ok(repeated_call(&mut self.repeated, indices, begin));
        }
        self.assembly.call(indices, || Arc::from(outline.path(table.trie, slot))).map(Some)
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
        let frame = assembly.newest();
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
            Key::Copy { .. } => {
                let mut channel = Channel::new(key, part, mode, none());
                channel.keeps_replaced = true;
                put(&mut channel, assembly);
                self.copies.push(channel);
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
                    let mut lane = Channel::new(key, part, mode, path);
                    lane.keeps_replaced |= self.context.told.is_some();
                    lanes.push(lane);
                }
                let mut over = lanes.len() > MAX_LANES;
                if let Some(lane) = lanes.get_mut(at) {
                    put(lane, assembly);
                    over |= part == Part::ToolArguments && lane.text.len() > MAX_ARGUMENT_BYTES;
                }
                assembly.lanes = lanes;
                if over {
                    return Err(Refusal::new(
                        RefusalCode::LimitExceeded,
                        format!(
                            "more than {MAX_LANES} texts at once in one stream, or arguments over {MAX_ARGUMENT_BYTES} bytes"
                        ),
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

/// The path of an address. SECURITY: it begins with one slash, since two would name an origin again (RFC 3986, section 4.2).
fn without_origin(address: &str) -> &str {
    let rest = match address.split_once("//") {
        Some((scheme, rest)) if ["", "http:", "https:"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => rest,
        _ => return address,
    };
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let doubled = path.bytes().take_while(|byte| *byte == b'/').count().saturating_sub(1);
    path.get(doubled..).unwrap_or(path)
}
