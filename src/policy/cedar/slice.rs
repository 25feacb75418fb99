//! What of the policies a question needs: those that can apply to it, and what of its context any of them looks at.
//!
//! Cedar evaluates every policy of a set and every value of a context. A policy whose scope names another action or another resource can neither
//! apply nor fail, and what no policy names cannot be seen; leaving both out changes no answer.

use std::collections::{HashMap, HashSet};

use cedar_policy::{EntityUid, Policy, PolicySet, ResourceConstraint};
use serde_json::{Map, Value};

use super::lint::{ACTIONS, Scope};

/// LIMIT: policies over all sets of one action; with more, each question is put to all policies of its action.
const MAX_SLICED: usize = 100_000;

/// Policies by what they can apply to.
#[derive(Debug, Default)]
pub(super) struct Slices(Vec<(&'static str, Slice)>);

/// Policies of one action.
#[derive(Debug, Default)]
struct Slice {
    /// Those that name no single resource.
    general: PolicySet,
    /// By resource that some policy names: those and the general ones.
    named: HashMap<String, PolicySet>,
}

impl Slices {
    /// The slices of `set`.
    pub(super) fn of(set: &PolicySet) -> Self {
        Self(ACTIONS.into_iter().map(|action| (action, Slice::of(set, action))).collect())
    }

    /// The policies that can apply to `action` on the resource called `name`; `None` if the action is unknown.
    pub(super) fn find(&self, action: &str, name: &str) -> Option<&PolicySet> {
        let (_, slice) = self.0.iter().find(|(known, _)| *known == action)?;
        Some(slice.named.get(name).unwrap_or(&slice.general))
    }
}

impl Slice {
    fn of(set: &PolicySet, action: &str) -> Self {
        let covering = || set.policies().filter(|policy| Scope::of(policy).covers_action(action));
        let (named, general): (Vec<&Policy>, Vec<&Policy>) = covering().partition(|policy| name(policy).is_some());
        let names: HashSet<String> = named.iter().filter_map(|policy| name(policy)).collect();
        if names.len().saturating_mul(general.len()) > MAX_SLICED {
            return Self { general: gathered(covering()), named: HashMap::new() };
        }
        let mut slices: HashMap<String, Vec<&Policy>> = names.into_iter().map(|name| (name, general.clone())).collect();
        for policy in named {
            if let Some(slice) = name(policy).and_then(|name| slices.get_mut(&name)) {
                slice.push(policy);
            }
        }
        let named = slices.into_iter().map(|(name, policies)| (name, gathered(policies.into_iter()))).collect();
        Self { general: gathered(general.into_iter()), named }
    }
}

/// The one resource that a policy is about, of whatever type: where two types share a name, Cedar tells them apart.
fn name(policy: &Policy) -> Option<String> {
    let unescaped = |uid: &EntityUid| uid.id().unescaped().to_owned();
    match policy.resource_constraint() {
        ResourceConstraint::Eq(uid) => Some(unescaped(&uid)),
        _ => None,
    }
}

fn gathered<'p>(policies: impl Iterator<Item = &'p Policy>) -> PolicySet {
    let mut set = PolicySet::new();
    for policy in policies {
        // Their ids are unique: they come from one set.
        let _ = set.add(policy.clone());
    }
    set
}

/// What of a context some policy looks at.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Attributes of the context.
    attributes: HashSet<String>,
    /// Arguments of a call.
    arguments: HashSet<String>,
    /// The context or the arguments are used as a whole, or something could not be read.
    all: bool,
}

impl Seen {
    /// What the policies of `set` look at.
    pub(super) fn of(set: &PolicySet) -> Self {
        let mut seen = Self::default();
        for policy in set.policies() {
            match policy.to_json() {
                Ok(json) => seen.expression(&json),
                Err(_) => seen.all = true,
            }
        }
        seen
    }

    /// True if some policy may look at this attribute of the context.
    pub(super) fn has(&self, attribute: &str) -> bool {
        self.all || self.attributes.contains(attribute)
    }

    /// True if some policy may look at the argument of this name.
    pub(super) fn has_argument(&self, name: &str) -> bool {
        self.all || self.arguments.contains(name)
    }

    fn argument(&mut self, name: &str) {
        self.attributes.insert(ARGUMENTS.to_owned());
        self.arguments.insert(name.to_owned());
    }

