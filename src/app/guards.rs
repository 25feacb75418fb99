//! Guards for each tenant, from the configuration and the rules in force.

use std::sync::Arc;

use aws_lc_rs::{hmac, rand};

use crate::config::Config;
use crate::detect::Ruleset;
use crate::inspect::Guards;
use crate::policy::Guardrails;
use crate::proxy::guards::Make;
use crate::redact::TenantKey;

/// What the derived keys are for, so that the same material in another use gives other keys.
const PURPOSE: &[u8] = b"sidewall placeholder key v1\0";

/// Makes guards; `None` if a random key was needed and the system's generator failed.
#[must_use]
pub fn maker(config: &Config) -> Option<Box<Make>> {
    let key = match &config.redaction.key {
        Some(key) => hmac::Key::new(hmac::HMAC_SHA256, key.material.expose()),
        None => {
            tracing::warn!("[redaction].key is not set: placeholders differ between replicas and restarts");
            let mut random = [0_u8; 32];
            rand::fill(&mut random).ok()?;
            hmac::Key::new(hmac::HMAC_SHA256, &random)
        }
    };
    let set = config.guardrails.clone();
    Some(Box::new(move |ruleset: &Arc<Ruleset>, tenant: &str| Guards {
        ruleset: Arc::clone(ruleset),
        guardrails: Arc::new(Guardrails::for_tenant(&set, tenant)),
        key: tenant_key(&key, tenant),
    }))
}

/// HMAC-SHA-256 as a KDF (NIST SP 800-108, one block): the purpose ends with a zero byte, the tenant with the input.
fn tenant_key(key: &hmac::Key, tenant: &str) -> TenantKey {
    let mut context = hmac::Context::with_key(key);
    context.update(PURPOSE);
    context.update(tenant.as_bytes());
    let tag = context.sign();
    let mut bytes = [0_u8; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    TenantKey::new(bytes)
}
