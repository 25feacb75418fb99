//! What the inspection of one phase carries along: the guards, the vault, the report.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use crate::detect::{Finding, RuleInfo, Ruleset, injection_score};
use crate::dialect::Endpoint;
use crate::dialect::table::State;
use crate::dialect::withdraw::can_withdraw;
use crate::identity::Principal;
use crate::inspect::questions::{Judge, Question};
use crate::inspect::told::Told;
use crate::inspect::{
    FindingNote, Found, Memory, Onlooker, Past, Refusal, RefusalCode, Report, StateNote, TenantHistory,
};
use crate::policy::{Action, Authoriser, Guardrails, Reason, StateGate, StateVerdict, Unseen, Verdict};
use crate::redact::{TenantKey, Vault, mask_text, replacement};
use crate::text::{Part, Phase, WireRange};
use crate::tools::Toolbox;

/// What guards the exchanges of one tenant. Cheap to clone; swapped whole on reload.
#[derive(Debug, Clone)]
pub struct Guards {
    /// Detection rules.
    pub ruleset: Arc<Ruleset>,
    /// Guardrails, resolved for the tenant.
    pub guardrails: Arc<Guardrails>,
    /// The tenant's placeholder key.
    pub key: TenantKey,
    /// What texts were found to hold; shared by all tenants.
    pub memory: Arc<Memory>,
    /// Who may call which tool with what.
    pub tools: Arc<Authoriser>,
    /// What the provider may keep, fetch or run out of our sight.
    pub state: StateGate,
    /// What earlier exchanges left for those that go on from them; `None`: the tenant may not go on from any.
    pub history: Option<TenantHistory>,
    /// Who calls; `None`: nobody whom a policy could permit anything.
    pub caller: Option<Arc<Principal>>,
    /// Who judges texts beside the rules; `None`: there is no classifier.
    pub judge: Option<Arc<dyn Judge>>,
    /// Who else looks at the texts.
    pub onlooker: Option<Arc<dyn Onlooker>>,
}

impl Guards {
    /// The same for one caller.
    #[must_use]
    pub fn for_caller(self, caller: Arc<Principal>) -> Self {
        Self { caller: Some(caller), ..self }
    }
}

/// One phase of one exchange.
#[derive(Debug)]
pub(super) struct Context {
    pub guards: Guards,
    pub phase: Phase,
    pub vault: Vault,
    /// What the request declares.
    pub toolbox: Toolbox,
    /// Declared tools that are taken out of the request.
    pub withheld: Vec<(WireRange, String)>,
    /// Whether tools and calls can be taken out of what this endpoint carries.
    pub can_withdraw: bool,
    /// Whether the request's texts are remembered.
    pub tracing: bool,
    /// What the stream has told, if some of what follows may repeat it.
    pub told: Option<Told>,
    /// The models that the request names, in its body or in its path: a body of several calls may name several.
    pub models: BTreeSet<String>,
    /// The most tokens that the request names.
    pub max_tokens: Option<u64>,
    /// Whether the exchange goes on from one of which nothing is known.
    pub unseen: bool,
    /// The name under which it was left for later ones, once that is known.
    left: String,
    /// Texts that a classifier is to judge.
    pub questions: Vec<Question>,
    pub report: Report,
}

/// The guardrail that decided, where none did.
static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));

/// What records call the use of what earlier exchanges left.
const HISTORY: &str = "history";
/// What refusals call it where nothing is left.
const UNSEEN: &str = "unseen";

/// The prefix of an injection finding's kind.
const INJECTION: &str = "injection.";

/// The prefix of kinds whose values may have pseudonyms.
const PERSONAL: &str = "pii.";

/// Refusal codes by prefix of the kind that decided.
const CODES: [(&str, RefusalCode); 4] = [
    (INJECTION, RefusalCode::Injection),
    ("pci.", RefusalCode::Pan),
    ("pii.", RefusalCode::Pii),
    ("secret.", RefusalCode::Secret),
];

/// True for findings that count by their sum.
pub(super) fn is_signal(finding: &Finding) -> bool {
    finding.rule.kind.starts_with(INJECTION)
}

/// What is done about a finding.
#[derive(Debug)]
pub(super) struct Ruling {
    /// What the text becomes; `None`: it stays.
    pub replacement: Option<String>,
    /// What the audit shows in its place.
    pub filtered: String,
}

