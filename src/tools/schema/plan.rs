//! A bound on what a schema may cost, found from its structure before anything is compiled.
//!
//! A schema is a graph: a node applies other nodes to the *same* value (`allOf`, `anyOf`, `$ref` …) or to the values *below* it
//! (`properties`, `items` …). Without a cycle, one check applies every node of the expanded graph at most once to every value, so
//! `expanded size × values` bounds it. With cycles through values below (trees, nested filters) the bound is found for the instance at hand: the
//! work of a node on a value is one plus that of all nodes it applies there and below, remembered for each pair, so finding it is cheap
//! even where the work itself would be exponential. A cycle on the same value never ends and is refused.
//!
//! Every approximation errs upwards: alternatives are counted as if all were tried, and a keyword for some of the values below counts for all.

mod names;

use std::collections::HashMap;

use names::{Names, identifier};
use serde_json::{Map, Value};

/// LIMIT: subschemas of one schema. Schemas generated from large APIs have some hundreds.
const MAX_NODES: usize = 4_096;

/// LIMIT: nodes of the graph with every reference expanded. Doubling by reference passes it after fourteen steps.
const MAX_EXPANDED: u64 = 20_000;

/// LIMIT: nodes in a row. Compilers and validators recurse along them, and their stack is 2 MiB.
const MAX_CHAIN: usize = 128;

/// LIMIT: nodes in a row on one value, where the row may begin anew for each of 64 levels of values.
const MAX_CHAIN_IN_CYCLE: usize = 24;

/// LIMIT: pairs of node and value whose work is found one by one, for schemas with cycles: some 10 ms.
const MAX_PAIRS: usize = 100_000;

/// Bytes of a document that cost as much as one node on one value: patterns and formats read them.
const BYTES_PER_VALUE: u64 = 32;

/// Work of a pattern that may backtrack (10,000 steps of some ns), in nodes.
const FANCY_PATTERN: u64 = 5_000;

/// Work of a draft's own metaschema on one value.
const METASCHEMA: u64 = 1_000;

/// Why a schema is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It refers to something that is not in it; nothing is ever fetched.
    #[error("its schema refers to something outside itself; put what it refers to under $defs")]
    Reference,
    /// A node applies itself to the same value.
    #[error("its schema refers to itself without end")]
    Endless,
    /// Over [`MAX_NODES`], [`MAX_CHAIN`] or [`MAX_CHAIN_IN_CYCLE`].
    #[error("its schema has too many or too deeply nested parts; split the tool")]
    TooLarge,
    /// Over [`MAX_EXPANDED`].
    #[error("to check its schema could cost too much; take alternatives out, or refer to shared parts less often")]
    TooCostly,
    /// It is no schema of its draft; where.
    #[error("its schema is not valid at {0}")]
    Invalid(String),
}

