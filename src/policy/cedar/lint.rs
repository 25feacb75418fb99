//! What is wrong with policies although they load.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicySet, PrincipalConstraint, ResourceConstraint, ValidationMode,
    ValidationWarning, Validator,
};
use serde_json::Value;

use super::{APPROVAL, Policies, schema};
use crate::tools::registry::tags;
use crate::tools::{Registered, Registry};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lint {
    /// Which check: `allow-all`, `unknown-name`, `type`, `unreachable`, `money-without-forbid`, `unknown-requirement`, `approval-without-approver`, `self-asserted`.
    pub check: &'static str,
    /// The policy's id, or the tool's name.
    pub subject: String,
    /// What is wrong and how to mend it.
    pub what: String,
}

impl Lint {
    fn new(check: &'static str, subject: &impl ToString, what: impl Into<String>) -> Self {
        Self { check, subject: subject.to_string(), what: what.into() }
    }
}

/// The actions there are.
pub(super) const ACTIONS: [&str; 3] = [CALL, "use_model", APPROVE];
/// To call a tool.
pub(super) const CALL: &str = "call_tool";
/// To approve another's call of a tool.
pub(super) const APPROVE: &str = "approve";

/// A policy's scope, as far as lints and maps look at it.
#[derive(Debug)]
pub struct Scope {
    principal: PrincipalConstraint,
    action: ActionConstraint,
    resource: ResourceConstraint,
}

impl Scope {
    /// The scope of `policy`.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            principal: policy.principal_constraint(),
            action: policy.action_constraint(),
            resource: policy.resource_constraint(),
        }
    }

    /// True if it speaks of `action` and this tool.
    #[must_use]
    pub fn covers_tool(&self, action: &str, tool: &Registered) -> bool {
        let is = |uid: &EntityUid| is_named(uid, "Tool", &tool.definition.name);
        let within = |uid: &EntityUid| is(uid) || tool.tags.iter().any(|tag| is_named(uid, "Tag", tag));
        self.covers_action(action)
            && match &self.resource {
                ResourceConstraint::Any => true,
                ResourceConstraint::Eq(uid) => is(uid),
                ResourceConstraint::In(uid) => within(uid),
                ResourceConstraint::Is(kind) => kind.to_string() == "Tool",
                ResourceConstraint::IsIn(kind, uid) => kind.to_string() == "Tool" && within(uid),
            }
    }

    /// True if it speaks of this action.
    #[must_use]
    pub fn covers_action(&self, action: &str) -> bool {
        match &self.action {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => is_named(uid, "Action", action),
            ActionConstraint::In(uids) => uids.iter().any(|uid| is_named(uid, "Action", action)),
        }
    }

    /// True if it speaks of a principal with this role (`None`: of one without any).
    #[must_use]
    pub fn covers_role(&self, role: Option<&str>) -> bool {
        match &self.principal {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => true,
            PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
                uid.type_name().to_string() != "Role" || role.is_some_and(|role| is_named(uid, "Role", role))
            }
            PrincipalConstraint::Eq(_) => role.is_none(),
        }
    }

    /// The role that its principal must have.
    #[must_use]
    pub fn role(&self) -> Option<String> {
        match &self.principal {
            PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid)
                if uid.type_name().to_string() == "Role" =>
            {
                Some(uid.id().unescaped().to_owned())
            }
            _ => None,
        }
    }
}

fn is_named(uid: &EntityUid, kind: &str, name: &str) -> bool {
    uid.type_name().to_string() == kind && uid.id().unescaped() == name
}

/// True if a policy has `when` or `unless`.
#[must_use]
pub fn has_conditions(policy: &Policy) -> bool {
    let json = policy.to_json().ok();
    json.is_none_or(|json| json.get("conditions").and_then(Value::as_array).is_some_and(|c| !c.is_empty()))
}

/// Everything that is wrong, in order.
#[must_use]
pub fn lint(policies: &Policies, registry: &Registry) -> Vec<Lint> {
    let mut found = BTreeSet::new();
    for policy in policies.set().policies() {
        let scope = Scope::of(policy);
        allow_all(policy, &scope, &mut found);
        unknown_names(policy, registry, &mut found);
        types(policy, &scope, registry, &mut found);
        requirements(policy, &scope, policies, registry, &mut found);
        self_asserted(policy, &mut found);
    }
    for tool in registry.iter().filter(|tool| tool.tags.iter().any(|tag| **tag == *tags::MONEY)) {
        let forbids = |p: &&Policy| p.effect() == Effect::Forbid && Scope::of(p).covers_tool(CALL, tool);
        if !policies.set().policies().any(|policy| forbids(&policy)) {
            let what = "moves money and no forbid speaks of it; add one that says what never may happen (amount, taint, tenant)";
            found.insert(Lint::new("money-without-forbid", &tool.definition.name, what));
        }
    }
    found.into_iter().collect()
}

fn allow_all(policy: &Policy, scope: &Scope, found: &mut BTreeSet<Lint>) {
    let everybody = matches!(scope.principal, PrincipalConstraint::Any | PrincipalConstraint::Is(_));
    let everything = matches!(scope.resource, ResourceConstraint::Any)
        || matches!(&scope.resource, ResourceConstraint::Is(kind) if kind.to_string() == "Tool");
    if policy.effect() == Effect::Permit
        && everybody
        && everything
        && scope.covers_action(CALL)
        && !has_conditions(policy)
    {
        let what = "permits every tool to everybody; name a role, a tool or a tag, or add a condition";
        found.insert(Lint::new("allow-all", policy.id(), what));
    }
}

