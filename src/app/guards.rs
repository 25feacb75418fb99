//! Guards for each tenant, from the configuration and the rules in force.

use std::sync::Arc;

use aws_lc_rs::{hmac, rand};

use crate::config::{AuditContent, Config};
use crate::detect::Ruleset;
use crate::dialect::table::State;
use crate::inspect::{Guards, History, Judge, Memory, TenantHistory};
use crate::policy::{Approvals, Authoriser, Guardrails, StateGate, StateVerdict, ToolSettings};
use crate::proxy::guards::Make;
use crate::proxy::shadow::Shadow;
use crate::redact::TenantKey;

/// What the derived keys are for, so that the same material in another use gives other keys.
const PLACEHOLDERS: &[u8] = b"sidewall placeholder key v1\0";
const PSEUDONYMS: &[u8] = b"sidewall pseudonym key v1\0";

/// Makes guards; `None` if a random key was needed and the system's generator failed.
#[must_use]
pub fn maker(config: &Config, shadow: Option<Arc<Shadow>>, judge: Option<Arc<dyn Judge>>) -> Option<Box<Make>> {
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
    let audit = config.audit.clone();
    let pseudonyms = move |tenant: &str| {
        let of = audit.as_ref().map(|audit| audit.tenants.get(tenant).unwrap_or(&audit.defaults));
        of.is_some_and(|of| of.content == AuditContent::Pseudonyms)
    };
    let overrides = config.rulesets.overrides.clone();
    let memory = Arc::<Memory>::default();
    // One store for all editions of the policies: what was asked for under one may be decided under the next.
    let approvals = match config.tools.approvals {
        Some(settings) => Some(Arc::new(Approvals::new(settings)?)),
        None => None,
    };
    let state = config.state.clone();
    let history = Arc::new(History::new(state.history_ttl, state.history_bytes));
    Some(Box::new(move |ruleset: &Arc<Ruleset>, tools: &ToolSettings, tenant: &str| {
        let gate = StateGate::for_tenant(&state, tenant);
        Guards {
            ruleset: ruleset.for_tenant(tenant, &overrides),
            guardrails: Arc::new(Guardrails::for_tenant(&set, tenant)),
            key: tenant_key(&key, tenant, pseudonyms(tenant)),
            memory: Arc::clone(&memory),
            tools: Arc::new(Authoriser::new(tools.clone()).with_approvals(approvals.clone())),
            history: goes_on(&gate).then(|| TenantHistory {
                all: Arc::clone(&history),
                tenant: Arc::from(tenant),
                unseen: state.unseen,
            }),
            state: gate,
            caller: None,
            judge: judge.clone(),
            onlooker: shadow.as_ref().map(|shadow| shadow.for_tenant(tenant)),
        }
    }))
}

/// True if some exchange of the tenant may go on from another.
fn goes_on(gate: &StateGate) -> bool {
    let uses = [State::PreviousResponse, State::StoredResponse, State::Conversation, State::Background, State::Batch];
    uses.iter().any(|state| gate.judge(state.name()) != StateVerdict::Denied)
}

fn tenant_key(key: &hmac::Key, tenant: &str, pseudonyms: bool) -> TenantKey {
    let made = TenantKey::new(derive(key, PLACEHOLDERS, tenant));
    if pseudonyms { made.with_pseudonyms(derive(key, PSEUDONYMS, tenant)) } else { made }
}

/// HMAC-SHA-256 as a KDF (NIST SP 800-108, one block): the purpose ends with a zero byte, the tenant with the input.
fn derive(key: &hmac::Key, purpose: &[u8], tenant: &str) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    context.update(purpose);
    context.update(tenant.as_bytes());
    let tag = context.sign();
    let mut bytes = [0_u8; 32];
    for (to, from) in bytes.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    bytes
}