/// Keywords whose value is one schema, and those whose value is a list or a map of schemas, applied to the same value …
const SAME: [&str; 4] = ["not", "if", "then", "else"];
const SAME_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const SAME_MAPS: [&str; 2] = ["dependentSchemas", "dependencies"];
/// … and to the values below.
const BELOW: [&str; 7] = [
    "additionalProperties",
    "additionalItems",
    "items",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const BELOW_LISTS: [&str; 2] = ["prefixItems", "items"];
/// Where the drafts' own metaschemas are, which the validator carries.
const DRAFTS: [&str; 2] = ["http://json-schema.org/", "https://json-schema.org/"];
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// The graph of a schema's nodes.
#[derive(Debug)]
pub struct Plan {
    nodes: Vec<Node>,
    /// Size of the expanded graph; `None` if it has cycles.
    expanded: Option<u64>,
}

#[derive(Debug, Default)]
struct Node {
    weight: u64,
    same: Vec<usize>,
    /// Applied to the property of that name.
    named: HashMap<String, usize>,
    /// Applied to every value below.
    below: Vec<usize>,
}

impl Node {
    fn all(&self) -> impl Iterator<Item = usize> {
        self.same.iter().chain(self.named.values()).chain(&self.below).copied()
    }
}

impl Plan {
    /// The plan of a schema.
    ///
    /// # Errors
    /// [`Unfit`], except `Invalid`.
    pub fn of(schema: &Value) -> Result<Self, Unfit> {
        // A metaschema of somebody's own would have to be fetched.
        let draft = schema.get("$schema").and_then(Value::as_str);
        if draft.is_some_and(|draft| !DRAFTS.iter().any(|prefix| draft.starts_with(prefix))) {
            return Err(Unfit::Reference);
        }
        let mut builder = Builder { names: Names::of(schema), ..Builder::default() };
        builder.node(schema, schema)?;
        while let Some((number, schema, base)) = builder.open.pop() {
            let node = builder.read(schema, base)?;
            if let Some(place) = builder.nodes.get_mut(number) {
                *place = node;
            }
        }
        let nodes = builder.nodes;
        let same = Order::of(&nodes, |node| node.same.clone());
        let all = Order::of(&nodes, |node| node.all().collect());
        if same.cyclic {
            return Err(Unfit::Endless);
        }
        let (in_row, deepest) = (same.longest(&nodes, |n| n.same.clone()), all.depth);
        if deepest > MAX_CHAIN || (all.cyclic && in_row > MAX_CHAIN_IN_CYCLE) {
            return Err(Unfit::TooLarge);
        }
        let expanded = if all.cyclic { None } else { Some(all.expanded(&nodes)) };
        if expanded.is_some_and(|size| size > MAX_EXPANDED) {
            return Err(Unfit::TooCostly);
        }
        Ok(Self { nodes, expanded })
    }

    /// A bound on the work of checking a document of `bytes` bytes that has not been read.
    #[must_use]
    pub fn estimate(&self, bytes: usize) -> u64 {
        // A value takes two bytes or more.
        self.expanded.unwrap_or(MAX_EXPANDED).saturating_mul(1 + bytes as u64 / 2)
    }

    /// A bound on the work of checking `value`, written in `bytes` bytes; `None` if it may be over `budget`.
    #[must_use]
    pub fn work(&self, value: &Value, bytes: usize, budget: u64) -> Option<u64> {
        let reading = bytes as u64 / BYTES_PER_VALUE;
        let work = match self.expanded {
            Some(size) => size.saturating_mul(values(value).saturating_add(reading)),
            None => {
                let mut pairs = Pairs { plan: self, known: HashMap::new() };
                pairs.work(0, value)?.saturating_mul(1 + reading / values(value).max(1))
            }
        };
        (work <= budget).then_some(work)
    }
}

fn values(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(members) => members.values().map(values).sum(),
        _ => 0,
    }
}

/// The work of pairs of node and value.
struct Pairs<'p> {
    plan: &'p Plan,
    known: HashMap<(usize, *const Value), u64>,
}

impl Pairs<'_> {
    fn work(&mut self, number: usize, value: &Value) -> Option<u64> {
        let pair = (number, std::ptr::from_ref(value));
        if let Some(known) = self.known.get(&pair) {
            return Some(*known);
        }
        if self.known.len() >= MAX_PAIRS {
            return None;
        }
        let plan = self.plan;
        let node = plan.nodes.get(number)?;
        let mut sum = node.weight;
        for same in &node.same {
            sum = sum.saturating_add(self.work(*same, value)?);
        }
        match value {
            Value::Array(items) => {
                for item in items {
                    sum = sum.saturating_add(self.each(&node.below, item)?);
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    sum = sum.saturating_add(self.each(&node.below, member)?);
                    if let Some(named) = node.named.get(key) {
                        sum = sum.saturating_add(self.work(*named, member)?);
                    }
                }
            }
            _ => {}
        }
        self.known.insert(pair, sum);
        Some(sum)
    }

    fn each(&mut self, nodes: &[usize], value: &Value) -> Option<u64> {
        nodes.iter().try_fold(0_u64, |sum, node| Some(sum.saturating_add(self.work(*node, value)?)))
    }
}

/// Nodes after those that they lead to, and whether some lead back.
struct Order {
    after: Vec<usize>,
    cyclic: bool,
    /// Longest path of the walk.
    depth: usize,
}

