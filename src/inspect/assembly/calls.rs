//! The calls of one stream: each begins, gathers its arguments, and waits for a verdict.
//!
//! INVARIANT: the frame in which a call begins does not leave before [`Assembly::release`], which wants a [`Permit`]; frames leave in order, so
//! nothing of the call leaves before it either.

use std::sync::Arc;

use bytes::Bytes;

use super::{Assembly, pending};
use crate::dialect::Table;
use crate::dialect::table::Class;
use crate::dialect::walk::{Indices, Outline};
use crate::dialect::withdraw::Withdrawn;
use crate::inspect::calls::{Fate, OpenCall};
use crate::inspect::channel::{Channel, Key, Mode};
use crate::inspect::context::Context;
use crate::inspect::{Refusal, RefusalCode};
use crate::policy::Permit;
use crate::redact::Filtered;
use crate::text::{Part, WireRange};
use crate::tools::{Arguments, Toolbox};
use crate::wire::splice::{WireEdit, splice};

/// LIMIT: calls that have begun and not ended. Models make some tens at once.
const MAX_OPEN_CALLS: usize = 256;

/// The call of this frame, at `indices`, that repeats one.
pub(super) fn repeated_call(
    repeated: &mut Vec<OpenCall>,
    indices: Indices,
    begin: impl FnOnce() -> OpenCall,
) -> Option<&mut OpenCall> {
    let at = repeated.iter().position(|call| call.indices == indices).unwrap_or(repeated.len());
    if at == repeated.len() {
        repeated.push(begin());
    }
    repeated.get_mut(at)
}

/// Takes arguments that are repeated.
pub(super) fn take_copied(copy: &Channel, repeated: &mut [OpenCall]) {
    if copy.part != Part::ToolArguments {
        return;
    }
    let indices = copy.indices();
    if let Some(call) = repeated.iter_mut().find(|call| call.indices == indices) {
        call.arguments.add(arguments_of(copy));
        call.shown = copy.filtered_text();
    }
}

fn arguments_of(channel: &Channel) -> Arguments {
    let text = channel.replaced_text();
    if channel.mode == Mode::Document { Arguments::Json(text) } else { Arguments::Text(text) }
}

impl Assembly {
    /// The open call at `indices`, begun in the newest frame if there is none. `path` is where it stands.
    pub(super) fn call(&mut self, indices: Indices, path: impl FnOnce() -> Arc<str>) -> Result<&mut OpenCall, Refusal> {
        let at = match self.calls.iter().position(|call| call.indices == indices) {
            Some(at) => at,
            None => {
                if self.calls.len() >= MAX_OPEN_CALLS {
                    let detail = format!("more than {MAX_OPEN_CALLS} tool calls at once");
                    return Err(Refusal::new(RefusalCode::LimitExceeded, detail));
                }
                let frame = self.first + self.frames.len() as u64 - 1;
                if let Some(pending) = self.frames.back_mut() {
                    pending.slots += 1;
                }
                self.calls.push(OpenCall::new(indices, frame, path()));
                self.calls.len() - 1
            }
        };
        self.calls.get_mut(at).ok_or_else(|| Refusal::new(RefusalCode::Internal, "a call was lost"))
    }

    /// True if to judge the calls that have begun, `more` bytes of arguments to come included, may take long.
    pub(in crate::inspect) fn is_costly(&self, toolbox: &Toolbox, more: usize) -> bool {
        if self.calls.is_empty() {
            return false;
        }
        let held: usize = self.lanes.iter().filter(|l| l.part == Part::ToolArguments).map(|l| l.text.len()).sum();
        self.calls.iter().any(|call| toolbox.find(&call.name).is_some_and(|tool| tool.is_costly(held + more)))
    }

    /// Takes arguments that stand in the frame as a JSON tree.
    pub(super) fn take_inputs(&mut self, table: Table, doc: &[u8], outline: &Outline) -> Result<(), Refusal> {
        for whole in outline.wholes.iter().filter(|w| matches!(w.class, Class::Input | Class::Arguments(_))) {
            let edits = self.frames.back().map(|pending| pending.edits.as_slice()).unwrap_or_default();
            let (text, shown) = (edited(doc, whole.range, edits)?, edited(doc, whole.range, &self.filters)?);
            let pattern = || Arc::from(outline.path_of(table.trie, whole));
            let call = self.call(outline.indices_of(whole), pattern)?;
            call.arguments.add(Arguments::Json(text));
            call.shown = Filtered::from_redacted(shown);
        }
        Ok(())
    }

    /// Takes the arguments of a lane that has ended.
    pub(super) fn take_arguments(&mut self, lane: &Channel) {
        let Key::Lane { indices, .. } = lane.key else { return };
        if lane.part != Part::ToolArguments {
            return;
        }
        if let Some(call) = self.calls.iter_mut().find(|call| call.indices == indices) {
            call.arguments.add(arguments_of(lane));
            call.shown = lane.filtered_text();
        }
    }

