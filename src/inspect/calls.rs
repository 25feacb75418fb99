//! Tool calls and tool definitions as the engine sees them: what is declared, what is called, and what becomes of a call.

use std::sync::Arc;

use jiff::Timestamp;

use crate::dialect::table::Class;
use crate::dialect::walk::{Indices, Outline};
use crate::inspect::channel::Channel;
use crate::inspect::context::Context;
use crate::inspect::{Refusal, RefusalCode, ToolCallNote, opaque};
use crate::policy::{
    Authoriser, Check, Circumstances, Conditional, Denial, DenialKind, Permit, Reason, Rejection, Ruled, Ticket,
    Verdict,
};
use crate::redact::Filtered;
use crate::text::{Part, Phase};
use crate::tools::{Arguments, Trust};
use crate::wire::escape::unescape;

/// Refusal codes by kind of denial.
const CODES: [(DenialKind, RefusalCode); 9] = [
    (DenialKind::Unknown, RefusalCode::ToolUnknown),
    (DenialKind::Arguments, RefusalCode::ToolArguments),
    (DenialKind::Definition, RefusalCode::ToolDefinition),
    (DenialKind::Unregistered, RefusalCode::ToolUnknown),
    (DenialKind::Tainted, RefusalCode::ToolTainted),
    (DenialKind::Forbidden, RefusalCode::ToolForbidden),
    (DenialKind::Obligation, RefusalCode::ToolForbidden),
    (DenialKind::Approval, RefusalCode::ApprovalRequired),
    (DenialKind::Model, RefusalCode::ModelForbidden),
];

/// What the record shows of a name that is no plain identifier.
const UNPRINTABLE: &str = "(unprintable)";

/// A call that has begun.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub indices: Indices,
    /// As far as it has come: names are joined as the official SDKs join them.
    pub name: String,
    pub arguments: Arguments,
    /// Its arguments as a record may show them.
    pub shown: Filtered,
    /// The frame in which it begins.
    pub frame: u64,
    pub path: Arc<str>,
}

impl OpenCall {
    pub(super) const fn new(indices: Indices, frame: u64, path: Arc<str>) -> Self {
        Self { indices, name: String::new(), arguments: Arguments::None, shown: Filtered::nothing(), frame, path }
    }

    /// Adds a literal of the name.
    pub(super) fn append_name(&mut self, raw: &[u8], escaped: bool) {
        self.name.push_str(&unescape(raw, escaped));
    }
}

/// What becomes of a call.
pub(super) enum Fate {
    Released(Permit),
    /// It is taken out; the text stands in its place.
    Removed(String),
    /// It leaves with an approval, together with what stands beside it.
    Conditional(Conditional),
}

/// Puts the tools that a request declares into its toolbox.
///
/// # Errors
/// A tool for which the request is refused.
pub(super) fn declare_tools(context: &mut Context, doc: &[u8], outline: &Outline) -> Result<(), Refusal> {
    let tools = Arc::clone(&context.guards.tools);
    if tools.check() == Check::Off {
        return Ok(());
    }
    for whole in &outline.wholes {
        let Class::Tool(shapes) = whole.class else { continue };
        let element = doc.get(whole.range.range()).unwrap_or_default();
        let caller = context.guards.caller.clone();
        let declared = tools.declare(caller.as_deref(), &mut context.toolbox, element, shapes);
        let (denial, refused) = match declared {
            Ok(None) => continue,
            Ok(Some(denial)) => (denial, false),
            Err(denial) => (denial, true),
        };
        let name = denial.tool.clone().unwrap_or_default();
        let enforced = tools.check() == Check::Enforce;
        if enforced && !refused && !context.can_withdraw {
            return context.refuse_call(&name, denial, &Arc::from("tools")).map(drop);
        }
        if refused {
            context.refuse_call(&name, denial, &Arc::from("tools"))?;
        } else {
            context.note_call(&name, if enforced { "removed" } else { "observed" }, Some(&denial), &Permit::default());
            if enforced {
                context.withheld.push((whole.range, name));
                context.report.verdict = std::mem::take(&mut context.report.verdict).join(Verdict::Redact);
            }
        }
    }
    Ok(())
}

