//! `[approvals]`: how a call gets the approval that a policy requires.

use crate::config::reader::{At, Reading, Table};
use crate::config::section::server::{duration, set};
use crate::identity::IdentitySettings;
use crate::policy::{ApprovalSettings, ToolSettings};

/// LIMIT: 1,024 open requests of one principal: more than a person can read, and a quarter of all there is room for.
const OPEN_RANGE: std::ops::RangeInclusive<u64> = 1..=1_024;

/// Reads `[approvals]` into the settings of tools.
pub(in crate::config) fn read(
    root: &mut Table<'_>,
    identity: &IdentitySettings,
    tools: &mut ToolSettings,
    reading: &mut Reading<'_>,
) {
    let Some(mut table) = root.section("approvals", reading) else { return };
    let mut settings = ApprovalSettings::default();
    set(&mut settings.decide_within, duration(&mut table, "decide_within", reading));
    set(&mut settings.use_within, duration(&mut table, "use_within", reading));
    let open = table.take("max_open").and_then(|node| node.integer(reading, OPEN_RANGE));
    set(&mut settings.max_open, open.and_then(|number| usize::try_from(number).ok()));
    table.finish(reading);
    if tools.policy_path.is_none() {
        let what = "is there, but no [policy] could require an approval";
        reading.error(
            &At::absent("approvals"),
            what,
            "name a folder of policies in [policy], or leave the section out",
        );
    }
    if identity.jwt.is_none() && identity.virtual_keys.is_empty() {
        let what = "needs approvers that can be told from others";
        let mend = "give them tokens ([identity.jwt]) or keys ([[identity.virtual_key]])";
        reading.error(&At::absent("approvals"), what, mend);
    }
    tools.approvals = Some(settings);
}
