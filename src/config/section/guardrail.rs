//! `[[guardrail]]`: rows that come before the profile's.

use crate::config::reader::{Node, Reading, Table};
use crate::config::section::not_built;
use crate::policy::{Action, FailMode, Glob, Guardrail};
use crate::redact::Strategy;
use crate::text::{Part, Phase};

/// LIMIT: 80 bytes a name: it stands in every record that the row decides over.
const MAX_NAME_BYTES: usize = 80;

const PHASES: [(&str, Option<Phase>); 3] =
    [("request", Some(Phase::Request)), ("response", Some(Phase::Response)), ("both", None)];
const ACTIONS: [(&str, Action); 3] =
    [("observe", Action::Observe), ("redact", Action::Redact), ("block", Action::Block)];
/// `None`: part of the product's contract, not built yet.
const STRATEGIES: [(&str, Option<Strategy>); 4] = [
    ("tokenize", Some(Strategy::Tokenize)),
    ("mask", Some(Strategy::Mask)),
    ("drop", Some(Strategy::Drop)),
    ("surrogate", None),
];
const FAIL_MODES: [(&str, FailMode); 2] = [("closed", FailMode::Closed), ("open", FailMode::Open)];

/// Reads every `[[guardrail]]`, in order: the first that speaks of a finding decides.
pub(in crate::config) fn read(root: &mut Table<'_>, reading: &mut Reading<'_>) -> Vec<Guardrail> {
    let mut rows: Vec<Guardrail> = Vec::new();
    for table in root.sections("guardrail", reading) {
        let at = table.at.clone();
        let Some(row) = one(table, reading) else { continue };
        if rows.iter().any(|earlier| earlier.name == row.name) {
            reading.error(&at, "has the name of an earlier guardrail", "give each its own name; records show it");
        }
        rows.push(row);
    }
    rows
}

