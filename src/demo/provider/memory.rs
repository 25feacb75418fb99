//! What the provider remembers: the requests it received, how its responses ended, and the script in force.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Map, Value, json};

use super::scenario::{Script, Scripts};

/// LIMIT: requests kept; the oldest go first. A test looks at the last few.
const KEPT_REQUESTS: usize = 512;

/// LIMIT: bytes of bodies kept, for the same reason.
const KEPT_BYTES: usize = 96 << 20;

/// The provider's memory. Every method takes the lock for a moment and never across an await.
#[derive(Debug)]
pub struct Memory {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    received: VecDeque<Received>,
    bytes: usize,
    requests: u64,
    delivered: u64,
    cancelled: u64,
    scripts: Scripts,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// Protocol: `HTTP/1.1`, `HTTP/2.0`.
    pub version: String,
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers, as they came.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Bytes,
}

impl Memory {
    pub(super) fn new(scripts: Scripts) -> Self {
        Self { kept: Mutex::new(Kept { scripts, ..Kept::default() }) }
    }

    /// The requests received, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.with(|kept| kept.received.iter().cloned().collect())
    }

    /// The body of the request before the last one.
    pub(super) fn before(&self) -> Option<Bytes> {
        self.with(|kept| kept.received.iter().rev().nth(1).map(|received| received.body.clone()))
    }

    /// The body of the last request to a path that ends like this.
    pub(super) fn last_to(&self, end: &str) -> Option<Bytes> {
        let is_it = |received: &&Received| received.method == "POST" && received.path.ends_with(end);
        self.with(|kept| kept.received.iter().rev().find(is_it).map(|received| received.body.clone()))
    }

    pub(super) fn receive(&self, parts: &Parts, body: Bytes) -> u64 {
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        self.with(|kept| {
            kept.requests += 1;
            kept.bytes += body.len();
            let (version, method) = (format!("{:?}", parts.version), parts.method.to_string());
            kept.received.push_back(Received { version, method, path, headers, body });
            while kept.received.len() > KEPT_REQUESTS || (kept.bytes > KEPT_BYTES && kept.received.len() > 1) {
                let Some(oldest) = kept.received.pop_front() else { break };
                kept.bytes -= oldest.body.len();
            }
            kept.requests
        })
    }

    pub(super) fn forget(&self) {
        self.with(|kept| *kept = Kept { scripts: std::mem::take(&mut kept.scripts), ..Kept::default() });
    }

    pub(super) fn delivered(&self, whole: bool) {
        self.with(|kept| if whole { kept.delivered += 1 } else { kept.cancelled += 1 });
    }

    pub(super) fn script(&self, body: &str) -> Script {
        self.with(|kept| kept.scripts.pick(body))
    }

    pub(super) fn set_scripts(&self, scripts: Scripts) {
        self.with(|kept| kept.scripts = scripts);
    }

    /// `GET /__received`.
    pub(super) fn received_json(&self) -> Value {
        Value::Array(self.received().iter().map(Received::to_json).collect())
    }

    /// `GET /__state`.
    pub(super) fn state_json(&self) -> Value {
        self.with(|kept| json!({ "requests": kept.requests, "delivered": kept.delivered, "cancelled": kept.cancelled }))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        // A test that panicked elsewhere does not make this list worthless.
        look(&mut self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Received {
    fn to_json(&self) -> Value {
        let headers: Map<String, Value> =
            self.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        json!({
            "version": self.version,
            "method": self.method,
            "path": self.path,
            "headers": headers,
            "raw": String::from_utf8_lossy(&self.body),
            "body": crate::demo::parse::<Value>(&self.body).unwrap_or(Value::Null),
        })
    }
}
