//! The short name of a set of rules: the same rules give the same hash, whatever the order of files, keys
//! and comments.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::allow::AllowSpec;
use super::schema::RuleSpec;

/// Bytes of SHA-256 that are shown: 64 bits tell rulesets apart; this is no proof of integrity.
const SHOWN_BYTES: usize = 8;

/// First 16 hex digits of SHA-256 over the rules, then the allow-list entries in force, as JSON lines in order of their ids.
pub(super) fn of<'a>(
    rules: impl Iterator<Item = &'a RuleSpec>,
    allows: impl Iterator<Item = &'a AllowSpec>,
) -> Arc<str> {
    let mut rules: Vec<&RuleSpec> = rules.collect();
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let mut allows: Vec<&AllowSpec> = allows.collect();
    allows.sort_by(|a, b| a.id.cmp(&b.id));
    // Specs are plain strings and numbers: they always have a JSON form.
    let rules = rules.iter().map(|rule| serde_json::to_vec(rule).unwrap_or_default());
    let allows = allows.iter().map(|allow| serde_json::to_vec(allow).unwrap_or_default());
    digest(rules.chain(allows))
}

/// The name of a set that differs from the one named `base` by `lines`.
pub(super) fn tuned(base: &str, lines: impl Iterator<Item = String>) -> Arc<str> {
    digest([base.to_owned()].into_iter().chain(lines).map(String::into_bytes))
}

fn digest(lines: impl Iterator<Item = Vec<u8>>) -> Arc<str> {
    let mut context = Context::new(&SHA256);
    for line in lines {
        context.update(&line);
        context.update(b"\n");
    }
    let shown: String = context.finish().as_ref().iter().take(SHOWN_BYTES).map(|b| format!("{b:02x}")).collect();
    Arc::from(shown)
}