impl Context {
    pub(super) fn new(guards: Guards, phase: Phase, endpoint: &Endpoint, vault: Vault, toolbox: Toolbox) -> Self {
        Self {
            guards,
            phase,
            vault,
            toolbox,
            withheld: Vec::new(),
            can_withdraw: can_withdraw(endpoint),
            tracing: false,
            told: None,
            models: BTreeSet::new(),
            max_tokens: None,
            unseen: false,
            left: String::new(),
            questions: Vec::new(),
            report: Report::default(),
        }
    }

    /// Rules on one finding, notes it, and issues its placeholder if there is to be one. `text` is what the finding covers.
    ///
    /// # Errors
    /// The refusal, if a guardrail blocks.
    pub(super) fn rule(
        &mut self,
        finding: &Finding,
        text: &str,
        part: Part,
        path: &Arc<str>,
        editable: bool,
    ) -> Result<Ruling, Refusal> {
        let info = &*finding.rule;
        // What the caller sent himself may come back to him.
        if self.phase == Phase::Response && self.vault.holds(text) {
            self.note(finding, part, path, "none", &NOBODY);
            return Ok(Ruling { replacement: None, filtered: self.shown(info, text) });
        }
        let judgement = self.guards.guardrails.judge_rule(self.phase, part, &info.kind, &info.id, finding.confidence);
        match judgement.action {
            Some(Action::Block) => {
                self.note(finding, part, path, "block", &judgement.guardrail);
                Err(self.block(&info.kind, &info.id, &judgement.guardrail, path))
            }
            Some(Action::Redact) if editable => {
                self.note(finding, part, path, "redact", &judgement.guardrail);
                self.report.verdict = std::mem::take(&mut self.report.verdict).join(Verdict::Redact);
                let replacement =
                    replacement(judgement.strategy, &mut self.vault, &info.word, text, judgement.secret).into_owned();
                let filtered = self.pseudonym(info, text).unwrap_or_else(|| replacement.clone());
                Ok(Ruling { filtered, replacement: Some(replacement) })
            }
            Some(_) => {
                self.note(finding, part, path, "observe", &judgement.guardrail);
                Ok(Ruling { replacement: None, filtered: self.shown(info, text) })
            }
            None => {
                self.note(finding, part, path, "none", &NOBODY);
                Ok(Ruling { replacement: None, filtered: self.shown(info, text) })
            }
        }
    }

    /// What a record shows for a value that nothing took the place of.
    fn shown(&self, rule: &RuleInfo, value: &str) -> String {
        self.pseudonym(rule, value).unwrap_or_else(|| mask_text(&rule.word))
    }

    /// SECURITY: personal data alone; a keyed hash of a card number or a secret is nothing to keep.
    fn pseudonym(&self, rule: &RuleInfo, value: &str) -> Option<String> {
        if rule.kind.starts_with(PERSONAL) { self.guards.key.pseudonym(&rule.word, value) } else { None }
    }

    /// Rules on the injection signals of one text: their combined score counts.
    ///
    /// # Errors
    /// The refusal, if a guardrail blocks.
    pub(super) fn rule_signals(&mut self, signals: &[Finding], part: Part, path: &Arc<str>) -> Result<(), Refusal> {
        let Some(strongest) =
            signals.iter().max_by(|a, b| (a.rule.weight, &b.rule.id).cmp(&(b.rule.weight, &a.rule.id)))
        else {
            return Ok(());
        };
        let score = injection_score(signals.iter());
        let rule = &strongest.rule;
        let judgement = self.guards.guardrails.judge_rule(self.phase, part, &rule.kind, &rule.id, score);
        let blocks = judgement.action == Some(Action::Block);
        let action = match judgement.action {
            None => "none",
            Some(_) if blocks => "block",
            Some(_) => "observe",
        };
        for signal in signals {
            let scored = Finding { confidence: score, ..signal.clone() };
            self.note(&scored, part, path, action, &judgement.guardrail);
        }
        if blocks {
            return Err(self.block(&strongest.rule.kind, &strongest.rule.id, &judgement.guardrail, path));
        }
        Ok(())
    }

