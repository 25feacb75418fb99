//! A candidate ruleset beside the one in force, on live traffic: what would it find, and what would be done about it?
//!
//! Off the answer's way: an exchange only copies its texts into a bounded queue; a thread of its own runs both sets over them and
//! counts what differs. When it cannot keep up, texts are skipped and counted; no exchange waits. SECURITY: a text is wiped when it
//! has been looked at; what remains are ids of rules, counts, and ids of exchanges.

mod tally;

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::detect::ruleset::Override;
use crate::detect::{Ruleset, Scope};
use crate::inspect::{Guards, Onlooker};
use crate::policy::Guardrails;
use crate::secret::Sensitive;
use crate::telemetry::events::ShadowText;
use crate::text::Part;
pub use tally::Report;
use tally::Tally;

/// LIMIT: texts that wait; one exchange has a handful.
const MAX_WAITING: usize = 4096;
/// LIMIT: bytes of texts that wait: a few long conversations. A text over it is never looked at.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// The seat of a candidate.
pub struct Shadow {
    trial: ArcSwapOption<Trial>,
    queue: SyncSender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").field("running", &self.trial.load().is_some()).finish_non_exhaustive()
    }
}

/// One candidate's time in the shadow.
struct Trial {
    candidate: Arc<Ruleset>,
    overrides: Arc<[Override]>,
    /// The candidate as it is for each tenant.
    tenants: Mutex<HashMap<Arc<str>, Arc<Ruleset>>>,
    tally: Mutex<Tally>,
}

/// A text to look at.
struct Job {
    trial: Arc<Trial>,
    text: Sensitive<String>,
    scope: Scope,
    part: Part,
    tenant: Arc<str>,
    exchange: Arc<str>,
    live: Arc<Ruleset>,
    guardrails: Arc<Guardrails>,
}

impl Shadow {
    /// A seat without a candidate, and its thread, which ends with the last handle.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new() -> std::io::Result<Arc<Self>> {
        let (queue, jobs) = sync_channel(MAX_WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        thread::Builder::new().name("sidewall-shadow".to_owned()).spawn(move || work(&jobs, &left))?;
        Ok(Arc::new(Self { trial: ArcSwapOption::empty(), queue, waiting }))
    }

    /// Lets `candidate` run beside `live` from now on, with fresh counts.
    pub fn start(&self, candidate: Arc<Ruleset>, live: &Ruleset, overrides: &[Override]) {
        let tally = Tally::new(&candidate, live, Timestamp::now());
        let trial = Trial {
            candidate,
            overrides: overrides.into(),
            tenants: Mutex::new(HashMap::new()),
            tally: Mutex::new(tally),
        };
        self.trial.store(Some(Arc::new(trial)));
    }

    /// Lets nothing run.
    pub fn stop(&self) {
        self.trial.store(None);
    }

    /// The candidate that runs, if one does.
    #[must_use]
    pub fn candidate(&self) -> Option<Arc<Ruleset>> {
        self.trial.load().as_ref().map(|trial| Arc::clone(&trial.candidate))
    }

    /// What was seen so far.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        let trial = self.trial.load();
        trial.as_ref().map(|trial| trial.tally.lock().unwrap_or_else(PoisonError::into_inner).report())
    }

    /// The onlooker for one tenant's exchanges.
    #[must_use]
    pub fn for_tenant(self: &Arc<Self>, tenant: &str) -> Arc<dyn Onlooker> {
        Arc::new(Seat { shadow: Arc::clone(self), tenant: Arc::from(tenant), exchange: Arc::from("") })
    }
}

/// The shadow as one tenant's exchange sees it.
#[derive(Debug)]
struct Seat {
    shadow: Arc<Shadow>,
    tenant: Arc<str>,
    exchange: Arc<str>,
}

impl Onlooker for Seat {
    fn for_exchange(&self, exchange: &str) -> Option<Arc<dyn Onlooker>> {
        self.shadow.trial.load().as_ref()?;
        let (shadow, tenant) = (Arc::clone(&self.shadow), Arc::clone(&self.tenant));
        Some(Arc::new(Self { shadow, tenant, exchange: Arc::from(exchange) }))
    }

    fn saw(&self, guards: &Guards, scope: Scope, part: Part, text: &str) {
        let shadow = &*self.shadow;
        let Some(trial) = shadow.trial.load_full() else { return };
        if text.is_empty() {
            return;
        }
        let waiting = shadow.waiting.fetch_add(text.len(), Ordering::Relaxed);
        let fits = waiting.saturating_add(text.len()) <= MAX_WAITING_BYTES;
        let queued = fits && {
            let job = Job {
                trial: Arc::clone(&trial),
                text: Sensitive::new(text.to_owned()),
                scope,
                part,
                tenant: Arc::clone(&self.tenant),
                exchange: Arc::clone(&self.exchange),
                live: Arc::clone(&guards.ruleset),
                guardrails: Arc::clone(&guards.guardrails),
            };
            shadow.queue.try_send(job).is_ok()
        };
        if !queued {
            shadow.waiting.fetch_sub(text.len(), Ordering::Relaxed);
            trial.tally.lock().unwrap_or_else(PoisonError::into_inner).skip();
            ShadowText { result: "skipped" }.emit();
        }
    }
}

fn work(jobs: &Receiver<Job>, waiting: &AtomicUsize) {
    while let Ok(job) = jobs.recv() {
        waiting.fetch_sub(job.text.expose().len(), Ordering::Relaxed);
        // A candidate that panics must not end the shadow; the panic's own message is not shown (it could quote a text).
        let looked = catch_unwind(AssertUnwindSafe(|| look(&job)));
        if looked.is_err() {
            job.trial.tally.lock().unwrap_or_else(PoisonError::into_inner).fail();
            ShadowText { result: "failed" }.emit();
        }
    }
}