    /// Judges the calls that have ended, in the order of their indices.
    ///
    /// # Errors
    /// The refusal of the first call that does not pass.
    pub(super) fn judge_calls(
        &mut self,
        context: &mut Context,
        ended: impl Fn(&Indices) -> bool,
    ) -> Result<(), Refusal> {
        let (mut over, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.calls).into_iter().partition(|call| ended(&call.indices));
        self.calls = open;
        over.sort_by_key(|call| call.indices);
        for call in over {
            match context.judge_call(&call)? {
                Fate::Released(permit) => {
                    self.tell(context, &call);
                    self.release(&call, &permit);
                }
                Fate::Removed(text) => self.withdraw(&call, text),
                Fate::Conditional(condition) => {
                    // What repeats it stands behind it, and so leaves with it or not at all.
                    self.tell(context, &call);
                    self.conditional.push((call, condition));
                }
            }
        }
        Ok(())
    }

    /// Judges the calls of this frame that repeat one, unless they repeat what was let go or taken out: a client may read either.
    ///
    /// # Errors
    /// The refusal of the first call that does not pass.
    pub(super) fn judge_copies(&mut self, context: &mut Context, repeated: Vec<OpenCall>) -> Result<(), Refusal> {
        if repeated.len() > MAX_OPEN_CALLS {
            let detail = format!("more than {MAX_OPEN_CALLS} tool calls at once");
            return Err(Refusal::new(RefusalCode::LimitExceeded, detail));
        }
        for mut call in repeated {
            let withdrawn = self.fates.withdrawn.iter().any(|gone| gone.indices == call.indices);
            let Some(told) = context.told.as_ref().filter(|_| !withdrawn) else { continue };
            let before = self.told.iter().rfind(|(indices, ..)| *indices == call.indices);
            if let Some((_, name, mark)) = before {
                // An event may repeat the arguments alone.
                if call.name.is_empty() {
                    call.name.clone_from(name);
                }
                if told.call(&call.name, &call.arguments) == *mark {
                    continue;
                }
            }
            let mark = told.call(&call.name, &call.arguments);
            match context.judge_call(&call)? {
                Fate::Released(_permit) => self.told.push((call.indices, call.name, mark)),
                Fate::Removed(text) => {
                    self.fates.withdrawn.push(Withdrawn { indices: call.indices, text, frame: call.frame });
                }
                // It says something else than what was let go, so it is asked for by itself; its frame is next.
                Fate::Conditional(condition) => {
                    context.settle_calls(std::slice::from_ref(&call), vec![condition])?;
                    self.told.push((call.indices, call.name, mark));
                }
            }
        }
        Ok(())
    }

    /// Lets the calls go that waited for each other, in the order of their indices, if the approvals of all are there.
    ///
    /// # Errors
    /// The refusal, with what is missing.
    pub(super) fn settle_calls(
        &mut self,
        context: &mut Context,
        beside: impl Fn(&Indices) -> bool,
    ) -> Result<(), Refusal> {
        if self.conditional.is_empty() {
            return Ok(());
        }
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.conditional).into_iter().partition(|(call, _)| beside(&call.indices));
        self.conditional = later;
        due.sort_by_key(|(call, _)| call.indices);
        let (calls, conditions): (Vec<_>, Vec<_>) = due.into_iter().unzip();
        if calls.is_empty() {
            return Ok(());
        }
        for (call, permit) in calls.iter().zip(context.settle_calls(&calls, conditions)?) {
            self.release(call, &permit);
        }
        Ok(())
    }

    /// Remembers a call that may be repeated.
    fn tell(&mut self, context: &Context, call: &OpenCall) {
        if let Some(told) = &context.told {
            self.told.push((call.indices, call.name.clone(), told.call(&call.name, &call.arguments)));
        }
    }

    /// Lets a call go. INVARIANT: only with a permit.
    fn release(&mut self, call: &OpenCall, _permit: &Permit) {
        self.fates.released.push(call.indices);
        self.unhold(call);
    }

    /// Lets the frames of a call go, from which it will be taken out: what stands at its place in this or a later frame goes with it.
    fn withdraw(&mut self, call: &OpenCall, text: String) {
        self.fates.withdrawn.push(Withdrawn { indices: call.indices, text, frame: call.frame });
        self.unhold(call);
    }

    fn unhold(&mut self, call: &OpenCall) {
        if let Some(pending) = pending(&mut self.frames, self.first, call.frame) {
            pending.slots = pending.slots.saturating_sub(1);
        }
    }
}

/// What stands in `range` of a document once `edits` are made.
fn edited(doc: &[u8], range: WireRange, edits: &[WireEdit]) -> Result<String, Refusal> {
    let inside = edits.iter().filter(|e| range.start <= e.range.start && e.range.end <= range.end);
    let shift = |at: usize| at - range.start;
    let mut edits: Vec<WireEdit> = inside
        .map(|e| WireEdit { range: WireRange::new(shift(e.range.start), shift(e.range.end)), bytes: e.bytes.clone() })
        .collect();
    edits.sort_by_key(|e| (e.range.start, e.range.end));
    let bytes = Bytes::copy_from_slice(doc.get(range.range()).unwrap_or_default());
    let bytes = splice(&bytes, &edits).map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
