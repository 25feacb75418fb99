//! The classifier beside live exchanges: who waits for it, for how long, and what is counted.
//!
//! A request waits for its answers, no longer than the time allowed. A response never waits: its text is looked at once it is there, if the
//! queue has room to spare, and the result is counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::detect::classifier::pool::{Answers, Asked, Pool};
use crate::detect::classifier::{Gap, Score};
use crate::inspect::{InspectedRequest, Judge, PendingRequest, Refusal, Report};
use crate::secret::Sensitive;
use crate::telemetry::events::Classified;
use crate::text::{Part, Phase};

/// How much longer than the pool we wait: so that what it has judged by its deadline still arrives.
const GRACE: Duration = Duration::from_millis(20);
/// From this score on a response's text is counted as suspicious: where the strict profile blocks a request's.
const SUSPICIOUS: u8 = 50;
/// LIMIT: a response's text over 64 KiB is not looked at: it would keep requests waiting.
const MAX_OBSERVED_BYTES: usize = 64 << 10;

/// A pool of threads as the engine sees it.
#[derive(Debug)]
pub struct Seat {
    /// The threads.
    pub pool: Pool,
    /// How long an exchange waits.
    pub allowed: Duration,
}

impl Judge for Seat {
    fn hash(&self) -> Arc<str> {
        Arc::clone(self.pool.current().hash())
    }

    fn judges(&self, part: Part) -> bool {
        self.pool.current().judges(part)
    }

    fn allowed(&self) -> Duration {
        self.allowed
    }

    fn submit(&self, texts: Vec<Asked>, deadline: Instant, tell: Box<dyn FnOnce(Answers) + Send>) {
        self.pool.submit(texts, deadline, tell);
    }

    fn observe(&self, part: Part, text: &str) {
        if text.is_empty() || text.len() > MAX_OBSERVED_BYTES || !self.pool.is_idle() {
            return;
        }
        let asked = Asked { part, text: Sensitive::new(text.to_owned()) };
        let since = Instant::now();
        self.pool.submit(vec![asked], since + self.allowed, move |answers| {
            count(Phase::Response, &answers, since.elapsed());
        });
    }
}

/// Has a request's questions answered and ends its inspection.
///
/// # Errors
/// A [`Refusal`] with the report of what was found until then.
pub async fn settle(
    mut pending: PendingRequest,
    judge: Option<&Arc<dyn Judge>>,
) -> Result<InspectedRequest, Box<(Refusal, Report)>> {
    let texts = pending.questions();
    let answers = match judge {
        Some(judge) if !texts.is_empty() => ask(&**judge, texts).await,
        _ => Vec::new(),
    };
    pending.settle(answers)
}

async fn ask(judge: &dyn Judge, texts: Vec<Asked>) -> Answers {
    let (count_of, since) = (texts.len(), Instant::now());
    let deadline = since + judge.allowed();
    let (tell, told) = oneshot::channel();
    judge.submit(
        texts,
        deadline,
        Box::new(move |answers| {
            // Nobody waits any more: the exchange was late or has ended.
            let _ = tell.send(answers);
        }),
    );
    let answers = match tokio::time::timeout_at((deadline + GRACE).into(), told).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(_gone)) => vec![Err(Gap::Failed); count_of],
        Err(_elapsed) => vec![Err(Gap::Late); count_of],
    };
    count(Phase::Request, &answers, since.elapsed());
    answers
}

fn count(phase: Phase, answers: &[Result<Score, Gap>], took: Duration) {
    for answer in answers {
        let result = match answer {
            Ok(score) if score.value >= SUSPICIOUS => "suspicious",
            Ok(_) => "quiet",
            Err(gap) => gap.word(),
        };
        Classified { phase, result }.emit();
    }
    if phase == Phase::Request {
        Classified::waited(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A classifier that does what it is told, when it is told.
    #[derive(Debug)]
    enum Scripted {
        Answers(u8),
        Stalls,
        Drops,
    }

    impl Judge for Scripted {
        fn hash(&self) -> Arc<str> {
            "scripted".into()
        }
        fn judges(&self, _part: Part) -> bool {
            true
        }
        fn allowed(&self) -> Duration {
            Duration::from_millis(30)
        }
        fn submit(&self, texts: Vec<Asked>, _deadline: Instant, tell: Box<dyn FnOnce(Answers) + Send>) {
            match self {
                Self::Answers(value) => {
                    let score = |asked: &Asked| {
                        let span = crate::text::TextSpan::new(0, asked.text.expose().len());
                        Ok(Score { value: *value, span, windows: 1 })
                    };
                    tell(texts.iter().map(score).collect());
                }
                // A thread that hangs: the closure lives on, and is never called.
                Self::Stalls => {
                    std::thread::spawn(move || {
                        let (never, waits) = std::sync::mpsc::channel::<()>();
                        assert!(waits.recv_timeout(Duration::from_secs(10)).is_err());
                        drop((never, tell));
                    });
                }
                Self::Drops => drop(tell),
            }
        }
    }

    #[tokio::test]
    async fn whatever_the_classifier_does_there_is_an_answer_in_time() {
        for (judge, expected) in
            [(Scripted::Answers(7), Ok(7)), (Scripted::Stalls, Err(Gap::Late)), (Scripted::Drops, Err(Gap::Failed))]
        {
            let asked = |text: &str| Asked { part: Part::User, text: Sensitive::new(text.to_owned()) };
            let answers = ask(&judge, vec![asked("a"), asked("b")]).await;
            let got: Vec<_> = answers.into_iter().map(|answer| answer.map(|score| score.value)).collect();
            assert_eq!(got, [expected, expected], "{judge:?}");
        }
    }
}