fn one(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<Guardrail> {
    let name = table.need("name", reading, "say in a few words what it is for; records show it");
    let name = name.and_then(|node| title(&node, reading));
    let kinds_mend = "list kinds such as \"pci.*\", \"pii.email\" or \"*\"";
    let kinds = table.need("kinds", reading, kinds_mend).map(|node| globs(&node, reading, kinds_mend));
    let rules_mend = "list ids of rules such as \"phone-*\", or leave the key out for all";
    let rules = table.take("rules").map_or_else(Vec::new, |node| globs(&node, reading, rules_mend));
    let phase = table.take("phase").and_then(|node| node.word(reading, &PHASES)).unwrap_or(None);
    let parts = table.take("parts").map_or_else(|| Part::ALL.to_vec(), |node| parts(&node, reading));
    let tenants = table.take("tenants");
    let tenants =
        tenants.map_or_else(every, |node| globs(&node, reading, "list tenants, or leave the key out for all"));
    let threshold_mend = "say from which confidence on it speaks, 0 to 100";
    let threshold = table.need("threshold", reading, threshold_mend).and_then(|node| node.integer(reading, 0..=100));
    let action = table.need("action", reading, "write one of: observe, redact, block");
    let action_at = action.as_ref().map(|node| node.at.clone());
    let action = action.and_then(|node| node.word(reading, &ACTIONS));
    let strategy = table.take("strategy");
    let strategy = strategy.map(|node| (node.at.clone(), strategy_of(&node, reading)));
    let fail = table.take("fail").and_then(|node| node.word(reading, &FAIL_MODES)).unwrap_or_default();
    let restore_in_tools = table.take("restore_in_tools");
    let restore_at = restore_in_tools.as_ref().map(|node| node.at.clone());
    let restore_in_tools = restore_in_tools.and_then(|node| node.boolean(reading)).unwrap_or(false);
    table.finish(reading);

    if let (Some(at), true) = (
        restore_at,
        action != Some(Action::Redact) || matches!(&strategy, Some((_, Some(Strategy::Mask | Strategy::Drop)))),
    ) {
        reading.error(
            &at,
            "says what to restore, but nothing is tokenized",
            "remove it, or write action = \"redact\", strategy = \"tokenize\"",
        );
    }
    if let (Some(action), Some((at, _))) = (action, &strategy)
        && action != Action::Redact
    {
        reading.error(
            at,
            "says how to redact, but action is not \"redact\"",
            "remove it, or write action = \"redact\"",
        );
    }
    if let (Some(Phase::Response), Some((at, Some(Strategy::Tokenize)))) = (phase, &strategy) {
        let mend = "write strategy = \"mask\"; nobody could restore a placeholder for what the upstream made up";
        reading.error(at, "\"tokenize\" does not apply to responses", mend);
    }
    let injections = |kinds: &[Glob]| kinds.iter().any(|glob| glob.as_str().starts_with("injection"));
    if let (Some(Action::Redact), Some(at), Some(kinds)) = (action, &action_at, &kinds)
        && injections(kinds)
    {
        let mend = "write action = \"observe\" or \"block\"";
        reading.error(at, "\"redact\" does not apply to injection.* kinds, which concern a whole text", mend);
    }
    // A response is masked whatever the row says (see `Guardrails::judge`); the row shows what will happen.
    let tokenizes = action == Some(Action::Redact) && phase != Some(Phase::Response);
    let default = if tokenizes { Strategy::Tokenize } else { Strategy::Mask };
    Some(Guardrail {
        restore_in_tools,
        name: name?.into(),
        kinds: kinds?,
        rules,
        phase,
        parts,
        tenants,
        threshold: u8::try_from(threshold?).ok()?,
        action: action?,
        strategy: strategy.and_then(|(_, strategy)| strategy).unwrap_or(default),
        fail,
    })
}

pub(super) fn every() -> Vec<Glob> {
    Glob::new("*").into_iter().collect()
}

fn title<'d>(node: &Node<'d>, reading: &mut Reading<'_>) -> Option<&'d str> {
    let name = node.string(reading)?;
    let fine = !name.trim().is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    if !fine {
        let mend = format!("use 1 to {MAX_NAME_BYTES} bytes without control characters");
        reading.error(&node.at, "is not a name", mend);
    }
    fine.then_some(name)
}

/// A list of patterns, or a single `"*"`.
pub(super) fn globs(node: &Node<'_>, reading: &mut Reading<'_>, mend: &str) -> Vec<Glob> {
    if node.is_star() {
        return every();
    }
    let mut globs = Vec::new();
    for node in node.filled_array(reading, mend) {
        let Some(text) = node.string(reading) else { continue };
        match Glob::new(text) {
            Some(glob) => globs.push(glob),
            None => reading.error(&node.at, "is not a pattern of letters, digits, \".\", \"_\", \"-\" and \"*\"", mend),
        }
    }
    globs
}

/// A list of parts, in which `"*"` stands for all, or a single `"*"`.
fn parts(node: &Node<'_>, reading: &mut Reading<'_>) -> Vec<Part> {
    if node.is_star() {
        return Part::ALL.to_vec();
    }
    let words: Vec<_> = [("*", None)].into_iter().chain(Part::ALL.map(|part| (part.name(), Some(part)))).collect();
    let nodes = node.filled_array(reading, "list parts such as \"user\", or leave the key out for all");
    let named: Vec<_> = nodes.iter().filter_map(|node| node.word(reading, &words)).collect();
    Part::ALL.into_iter().filter(|part| named.iter().any(|named| named.is_none_or(|named| named == *part))).collect()
}

fn strategy_of(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Strategy> {
    let strategy = node.word(reading, &STRATEGIES)?;
    if strategy.is_none() {
        not_built(node, reading, "strategy \"surrogate\" is", "write \"tokenize\", \"mask\" or \"drop\"");
    }
    strategy
}
