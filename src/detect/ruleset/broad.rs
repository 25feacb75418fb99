//! Rules that are too broad: what they find in text in which there is nothing to find.
//!
//! The text is small and varied on purpose (prose in many languages, code, logs, data; see `rulesets/benign/`): it shows the coarse
//! mistakes at once. Fine ones show in `rules diff --data`, in the shadow, and in the scorecard.

use super::lint::LintFinding;
use super::{Ruleset, Scope};
use crate::detect::scan::{Fate, Sighting};
use crate::text::Phase;

/// Text without anything personal, secret or hostile in it; not a line of it stands for anybody.
const BENIGN: [(&str, &str); 4] = [
    ("prose.txt", include_str!("../../../rulesets/benign/prose.txt")),
    ("code.txt", include_str!("../../../rulesets/benign/code.txt")),
    ("logs.txt", include_str!("../../../rulesets/benign/logs.txt")),
    ("data.txt", include_str!("../../../rulesets/benign/data.txt")),
];
/// From this confidence on a finding counts: from here on the default profile acts.
const ACTED_UPON: u8 = 50;
/// More findings in a megabyte than this are too many: one could be bad luck, two are a habit.
const MOST_FINDINGS: f64 = 100.0;
/// How many places a finding of lint names.
const SHOWN_PLACES: usize = 5;

impl Ruleset {
    /// Holds rules that are too broad against them.
    pub(super) fn lint_breadth(&self, found: &mut Vec<LintFinding>) {
        // By rule: how often it found something, and where (file and line).
        let mut findings: Vec<(u32, Vec<String>)> = vec![(0, Vec::new()); self.rules.len()];
        for (file, text) in BENIGN {
            for sighting in self.sightings(Scope { phase: Phase::Request, injection: true }, text) {
                let Sighting::Matched { rule, span, fate: Fate::Candidate { confidence, .. } } = sighting else {
                    continue;
                };
                let Some((count, places)) = findings.get_mut(rule as usize) else { continue };
                if confidence < ACTED_UPON {
                    continue;
                }
                *count += 1;
                if places.len() < SHOWN_PLACES {
                    let line = 1 + text.get(..span.start).unwrap_or_default().matches('\n').count();
                    places.push(format!("{file}:{line}"));
                }
            }
        }
        let bytes: usize = BENIGN.iter().map(|(_, text)| text.len()).sum();
        let megabytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / f64::from(1 << 20);
        for (rule, (count, places)) in self.rules.iter().zip(findings) {
            let rate = f64::from(count) / megabytes;
            if rate > MOST_FINDINGS {
                let places = places.join(", ");
                found.push(LintFinding {
                    file: rule.file.clone(),
                    line: rule.line,
                    rule: rule.spec.id.clone(),
                    what: format!(
                        "too broad: finds {rate:.0} things a megabyte in harmless text (rulesets/benign: {places})"
                    ),
                    mend: "narrow it, add a validator or `context_required`, or lower the confidence below 50"
                        .to_owned(),
                });
            }
        }
    }
}
