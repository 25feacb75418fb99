//! `[state]`: what the provider may keep, fetch or run out of our sight, for which tenants.

use crate::config::reader::{Reading, Table};
use crate::config::section::guardrail::{every, globs};
use crate::policy::{AllowedState, Profile, StateCheck, StateSettings};

/// Reads `[state]`.
pub(in crate::config) fn read(root: &mut Table<'_>, profile: Profile, reading: &mut Reading<'_>) -> StateSettings {
    let mut settings = StateSettings { check: StateCheck::of(profile), ..StateSettings::default() };
    let Some(mut table) = root.section("state", reading) else { return settings };
    if let Some(check) = table.take("check").and_then(|node| node.word(reading, &StateCheck::WORDS)) {
        settings.check = check;
    }
    for mut row in table.sections("allow", reading) {
        let mend = "list uses such as \"previous_response\" or \"hosted_tool.*\"; `sidewall coverage` names them";
        let uses = row.need("uses", reading, mend).map(|node| globs(&node, reading, mend));
        let tenants = row.take("tenants");
        let tenants =
            tenants.map_or_else(every, |node| globs(&node, reading, "list tenants, or leave the key out for all"));
        row.finish(reading);
        settings.allow.extend(uses.map(|uses| AllowedState { uses, tenants }));
    }
    table.finish(reading);
    settings
}