    /// Asks whether the request may use what the provider keeps, fetches or runs, and notes it.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn use_state(&mut self, name: &str, path: &Arc<str>) -> Result<(), Refusal> {
        let verdict = self.guards.state.judge(name);
        let decision = match verdict {
            StateVerdict::Allowed => "allowed",
            StateVerdict::Observed => "observed",
            StateVerdict::Denied => "refused",
        };
        self.report.state.push(StateNote { name: name.to_owned(), decision });
        if verdict != StateVerdict::Denied {
            return Ok(());
        }
        Err(self.refuse_state(name, path, format!("[[state.allow]] uses = [\"{name}\"] would let it")))
    }

    /// True if the gate would let this pass.
    pub(super) fn may_use(&self, state: State) -> bool {
        self.guards.state.judge(state.name()) != StateVerdict::Denied
    }

    /// Goes on from the exchange that the provider calls `name`: what it left is restored here too. `whole`: this exchange only reads what that
    /// one asked for, so its tools are those that may be called.
    ///
    /// # Errors
    /// The refusal, where nothing is known of it.
    pub(super) fn go_on_from(&mut self, name: &str, whole: bool, path: &Arc<str>) -> Result<(), Refusal> {
        let Some(history) = &self.guards.history else { return Ok(()) };
        let (decision, passes) = match history.find(name) {
            Found::Known(past) => {
                self.vault.inherit(&past.values);
                self.toolbox.go_on_from(&past.toolbox, whole);
                ("restored", true)
            }
            Found::Foreign => ("foreign", false),
            Found::Unseen => ("unseen", history.unseen == Unseen::Allow),
        };
        self.unseen |= decision != "restored";
        self.report.state.push(StateNote { name: HISTORY.to_owned(), decision });
        if passes {
            return Ok(());
        }
        // SECURITY: the same words for what another tenant's is, so that nobody learns that it is there.
        let detail = "nothing is known here of what it goes on from: it was longer ago than [state] history_ttl, before a restart or at another \
                      replica; send the history itself, or let it pass unrestored with [state] unseen = \"allow\"";
        Err(self.refuse_state(UNSEEN, path, detail.to_owned()))
    }

    /// Leaves what later exchanges need that go on from this one, which the provider calls `name`.
    pub(super) fn leave(&mut self, name: &str) {
        let Some(history) = &self.guards.history else { return };
        if self.left == name {
            return;
        }
        let Some(values) = self.vault.keepsakes() else { return };
        history.leave(name, Past { values, toolbox: self.toolbox.clone() });
        name.clone_into(&mut self.left);
    }

    fn refuse_state(&mut self, name: &str, path: &Arc<str>, detail: String) -> Refusal {
        let rule: Arc<str> = Arc::from(format!("state.{name}"));
        let reason = Reason {
            kind: Arc::from("state"),
            rule: Arc::clone(&rule),
            guardrail: Arc::from("state"),
            path: Arc::clone(path),
        };
        self.report.verdict = std::mem::take(&mut self.report.verdict).join(Verdict::Block(reason));
        Refusal { path: Arc::clone(path), rule, ..Refusal::new(RefusalCode::StateForbidden, detail) }
    }

    fn block(&mut self, kind: &str, rule: &str, guardrail: &Arc<str>, path: &Arc<str>) -> Refusal {
        let reason = Reason {
            kind: Arc::from(kind),
            rule: Arc::from(rule),
            guardrail: Arc::clone(guardrail),
            path: Arc::clone(path),
        };
        let code =
            CODES.iter().find(|(prefix, _)| kind.starts_with(prefix)).map_or(RefusalCode::Guardrail, |(_, code)| *code);
        let refusal = Refusal {
            code,
            path: Arc::clone(path),
            rule: Arc::clone(&reason.rule),
            detail: String::new(),
            approvals: Vec::new(),
        };
        self.report.verdict = std::mem::take(&mut self.report.verdict).join(Verdict::Block(reason));
        refusal
    }

    fn note(&mut self, finding: &Finding, part: Part, path: &Arc<str>, action: &'static str, guardrail: &Arc<str>) {
        self.report.findings.push(FindingNote {
            rule: Arc::clone(&finding.rule),
            part,
            path: Arc::clone(path),
            start: finding.span.start,
            end: finding.span.end,
            confidence: finding.confidence,
            action,
            guardrail: Arc::clone(guardrail),
        });
    }
}
