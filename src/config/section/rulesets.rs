//! `[rulesets]`: where rules come from, which candidate runs beside them, and what differs for some tenants.

use std::fs;
use std::path::PathBuf;

use crate::config::reader::{Reading, Table};
use crate::config::section::guardrail::{every, globs};
use crate::config::settings::RulesetSettings;
use crate::detect::ruleset::Override;

/// Reads `[rulesets]`.
pub(in crate::config) fn read(root: &mut Table<'_>, reading: &mut Reading<'_>) -> RulesetSettings {
    let mut settings = RulesetSettings::default();
    let Some(mut table) = root.section("rulesets", reading) else { return settings };
    let at = table.at.clone();
    settings.paths = paths(&mut table, "paths", reading);
    settings.shadow = paths(&mut table, "shadow", reading);
    settings.store = table.take("store").and_then(|node| {
        let path = node.string(reading)?;
        let path = reading.resolve(path);
        if fs::metadata(&path).is_ok_and(|found| !found.is_dir()) {
            reading.error(&node.at, format!("{} is not a folder", path.display()), "name a folder");
        }
        Some(path)
    });
    if settings.store.is_some() && !(settings.paths.is_empty() && settings.shadow.is_empty()) {
        let mend = "remove paths and shadow: `sidewall rules promote` and `rules shadow start` fill the store";
        reading.error(&at, "has a store, and paths beside it", mend);
    }
    for table in table.sections("override", reading) {
        settings.overrides.extend(rule_override(table, reading));
    }
    table.finish(reading);
    settings
}

fn paths(table: &mut Table<'_>, key: &'static str, reading: &mut Reading<'_>) -> Vec<PathBuf> {
    let Some(node) = table.take(key) else { return Vec::new() };
    let mut paths = Vec::new();
    for node in node.filled_array(reading, "list files or folders of rules, or leave the key out") {
        let Some(path) = node.string(reading) else { continue };
        let path = reading.resolve(path);
        if let Err(error) = fs::metadata(&path) {
            let what = format!("{} cannot be opened ({error})", path.display());
            reading.error(&node.at, what, "check the path; without [rulesets] the built-in rules apply");
        }
        paths.push(path);
    }
    paths
}

/// Reads one `[[rulesets.override]]`.
fn rule_override(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<Override> {
    let at = table.at.clone();
    let tenants_mend = "list tenants, or leave the key out for all";
    let tenants = table.take("tenants").map(|node| globs(&node, reading, tenants_mend));
    let rules_mend = "list ids of rules such as \"phone-bare\" or \"phone-*\"";
    let rules = table.need("rules", reading, rules_mend).map(|node| globs(&node, reading, rules_mend));
    let enabled = table.take("enabled").and_then(|node| node.boolean(reading));
    let mut number = |key| {
        let number = table.take(key).and_then(|node| node.integer(reading, 0..=100));
        number.and_then(|number| u8::try_from(number).ok())
    };
    let (confidence, threshold) = (number("confidence"), number("threshold"));
    table.finish(reading);
    if enabled.is_none() && confidence.is_none() && threshold.is_none() {
        reading.error(&at, "changes nothing", "set enabled, confidence or threshold");
    }
    Some(Override { tenants: tenants.unwrap_or_else(every), rules: rules?, enabled, confidence, threshold })
}
