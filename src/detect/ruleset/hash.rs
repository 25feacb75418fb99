//! The short name of a set of rules: the same rules give the same hash, whatever the order of files, keys
//! and comments.

use aws_lc_rs::digest::{Context, SHA256};

use super::schema::RuleSpec;

/// Bytes of SHA-256 that are shown: 64 bits tell rulesets apart; this is no proof of integrity.
const SHOWN_BYTES: usize = 8;

/// First 16 hex digits of SHA-256 over the rules as JSON lines in order of their ids.
pub(super) fn of<'a>(rules: impl Iterator<Item = &'a RuleSpec>) -> Box<str> {
    let mut rules: Vec<&RuleSpec> = rules.collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let mut context = Context::new(&SHA256);
    for rule in rules {
        // A spec is plain strings and numbers: it always has a JSON form.
        context.update(&serde_json::to_vec(rule).unwrap_or_default());
        context.update(b"\n");
    }
    context.finish().as_ref().iter().take(SHOWN_BYTES).map(|b| format!("{b:02x}")).collect()
}
