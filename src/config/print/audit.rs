//! What is in force of the audit log.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{duration, shown, source};
use crate::config::{AuditAnchor, AuditContent, AuditTenant, Config, Durability};

#[derive(Debug, Serialize)]
pub(super) struct Audit {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<String>,
    #[serde(flatten)]
    defaults: Option<Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_age: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint_interval: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    anchors: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    anchor: Vec<Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ship: Option<Shipped>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tenant: Vec<TenantKept>,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<BTreeMap<&'static str, String>>,
    deadline: String,
    patience: String,
    fail: &'static str,
}

#[derive(Debug, Serialize)]
struct Shipped {
    to: String,
    spool: u64,
    fail: &'static str,
}

#[derive(Debug, Serialize)]
struct Kept {
    durability: &'static str,
    content: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    auditors: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TenantKept {
    name: String,
    #[serde(flatten)]
    kept: Kept,
}

pub(super) fn audit(config: &Config) -> Audit {
    let audit = config.audit.as_ref();
    Audit {
        enabled: audit.is_some(),
        dir: audit.map(|audit| shown(&audit.dir)),
        keys: audit.map(|audit| shown(&audit.keys)),
        defaults: audit.map(|audit| kept(&audit.defaults)),
        segment_bytes: audit.map(|audit| audit.segment_bytes),
        segment_age: audit.map(|audit| duration(audit.segment_age)),
        checkpoint_interval: audit.map(|audit| duration(audit.checkpoint_interval)),
        anchors: audit.map_or_else(Vec::new, |audit| audit.anchors.iter().map(|path| shown(path)).collect()),
        anchor: audit.map_or_else(Vec::new, |audit| audit.endpoints.iter().map(endpoint).collect()),
        ship: audit.and_then(|audit| audit.ship.as_ref()).map(|ship| Shipped {
            to: ship.to.clone(),
            spool: ship.spool_bytes,
            fail: fail(ship.refuse),
        }),
        tenant: audit.map_or_else(Vec::new, |audit| {
            audit.tenants.iter().map(|(name, of)| TenantKept { name: name.to_string(), kept: kept(of) }).collect()
        }),
    }
}

fn endpoint(anchor: &AuditAnchor) -> Endpoint {
    Endpoint {
        url: anchor.url.to_string(),
        ca: anchor.ca.as_deref().map(shown),
        credential: anchor.credential.as_ref().map(|credential| source(&credential.source)),
        deadline: duration(anchor.deadline),
        patience: duration(anchor.patience),
        fail: fail(anchor.refuse),
    }
}

const fn fail(refuse: bool) -> &'static str {
    if refuse { "closed" } else { "open" }
}

fn kept(tenant: &AuditTenant) -> Kept {
    Kept {
        durability: match tenant.durability {
            Durability::Strict => "strict",
            Durability::Batched => "batched",
            Durability::BestEffort => "best_effort",
        },
        content: match tenant.content {
            AuditContent::Metadata => "metadata",
            AuditContent::Filtered => "filtered",
            AuditContent::Pseudonyms => "pseudonyms",
        },
        auditors: tenant.auditors.iter().map(|path| shown(path)).collect(),
    }
}