fn look(job: &Job) {
    let text = job.text.expose();
    let candidate = job.trial.for_tenant(&job.tenant);
    // Both sets the same way, so that nothing but the rules can differ.
    let before = job.live.scan_whole(job.scope, text);
    let after = candidate.scan_whole(job.scope, text);
    let judge = |kind: &str, rule: &str, confidence| {
        job.guardrails.judge_rule(job.scope.phase, job.part, kind, rule, confidence).action
    };
    let mut tally = job.trial.tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.add(text.len(), &before, &after, &judge, &job.exchange);
}

impl Trial {
    fn for_tenant(&self, tenant: &Arc<str>) -> Arc<Ruleset> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || self.candidate.for_tenant(tenant, &self.overrides);
        Arc::clone(tenants.entry(Arc::clone(tenant)).or_insert_with(make))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::policy::{Authoriser, Check, GuardrailSet, Profile, StateGate, ToolSettings};
    use crate::redact::TenantKey;
    use crate::text::Phase;

    fn rules(regex: &str, confidence: u8) -> Arc<Ruleset> {
        let text = format!(
            "[[rule]]\nid = \"badge\"\nkind = \"pii.badge\"\nconfidence = {confidence}\nkeywords = [\"badge\"]\nregex = '{regex}'\n"
        );
        Arc::new(Ruleset::from_texts(&[("t.toml".to_owned(), text)]).unwrap())
    }

    fn guards(ruleset: Arc<Ruleset>) -> Guards {
        let set = GuardrailSet { profile: Profile::Balanced, configured: Vec::new() };
        let guardrails = Arc::new(Guardrails::for_tenant(&set, "acme"));
        Guards {
            ruleset,
            guardrails,
            key: TenantKey::new([7; 32]),
            memory: Arc::default(),
            tools: Arc::new(Authoriser::new(ToolSettings { check: Check::Off, ..ToolSettings::default() })),
            state: StateGate::observing(),
            history: None,
            caller: None,
            judge: None,
            onlooker: None,
        }
    }

    /// The report once `texts` have been looked at or skipped.
    fn after(shadow: &Shadow, texts: u64) -> Report {
        let since = Instant::now();
        loop {
            let report = shadow.report().expect("a trial");
            let seen = report.texts;
            if seen.same + seen.differ + seen.skipped + seen.failed == texts {
                return report;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{report:?}");
            thread::yield_now();
        }
    }

    #[test]
    fn what_a_candidate_would_change_is_counted_by_rule_and_action_and_holds_no_text() {
        let shadow = Shadow::new().unwrap();
        let live = rules("badge [0-9]{5}", 70);
        let guards = guards(Arc::clone(&live));
        let seat = shadow.for_tenant("acme");
        assert!(seat.for_exchange("e0").is_none(), "nothing to look for");
        shadow.start(rules("badge [4-6][0-9]{4}|badge X", 40), &live, &[]);
        let scope = Scope { phase: Phase::Request, injection: true };
        for (exchange, text) in
            [("e1", "planted-canary badge 10412"), ("e2", "badge 45678 and badge X"), ("e3", "nothing here")]
        {
            seat.for_exchange(exchange).unwrap().saw(&guards, scope, Part::User, text);
        }
        let report = after(&shadow, 3);
        assert_eq!((report.texts.same, report.texts.differ), (1, 2));
        let [rule] = report.rules.as_slice() else { panic!("{report:?}") };
        assert_eq!((rule.rule.as_str(), rule.kind.as_str()), ("badge", "pii.badge"));
        // What is lost was redacted; what is found anew, or with 40 in place of 70, is below what the profile redacts.
        assert_eq!((rule.lost.redact, rule.lost.total()), (1, 1));
        assert_eq!((rule.gained.none, rule.gained.total()), (1, 1));
        assert_eq!((rule.moved.none, rule.moved.total()), (1, 1));
        assert_eq!(rule.exchanges.iter().map(|id| &**id).collect::<Vec<_>>(), ["e1", "e2"]);
        assert!(!serde_json::to_string(&report).unwrap().contains("canary"));
        shadow.stop();
        assert!(shadow.report().is_none() && seat.for_exchange("e4").is_none());
    }

    #[test]
    fn a_text_for_which_there_is_no_room_is_skipped_and_counted() {
        let shadow = Shadow::new().unwrap();
        let live = rules("badge", 70);
        let guards = guards(Arc::clone(&live));
        shadow.start(rules("badges", 70), &live, &[]);
        let seat = shadow.for_tenant("acme").for_exchange("e1").unwrap();
        let scope = Scope { phase: Phase::Response, injection: false };
        seat.saw(&guards, scope, Part::Assistant, &"x".repeat(MAX_WAITING_BYTES + 1));
        seat.saw(&guards, scope, Part::Assistant, "x");
        let report = after(&shadow, 2);
        assert_eq!((report.texts.skipped, report.texts.same), (1, 1));
        assert_eq!(shadow.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn overrides_hold_for_the_candidate_too() {
        let shadow = Shadow::new().unwrap();
        let live = rules("badge", 70);
        let off = Override {
            tenants: crate::text::Glob::new("acme").into_iter().collect(),
            rules: crate::text::Glob::new("badge").into_iter().collect(),
            enabled: Some(false),
            confidence: None,
            threshold: None,
        };
        shadow.start(rules("badge|x", 70), &live, std::slice::from_ref(&off));
        let guards = guards(live.for_tenant("acme", &[off]));
        let seat = shadow.for_tenant("acme").for_exchange("e1").unwrap();
        seat.saw(&guards, Scope { phase: Phase::Request, injection: true }, Part::User, "badge x");
        assert_eq!(after(&shadow, 1).texts.same, 1);
    }
}
