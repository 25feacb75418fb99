//! Cases of `sidewall policy test`.
//!
//! ```toml
//! [[case]]
//! name = "support refunds small amounts"
//! principal = { tenant = "acme", name = "app", roles = ["support"], scopes = ["refunds:write"] }
//! tool = "refund"
//! arguments = { order = "A-1", amount = 40.0 }
//! expect = "permit"             # permit | deny | obligation
//! policies = ["support-refund"] # optional: exactly these decide
//!
//! [[case]]
//! name = "a lead approves another's transfer"
//! principal = { tenant = "acme", name = "dana", roles = ["finance-lead"] }
//! approves = "app"              # whose call; then `arguments` say nothing
//! tool = "transfer"
//! expect = "permit"
//! ```

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::cli::Failure;
use crate::identity::{Claim, Principal};
use crate::policy::cedar::Ruling;

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Case>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub name: String,
    pub principal: Caller,
    pub tool: String,
    pub approves: Option<String>,
    #[serde(default)]
    arguments: toml::Table,
    #[serde(default)]
    pub tainted: bool,
    #[serde(default)]
    pub tainted_by_injection: bool,
    now: Option<String>,
    pub expect: Expected,
    #[serde(default)]
    pub policies: Vec<String>,
}

/// Who calls.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Caller {
    pub tenant: String,
    pub name: String,
    pub roles: Vec<String>,
    pub scopes: Vec<String>,
    pub claims: toml::Table,
}

/// What a case expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Expected {
    Permit,
    Deny,
    /// Permitted only with something that is not there (`@require`).
    Obligation,
}

impl Expected {
    pub(super) fn of(ruling: &Ruling) -> Self {
        match (ruling.allowed, ruling.requires.is_empty()) {
            (true, true) => Self::Permit,
            (true, false) => Self::Obligation,
            (false, _) => Self::Deny,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
            Self::Obligation => "obligation",
        }
    }
}

impl Caller {
    pub(super) fn principal(&self) -> Result<Principal, Failure> {
        let list = |items: &[String]| items.iter().map(|item| item.as_str().into()).collect();
        let claims: Result<Vec<_>, Failure> =
            self.claims.iter().map(|(name, value)| Ok((name.as_str().into(), claim(name, value)?))).collect();
        Ok(Principal {
            tenant: self.tenant.as_str().into(),
            name: self.name.as_str().into(),
            roles: list(&self.roles),
            scopes: list(&self.scopes),
            claims: claims?.into_iter().collect(),
        })
    }
}

fn claim(name: &str, value: &toml::Value) -> Result<Claim, Failure> {
    match value {
        toml::Value::String(text) => Ok(Claim::Text(text.as_str().into())),
        toml::Value::Integer(number) => Ok(Claim::Number(*number)),
        toml::Value::Boolean(flag) => Ok(Claim::Flag(*flag)),
        toml::Value::Array(items) => {
            Ok(Claim::List(items.iter().filter_map(|item| item.as_str()).map(Into::into).collect()))
        }
        _ => {
            Err(Failure::new(format!("claim {name}: write a string, a whole number, true, false or a list of strings")))
        }
    }
}

impl Case {
    pub(super) fn arguments(&self) -> Result<Value, Failure> {
        serde_json::to_value(&self.arguments).map_err(|error| Failure::from_error(&error))
    }

    pub(super) fn now(&self) -> Result<Timestamp, Failure> {
        match &self.now {
            None => Ok(Timestamp::now()),
            Some(text) => {
                text.parse().map_err(|_| Failure::new(format!("case {}: `now` is no RFC 3339 time", self.name)))
            }
        }
    }
}

/// The cases of a file.
pub(super) fn read(path: &Path) -> Result<Vec<Case>, Failure> {
    let told = |what: String| Failure::new(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| told(error.message().to_owned()))?;
    if file.case.is_empty() {
        return Err(told("no [[case]] in it".to_owned()));
    }
    Ok(file.case)
}
