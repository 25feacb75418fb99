//! Who may call which tool with what: the one place where a [`Permit`] is made.
//!
//! Declared? → as approved? → arguments as the schema says? → untouched by an injection? → allowed by policy? → with another person's word, where
//! policy wants it? The first *no* is the answer.

mod approval;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dialect::ToolShape;
use crate::identity::Principal;
use crate::policy::approvals::{Approvals, Wanted};
use crate::policy::cedar::{APPROVAL, CallFacts, ModelFacts, Ruling};
use crate::policy::denial::{Denial, DenialKind};
use crate::policy::settings::{Check, Mode, Provenance, Rejection, ToolSettings};
use crate::redact::Filtered;
use crate::tools::definition::MAX_DEFINITION_BYTES;
use crate::tools::provenance::Taint;
use crate::tools::registry::{Registered, tags};
use crate::tools::{Arguments, Definition, DefinitionCache, DefinitionFault, Toolbox, arguments};

pub use approval::{Conditional, Ruled};

/// What only reads is not stopped by a taint: it neither changes nor sends anything.
const HARMLESS: &str = tags::READS;
/// What is stopped by a taint even if it also reads.
const HARMFUL: [&str; 3] = [tags::WRITES, tags::MONEY, tags::EGRESS];

/// The proof that a call may leave, with what decided. Only the authoriser makes one.
#[derive(Debug, Default)]
pub struct Permit {
    policies: Vec<Arc<str>>,
    taint: Option<Taint>,
    approval: Option<(Arc<str>, Arc<str>)>,
}

impl Permit {
    /// Ids of the policies that permit it.
    #[must_use]
    pub fn policies(&self) -> &[Arc<str>] {
        &self.policies
    }

    /// Where its arguments come from, if from an untrusted text.
    #[must_use]
    pub const fn taint(&self) -> Option<&Taint> {
        self.taint.as_ref()
    }

    /// Id of the request for the approval that was used, and who approved.
    #[must_use]
    pub const fn approval(&self) -> Option<&(Arc<str>, Arc<str>)> {
        self.approval.as_ref()
    }
}

/// Judges the tools and tool calls of one tenant.
#[derive(Debug, Default)]
pub struct Authoriser {
    settings: ToolSettings,
    cache: DefinitionCache,
    approvals: Option<Arc<Approvals>>,
}

/// What a call is judged by, beside the call.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Who called.
    pub caller: Option<&'a Principal>,
    /// What the request declared and said.
    pub toolbox: &'a Toolbox,
    /// Whether anything was restored for the caller.
    pub restored: bool,
    /// The time that policies see.
    pub now: Timestamp,
}

impl Authoriser {
    /// An authoriser for one tenant.
    #[must_use]
    pub fn new(settings: ToolSettings) -> Self {
        Self { settings, cache: DefinitionCache::default(), approvals: None }
    }

    /// The same, with a place where approvals are asked for.
    #[must_use]
    pub fn with_approvals(self, approvals: Option<Arc<Approvals>>) -> Self {
        Self { approvals, ..self }
    }

    /// Where approvals are asked for, if anywhere.
    #[must_use]
    pub const fn approvals(&self) -> Option<&Arc<Approvals>> {
        self.approvals.as_ref()
    }

    /// Hash of the policies in force, or empty.
    #[must_use]
    pub fn policy_hash(&self) -> &str {
        self.settings.policies.as_ref().map_or("", |policies| policies.hash())
    }

    /// What is done about tool calls.
    #[must_use]
    pub const fn check(&self) -> Check {
        self.settings.check
    }

    /// What becomes of a denied call.
    #[must_use]
    pub const fn denied(&self) -> Rejection {
        self.settings.denied
    }

    /// True if texts of requests are to be remembered for [`Toolbox::sources`].
    #[must_use]
    pub fn traces(&self) -> bool {
        self.settings.check != Check::Off && self.settings.provenance != Provenance::Off
    }

    /// Puts a declared tool into the exchange's toolbox. `Some` name: the tool is to be taken out of the request.
    ///
    /// # Errors
    /// The request is to be refused.
    pub fn declare(
        &self,
        caller: Option<&Principal>,
        toolbox: &mut Toolbox,
        element: &[u8],
        shapes: &[ToolShape],
    ) -> Result<Option<Denial>, Denial> {
        let fault = |fault: DefinitionFault| Denial::new(DenialKind::Definition, fault.to_string());
        if element.len() > MAX_DEFINITION_BYTES {
            return Err(fault(DefinitionFault::TooLarge));
        }
        let Some(definition) = self.cache.read(element, shapes) else { return Ok(None) };
        let offered = self.offered(caller, &definition);
        let tool = definition.name.to_string();
        if let Err(found) = toolbox.declare(definition) {
            return Err(fault(found).of(&tool));
        }
        let Err(denial) = offered else { return Ok(None) };
        let denial = denial.of(&tool);
        // SECURITY: a definition that is not the approved one is no matter of who calls; somebody should look.
        if denial.kind == DenialKind::Definition || self.settings.offered == Rejection::Refuse {
            return Err(denial);
        }
        if self.settings.check == Check::Enforce {
            toolbox.withhold(&tool);
        }
        Ok(Some(denial))
    }

