//! A rule in words.

use crate::cli::output::Output;
use crate::detect::ruleset::Rule;
use crate::detect::validate;

/// Writes what the rule finds, how it decides, its examples and its sources.
pub(super) fn explain(rule: &Rule, out: &mut Output) {
    let spec = &rule.spec;
    out.line(format_args!("{} ({})", spec.id, spec.kind));
    out.line(format_args!("\n{}", spec.doc));
    out.line("\nHow it decides");
    if !spec.keywords.is_empty() {
        out.line(format_args!("  looks where one of these stands: {}", spec.keywords.join(", ")));
    }
    if let Some(digits) = spec.digits {
        out.line(format_args!("  looks where at least {digits} digits stand close together"));
    }
    if let Some(reason) = &spec.always {
        out.line(format_args!("  looks everywhere: {reason}"));
    }
    out.line(format_args!("  pattern: {}", spec.regex));
    if let Some(name) = &spec.validator {
        out.line(format_args!("  then checks `{name}`: {}", validate::describe(name).unwrap_or("")));
    }
    if let Some(entropy) = spec.entropy {
        out.line(format_args!("  needs at least {entropy} bits of entropy per character"));
    }
    out.line(format_args!(
        "  confidence {}{}",
        spec.confidence,
        if spec.validator.is_some() { ", unless the check says otherwise" } else { "" }
    ));
    if !spec.context.is_empty() {
        let effect = if spec.context_required { "only beside one of" } else { "more beside one of" };
        out.line(format_args!("  {effect}: {}", spec.context.join(", ")));
    }
    if spec.weight > 0 {
        out.line(format_args!("  adds weight {} of 100 to the injection score of its channel", spec.weight));
    } else {
        out.line(format_args!("  placeholders read [{}_…]", rule.info.word));
    }
    for (title, examples) in [("Finds", &spec.matches), ("Leaves alone", &spec.ignores)] {
        out.line(format_args!("\n{title}"));
        for example in examples {
            out.line(format_args!("  {example:?}"));
        }
    }
    if !spec.references.is_empty() {
        out.line("\nReferences");
        for reference in &spec.references {
            out.line(format_args!("  {reference}"));
        }
    }
    out.line(format_args!("\nFrom {}", rule.file));
}
