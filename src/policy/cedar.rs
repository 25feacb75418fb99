//! Cedar: policies of an operator, asked whether a principal may call a tool with these arguments, or use a model.
//!
//! Default deny. SECURITY: Cedar itself skips a policy whose evaluation fails, even a `forbid`; here any error is a denial.
//!
//! | | |
//! |---|---|
//! | principal | `Principal::"TENANT/NAME"` in `Role::"…"` and `Tenant::"…"`; attributes `tenant`, `name`, `roles`, `scopes` |
//! | action | `Action::"call_tool"`, `Action::"use_model"`, `Action::"approve"` |
//! | resource | `Tool::"NAME"` in `Tag::"…"`, `Model::"NAME"` |
//! | context | `tenant`, `claims`, `now`; of calls `arguments`, `tainted`, `tainted_by_injection`, `kinds`, `restored`; of models `max_tokens`; of approvals `requester` |

pub mod lint;
mod load;
pub mod map;
pub mod schema;
mod slice;
mod values;

use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request, RestrictedExpression,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::identity::{Claim, Principal};
use crate::tools::provenance::Taint;

pub use load::LoadError;
use slice::{Seen, Slices};

/// What a policy may require (`@require("…")`); anything else nobody can fulfil.
pub const APPROVAL: &str = "approval";

/// Policies that were read from a folder.
#[derive(Debug)]
pub struct Policies {
    set: PolicySet,
    slices: Slices,
    /// The same without what depends on the context: for the question whether a tool could be called at all.
    scopes: Slices,
    seen: Seen,
    /// What policies require, by id; Cedar would parse the annotation's name for each question.
    requires: HashMap<PolicyId, Arc<str>>,
    authorizer: Authorizer,
    hash: String,
}

/// What a policy knows of a call.
#[derive(Debug, Clone)]
pub struct CallFacts<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// Its tags.
    pub tags: &'a [Arc<str>],
    /// Its arguments.
    pub arguments: &'a Value,
    /// Their schema, which says what is an amount and what a whole number.
    pub schema: Option<&'a Value>,
    /// Where they come from, if from an untrusted text.
    pub taint: Option<&'a Taint>,
    /// Kinds of findings in this exchange so far.
    pub kinds: &'a [String],
    /// Whether anything was restored for the caller in this exchange.
    pub restored: bool,
    /// The time that policies see.
    pub now: Timestamp,
}

/// What a policy knows of a request to a model.
#[derive(Debug, Clone, Copy)]
pub struct ModelFacts<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The most tokens that the request lets the model write, if it says so.
    pub max_tokens: Option<u64>,
    /// The time that policies see.
    pub now: Timestamp,
}

/// What a policy knows of a decision on another's call.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalFacts<'a> {
    /// The tool's name.
    pub tool: &'a str,
    /// Its tags.
    pub tags: &'a [Arc<str>],
    /// Name of the principal whose call it is.
    pub requester: &'a str,
    /// The time that policies see.
    pub now: Timestamp,
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruling {
    /// True if at least one `permit` and no `forbid` applies, and nothing failed.
    pub allowed: bool,
    /// Ids of the policies that decided; for a denial by default, none.
    pub policies: Vec<Arc<str>>,
    /// Ids of policies that could not be evaluated.
    pub failed: Vec<Arc<str>>,
    /// What the deciding permits require (`@require("approval")`).
    pub requires: Vec<Arc<str>>,
}

impl Ruling {
    fn failed() -> Self {
        Self { failed: vec![Arc::from("(context)")], ..Self::default() }
    }
}

/// What the policies of `set` require (`@require("…")`), by id.
#[must_use]
pub fn requirements(set: &PolicySet) -> HashMap<PolicyId, Arc<str>> {
    let required = |policy: &Policy| Some((policy.id().clone(), Arc::from(policy.annotation("require")?)));
    set.policies().filter_map(required).collect()
}

/// Asks Cedar, and takes any error as a denial. `requires`: the [`requirements`] of the set's policies.
#[must_use]
pub fn ask(
    authorizer: &Authorizer,
    set: &PolicySet,
    requires: &HashMap<PolicyId, Arc<str>>,
    request: &Request,
    entities: &Entities,
) -> Ruling {
    let response = authorizer.is_authorized(request, set, entities);
    let id = |id: &PolicyId| -> Arc<str> { Arc::from(id.to_string()) };
    let mut policies: Vec<Arc<str>> = response.diagnostics().reason().map(id).collect();
    policies.sort();
    let mut failed: Vec<Arc<str>> = response
        .diagnostics()
        .errors()
        .map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => id(error.policy_id()),
        })
        .collect();
    failed.sort();
    let mut requires: Vec<Arc<str>> =
        response.diagnostics().reason().filter_map(|id| requires.get(id).cloned()).collect();
    requires.sort();
    requires.dedup();
    let allowed = response.decision() == Decision::Allow && failed.is_empty();
    Ruling { allowed, policies, failed, requires }
}

impl Policies {
    /// May `caller` call this tool with these arguments?
    #[must_use]
    pub fn call_tool(&self, caller: &Principal, facts: &CallFacts<'_>) -> Ruling {
        let Some(arguments) = values::record(facts.arguments, facts.schema, &self.seen) else {
            return Ruling::failed();
        };
        let mut context = self.common(caller, facts.now);
        context.push(("arguments".to_owned(), arguments));
        let by_injection = facts.taint.is_some_and(|taint| taint.by_injection);
        context.push(("tainted".to_owned(), RestrictedExpression::new_bool(facts.taint.is_some())));
        context.push(("tainted_by_injection".to_owned(), RestrictedExpression::new_bool(by_injection)));
        context.push(("kinds".to_owned(), values::strings(facts.kinds)));
        context.push(("restored".to_owned(), RestrictedExpression::new_bool(facts.restored)));
        self.judge(&self.slices, caller, "call_tool", ("Tool", facts.tool, facts.tags), context)
    }