impl Order {
    fn of(nodes: &[Node], edges: impl Fn(&Node) -> Vec<usize>) -> Self {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; nodes.len()];
        let mut order = Self { after: Vec::with_capacity(nodes.len()), cyclic: false, depth: 0 };
        for start in 0..nodes.len() {
            let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
            let mut next = Some(start);
            loop {
                if let Some(number) = next.take() {
                    match states.get_mut(number) {
                        Some(state @ State::New) => {
                            *state = State::Open;
                            path.push((number, nodes.get(number).map(&edges).unwrap_or_default()));
                            order.depth = order.depth.max(path.len());
                        }
                        Some(State::Open) => order.cyclic = true,
                        _ => {}
                    }
                }
                let Some((number, rest)) = path.last_mut() else { break };
                next = rest.pop();
                if next.is_none() {
                    if let Some(state) = states.get_mut(*number) {
                        *state = State::Done;
                    }
                    order.after.push(*number);
                    path.pop();
                }
            }
        }
        order
    }

    /// Nodes of the longest path; only without cycles.
    fn longest(&self, nodes: &[Node], edges: impl Fn(&Node) -> Vec<usize>) -> usize {
        let mut lengths = vec![0_usize; nodes.len()];
        for number in &self.after {
            let below = nodes.get(*number).map(&edges).unwrap_or_default();
            let longest = below.iter().filter_map(|n| lengths.get(*n)).max().copied().unwrap_or(0);
            if let Some(length) = lengths.get_mut(*number) {
                *length = longest + 1;
            }
        }
        lengths.into_iter().max().unwrap_or(0)
    }

    /// Weight of the root with everything expanded; only without cycles.
    fn expanded(&self, nodes: &[Node]) -> u64 {
        let mut sizes = vec![0_u64; nodes.len()];
        for number in &self.after {
            let Some(node) = nodes.get(*number) else { continue };
            let below = node.all().filter_map(|n| sizes.get(n)).fold(0_u64, |sum, size| sum.saturating_add(*size));
            if let Some(size) = sizes.get_mut(*number) {
                *size = node.weight.saturating_add(below);
            }
        }
        sizes.first().copied().unwrap_or(0)
    }
}

type Open<'s> = (usize, &'s Value, &'s Value);

#[derive(Default)]
struct Builder<'s> {
    nodes: Vec<Node>,
    numbers: HashMap<*const Value, usize>,
    /// Nodes to be read, with the resource in which they stand.
    open: Vec<Open<'s>>,
    names: Names<'s>,
}

impl<'s> Builder<'s> {
    fn node(&mut self, schema: &'s Value, base: &'s Value) -> Result<usize, Unfit> {
        let base = schema.as_object().and_then(identifier).map_or(base, |_| schema);
        if let Some(number) = self.numbers.get(&std::ptr::from_ref(schema)) {
            return Ok(*number);
        }
        let number = self.nodes.len();
        if number >= MAX_NODES {
            return Err(Unfit::TooLarge);
        }
        self.numbers.insert(std::ptr::from_ref(schema), number);
        self.nodes.push(Node { weight: 1, ..Node::default() });
        self.open.push((number, schema, base));
        Ok(number)
    }

    fn read(&mut self, schema: &'s Value, base: &'s Value) -> Result<Node, Unfit> {
        let mut node = Node { weight: 1, ..Node::default() };
        let Value::Object(members) = schema else { return Ok(node) };
        node.weight += members.iter().map(|(key, value)| weight(key, value)).sum::<u64>();
        let is_schema = |value: &Value| value.is_object() || value.is_boolean();
        let listed = |keys: &[&str]| -> Vec<&'s Value> {
            let values = keys.iter().filter_map(|key| members.get(*key));
            values
                .flat_map(|value| match value {
                    Value::Array(items) => items.iter().collect(),
                    _ => Vec::new(),
                })
                .collect()
        };
        let mapped = |keys: &[&str]| -> Vec<&'s Value> {
            keys.iter().filter_map(|key| members.get(*key)?.as_object()).flat_map(Map::values).collect()
        };
        let single = |keys: &[&str]| -> Vec<&'s Value> { keys.iter().filter_map(|key| members.get(*key)).collect() };
        let same = [single(&SAME), listed(&SAME_LISTS), mapped(&SAME_MAPS)].concat();
        let below = [single(&BELOW), listed(&BELOW_LISTS), mapped(&["patternProperties"])].concat();
        for value in same.into_iter().filter(|value| is_schema(value)) {
            node.same.push(self.node(value, base)?);
        }
        for value in below.into_iter().filter(|value| is_schema(value)) {
            node.below.push(self.node(value, base)?);
        }
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, value) in properties.into_iter().flatten().filter(|(_, value)| is_schema(value)) {
            node.named.insert(name.clone(), self.node(value, base)?);
        }
        for key in REFERENCES {
            let Some(reference) = members.get(key).and_then(Value::as_str) else { continue };
            let targets = self.names.targets(key, reference, base);
            if targets.is_empty() {
                // Drafts' own metaschemas are part of the validator.
                if !DRAFTS.iter().any(|prefix| reference.starts_with(prefix)) {
                    return Err(Unfit::Reference);
                }
                node.weight += METASCHEMA;
            }
            for (target, base) in targets {
                node.same.push(self.node(target, base)?);
            }
        }
        Ok(node)
    }
}

