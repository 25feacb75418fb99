//! A Cedar schema for one tool, so that policies can be checked before a call is there: its arguments are typed from its JSON Schema.
//!
//! Cedar types a context by action alone, and every tool has arguments of its own; so there is one schema a tool, and a policy is held
//! against the schemas of the tools that it may speak of.

use cedar_policy::Schema;
use serde_json::{Map, Value, json};

/// LIMIT: levels of arguments that are typed; what lies deeper has no type.
const MAX_DEPTH: usize = 16;

/// Claims that tokens commonly carry (OpenID Connect Core 1.0, sections 2 and 5.1), with their Cedar types.
const CLAIMS: [(&str, &str); 8] = [
    ("acr", "String"),
    ("amr", "Strings"),
    ("auth_time", "Long"),
    ("azp", "String"),
    ("sub", "String"),
    ("email", "String"),
    ("email_verified", "Boolean"),
    ("groups", "Strings"),
];

/// The schema for calls of a tool with these arguments (and for models). `arguments`: its JSON Schema.
///
/// # Errors
/// What Cedar says; the arguments then have names that no schema can hold.
pub fn of_tool(arguments: Option<&Value>) -> Result<Schema, String> {
    let none = json!({});
    let arguments = typed(arguments.unwrap_or(&none), 0).unwrap_or_else(|| record(Map::new()));
    let schema = json!({"": {
        "entityTypes": {
            "Tenant": {}, "Role": {}, "Tag": {}, "Model": {},
            "Tool": {"memberOfTypes": ["Tag"]},
            "Principal": {"memberOfTypes": ["Role", "Tenant"], "shape": {"type": "Record", "attributes": {
                "tenant": string(), "name": string(), "roles": strings(), "scopes": strings()}}},
        },
        "actions": {
            "call_tool": {"appliesTo": {"principalTypes": ["Principal"], "resourceTypes": ["Tool"], "context":
                context(&[("arguments", arguments), ("tainted", boolean()), ("tainted_by_injection", boolean()),
                    ("kinds", strings()), ("restored", boolean())])}},
            "use_model": {"appliesTo": {"principalTypes": ["Principal"], "resourceTypes": ["Model"], "context":
                context(&[("max_tokens", optional(json!({"type": "Long"})))])}},
            "approve": {"appliesTo": {"principalTypes": ["Principal"], "resourceTypes": ["Tool"], "context":
                context(&[("requester", string())])}},
        },
    }});
    Schema::from_json_value(schema).map_err(|error| error.to_string())
}

/// What every context holds, and `more`.
fn context(more: &[(&str, Value)]) -> Value {
    let claims = CLAIMS.iter().map(|(name, kind)| {
        let kind = if *kind == "Strings" { strings() } else { json!({"type": kind}) };
        ((*name).to_owned(), optional(kind))
    });
    let claims = record(claims.collect());
    let mut attributes = Map::new();
    for (name, kind) in [("tenant", string()), ("now", extension("datetime")), ("claims", claims)] {
        attributes.insert(name.to_owned(), kind);
    }
    attributes.extend(more.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())));
    record(attributes)
}

/// The Cedar type of what a JSON Schema describes; `None` if it has none or several.
fn typed(schema: &Value, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let words = match schema.get("type") {
        Some(Value::String(word)) => vec![word.as_str()],
        // With `null` it is optional: a null is absent for policies.
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).filter(|word| *word != "null").collect(),
        _ if schema.get("properties").is_some() => vec!["object"],
        _ => schema.get("enum")?.as_array()?.iter().all(Value::is_string).then(|| vec!["string"])?,
    };
    let [word] = words.as_slice() else { return None };
    Some(match *word {
        "string" => string(),
        "boolean" => boolean(),
        "integer" => json!({"type": "Long"}),
        "number" => extension("decimal"),
        "array" => json!({"type": "Set", "element": typed(schema.get("items")?, depth + 1)?}),
        "object" => {
            let required = schema.get("required").and_then(Value::as_array);
            let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n.as_str() == Some(name)));
            let nullable = |value: &Value| value.get("type").is_some_and(Value::is_array);
            let mut attributes = Map::new();
            for (name, value) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                if let Some(kind) = typed(value, depth + 1) {
                    let must = is_required(name) && !nullable(value);
                    attributes.insert(name.clone(), if must { kind } else { optional(kind) });
                }
            }
            record(attributes)
        }
        _ => return None,
    })
}

fn record(attributes: Map<String, Value>) -> Value {
    let mut record = Map::new();
    record.insert("type".to_owned(), Value::from("Record"));
    record.insert("attributes".to_owned(), Value::Object(attributes));
    Value::Object(record)
}

fn string() -> Value {
    json!({"type": "String"})
}

fn boolean() -> Value {
    json!({"type": "Boolean"})
}

fn strings() -> Value {
    json!({"type": "Set", "element": {"type": "String"}})
}

fn extension(name: &str) -> Value {
    json!({"type": "Extension", "name": name})
}

fn optional(mut kind: Value) -> Value {
    if let Some(members) = kind.as_object_mut() {
        members.insert("required".to_owned(), Value::Bool(false));
    }
    kind
}