    /// Could `caller` call this tool with any arguments? Asks what the policies say apart from the context.
    #[must_use]
    pub fn may_offer(&self, caller: &Principal, tool: &str, tags: &[Arc<str>]) -> Ruling {
        self.judge(&self.scopes, caller, "call_tool", ("Tool", tool, tags), Vec::new())
    }

    /// May `caller` use this model?
    #[must_use]
    pub fn use_model(&self, caller: &Principal, facts: ModelFacts<'_>) -> Ruling {
        let mut context = self.common(caller, facts.now);
        if let Some(tokens) = facts.max_tokens {
            let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
            context.push(("max_tokens".to_owned(), RestrictedExpression::new_long(tokens)));
        }
        self.judge(&self.slices, caller, "use_model", ("Model", facts.model, &[]), context)
    }

    /// May `approver` decide on another's call of this tool?
    #[must_use]
    pub fn approve(&self, approver: &Principal, facts: ApprovalFacts<'_>) -> Ruling {
        let mut context = self.common(approver, facts.now);
        context.push(("requester".to_owned(), RestrictedExpression::new_string(facts.requester.to_owned())));
        self.judge(&self.slices, approver, "approve", ("Tool", facts.tool, facts.tags), context)
    }

    /// Hash of the policies, for records.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The set, for lints and maps.
    #[must_use]
    pub const fn set(&self) -> &PolicySet {
        &self.set
    }

    /// What every question's context holds, as far as some policy may look at it.
    fn common(&self, caller: &Principal, now: Timestamp) -> Vec<(String, RestrictedExpression)> {
        let mut context = vec![("tenant".to_owned(), RestrictedExpression::new_string(caller.tenant.to_string()))];
        if self.seen.has("now") {
            let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            context.push(("now".to_owned(), RestrictedExpression::new_datetime(now)));
        }
        let claim = |claim: &Claim| match claim {
            Claim::Text(text) => RestrictedExpression::new_string(text.to_string()),
            Claim::Number(number) => RestrictedExpression::new_long(*number),
            Claim::Flag(flag) => RestrictedExpression::new_bool(*flag),
            Claim::List(items) => values::strings(items),
        };
        if self.seen.has("claims") {
            let claims = caller.claims.iter().map(|(name, value)| (name.to_owned(), claim(value)));
            // Names of claims are unique by construction; without them, what asks for them fails, which is a denial.
            let claims = RestrictedExpression::new_record(claims);
            context.extend(claims.ok().map(|claims| ("claims".to_owned(), claims)));
        }
        context
    }

    fn judge(
        &self,
        slices: &Slices,
        caller: &Principal,
        action: &str,
        (kind, name, tags): (&str, &str, &[Arc<str>]),
        context: Vec<(String, RestrictedExpression)>,
    ) -> Ruling {
        self.try_judge(slices, caller, action, (kind, name, tags), context).unwrap_or_else(Ruling::failed)
    }

    fn try_judge(
        &self,
        slices: &Slices,
        caller: &Principal,
        action: &str,
        (kind, name, tags): (&str, &str, &[Arc<str>]),
        context: Vec<(String, RestrictedExpression)>,
    ) -> Option<Ruling> {
        let set = slices.find(action, name)?;
        let principal = uid("Principal", &format!("{}/{}", caller.tenant, caller.name))?;
        let resource = uid(kind, name)?;
        let mut groups: HashSet<EntityUid> = caller.roles.iter().filter_map(|role| uid("Role", role)).collect();
        groups.insert(uid("Tenant", &caller.tenant)?);
        let attributes = HashMap::from([
            ("tenant".to_owned(), RestrictedExpression::new_string(caller.tenant.to_string())),
            ("name".to_owned(), RestrictedExpression::new_string(caller.name.to_string())),
            ("roles".to_owned(), values::strings(&caller.roles)),
            ("scopes".to_owned(), values::strings(&caller.scopes)),
        ]);
        let tags: HashSet<EntityUid> = tags.iter().filter_map(|tag| uid("Tag", tag)).collect();
        // Groups have neither attributes nor parents: that somebody is in them is all there is to know.
        let mut entities = vec![Entity::new(principal.clone(), attributes, groups).ok()?];
        if !tags.is_empty() {
            entities.push(Entity::new_no_attrs(resource.clone(), tags));
        }
        let entities = Entities::from_entities(entities, None).ok()?;
        let context = Context::from_pairs(context).ok()?;
        let request = Request::new(principal, uid("Action", action)?, resource, context, None).ok()?;
        Some(ask(&self.authorizer, set, &self.requires, &request, &entities))
    }
}

/// The types of all entities, read once: to Cedar's parser a name is a whole text.
static TYPES: LazyLock<Vec<(&'static str, EntityTypeName)>> = LazyLock::new(|| {
    let names = ["Principal", "Role", "Tenant", "Action", "Tool", "Tag", "Model"];
    names.into_iter().filter_map(|name| Some((name, EntityTypeName::from_str(name).ok()?))).collect()
});

fn uid(kind: &str, id: &str) -> Option<EntityUid> {
    let (_, name) = TYPES.iter().find(|(known, _)| *known == kind)?;
    Some(EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id)))
}
