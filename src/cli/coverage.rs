//! `sidewall coverage`: what is read and what is not, endpoint by endpoint and field by field, from the tables that the engine walks.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Exit, Failure, Output};
use crate::dialect::coverage::{Field, fields};
use crate::dialect::table::State;

/// Print which fields of which endpoints are inspected, opaque or refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Every string, key and number that no row names is inspected too (as unlisted), and counted.\n\n\
                        Example:\n  sidewall coverage --endpoint responses --format markdown"
)]
pub(super) struct Coverage {
    /// Endpoints whose name begins with this, such as `messages` or `gemini.`.
    #[arg(long, value_name = "NAME", default_value = "")]
    endpoint: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as `--format json`.
    #[arg(long)]
    json: bool,
}

/// Forms of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for people.
    Text,
    /// One document for programs.
    Json,
    /// Tables for documents.
    Markdown,
}

impl Coverage {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let fields: Vec<Field> =
            fields().into_iter().filter(|field| field.endpoint.name.starts_with(&self.endpoint)).collect();
        if fields.is_empty() {
            return Err(Failure::new(format!("no endpoint's name begins with {:?}", self.endpoint)));
        }
        match if self.json { Format::Json } else { self.format } {
            Format::Json => out.line(format_args!("{}", document(&fields))),
            Format::Text => text(&fields, out),
            Format::Markdown => markdown(&fields, out),
        }
        Ok(Exit::Clean)
    }
}

fn document(fields: &[Field]) -> Value {
    let row = |field: &Field| {
        json!({
            "endpoint": field.endpoint.name,
            "dialect": field.endpoint.dialect.name,
            "method": field.endpoint.method,
            "path": field.endpoint.path,
            "phase": field.phase.name(),
            "stream": field.stream,
            "field": field.path,
            "when": field.when,
            "treatment": field.treatment.word(),
            "detail": field.detail,
            "copy": field.copy,
        })
    };
    let uses: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
    json!({"fields": fields.iter().map(row).collect::<Vec<_>>(), "unlisted": "inspected", "state_uses": uses})
}

/// Where a field stands, in words.
fn place(field: &Field) -> &'static str {
    match (field.phase.name(), field.stream) {
        ("request", _) => "request",
        (_, true) => "stream",
        _ => "response",
    }
}

fn said(field: &Field) -> String {
    let copy = if field.copy { ", repeats the stream" } else { "" };
    format!("{} ({}{copy})", field.treatment.word(), field.detail)
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "(document)" } else { path }
}

fn text(fields: &[Field], out: &mut Output) {
    let mut at = ("", "");
    for field in fields {
        let here = (field.endpoint.path, field.endpoint.method);
        if here != at {
            at = here;
            let Field { endpoint, .. } = field;
            out.line(format_args!(
                "\n{} {}  {} ({})",
                endpoint.method, endpoint.path, endpoint.name, endpoint.dialect.name
            ));
        }
        let when = if field.when.is_empty() { String::new() } else { format!("  [{}]", field.when) };
        out.line(format_args!("  {:8} {:55} {}{when}", place(field), shown(&field.path), said(field)));
    }
    let uses: Vec<&str> = State::ALL.iter().map(|state| state.name()).collect();
    out.line(format_args!("\nEvery other string, key and number: inspected (unlisted)."));
    out.line(format_args!("Uses for [[state.allow]]: {} (hosted_tool.TYPE for one tool)", uses.join(", ")));
}

fn markdown(fields: &[Field], out: &mut Output) {
    let mut at = ("", "");
    for field in fields {
        let here = (field.endpoint.path, field.endpoint.method);
        if here != at {
            at = here;
            out.line(format_args!(
                "\n## {} `{} {}`\n",
                field.endpoint.name, field.endpoint.method, field.endpoint.path
            ));
            out.line(format_args!("| where | field | when | treatment |\n|---|---|---|---|"));
        }
        let when = field.when.replace('|', "\\|");
        out.line(format_args!("| {} | `{}` | {when} | {} |", place(field), shown(&field.path), said(field)));
    }
    out.line(format_args!("\nEvery other string, key and number is inspected as unlisted."));
}
