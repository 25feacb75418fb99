//! What the engine asks a classifier, and what it does with the answers.
//!
//! A classifier takes milliseconds, and the engine neither waits nor does I/O. So a request's inspection ends in questions: texts, as they
//! will be recorded (what was found in them is masked, so that names and numbers cannot matter). Whoever runs the engine has them answered
//! in the time allowed, and [`Context::settle`] joins each answer with what rules found in the same text. A question that nobody answers is a
//! gap, and the guardrails say whether a gap lets the exchange pass.
//!
//! A text is asked about once: its answer is remembered like the findings of rules.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::detect::classifier::pool::{Answers, Asked};
use crate::detect::classifier::{Gap, KIND, RULE, Score, rule_of};
use crate::detect::{Finding, RuleInfo, injection_score};
use crate::inspect::context::Context;
use crate::inspect::{FindingNote, Refusal, RefusalCode};
use crate::policy::{Action, FailMode};
use crate::redact::Fingerprint;
use crate::secret::Sensitive;
use crate::text::{Part, Phase, TextSpan};

/// The beginning of a gap's kind in the record; behind it stands [`Gap::word`].
const GAP: &str = "gap.classifier_";

/// Who judges texts.
pub trait Judge: Send + Sync + fmt::Debug {
    /// Identifies the model: with another, a text is judged anew.
    fn hash(&self) -> Arc<str>;

    /// True if it judges texts of this part.
    fn judges(&self, part: Part) -> bool;

    /// How long an exchange waits for it.
    fn allowed(&self) -> Duration;

    /// Has the texts judged, and tells one answer for each; must not block.
    fn submit(&self, texts: Vec<Asked>, deadline: Instant, tell: Box<dyn FnOnce(Answers) + Send>);

    /// A response's text that has gone by: looked at if there is time, waited for by nobody.
    fn observe(&self, _part: Part, _text: &str) {}
}

/// One text that is to be judged.
#[derive(Debug)]
pub(super) struct Question {
    part: Part,
    path: Arc<str>,
    /// What rules found in it.
    signals: Vec<Finding>,
    text: Sensitive<String>,
    /// Where it stands in the channel; a window within it is known only if nothing was masked.
    exact: bool,
    length: usize,
    fingerprint: Fingerprint,
}

impl Context {
    /// Asks about a text in which rules found `signals`; what they alone decide is decided at once. `length`: of the channel's text, of
    /// which `text` is what will be recorded.
    ///
    /// # Errors
    /// A guardrail's refusal.
    pub(super) fn ask(
        &mut self,
        signals: Vec<Finding>,
        part: Part,
        path: &Arc<str>,
        length: usize,
        text: &str,
    ) -> Result<(), Refusal> {
        // The model's own earlier words give it no orders; they were looked at when they went by.
        let judge = self.guards.judge.as_ref().filter(|judge| part != Part::Assistant && judge.judges(part));
        let Some(judge) = judge else {
            return self.rule_signals(&signals, part, path);
        };
        if text.trim().is_empty() || self.would_block(&signals, part) {
            return self.rule_signals(&signals, part, path);
        }
        let mut terms = judge.hash().as_bytes().to_vec();
        terms.push(0);
        terms.extend_from_slice(part.name().as_bytes());
        let fingerprint = self.guards.key.fingerprint(&terms, text);
        if let Some(known) = self.guards.memory.recall(&fingerprint) {
            let all: Vec<Finding> = signals.into_iter().chain(known.iter().cloned()).collect();
            return self.rule_signals(&all, part, path);
        }
        let exact = text.len() == length;
        let (path, text) = (Arc::clone(path), Sensitive::new(text.to_owned()));
        self.questions.push(Question { part, path, signals, text, exact, length, fingerprint });
        Ok(())
    }

    fn would_block(&self, signals: &[Finding], part: Part) -> bool {
        let score = injection_score(signals.iter());
        signals.iter().any(|signal| {
            let rule = &signal.rule;
            self.guards.guardrails.judge_rule(self.phase, part, &rule.kind, &rule.id, score).action
                == Some(Action::Block)
        })
    }

    /// The texts of all questions, in order; they are handed out once.
    pub(super) fn take_texts(&mut self) -> Vec<Asked> {
        let hand_out = |question: &mut Question| Asked {
            part: question.part,
            text: std::mem::replace(&mut question.text, Sensitive::new(String::new())),
        };
        self.questions.iter_mut().map(hand_out).collect()
    }

    /// Rules on every question with its answer. What is not answered is [`Gap::Failed`].
    ///
    /// # Errors
    /// A guardrail's refusal; [`RefusalCode::ClassifierUnavailable`] for a gap where guardrails fail closed.
    pub(super) fn settle(&mut self, answers: Answers) -> Result<(), Refusal> {
        let mut answers = answers.into_iter();
        for question in std::mem::take(&mut self.questions) {
            let Question { part, path, mut signals, exact, length, fingerprint, .. } = question;
            match answers.next().unwrap_or(Err(Gap::Failed)) {
                Ok(score) => {
                    let found = finding(score, exact, length);
                    self.guards.memory.remember(fingerprint, found.as_slice());
                    signals.extend(found);
                    self.rule_signals(&signals, part, &path)?;
                }
                Err(gap) => {
                    self.rule_signals(&signals, part, &path)?;
                    self.gap(gap, part, &path, length)?;
                }
            }
        }
        Ok(())
    }

    /// A text has no answer.
    fn gap(&mut self, gap: Gap, part: Part, path: &Arc<str>, length: usize) -> Result<(), Refusal> {
        let open = self.guards.guardrails.fail_mode(Phase::Request, part, KIND) == FailMode::Open;
        self.report.findings.push(FindingNote {
            rule: Arc::new(RuleInfo {
                id: RULE.into(),
                kind: format!("{GAP}{}", gap.word()).into(),
                word: "GAP".into(),
                weight: 0,
            }),
            part,
            path: Arc::clone(path),
            start: 0,
            end: length,
            confidence: 0,
            action: if open { "observe" } else { "block" },
            guardrail: Arc::from(""),
        });
        if open {
            return Ok(());
        }
        let mut refusal = Refusal::new(RefusalCode::ClassifierUnavailable, gap.word());
        refusal.path = Arc::clone(path);
        Err(refusal)
    }
}

/// What a score is as a finding; a score of 0 is none.
fn finding(score: Score, exact: bool, length: usize) -> Option<Finding> {
    let rule = rule_of(score.value).filter(|rule| rule.weight > 0)?;
    let span = if exact { score.span } else { TextSpan::new(0, length) };
    Some(Finding { rule, span, confidence: score.value })
}