    /// May this tool be offered to the model?
    fn offered(&self, caller: Option<&Principal>, declared: &Definition) -> Result<(), Denial> {
        let registered = self.registered(declared)?;
        let Some(policies) = &self.settings.policies else { return Ok(()) };
        let tags = registered.map(|registered| registered.tags.as_slice()).unwrap_or_default();
        let Some(caller) = caller else { return Err(Denial::new(DenialKind::Forbidden, NOBODY)) };
        let ruling = policies.may_offer(caller, &declared.name, tags);
        if ruling.allowed && self.can_ask(&ruling) {
            return Ok(());
        }
        permitted(ruling).map(drop)
    }

    /// The approved tool of the same name, held against what was declared.
    fn registered(&self, declared: &Definition) -> Result<Option<&Registered>, Denial> {
        let found = self.settings.registry.as_ref().and_then(|registry| registry.find(&declared.name));
        match (self.settings.mode, found) {
            (Mode::Declared, found) => Ok(found),
            (Mode::Registry | Mode::Pin, None) => {
                Err(Denial::new(DenialKind::Unregistered, "no approved tool has exactly this name"))
            }
            (Mode::Pin, Some(found)) if !found.equals(declared) => {
                let detail =
                    "the declared definition differs from the approved one; review it, then renew the approved one";
                Err(Denial::new(DenialKind::Definition, detail))
            }
            (Mode::Registry | Mode::Pin, found) => Ok(found),
        }
    }

    /// Why a tool that the request does not declare is not called: policy denies an approved one by name, whoever declares it; of others
    /// nothing is known.
    fn undeclared(&self, caller: Option<&Principal>, name: &str) -> Denial {
        let approved = self.settings.registry.as_ref().and_then(|registry| registry.find(name));
        if let Some(Err(outside)) = approved.map(|approved| self.offered(caller, &approved.definition)) {
            return outside;
        }
        let nameless = name.is_empty();
        let detail =
            if nameless { "a call without a name" } else { "the request declares no tool of exactly this name" };
        Denial::new(DenialKind::Unknown, detail)
    }

    /// May the caller use this model?
    ///
    /// # Errors
    /// The denial.
    pub fn use_model(
        &self,
        caller: Option<&Principal>,
        model: &str,
        max_tokens: Option<u64>,
        now: Timestamp,
    ) -> Result<(), Denial> {
        let (Some(policies), false) = (&self.settings.policies, self.settings.check == Check::Off) else {
            return Ok(());
        };
        let Some(caller) = caller else { return Err(Denial::new(DenialKind::Model, NOBODY)) };
        let ruling = policies.use_model(caller, ModelFacts { model, max_tokens, now });
        permitted(ruling).map(drop).map_err(|denial| Denial { kind: DenialKind::Model, ..denial })
    }

    /// A permit without judgement, where nothing is enforced.
    #[must_use]
    pub fn observed(&self) -> Option<Permit> {
        (self.settings.check != Check::Enforce).then(Permit::default)
    }

    /// True if what a ruling requires is an approval, and there is where to ask for one.
    fn can_ask(&self, ruling: &Ruling) -> bool {
        self.approvals.is_some()
            && !ruling.requires.is_empty()
            && ruling.requires.iter().all(|required| **required == *APPROVAL)
    }

