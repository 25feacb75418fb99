//! Tools and calls of somebody who means harm: bounded work and a clear refusal. That these tests end is what they test; nothing is timed.

use serde_json::{Map, Value, json};
use sidewall::inspect::{Framing, RefusalCode};
use sidewall::tools::{Schema, Unfit};

use crate::engine;
use crate::tools_calls::{SPEECHES, enforcing, exchange};

/// A kilobyte whose naive check takes two to the power of `steps` steps.
fn bomb(steps: usize) -> Value {
    let mut defs = Map::new();
    for step in 0..steps {
        let next = json!({"$ref": format!("#/$defs/a{}", step + 1)});
        defs.insert(format!("a{step}"), json!({"anyOf": [next, next]}));
    }
    defs.insert(format!("a{steps}"), json!({"properties": {"x": {"const": 1}}, "required": ["x"]}));
    json!({"type": "object", "$ref": "#/$defs/a0", "$defs": defs})
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
}

#[test]
fn hostile_schemas_are_refused_when_a_call_needs_them() {
    let chain = |length: usize| {
        let links = (0..length).map(|n| (format!("a{n}"), json!({"$ref": format!("#/$defs/a{}", n + 1)})));
        let mut defs: Map<String, Value> = links.collect();
        defs.insert(format!("a{length}"), json!({}));
        json!({"$ref": "#/$defs/a0", "$defs": defs})
    };
    let wide: Map<String, Value> = (0..5_000).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    for (schema, fits) in [
        (json!({"type": "object"}), true),
        (bomb(5), false), // fits the plan, and the arguments do not fit it
        (bomb(30), false),
        (bomb(60), false),
        (chain(3_000), false),
        (json!({"properties": wide}), false),
        (json!({"$ref": "http://169.254.169.254/latest/meta-data"}), false),
        (json!({"properties": {"a": {"pattern": "(a{1000}){1000}"}}}), false),
        (json!({"properties": {"a": {"pattern": "("}}}), false),
        (json!({"type": 7}), false),
    ] {
        for speech in &SPEECHES {
            let answer = (speech.body)("x", &[("f", r#"{"a":"b"}"#)]);
            let tools = [("f", schema.clone())];
            let (out, _) = exchange(&enforcing(), speech, &tools, Framing::Whole, &[answer.as_bytes()]).unwrap();
            assert_eq!(out.refusal.is_none(), fits, "{:.200}", schema.to_string());
        }
    }
}

#[test]
fn patterns_that_backtrack_are_cut_short() {
    for pattern in ["^(?=(a+)+$)x", "^(a+)+\\1$", "(?<!x)(a|a)*$", "^(?:(?=a)a+)+b$"] {
        let schema = json!({"properties": {"s": {"type": "string", "pattern": pattern}}});
        if let Ok(schema) = Schema::compile(&schema) {
            let text = "a".repeat(50_000) + "!";
            // Whatever the verdict: a search that is cut short is a misfit, never a fit by accident.
            let found = schema.check(&json!({"s": text}), 50_010);
            let short = schema.check(&json!({"s": "!"}), 8);
            assert!(found.is_err() || short.is_ok(), "{pattern}");
        }
    }
}

#[test]
fn deep_and_large_arguments() {
    let speech = &SPEECHES[0];
    let any = || [("f", json!({"type": "object"}))];
    let tree = json!({"type": "object", "additionalProperties": {"anyOf": [{"$ref": "#"}, {"type": "integer"}]}});
    let doubling = json!({"type": "object", "anyOf": [{"additionalProperties": {"$ref": "#"}}, {"additionalProperties": {"$ref": "#"}}]});
    let large = json!({"text": "x".repeat(1 << 20)}).to_string();
    let many = json!({"list": (0..200_000).collect::<Vec<_>>()}).to_string();
    let costly = json!({"type": "object", "properties": {"list": {"items": {"enum": (0..2_000).collect::<Vec<_>>()}}}});
    for (tools, arguments, code) in [
        (any(), nested(64), None),
        (any(), nested(65), Some(RefusalCode::ToolArguments)),
        (any(), nested(10_000), Some(RefusalCode::ToolArguments)),
        (any(), large, None),
        (any(), many.clone(), None),
        ([("f", costly)], many, Some(RefusalCode::ToolArguments)),
        ([("f", tree)], nested(60), None),
        ([("f", doubling)], nested(60), Some(RefusalCode::ToolArguments)),
    ] {
        let answer = (speech.body)("x", &[("f", &arguments)]);
        let (out, _) = exchange(&enforcing(), speech, &tools, Framing::Whole, &[answer.as_bytes()]).unwrap();
        assert_eq!(out.refusal.map(|refusal| refusal.code), code, "{:.80}", tools[0].1.to_string());
    }
}

#[test]
fn a_thousand_tools_cost_no_schema_until_one_is_called() {
    let speech = &SPEECHES[0];
    let names: Vec<String> = (0..1_000).map(|n| format!("tool_{n}")).collect();
    // All but the last would be unfit.
    let tools: Vec<(&str, Value)> = names
        .iter()
        .enumerate()
        .map(|(n, name)| (name.as_str(), if n == 999 { json!({"type": "object"}) } else { bomb(40) }))
        .collect();
    let answer = (speech.body)("x", &[("tool_999", "{}")]);
    let (out, _) = exchange(&enforcing(), speech, &tools, Framing::Whole, &[answer.as_bytes()]).unwrap();
    assert_eq!(out.refusal, None);
    let many: Vec<String> = (0..4_097).map(|n| format!("tool_{n}")).collect();
    let tools: Vec<(&str, Value)> = many.iter().map(|name| (name.as_str(), json!({}))).collect();
    let refused = exchange(&enforcing(), speech, &tools, Framing::Whole, &[]).unwrap_err();
    assert_eq!(refused.0.code, RefusalCode::ToolDefinition);
}

#[test]
fn calls_without_end_are_refused() {
    let (guards, speech) = (enforcing(), &SPEECHES[0]);
    let body = (speech.request)(&[("f", json!({"type": "object"}))]).to_string();
    let inspected = engine::request(&guards, (speech.endpoint)(), body.as_bytes()).unwrap();
    let event = |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let begin = |n: usize| event(json!({"tool_calls": [{"index": n, "function": {"name": "f", "arguments": ""}}]}));
    let piece = event(json!({"tool_calls": [{"index": 0, "function": {"arguments": "x".repeat(1 << 20)}}]}));
    for events in [(0..300).map(begin).collect::<String>(), begin(0) + &piece.repeat(9)] {
        let carried = (engine::vault_of(&guards, (speech.endpoint)(), body.as_bytes()), inspected.toolbox.clone());
        let (out, _) = engine::respond_with(&guards, (speech.endpoint)(), Framing::Sse, carried, &[events.as_bytes()]);
        assert_eq!(out.refusal.map(|refusal| refusal.code), Some(RefusalCode::LimitExceeded));
        assert!(out.bytes.is_empty(), "nothing of it left");
    }
}

#[test]
fn a_bomb_is_known_by_its_structure() {
    assert_eq!(Schema::compile(&bomb(20)).err(), Some(Unfit::TooCostly));
    assert!(bomb(20).to_string().len() < 2_000);
}