    /// SECURITY: `context` and `context.arguments` may stand left of an access and nowhere else, or all is seen.
    fn expression(&mut self, expression: &Value) {
        match expression {
            Value::Array(items) => items.iter().for_each(|item| self.expression(item)),
            Value::Object(members) => {
                if let Some(Access { left, attribute, below, asks }) = access(members) {
                    match base(left) {
                        Base::Arguments => self.argument(attribute),
                        Base::Context if attribute != ARGUMENTS || asks => {
                            self.attributes.insert(attribute.to_owned());
                            // `context has arguments.name` looks at a name; `context has arguments` at none.
                            below.into_iter().filter(|_| attribute == ARGUMENTS).for_each(|name| self.argument(name));
                        }
                        Base::Context => self.all = true,
                        Base::Other => self.expression(left),
                    }
                    return;
                }
                self.all |= is_context(expression);
                members.values().for_each(|member| self.expression(member));
            }
            _ => {}
        }
    }
}

/// The context's attribute that holds a call's arguments.
const ARGUMENTS: &str = "arguments";

/// What an attribute is taken from.
enum Base {
    Context,
    Arguments,
    Other,
}

fn base(left: &Value) -> Base {
    if is_context(left) {
        return Base::Context;
    }
    match left.as_object().and_then(access) {
        Some(Access { left, attribute: ARGUMENTS, asks: false, .. }) if is_context(left) => Base::Arguments,
        _ => Base::Other,
    }
}

/// `left.attribute`, or (`asks`) `left has attribute` or `left has attribute.below`.
struct Access<'e> {
    left: &'e Value,
    attribute: &'e str,
    below: Option<&'e str>,
    asks: bool,
}

/// Reads an access (Cedar's JSON policy format).
fn access(members: &Map<String, Value>) -> Option<Access<'_>> {
    let asks = members.contains_key("has");
    let inner = members.get(if asks { "has" } else { "." })?;
    let (left, attribute) = (inner.get("left")?, inner.get("attr")?);
    let path = attribute.as_array();
    let (attribute, below) = match path {
        Some(path) => (path.first()?.as_str()?, path.get(1).and_then(Value::as_str)),
        None => (attribute.as_str()?, None),
    };
    Some(Access { left, attribute, below, asks })
}

