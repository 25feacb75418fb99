//! The sums of an evaluation as tables for people.

use std::collections::BTreeMap;

use super::injection::Injection;
use super::pii::{Report, Tally};
use super::secrets::Secrets;
use super::{Scanner, Sides, ratio};
use crate::cli::output::Output;

/// Spans by type, then by source and type.
pub(super) fn pii(report: &Report, scanner: &Scanner<'_>, threshold: u8, out: &mut Output) {
    let names = report.types.keys().chain(report.per_source.keys());
    let width = names.map(|name| name.chars().count() + 2).max().unwrap_or(0).max(20);
    let head = |name: &str| {
        format!("{name:<width$} {:>7} {:>7} {:>7}  {:>9} {:>7} {:>7}", "tp", "fp", "fn", "precision", "recall", "F1")
    };
    let line = |name: &str, tally: &Tally| {
        let Tally { tp, fp, fn_ } = *tally;
        let (precision, recall, f1) = (tally.precision(), tally.recall(), tally.f1());
        format!("{name:<width$} {tp:>7} {fp:>7} {fn_:>7}  {precision:>9.3} {recall:>7.3} {f1:>7.3}")
    };
    out.line(head("type"));
    for (name, tally) in &report.types {
        let per_mb = report.per_mb.get(name).copied().unwrap_or(0.0);
        out.line(format_args!("{}  {per_mb:.1} false positives a MB", line(name, tally)));
    }
    out.line("");
    out.line(head("source, type"));
    for (source, types) in &report.per_source {
        out.line(source);
        for (name, tally) in types {
            out.line(line(&format!("  {name}"), tally));
        }
    }
    out.line("");
    for (name, labels) in &report.unmapped {
        out.line(format_args!("not counted: {labels} spans of type {name}, for which no rule's kind stands"));
    }
    out.line("confidence  findings  right");
    for (ten, (all, right)) in &report.calibration {
        out.line(format_args!("{ten:>7}+    {all:>8}  {:>4.0} %", 100.0 * ratio(*right, *all)));
    }
    let (flagged, speed) = (100.0 * report.flagged_clean, scanner.mb_per_s());
    out.line(format_args!(
        "{} texts, {flagged:.2} % of those without a label flagged, threshold {threshold}, {speed:.1} MB/s",
        report.rows
    ));
}

/// Texts with secrets, by source.
pub(super) fn secrets(secrets: &Secrets, scanner: &Scanner<'_>, out: &mut Output) {
    sides("source", &secrets.per_source, out);
    let total = secrets.total();
    let figure = |figure: Option<f64>| figure.map_or("-".to_owned(), |f| format!("{f:.3}"));
    out.line(format_args!(
        "precision {}, recall {}, F1 {}, {} rows left out, {:.1} MB/s",
        figure(total.precision()),
        figure(total.recall()),
        figure(total.f1()),
        secrets.skipped,
        scanner.mb_per_s()
    ));
}

/// Texts with injections, by source, category and language, and the ranks.
pub(super) fn injection(injection: &Injection, scanner: &Scanner<'_>, out: &mut Output) {
    sides("source", &injection.per_source, out);
    sides("category", &injection.per_category, out);
    sides("language", &injection.per_language, out);
    let figure = |figure: Option<f64>| figure.map_or("-".to_owned(), |f| format!("{f:.3}"));
    let total = injection.total();
    out.line(format_args!(
        "at the shipped thresholds: recall {}, false positives {}",
        percent(total.recall()),
        percent(total.false_positive_rate())
    ));
    for (rate, recall) in injection.recall_at() {
        out.line(format_args!("recall at a false positive rate of {rate}: {}", figure(recall)));
    }
    let (auc, skipped, speed) = (figure(injection.auc()), injection.skipped, scanner.texts_per_s());
    out.line(format_args!("AUC {auc}, {skipped} rows left out, {speed:.0} texts/s, rules only"));
}

fn sides(what: &str, all: &BTreeMap<String, Sides>, out: &mut Output) {
    let width = all.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(what.len()).max(12);
    out.line(format_args!(
        "{what:<width$} {:>9} {:>9} {:>9} {:>15}",
        "positives", "negatives", "recall", "false positives"
    ));
    for (name, sides) in all {
        let (recall, alarms) = (percent(sides.recall()), percent(sides.false_positive_rate()));
        out.line(format_args!("{name:<width$} {:>9} {:>9} {recall:>9} {alarms:>15}", sides.positives, sides.negatives));
    }
    out.line("");
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.2} %", 100.0 * share))
}
