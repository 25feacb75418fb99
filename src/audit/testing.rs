//! What the tests of this room share.

use std::path::Path;
use std::sync::Arc;

use crate::audit::{Event, Outcome, Record, Settings, Timings};
use crate::inspect::{FilteredText, Report};
use crate::keys::{Algorithm, PrivateKey, generate, write_pair};
use crate::redact::Filtered;
use crate::text::Part;

/// Settings for a log in `dir/log`, with a key for each tenant in `dir/keys`.
pub(crate) fn settings(dir: &Path, tenants: &[&str]) -> (Settings, Vec<PrivateKey>) {
    let keys = tenants.iter().map(|tenant| {
        let key = generate(Algorithm::P256).unwrap();
        write_pair(&dir.join("keys"), tenant, &key).unwrap();
        key
    });
    let keys = keys.collect();
    (Settings::new(dir.join("log"), dir.join("keys")), keys)
}

/// A small admission record.
pub(crate) fn record(tenant: &str, exchange: &str) -> Record {
    let text = Filtered::from_redacted(format!("hello [EMAIL_7KQ2MX] in {exchange}"));
    let texts = vec![FilteredText { part: Part::User, path: Arc::from("messages[0].content"), text }];
    Record {
        event: Event::Admission,
        exchange: exchange.to_owned(),
        time: jiff::Timestamp::UNIX_EPOCH,
        tenant: Arc::from(tenant),
        principal: Arc::from("billing-app"),
        roles: Arc::from([Arc::from("support")]),
        scopes: Arc::from([]),
        dialect: "openai",
        endpoint: "chat.completions",
        upstream: Arc::from("openai"),
        stream: false,
        status: None,
        outcome: None,
        verdict: "redact",
        refusal: None,
        request: Some(Report { texts, ..Report::default() }),
        response: None,
        ruleset: Arc::from("0123456789abcdef"),
        policies: Arc::from(""),
        timings: Timings { total_us: 10, inspect_us: 5, upstream_us: 0 },
    }
}

/// The completion that belongs to [`record`].
pub(crate) fn completion(tenant: &str, exchange: &str) -> Record {
    let outcome = Some(Outcome::Completed);
    Record { event: Event::Completion, status: Some(200), outcome, request: None, ..record(tenant, exchange) }
}
