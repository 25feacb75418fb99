//! From the configuration to the running audit log: tenants, anchors, shipping.

use std::fmt;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::app::StartError;
use crate::app::anchor::HttpAnchor;
use crate::audit::{self, Anchor, AuditLog, Disk};
use crate::config::{AuditContent, AuditTenant, Config};
use crate::proxy::ledger::{Ledger, NoLedger};

/// Opens the log that the configuration names; none if it wants none.
pub(super) fn open(config: &Config) -> Result<Arc<dyn Ledger>, StartError> {
    let Some(audit) = &config.audit else { return Ok(Arc::new(NoLedger)) };
    let mut settings = audit::Settings::new(&audit.dir, &audit.keys);
    settings.defaults = tenant_settings(&audit.defaults);
    settings.tenants = audit.tenants.iter().map(|(name, of)| (Arc::clone(name), tenant_settings(of))).collect();
    settings.segment_bytes = audit.segment_bytes;
    settings.segment_age = audit.segment_age;
    settings.anchors.clone_from(&audit.anchors);
    settings.checkpoint_interval = audit.checkpoint_interval;
    settings.pod = std::env::var("HOSTNAME").unwrap_or_default();
    settings.ship.clone_from(&audit.ship);
    let mut anchors: Vec<Box<dyn Anchor>> = Vec::with_capacity(audit.endpoints.len());
    for endpoint in &audit.endpoints {
        anchors.push(Box::new(HttpAnchor::new(endpoint, Handle::current())?));
    }
    let failed = |error: &dyn fmt::Display| StartError::Audit(error.to_string());
    std::fs::create_dir_all(&audit.dir).map_err(|error| failed(&format!("{}: {error}", audit.dir.display())))?;
    let disk = Arc::new(Disk::new(&audit.dir));
    let log = AuditLog::open_with(&settings, disk, anchors).map_err(|error| failed(&error))?;
    Ok(Arc::new(log))
}

fn tenant_settings(tenant: &AuditTenant) -> audit::TenantSettings {
    audit::TenantSettings {
        content: match tenant.content {
            AuditContent::Metadata => audit::Content::Metadata,
            AuditContent::Filtered | AuditContent::Pseudonyms => audit::Content::Filtered,
        },
        durability: tenant.durability,
        auditors: tenant.auditors.clone(),
    }
}