fn unknown_names(policy: &Policy, registry: &Registry, found: &mut BTreeSet<Lint>) {
    let Ok(json) = policy.to_json() else { return };
    let mut names = Vec::new();
    entities(&json, &mut names);
    for (kind, name) in names {
        let known = match kind.as_str() {
            "Tool" => registry.find(&name).is_some(),
            "Tag" => registry.iter().any(|tool| tool.tags.iter().any(|tag| **tag == *name)),
            "Action" => ACTIONS.contains(&name.as_str()),
            "Principal" | "Role" | "Tenant" | "Model" => true,
            _ => false,
        };
        if !known {
            let what = format!("speaks of {kind}::{name:?}, which does not exist: it can never match");
            found.insert(Lint::new("unknown-name", policy.id(), what));
        }
    }
}

/// Users type their own e-mail address into many identity providers; only a verified one says who they are (OpenID Connect Core 1.0,
/// section 5.7).
fn self_asserted(policy: &Policy, found: &mut BTreeSet<Lint>) {
    let Ok(json) = policy.to_json() else { return };
    if policy.effect() == Effect::Permit && reads_claim(&json, "email") && !reads_claim(&json, "email_verified") {
        let what = "trusts an address that its user may have typed in; ask for context.claims.email_verified too";
        found.insert(Lint::new("self-asserted", policy.id(), what));
    }
}

/// True if a policy's JSON form reads `context.claims.NAME`.
fn reads_claim(json: &Value, name: &str) -> bool {
    let is = |at: &str, word: &str| json.pointer(at).and_then(Value::as_str) == Some(word);
    let here = is("/./attr", name) && is("/./left/./attr", "claims") && is("/./left/./left/Var", "context");
    here || match json {
        Value::Object(members) => members.values().any(|value| reads_claim(value, name)),
        Value::Array(items) => items.iter().any(|value| reads_claim(value, name)),
        _ => false,
    }
}

/// What a permit requires must be something that there is, and somebody must be able to give it.
fn requirements(policy: &Policy, scope: &Scope, policies: &Policies, registry: &Registry, found: &mut BTreeSet<Lint>) {
    let Some(required) = policy.annotation("require") else { return };
    if required != APPROVAL {
        let what = format!("requires {required:?}, which nobody can fulfil: its calls are denied; write {APPROVAL:?}");
        found.insert(Lint::new("unknown-requirement", policy.id(), what));
        return;
    }
    for tool in registry.iter().filter(|tool| scope.covers_tool(CALL, tool)) {
        let approves = |p: &&Policy| p.effect() == Effect::Permit && Scope::of(p).covers_tool(APPROVE, tool);
        if !policies.set().policies().any(|policy| approves(&policy)) {
            let what = format!(
                "calls of {} wait for an approval that nobody may give; permit Action::{APPROVE:?} to a role",
                tool.definition.name
            );
            found.insert(Lint::new("approval-without-approver", policy.id(), what));
        }
    }
}

/// Every `{"type": …, "id": …}` of a policy's JSON form.
fn entities(json: &Value, into: &mut Vec<(String, String)>) {
    match json {
        Value::Object(members) => {
            if let (Some(kind), Some(id)) =
                (members.get("type").and_then(Value::as_str), members.get("id").and_then(Value::as_str))
            {
                into.push((kind.to_owned(), id.to_owned()));
            }
            members.values().for_each(|value| entities(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| entities(item, into)),
        _ => {}
    }
}

/// Holds a policy against the schemas of the tools that it may speak of. One that names tools must fit each; one that speaks of all must fit one.
fn types(policy: &Policy, scope: &Scope, registry: &Registry, found: &mut BTreeSet<Lint>) {
    let mut alone = PolicySet::new();
    if alone.add(policy.clone()).is_err() {
        return;
    }
    let spoken_of = |tool: &&Registered| scope.covers_tool(CALL, tool) || scope.covers_tool(APPROVE, tool);
    let covered: Vec<&Registered> = registry.iter().filter(spoken_of).collect();
    let mut outcomes: Vec<(Arc<str>, Vec<String>, bool)> = Vec::new();
    for tool in covered {
        let name = Arc::clone(&tool.definition.name);
        match schema::of_tool(tool.definition.schema.as_ref()) {
            Err(error) => outcomes.push((name, vec![error], false)),
            Ok(schema) => outcomes.push(validated(&alone, schema, name)),
        }
    }
    if outcomes.is_empty()
        && let Ok(schema) = schema::of_tool(None)
    {
        outcomes.push(validated(&alone, schema, Arc::from("any tool")));
    }
    let names_tools = !matches!(scope.resource, ResourceConstraint::Any | ResourceConstraint::Is(_));
    let fits = |outcome: &(Arc<str>, Vec<String>, bool)| outcome.1.is_empty();
    if !names_tools && outcomes.iter().any(fits) {
        outcomes.retain(fits);
    }
    for (tool, errors, _) in &outcomes {
        for error in errors {
            found.insert(Lint::new("type", policy.id(), format!("{tool}: {error}")));
        }
    }
    if !outcomes.is_empty() && outcomes.iter().all(|(_, errors, impossible)| errors.is_empty() && *impossible) {
        found.insert(Lint::new(
            "unreachable",
            policy.id(),
            "can never apply; its conditions contradict each other or its scope",
        ));
    }
}

fn validated(policy: &PolicySet, schema: cedar_policy::Schema, tool: Arc<str>) -> (Arc<str>, Vec<String>, bool) {
    let result = Validator::new(schema).validate(policy, ValidationMode::Strict);
    let errors = result.validation_errors().map(ToString::to_string).collect();
    let impossible = result.validation_warnings().any(|w| matches!(w, ValidationWarning::ImpossiblePolicy(_)));
    (tool, errors, impossible)
}