/// Remembers what a request says, for the provenance of arguments. `path` tells where an offset of the channel stands.
pub(super) fn remember(context: &mut Context, channel: &Channel, path: impl Fn(usize) -> Arc<str>) {
    if context.phase == Phase::Response || !context.tracing {
        return;
    }
    let untrusted = match channel.part {
        Part::ToolResult | Part::Document => true,
        Part::System | Part::User | Part::ToolDefinition => false,
        Part::Assistant | Part::Reasoning | Part::Refusal | Part::ToolArguments | Part::Unlisted => return,
    };
    for piece in &channel.pieces {
        let text = channel.text.get(piece.text.range()).unwrap_or_default();
        let suspicious = channel.signals.iter().any(|signal| signal.span.overlaps(piece.text));
        let trust = if untrusted { Trust::Untrusted { suspicious } } else { Trust::Trusted };
        context.toolbox.remember(trust, &path(piece.text.start), text);
    }
}

/// What a caller gets of the approval that a denial is about.
fn ticket(denial: &Denial) -> Option<&Ticket> {
    denial.sought.as_ref()?.ticket.as_ref()
}

fn shown(name: &str) -> String {
    let plain = !name.is_empty() && opaque::is(Class::ToolName, name.as_bytes());
    if plain { name.to_owned() } else { UNPRINTABLE.to_owned() }
}

impl Context {
    /// Judges a call that is complete, and notes the verdict.
    ///
    /// # Errors
    /// The refusal, if the exchange is to end here.
    pub(super) fn judge_call(&mut self, call: &OpenCall) -> Result<Fate, Refusal> {
        let tools = Arc::clone(&self.guards.tools);
        let caller = self.guards.caller.clone();
        let at = Circumstances {
            caller: caller.as_deref(),
            toolbox: &self.toolbox,
            restored: self.report.restored > 0,
            now: Timestamp::now(),
        };
        let now = at.now;
        let removing = tools.denied() == Rejection::Remove && self.can_withdraw;
        let judged = match tools.authorise(&at, &call.name, &call.arguments, &call.shown) {
            Ok(Ruled::Permitted(permit)) => Ok(permit),
            Ok(Ruled::Conditional(condition)) if tools.check() != Check::Enforce => Err(Authoriser::unasked(condition)),
            // Where a call that may not leave does not end the exchange, none has to wait for the others.
            Ok(Ruled::Conditional(condition)) if removing => tools.settle_one(condition, now),
            Ok(Ruled::Conditional(condition)) => return Ok(Fate::Conditional(condition)),
            Err(denial) => Err(denial),
        };
        let denial = match judged {
            Ok(permit) => {
                self.note_call(&call.name, "released", None, &permit);
                return Ok(Fate::Released(permit));
            }
            Err(denial) => denial,
        };
        if tools.check() == Check::Enforce && removing {
            self.note_call(&call.name, "removed", Some(&denial), &Permit::default());
            self.report.verdict = std::mem::take(&mut self.report.verdict).join(Verdict::Redact);
            return Ok(Fate::Removed(in_its_place(&call.name, &denial)));
        }
        self.refuse_call(&call.name, denial, &call.path).map(Fate::Released)
    }

