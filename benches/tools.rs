//! What judging one tool call costs: schema, provenance, Cedar; and all of them together.
//!
//! `cargo bench --bench tools` prints microseconds of one call (median of many short rounds, one thread, so that what else the machine does
//! falls on few of them): 8 declared tools, 1 KB of arguments, 50 policies, 14 KB of earlier tool results.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its figures, or stops")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use sidewall::dialect::ToolShape;
use sidewall::identity::Principal;
use sidewall::policy::cedar::{CallFacts, Policies};
use sidewall::policy::{Authoriser, Check, Circumstances, ToolSettings};
use sidewall::redact::Filtered;
use sidewall::tools::{Arguments, Definition, Schema, Toolbox, Trust};

/// As the program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 101;
const CALLS: u32 = 50;
static SHAPES: [ToolShape; 1] = [ToolShape {
    kind: "",
    name: "/name",
    description: "/description",
    schema: Some("/input_schema"),
    free_text: false,
    silent: &[],
}];

/// Median microseconds of one call of `work`, `calls` of them a round.
fn micros_of(calls: u32, mut work: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| work());
            start.elapsed().as_secs_f64() / f64::from(calls) * 1e6
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().unwrap_or_default()
}

fn micros(work: impl FnMut()) -> f64 {
    micros_of(CALLS, work)
}

fn schema() -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["order", "amount"], "properties": {
        "order": {"type": "string", "pattern": "^[A-Z]-[0-9]{1,12}$"},
        "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
        "reason": {"enum": ["late", "damaged", "other"]},
        "note": {"type": "string", "maxLength": 2000},
        "items": {"type": "array", "maxItems": 50, "items": {"type": "object", "required": ["sku"], "properties": {
            "sku": {"type": "string", "maxLength": 40}, "count": {"type": "integer", "minimum": 1}}}}}})
}

fn arguments() -> Value {
    let items: Vec<Value> = (0..12).map(|n| json!({"sku": format!("SKU-{n:06}"), "count": n + 1})).collect();
    let note =
        "The customer wrote that the parcel came nine days late and that two of the items were damaged. ".repeat(5);
    json!({"order": "A-1001", "amount": 40.5, "reason": "late", "note": note, "items": items})
}

fn policies() -> Policies {
    let mut text = String::from(
        "permit (principal in Role::\"support\", action == Action::\"call_tool\", resource == Tool::\"tool_0\") \
         when { principal.scopes.contains(\"refunds:write\") && context.arguments.amount.lessThan(decimal(\"100.0\")) };\n\
         forbid (principal, action, resource) when { context has tainted_by_injection && context.tainted_by_injection };\n",
    );
    for n in 0..48 {
        let _ = writeln!(
            text,
            "permit (principal in Role::\"role_{n}\", action == Action::\"call_tool\", resource == Tool::\"tool_{n}\") \
             when {{ context.arguments has amount && context.arguments.amount.lessThan(decimal(\"{n}.0\")) }};"
        );
    }
    Policies::parse(&[("bench".to_owned(), text)]).expect("policies")
}

fn main() {
    let (schema, value) = (schema(), arguments());
    let text = value.to_string();
    let policies = Arc::new(policies());
    let caller = Principal {
        tenant: "acme".into(),
        name: "app".into(),
        roles: [Arc::from("support")].into(),
        scopes: [Arc::from("refunds:write")].into(),
        claims: sidewall::identity::Claims::default(),
    };
    let mut toolbox = Toolbox::default();
    for n in 0..8 {
        let element = json!({"name": format!("tool_{n}"), "input_schema": schema}).to_string();
        let definition = Definition::read(element.as_bytes(), &SHAPES).expect("a tool");
        toolbox.declare(Arc::new(definition)).expect("declared");
    }
    let mut result = String::new();
    for n in 0..180 {
        let _ = writeln!(
            result,
            "{{\"order\":\"B-{n}\",\"customer\":\"Person number {n}\",\"total\":{},\"status\":\"shipped\"}}",
            n * 37
        );
    }
    toolbox.remember(Trust::Untrusted { suspicious: false }, &Arc::from("messages[2].content"), &result);
    toolbox.remember(Trust::Trusted, &Arc::from("messages[0].content"), "Refund 40.50 for order A-1001, please.");
    println!("{} bytes of arguments, {} bytes of tool results, 50 policies, 8 tools", text.len(), result.len());

    let compiled = Schema::compile(&schema).expect("a schema");
    println!("compile the schema (once)   {:8.1} µs", micros_of(2, || drop(black_box(Schema::compile(&schema)))));
    println!("schema                      {:8.1} µs", micros(|| drop(black_box(compiled.check(&value, text.len())))));
    println!("provenance                  {:8.1} µs", micros(|| drop(black_box(toolbox.sources().trace(&value)))));
    let facts = CallFacts {
        tool: "tool_0",
        tags: &[],
        arguments: &value,
        schema: Some(&schema),
        taint: None,
        kinds: &[],
        restored: false,
        now: jiff::Timestamp::now(),
    };
    println!("cedar                       {:8.1} µs", micros(|| drop(black_box(policies.call_tool(&caller, &facts)))));
    let may = |n: &usize| policies.may_offer(&caller, &format!("tool_{n}"), &[]).allowed;
    let offered = || _ = black_box((0..8).filter(may).count());
    println!("offer 8 tools (a request)   {:8.1} µs", micros(offered));
    let settings = ToolSettings { check: Check::Enforce, policies: Some(policies), ..ToolSettings::default() };
    let authoriser = Authoriser::new(settings);
    let given = Arguments::Json(text);
    let shown = Filtered::nothing();
    let at = Circumstances { caller: Some(&caller), toolbox: &toolbox, restored: false, now: jiff::Timestamp::now() };
    authoriser.authorise(&at, "tool_0", &given, &shown).expect("permitted");
    println!(
        "all of one call             {:8.1} µs",
        micros(|| drop(black_box(authoriser.authorise(&at, "tool_0", &given, &shown))))
    );
}