/// The work of one keyword on one value, beyond the nodes that it leads to.
fn weight(key: &str, value: &Value) -> u64 {
    match (key, value) {
        ("enum", Value::Array(items)) => items.iter().map(values).sum::<u64>() / 4,
        ("const", value) => values(value) / 4,
        ("required", Value::Array(items)) => items.len() as u64 / 4,
        ("properties", Value::Object(members)) => members.len() as u64 / 4,
        ("pattern", Value::String(pattern)) => of_pattern(pattern),
        ("patternProperties", Value::Object(members)) => members.keys().map(|pattern| of_pattern(pattern)).sum(),
        _ => 1,
    }
}

fn of_pattern(pattern: &str) -> u64 {
    let bytes = pattern.as_bytes();
    let refers_back = bytes.windows(2).any(|pair| matches!(pair, [b'\\', b'1'..=b'9' | b'k']));
    let looks_around = ["(?=", "(?!", "(?<", "(?>"].iter().any(|sign| pattern.contains(sign));
    if refers_back || looks_around { FANCY_PATTERN } else { 4 + bytes.len() as u64 / 16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `steps` definitions, each of which applies the next one twice: a kilobyte that doubles the work every 64 bytes.
    fn bomb(steps: usize, keyword: &str) -> Value {
        let mut defs = Map::new();
        for step in 0..steps {
            let next = json!({"$ref": format!("#/$defs/a{}", step + 1)});
            defs.insert(format!("a{step}"), json!({keyword: [next, next]}));
        }
        defs.insert(format!("a{steps}"), json!({"type": "string"}));
        json!({"$ref": "#/$defs/a0", "$defs": defs})
    }

    #[test]
    fn doubling_is_refused_and_honest_sharing_is_not() {
        for keyword in ["anyOf", "allOf", "oneOf"] {
            assert!(Plan::of(&bomb(3, keyword)).is_ok());
            assert_eq!(Plan::of(&bomb(20, keyword)).err(), Some(Unfit::TooCostly), "{keyword}");
            assert_eq!(Plan::of(&bomb(60, keyword)).err(), Some(Unfit::TooCostly), "{keyword}");
        }
        assert_eq!(Plan::of(&bomb(200, "anyOf")).err(), Some(Unfit::TooLarge));
    }

    #[test]
    fn cycles_are_bounded_by_the_instance() {
        let tree = json!({"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
        let doubling =
            json!({"anyOf": [{"additionalProperties": {"$ref": "#"}}, {"additionalProperties": {"$ref": "#"}}]});
        let nested = |depth: usize| (0..depth).fold(json!({}), |inner, _| json!({"left": inner}));
        let (tree, doubling) = (Plan::of(&tree).unwrap(), Plan::of(&doubling).unwrap());
        assert!(tree.work(&nested(60), 600, 10_000).is_some());
        assert!(doubling.work(&nested(3), 30, 10_000).is_some());
        assert_eq!(doubling.work(&nested(60), 600, 1 << 50), None, "2^60 nodes");
    }

    #[test]
    fn references_are_followed_within_the_schema_alone() {
        for (schema, outcome) in [
            (json!({"properties": {"a": {"$ref": "#/$defs/x%25y~1z"}}, "$defs": {"x%y/z": {}}}), None),
            (json!({"$ref": "#here", "$defs": {"a": {"$anchor": "here"}}}), None),
            (json!({"$ref": "other.json", "$defs": {"a": {"$id": "https://example.com/other.json"}}}), None),
            (json!({"$ref": "http://json-schema.org/draft-07/schema#"}), None),
            (json!({"$ref": "#/$defs/none"}), Some(Unfit::Reference)),
            (json!({"$ref": "http://169.254.169.254/latest"}), Some(Unfit::Reference)),
        ] {
            assert_eq!(Plan::of(&schema).err(), outcome, "{schema}");
        }
    }
}
