//! One request for an approval: what it is about, and its signed form.
//!
//! ```text
//! request = id "." base64url(JSON of what it is about) "." base64url(HMAC-SHA-256 of all before)
//! ```
//!
//! The hash of the arguments is a keyed one: the arguments of a payment can be guessed, and a plain hash would confirm the guess.

use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Number, Value, json};

use crate::identity::Principal;
use crate::redact::Filtered;

/// What an HMAC is for, so that one use's is none of another's.
const REQUESTS: &[u8] = b"sidewall approval request v1\0";
const SUBJECTS: &[u8] = b"sidewall approval subject v1\0";

/// LIMIT: bytes of arguments that an approver is shown; the hash covers all of them.
const MAX_SHOWN: usize = 4 << 10;

/// Numbers with a magnitude below this are the same as doubles and as whole numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A call that needs an approval.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub(in crate::policy) tenant: Arc<str>,
    pub(in crate::policy) principal: Arc<str>,
    pub(in crate::policy) tool: Arc<str>,
    pub(in crate::policy) tags: Arc<[Arc<str>]>,
    arguments: Value,
    shown: Arc<str>,
}

impl Wanted {
    /// A call of `caller`. `shown`: its arguments as an approver may read them.
    #[must_use]
    pub fn new(caller: &Principal, tool: &str, tags: &[Arc<str>], arguments: Value, shown: &Filtered) -> Self {
        let shown = shown.as_str();
        let end = shown.floor_char_boundary(MAX_SHOWN);
        let cut = if end < shown.len() { "…" } else { "" };
        let shown = format!("{}{cut}", shown.get(..end).unwrap_or_default());
        Self {
            tenant: Arc::clone(&caller.tenant),
            principal: Arc::clone(&caller.name),
            tool: Arc::from(tool),
            tags: tags.into(),
            arguments,
            shown: Arc::from(shown),
        }
    }

    /// What makes two calls the same: tenant, principal, tool, and arguments that mean the same, however they are written.
    pub(super) fn subject(&self, key: &hmac::Key) -> [u8; 32] {
        let mut context = hmac::Context::with_key(key);
        context.update(SUBJECTS);
        for text in [&self.tenant, &self.principal, &self.tool] {
            feed_text(text, &mut context);
        }
        feed(&self.arguments, &mut context);
        let mut subject = [0; 32];
        subject.copy_from_slice(context.sign().as_ref());
        subject
    }
}

/// Feeds a JSON value: types and lengths are told, members come in the order of their names.
fn feed(value: &Value, to: &mut hmac::Context) {
    let count = |count: usize, to: &mut hmac::Context| to.update(&(count as u64).to_be_bytes());
    match value {
        Value::Null => to.update(b"n"),
        Value::Bool(flag) => to.update(if *flag { b"t" } else { b"f" }),
        Value::Number(number) => {
            to.update(b"d");
            feed_text(&plain(number), to);
        }
        Value::String(text) => {
            to.update(b"s");
            feed_text(text, to);
        }
        Value::Array(items) => {
            to.update(b"a");
            count(items.len(), to);
            items.iter().for_each(|item| feed(item, to));
        }
        Value::Object(members) => {
            to.update(b"o");
            count(members.len(), to);
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            for (name, value) in members {
                feed_text(name, to);
                feed(value, to);
            }
        }
    }
}

fn feed_text(text: &str, to: &mut hmac::Context) {
    to.update(&(text.len() as u64).to_be_bytes());
    to.update(text.as_bytes());
}

/// A number in one spelling: 40, 40.0 and 4e1 are the same.
fn plain(number: &Number) -> String {
    match number.as_f64() {
        Some(double) if !number.is_i64() && !number.is_u64() && double.fract() == 0.0 && double.abs() < EXACT => {
            format!("{double:.0}").replace("-0", "0")
        }
        _ => number.to_string(),
    }
}

/// A request as its caller gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// By which people call it.
    pub id: Arc<str>,
    /// Its signed form.
    pub request: Arc<str>,
    /// The tool.
    pub tool: Arc<str>,
    /// Keyed hash of the arguments with everything else that makes the call what it is.
    pub arguments: Arc<str>,
    /// When it ends undecided.
    pub expires: Timestamp,
}

/// A request as an approver gets it.
#[derive(Debug)]
pub struct Asked {
    /// By which people call it.
    pub id: Arc<str>,
    /// The requester's tenant.
    pub tenant: Arc<str>,
    /// The requester.
    pub principal: Arc<str>,
    /// The tool.
    pub tool: Arc<str>,
    /// The tool's tags.
    pub tags: Arc<[Arc<str>]>,
    /// The arguments, redacted, and cut after 4 KiB.
    pub shown: Arc<str>,
    /// When it was made.
    pub asked: Timestamp,
    /// When it ends undecided.
    pub expires: Timestamp,
    /// What the caller got.
    pub ticket: Ticket,
    pub(super) subject: [u8; 32],
}

impl Asked {
    pub(super) fn new(
        id: Arc<str>,
        wanted: &Wanted,
        key: &hmac::Key,
        subject: [u8; 32],
        (asked, expires): (Timestamp, Timestamp),
    ) -> Self {
        let arguments: String = subject.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let about = json!({
            "tenant": wanted.tenant, "principal": wanted.principal, "tool": wanted.tool, "arguments": arguments,
            "expires": expires.as_second(),
        });
        let mut request = format!("{id}.{}", URL_SAFE_NO_PAD.encode(about.to_string()));
        let signature = hmac::sign(key, &signed(&request));
        request.push('.');
        request.push_str(&URL_SAFE_NO_PAD.encode(signature.as_ref()));
        let ticket = Ticket {
            id: Arc::clone(&id),
            request: Arc::from(request),
            tool: Arc::clone(&wanted.tool),
            arguments: Arc::from(arguments),
            expires,
        };
        Self {
            id,
            tenant: Arc::clone(&wanted.tenant),
            principal: Arc::clone(&wanted.principal),
            tool: Arc::clone(&wanted.tool),
            tags: Arc::clone(&wanted.tags),
            shown: Arc::clone(&wanted.shown),
            asked,
            expires,
            ticket,
            subject,
        }
    }
}

fn signed(text: &str) -> Vec<u8> {
    [REQUESTS, text.as_bytes()].concat()
}

/// The id in a signed request, if the signature is ours.
pub(super) fn verified<'r>(key: &hmac::Key, request: &'r str) -> Option<&'r str> {
    let (text, signature) = request.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(key, &signed(text), &signature).ok()?;
    text.split('.').next()
}

/// 64 random bits; `None` if the system gives none.
pub(super) fn new_id() -> Option<Arc<str>> {
    let mut random = [0_u8; 8];
    rand::fill(&mut random).ok()?;
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Arc::from(format!("ap-{hex}")))
}
