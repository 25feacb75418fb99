//! What is not written though its exchange goes on, until a GAP declares it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::audit::body::{GapBody, GapReason};
use crate::audit::segment::{Gap, now_ms};
use crate::keys::Recipients;

/// Records of one tenant that were not written though their exchanges went on.
#[derive(Clone)]
pub(crate) struct Shed {
    /// Absent if the tenant has no usable key.
    pub(crate) recipients: Option<Arc<Recipients>>,
    pub(crate) count: u64,
    /// When the first and the last were not written, milliseconds since 1970.
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// By tenant.
pub(crate) type AllShed = HashMap<Arc<str>, Shed>;

impl Shed {
    /// One record, now.
    pub(crate) fn one(recipients: Option<Arc<Recipients>>) -> Self {
        let now = now_ms();
        Self { recipients, count: 1, from: now, to: now }
    }

    /// Adds it to what is noted already.
    pub(crate) fn add_to(self, all: &mut AllShed, tenant: &Arc<str>) {
        match all.get_mut(tenant) {
            Some(before) => {
                before.recipients = self.recipients.or(before.recipients.take());
                before.count += self.count;
                (before.from, before.to) = (before.from.min(self.from), before.to.max(self.to));
            }
            None => {
                all.insert(Arc::clone(tenant), self);
            }
        }
    }
}

/// The gaps that declare it.
pub(crate) fn gaps(all: &AllShed) -> Vec<Gap> {
    let gap = |(tenant, shed): (&Arc<str>, &Shed)| {
        let Shed { recipients, count, from, to } = shed;
        let body = GapBody { reason: GapReason::Shed, segment: 0, count: *count, from: *from, to: *to, hash: [0; 32] };
        Gap { body, tenant: recipients.as_ref().map(|recipients| (Arc::clone(tenant), Arc::clone(recipients))) }
    };
    all.iter().map(gap).collect()
}
