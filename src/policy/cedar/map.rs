//! Who may do what, as a table for people: role × tool, with the policies that say so and their conditions.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy};
use serde::Serialize;

use super::Policies;
use super::lint::{APPROVE, CALL, Scope, has_conditions};
use crate::tools::Registry;

/// What a role may do with a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The role; empty for callers without one.
    pub role: String,
    /// The tool.
    pub tool: String,
    /// `permit`, `conditional`, `deny`.
    pub access: &'static str,
    /// Policies that permit it.
    pub permits: Vec<Entry>,
    /// Policies that forbid it.
    pub forbids: Vec<Entry>,
    /// Policies that let it approve another's call.
    pub approves: Vec<Entry>,
}

/// One policy in a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id.
    pub policy: String,
    /// Its `when` and `unless`, or empty.
    pub conditions: String,
    /// What it requires, or empty.
    pub requires: String,
}

/// Every role that a policy names, and every approved tool.
#[must_use]
pub fn map(policies: &Policies, registry: &Registry) -> Vec<Cell> {
    let scopes: Vec<(&Policy, Scope)> = policies.set().policies().map(|policy| (policy, Scope::of(policy))).collect();
    let roles: BTreeSet<String> = scopes.iter().filter_map(|(_, scope)| scope.role()).collect();
    let mut cells = Vec::new();
    for role in [None].into_iter().chain(roles.iter().map(|role| Some(role.as_str()))) {
        for tool in registry.iter() {
            let entries = |effect: Effect, action: &str| -> Vec<Entry> {
                let covers = |scope: &Scope| scope.covers_tool(action, tool) && scope.covers_role(role);
                let mut entries: Vec<Entry> = scopes
                    .iter()
                    .filter(|(policy, scope)| policy.effect() == effect && covers(scope))
                    .map(|(policy, _)| entry(policy))
                    .collect();
                entries.sort_by(|a, b| a.policy.cmp(&b.policy));
                entries
            };
            let (permits, forbids) = (entries(Effect::Permit, CALL), entries(Effect::Forbid, CALL));
            let approves = entries(Effect::Permit, APPROVE);
            let free = |entry: &Entry| entry.conditions.is_empty() && entry.requires.is_empty();
            let access = if permits.is_empty() || forbids.iter().any(free) {
                "deny"
            } else if permits.iter().any(free) && forbids.is_empty() {
                "permit"
            } else {
                "conditional"
            };
            let (role, tool) = (role.unwrap_or_default().to_owned(), tool.definition.name.to_string());
            cells.push(Cell { role, tool, access, permits, forbids, approves });
        }
    }
    cells
}

fn entry(policy: &Policy) -> Entry {
    let conditions = if has_conditions(policy) { conditions(policy) } else { String::new() };
    let requires = policy.annotation("require").unwrap_or_default().to_owned();
    Entry { policy: policy.id().to_string(), conditions, requires }
}

/// What stands behind the scope.
fn conditions(policy: &Policy) -> String {
    let text = policy.to_cedar().unwrap_or_default();
    // Annotations stand on lines of their own before it.
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with('@')).collect();
    let text = text.join(" ");
    let body = text.split_once(')').map_or("", |(_, body)| body);
    body.trim().trim_end_matches(';').split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The table as Markdown.
#[must_use]
pub fn markdown(cells: &[Cell]) -> String {
    let mut out = String::from("| role | tool | access | policies |\n|---|---|---|---|\n");
    for cell in cells {
        let role = if cell.role.is_empty() { "(none)" } else { &cell.role };
        let mut parts = Vec::new();
        for (word, entries) in [("permit", &cell.permits), ("forbid", &cell.forbids), ("may approve", &cell.approves)] {
            for Entry { policy, conditions, requires } in entries {
                let mut part = format!("{word} `{policy}`");
                if !requires.is_empty() {
                    part.push_str(&format!(" requires {requires}"));
                }
                if !conditions.is_empty() {
                    part.push_str(&format!(" `{}`", conditions.replace('|', "\\|")));
                }
                parts.push(part);
            }
        }
        out.push_str(&format!("| {role} | {} | {} | {} |\n", cell.tool, cell.access, parts.join("<br>")));
    }
    out
}
