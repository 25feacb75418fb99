//! `[state]`: what the provider may keep, fetch or run out of our sight, for which tenants.

use std::ops::RangeInclusive;

use crate::config::reader::{Reading, Table};
use crate::config::section::guardrail::{every, globs};
use crate::policy::{AllowedState, Profile, StateCheck, StateSettings, Unseen};

/// LIMIT: what is remembered of earlier exchanges: enough for one, and a fair part of a small machine.
const HISTORY_BYTES: RangeInclusive<u64> = (1 << 20)..=(4 << 30);

/// Reads `[state]`.
pub(in crate::config) fn read(root: &mut Table<'_>, profile: Profile, reading: &mut Reading<'_>) -> StateSettings {
    let check = StateCheck::of(profile);
    let mut settings = StateSettings { check, unseen: Unseen::of(check), ..StateSettings::default() };
    let Some(mut table) = root.section("state", reading) else { return settings };
    if let Some(check) = table.take("check").and_then(|node| node.word(reading, &StateCheck::WORDS)) {
        (settings.check, settings.unseen) = (check, Unseen::of(check));
    }
    if let Some(unseen) = table.take("unseen").and_then(|node| node.word(reading, &Unseen::WORDS)) {
        settings.unseen = unseen;
    }
    if let Some(ttl) = table.take("history_ttl").and_then(|node| node.duration(reading)) {
        settings.history_ttl = ttl;
    }
    if let Some(bytes) = table.take("history_bytes").and_then(|node| node.bytes(reading, HISTORY_BYTES)) {
        settings.history_bytes = bytes;
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