    /// Judges a call. `shown`: its arguments as somebody who is asked for an approval may read them.
    ///
    /// # Errors
    /// The [`Denial`].
    pub fn authorise(
        &self,
        at: &Circumstances<'_>,
        name: &str,
        given: &Arguments,
        shown: &Filtered,
    ) -> Result<Ruled, Denial> {
        if self.settings.check == Check::Off {
            return Ok(Ruled::Permitted(Permit::default()));
        }
        let definition = at.toolbox.find(name).ok_or_else(|| self.undeclared(at.caller, name))?;
        if at.toolbox.withholds(name) {
            return Err(Denial::new(DenialKind::Forbidden, "the tool was not offered to the model"));
        }
        let registered = self.registered(definition)?;
        let value = fits(definition, given, registered.map(|registered| &registered.definition))?;
        let traced = self.settings.provenance != Provenance::Off;
        let taint = if traced { at.toolbox.sources().trace(&value) } else { None };
        let tags = registered.map(|registered| registered.tags.as_slice()).unwrap_or_default();
        if self.settings.provenance == Provenance::Deny
            && let Some(taint) = taint.as_ref().filter(|taint| taint.by_injection && harmful(tags))
        {
            let detail = format!("an argument repeats {}, in which an injection was found", taint.source);
            return Err(Denial::new(DenialKind::Tainted, detail).with(Vec::new(), Some(taint.clone())));
        }
        let Some(policies) = &self.settings.policies else {
            return Ok(Ruled::Permitted(Permit { policies: Vec::new(), taint, approval: None }));
        };
        let Some(caller) = at.caller else {
            return Err(Denial::new(DenialKind::Forbidden, NOBODY).with(Vec::new(), taint));
        };
        let facts = CallFacts {
            tool: name,
            tags,
            arguments: &value,
            schema: registered
                .and_then(|registered| registered.definition.schema.as_ref())
                .or(definition.schema.as_ref()),
            taint: taint.as_ref(),
            kinds: at.toolbox.kinds(),
            restored: at.restored,
            now: at.now,
        };
        let ruling = policies.call_tool(caller, &facts);
        if ruling.allowed && self.can_ask(&ruling) {
            let wanted = Wanted::new(caller, name, tags, value, shown);
            return Ok(Ruled::Conditional(Conditional { wanted, policies: ruling.policies, taint }));
        }
        match permitted(ruling) {
            Ok(decided) => Ok(Ruled::Permitted(Permit { policies: decided, taint, approval: None })),
            Err(denial) => Err(Denial { taint, ..denial }),
        }
    }
}

/// What a request that cannot be judged by policy is told.
const NOBODY: &str = "nobody is known to call";

/// Ids of the policies of a ruling that permits.
fn permitted(ruling: Ruling) -> Result<Vec<Arc<str>>, Denial> {
    let named = |ids: &[Arc<str>]| ids.join(", ");
    if ruling.allowed && ruling.requires.is_empty() {
        return Ok(ruling.policies);
    }
    let (kind, detail) = if ruling.allowed {
        // Nobody here can fulfil it, so it is not fulfilled.
        (DenialKind::Obligation, format!("required: {}", named(&ruling.requires)))
    } else if !ruling.failed.is_empty() {
        (DenialKind::Forbidden, format!("could not be evaluated: {}", named(&ruling.failed)))
    } else if ruling.policies.is_empty() {
        (DenialKind::Forbidden, "no policy permits it".to_owned())
    } else {
        (DenialKind::Forbidden, format!("forbidden by {}", named(&ruling.policies)))
    };
    let decided = [ruling.policies, ruling.failed].concat();
    Err(Denial::new(kind, detail).with(decided, None))
}

/// True unless a tool is known to do nothing but read.
fn harmful(given: &[Arc<str>]) -> bool {
    let has = |tag: &str| given.iter().any(|given| **given == *tag);
    !has(HARMLESS) || HARMFUL.iter().any(|tag| has(tag))
}

/// Holds arguments against the declared and the approved definition, and gives their value.
fn fits(declared: &Definition, given: &Arguments, approved: Option<&Definition>) -> Result<Value, Denial> {
    let misfit = |detail: &str| Err(Denial::new(DenialKind::Arguments, detail));
    let text = match given {
        Arguments::Twice => return misfit("they are given twice"),
        Arguments::Text(text) if declared.free_text => return Ok(json!({ "input": text })),
        Arguments::None if declared.free_text => return Ok(json!({ "input": "" })),
        Arguments::Text(_) => return misfit("they are free text, and the tool takes a JSON object"),
        Arguments::Json(_) if declared.free_text => return misfit("they are JSON, and the tool takes free text"),
        Arguments::None => "",
        Arguments::Json(text) => text,
    };
    let value = arguments::parse(text).map_err(|error| Denial::new(DenialKind::Arguments, error.to_string()))?;
    if !value.is_object() {
        return misfit("they are no JSON object");
    }
    for definition in [Some(declared), approved].into_iter().flatten() {
        let schema = definition.compiled();
        let schema = schema.map_err(|unfit| Denial::new(DenialKind::Definition, unfit.to_string()))?;
        if let Some(Err(misfit)) = schema.map(|schema| schema.check(&value, text.len())) {
            return Err(Denial::new(DenialKind::Arguments, misfit.to_string()));
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_nothing_but_read_is_harmless() {
        for (given, expected) in [
            (&[][..], true),
            (&["reads"], false),
            (&["reads", "internal"], false),
            (&["reads", "egress"], true),
            (&["writes"], true),
            (&["internal"], true),
        ] {
            let given: Vec<Arc<str>> = given.iter().map(|tag| Arc::from(*tag)).collect();
            assert_eq!(harmful(&given), expected, "{given:?}");
        }
    }
}