fn is_context(expression: &Value) -> bool {
    expression.get("Var").and_then(Value::as_str) == Some("context")
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;
    use std::sync::Arc;

    use cedar_policy::Authorizer;
    use serde_json::json;

    use super::*;
    use crate::identity::{Claims, Principal};
    use crate::policy::cedar::{CallFacts, Policies};

    #[test]
    fn what_no_policy_names_is_not_seen_and_what_is_used_whole_is() {
        for (condition, seen) in [
            ("context.arguments.amount < 5", Some(&["arguments.amount"][..])),
            ("context.arguments has to && context.arguments.to like \"*@example.com\"", Some(&["arguments.to"])),
            (
                "context[\"arguments\"][\"a b\"] == 1 || context.arguments.x.deep.deeper",
                Some(&["arguments.a b", "arguments.x"]),
            ),
            ("context has arguments && context.arguments has a.b", Some(&["arguments.a"])),
            ("context has arguments.to.name", Some(&["arguments.to"])),
            ("context has arguments", Some(&["arguments"])),
            ("context has claims.acr && context.claims.acr == \"x\"", Some(&["claims"])),
            (
                "context.tainted && principal.scopes.contains(\"arguments\") || context.now > datetime(\"2026-01-01\")",
                Some(&["now", "tainted"]),
            ),
            ("(if context.arguments has a then context.arguments else {b: 1}) has b", None),
            ("context.arguments == {a: 1}", None),
            ("[context.arguments.list, 3].contains(2)", Some(&["arguments.list"])),
            ("(if true then context else context).arguments.a == 1", None),
            ("context == {arguments: {}}", None),
        ] {
            let set =
                PolicySet::from_str(&format!("permit (principal, action, resource) when {{ {condition} }};")).unwrap();
            let found = Seen::of(&set);
            assert_eq!(found.all, seen.is_none(), "{condition}");
            let attributes =
                found.attributes.iter().filter(|name| *name != ARGUMENTS || found.arguments.is_empty()).cloned();
            let mut all: Vec<String> =
                attributes.chain(found.arguments.iter().map(|name| format!("arguments.{name}"))).collect();
            all.sort();
            assert!(found.all || all == seen.unwrap_or_default(), "{condition}: {all:?}");
        }
    }

    /// The same policies, put every question whole.
    fn whole(policies: &Policies) -> Policies {
        let of = |set: &PolicySet| {
            let slice = || Slice { general: set.clone(), named: HashMap::new() };
            Slices(ACTIONS.into_iter().map(|action| (action, slice())).collect())
        };
        Policies {
            set: policies.set.clone(),
            slices: of(&policies.set),
            scopes: Slices::default(),
            seen: Seen { all: true, ..Seen::default() },
            requires: policies.requires.clone(),
            authorizer: Authorizer::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn leaving_out_what_cannot_matter_changes_no_ruling() {
        let policies = Policies::parse(&[(
            "all.cedar".to_owned(),
            "@id(\"small\") permit (principal in Role::\"support\", action == Action::\"call_tool\", resource == Tool::\"refund\")
                when { context.arguments.amount < 100 };
             @id(\"named\") permit (principal, action, resource in Tag::\"money\")
                when { context.arguments has owner && context.arguments.owner.name like \"A*\" };
             @id(\"whole\") forbid (principal, action, resource == Tool::\"refund\") when { context.arguments has evil };
             @id(\"fails\") forbid (principal, action, resource == Tool::\"send\") when { context.arguments.missing == 1 };
             @id(\"elsewhere\") permit (principal, action == Action::\"use_model\", resource == Model::\"refund\");"
                .to_owned(),
        )])
        .unwrap();
        let (whole, mut seen) = (whole(&policies), HashSet::new());
        for tool in ["refund", "send", "other"] {
            for roles in [&["support"][..], &[]] {
                for arguments in [
                    json!({"amount": 5, "note": "x", "deep": [[1], {"a": null}]}),
                    json!({"amount": 500, "owner": {"name": "Ada"}}),
                    json!({"amount": 5, "evil": true}),
                    json!({"amount": "five"}),
                    json!({}),
                ] {
                    let caller = Principal {
                        tenant: "acme".into(),
                        name: "app".into(),
                        roles: roles.iter().map(|role| Arc::from(*role)).collect(),
                        scopes: [].into(),
                        claims: Claims::default(),
                    };
                    let facts = CallFacts {
                        tool,
                        tags: &[Arc::from("money")],
                        arguments: &arguments,
                        schema: None,
                        taint: None,
                        kinds: &[],
                        restored: false,
                        now: jiff::Timestamp::UNIX_EPOCH,
                    };
                    let ruling = policies.call_tool(&caller, &facts);
                    assert_eq!(ruling, whole.call_tool(&caller, &facts), "{tool} {roles:?} {arguments}");
                    seen.insert(format!("{ruling:?}"));
                }
            }
        }
        assert!(seen.len() >= 6, "the cases differ: {seen:?}");
    }

    #[test]
    fn a_slice_holds_all_that_can_apply() {
        let set = PolicySet::from_str(
            "@id(\"any\") permit (principal, action, resource);
             @id(\"mine\") permit (principal, action == Action::\"call_tool\", resource == Tool::\"a\");
             @id(\"other\") permit (principal, action == Action::\"call_tool\", resource == Tool::\"b\");
             @id(\"group\") permit (principal, action in [Action::\"call_tool\"], resource in Tag::\"t\");
             @id(\"model\") permit (principal, action == Action::\"use_model\", resource == Model::\"a\");",
        )
        .unwrap();
        let slices = Slices::of(&set);
        let ids = |action: &str, name: &str| {
            let found = slices.find(action, name).unwrap();
            let mut ids: Vec<String> = found.policies().map(|p| p.annotation("id").unwrap().to_owned()).collect();
            ids.sort();
            ids.join(" ")
        };
        assert_eq!(ids("call_tool", "a"), "any group mine");
        assert_eq!(ids("call_tool", "b"), "any group other");
        assert_eq!(ids("call_tool", "c"), "any group");
        assert_eq!(ids("use_model", "a"), "any model");
        assert_eq!(ids("approve", "a"), "any");
        assert!(slices.find("elsewhere", "a").is_none());
    }
}