    /// Lets calls go together, if the approval of each is there, and notes what became of them.
    ///
    /// # Errors
    /// The refusal, with the requests for what is missing.
    pub(super) fn settle_calls(
        &mut self,
        calls: &[OpenCall],
        conditions: Vec<Conditional>,
    ) -> Result<Vec<Permit>, Refusal> {
        let tools = Arc::clone(&self.guards.tools);
        let denials = match tools.settle(conditions, Timestamp::now()) {
            Ok(permits) => {
                for (call, permit) in calls.iter().zip(&permits) {
                    self.note_call(&call.name, "released", None, permit);
                }
                return Ok(permits);
            }
            Err(denials) => denials,
        };
        for (call, denial) in calls.iter().zip(&denials) {
            self.note_call(&call.name, "refused", Some(denial), &Permit::default());
        }
        let approvals = denials.iter().filter_map(ticket).cloned().collect();
        // What no approval mends comes first.
        let told = denials.into_iter().zip(calls).min_by_key(|(denial, _)| denial.kind == DenialKind::Approval);
        let Some((denial, call)) = told else { return Err(Refusal::new(RefusalCode::Internal, "a call was lost")) };
        Err(Refusal { approvals, ..self.refuse_denied(denial, &call.path) })
    }

    fn note_call(&mut self, name: &str, decision: &str, denial: Option<&Denial>, permit: &Permit) {
        let taint = denial.map_or(permit.taint(), |denial| denial.taint.as_ref());
        let used = permit.approval().map(|(id, _)| id);
        let approval = denial.map_or(used, |denial| denial.sought.as_ref().map(|sought| &sought.id));
        self.report.tool_calls.push(ToolCallNote {
            name: shown(name),
            decision: decision.to_owned(),
            rule: denial.map_or_else(String::new, |denial| denial.kind.rule().to_owned()),
            reason: denial.map_or_else(String::new, |denial| denial.detail.clone()),
            policies: denial.map_or(permit.policies(), |denial| &denial.policies).to_vec(),
            source: taint.map(|taint| Arc::clone(&taint.source)),
            approval: approval.cloned(),
            counterpart: permit.approval().map(|(_, by)| Arc::clone(by)),
        });
    }

    /// A refusal for a denial, or a permit where denials are only observed.
    fn refuse_call(&mut self, name: &str, denial: Denial, path: &Arc<str>) -> Result<Permit, Refusal> {
        if let Some(permit) = self.guards.tools.observed() {
            self.note_call(name, "observed", Some(&denial), &permit);
            return Ok(permit);
        }
        self.note_call(name, "refused", Some(&denial), &Permit::default());
        Err(self.refuse_denied(denial, path))
    }

    fn refuse_denied(&mut self, denial: Denial, path: &Arc<str>) -> Refusal {
        let rule: Arc<str> = Arc::from(denial.kind.rule());
        let code =
            CODES.iter().find(|(kind, _)| *kind == denial.kind).map_or(RefusalCode::Forbidden, |(_, code)| *code);
        let reason = Reason {
            kind: Arc::clone(&rule),
            rule: Arc::clone(&rule),
            guardrail: Arc::from("tools"),
            path: Arc::clone(path),
        };
        self.report.verdict = std::mem::take(&mut self.report.verdict).join(Verdict::Block(reason));
        let approvals = ticket(&denial).cloned().into_iter().collect();
        Refusal { code, path: Arc::clone(path), rule, detail: denial.detail, approvals }
    }

    /// Asks whether the caller may use every model that its request names; one that names none is judged by the empty name.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn judge_model(&mut self) -> Result<(), Refusal> {
        let tools = Arc::clone(&self.guards.tools);
        let caller = self.guards.caller.clone();
        let mut models = std::mem::take(&mut self.models);
        if models.is_empty() {
            models.insert(String::new());
        }
        for model in models {
            let ruling = tools.use_model(caller.as_deref(), &model, self.max_tokens, Timestamp::now());
            if let (Err(denial), Check::Enforce) = (ruling, tools.check()) {
                return Err(self.refuse_denied(denial, &Arc::from("model")));
            }
        }
        Ok(())
    }
}

/// What the caller's program reads instead of a call, so that it can go on.
fn in_its_place(name: &str, denial: &Denial) -> String {
    let why = if denial.detail.is_empty() { String::new() } else { format!(": {}", denial.detail) };
    format!("[Sidewall withheld a call of {}; {}{why}]", shown(name), denial.kind.rule())
}
