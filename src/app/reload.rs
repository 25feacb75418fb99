//! What changes under load, rulesets first: look, compile, test, swap. What does not compile or fails its own examples leaves the
//! last good set in force; the admin listener says what is wrong with it, by file, line and rule.

pub mod status;
pub mod tools;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;

use crate::config::RulesetSettings;
use crate::detect::Ruleset;
use crate::detect::ruleset::{RulesetError, RulesetErrors};
use crate::proxy::Proxy;
use crate::proxy::shadow::Shadow;
use crate::server::tls::ServerTls;
use crate::telemetry::UPKEEP;
use crate::telemetry::events::RulesetReload;
use status::{Attempt, Outcome, Status};
use tools::ToolKeeper;

/// How often the files are looked at. Polling, because mounted configuration (a Kubernetes `ConfigMap`) changes by
/// symbolic links, which file notifications miss.
pub(super) const LOOK: Duration = Duration::from_secs(3);

/// Loads and tests the rules of `paths`; none: those that the program carries.
///
/// # Errors
/// Every mistake, or the rules whose examples fail.
pub fn load(paths: &[PathBuf]) -> Result<Arc<Ruleset>, RulesetErrors> {
    if paths.is_empty() {
        // The rules in the binary never change; the program's own tests hold them against their examples.
        return Ruleset::embedded().map(Arc::new);
    }
    let rules = Ruleset::load(paths)?;
    // SECURITY: a folder that is empty for a moment (a mount under way) must not switch all detection off.
    if rules.rules().is_empty() {
        let mend = "name files or folders of *.toml, or leave [rulesets] out";
        return Err(RulesetErrors::of_all("no rule in them", mend));
    }
    let failures = rules.selftest();
    let failing = rules.rules().iter().filter_map(|rule| {
        let failed = failures.iter().filter(|failure| failure.rule == rule.spec.id).count();
        (failed > 0).then(|| RulesetError {
            file: rule.file.clone(),
            line: rule.line,
            rule: rule.spec.id.clone(),
            what: format!("fails {failed} of its own examples"),
            mend: "`sidewall rules test` says which".to_owned(),
        })
    });
    let errors: Vec<_> = failing.collect();
    if errors.is_empty() { Ok(Arc::new(rules)) } else { Err(RulesetErrors(errors)) }
}

/// Reloads whenever the files change or `asked` is notified; lets allow-list entries end; also keeps the metrics' buffers small.
/// Never ends.
pub async fn watch(
    proxy: Arc<Proxy>,
    settings: RulesetSettings,
    shadow: Option<Arc<Shadow>>,
    asked: Arc<Notify>,
    status: watch::Sender<Status>,
    tool_status: watch::Sender<tools::Status>,
) {
    let seen = fingerprint(&settings.live_paths());
    let mut tools = ToolKeeper::new(Arc::clone(&proxy), tool_status);
    let mut keeper = Keeper { proxy, settings, shadow, status, seen, seen_candidate: Vec::new(), retired: Vec::new() };
    let mut upkeep = tokio::time::interval(UPKEEP);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = asked.notified() => {
                keeper.look(true).await;
                tools.look(true).await;
            }
            _ = look.tick() => {
                keeper.look(false).await;
                tools.look(false).await;
            }
            _ = upkeep.tick() => {
                if let Some(handle) = crate::telemetry::recorder() {
                    handle.run_upkeep();
                }
            }
        }
    }
}

/// What the loop remembers.
struct Keeper {
    proxy: Arc<Proxy>,
    settings: RulesetSettings,
    shadow: Option<Arc<Shadow>>,
    status: watch::Sender<Status>,
    /// The files as they were when they were last loaded.
    seen: Fingerprint,
    /// The same of the candidate's; empty: there is none.
    seen_candidate: Fingerprint,
    /// Sets that are no longer in force but may be in use. The last exchange to leave one must not have to take hundreds of
    /// automata apart on the reactor, so they are kept until nobody else does.
    retired: Vec<Arc<Ruleset>>,
}

impl Keeper {
    async fn look(&mut self, asked: bool) {
        self.let_go().await;
        self.end_entries();
        let before = Arc::clone(self.proxy.guards.ruleset().hash());
        self.look_at_live(asked).await;
        // Counts of two pairs of sets must not add up: with other rules in force, the candidate starts anew.
        let swapped = before != *self.proxy.guards.ruleset().hash();
        self.look_at_candidate(swapped).await;
    }

    /// Lets allow-list entries end on their day, also where the files could not be loaded since.
    fn end_entries(&mut self) {
        let (rules, now) = (self.proxy.guards.ruleset(), Timestamp::now());
        if rules.next_expiry().is_some_and(|end| end <= now) {
            let without = Arc::new(rules.at(now));
            self.status.send_modify(|status| status.set_rules(&without));
            tracing::warn!(ruleset = &**without.hash(), "an allow-list entry has ended");
            self.retired.push(self.proxy.guards.swap(without));
        }
    }

    async fn look_at_live(&mut self, asked: bool) {
        let paths = self.settings.live_paths();
        let now = fingerprint(&paths);
        if !asked && now == self.seen {
            return;
        }
        let since = Instant::now();
        let loaded = load_apart(paths.clone()).await;
        // Files that were being written while they were read: what was loaded is none of their states.
        if fingerprint(&paths) != now {
            tracing::debug!("ruleset files changed while they were read; looking again");
            self.seen.clear();
            return;
        }
        self.seen = now;
        let (outcome, errors) = match loaded {
            Ok(rules) if rules.hash() == self.proxy.guards.ruleset().hash() => (Outcome::Unchanged, Vec::new()),
            Ok(rules) => {
                self.retired.push(self.proxy.guards.swap(rules));
                (Outcome::Swapped, Vec::new())
            }
            Err(mistakes) => (Outcome::KeptLastGood, mistakes.0),
        };
        self.tell(outcome, errors, since.elapsed());
    }

    fn tell(&self, outcome: Outcome, errors: Vec<RulesetError>, took: Duration) {
        let rules = self.proxy.guards.ruleset();
        let shown = (!errors.is_empty()).then(|| RulesetErrors(errors.clone()).to_string());
        RulesetReload { hash: rules.hash(), outcome: outcome.word(), took, error: shown.as_deref() }.emit();
        self.status.send_modify(|status| {
            status.attempts += 1;
            if outcome == Outcome::Swapped {
                status.set_rules(&rules);
            }
            status.last = Some(Attempt::new(outcome, took, errors));
        });
    }

    async fn look_at_candidate(&mut self, afresh: bool) {
        let Some(shadow) = self.shadow.clone() else { return };
        let paths = self.settings.candidate_paths();
        let now = fingerprint(&paths);
        if now == self.seen_candidate && !(afresh && shadow.candidate().is_some()) {
            return;
        }
        self.seen_candidate = now;
        self.retired.extend(shadow.candidate());
        shadow.stop();
        let loaded = if paths.is_empty() { Ok(None) } else { load_apart(paths).await.map(Some) };
        let errors = match loaded {
            Ok(None) => {
                tracing::info!("no candidate ruleset in the shadow");
                Vec::new()
            }
            Ok(Some(candidate)) => {
                tracing::info!(ruleset = &**candidate.hash(), "candidate ruleset in the shadow");
                shadow.start(candidate, &self.proxy.guards.ruleset(), &self.settings.overrides);
                Vec::new()
            }
            Err(errors) => {
                tracing::error!(%errors, "the candidate ruleset cannot be used");
                errors.0
            }
        };
        self.status.send_modify(|status| status.shadow_errors = errors);
    }

    /// Drops the retired sets that nobody uses any more.
    async fn let_go(&mut self) {
        let unused: Vec<_> = self.retired.extract_if(.., |rules| Arc::strong_count(rules) == 1).collect();
        if !unused.is_empty() {
            off_the_reactor(move || drop(unused)).await;
        }
    }
}

/// As [`load`], off the reactor: hundreds of automata take a while.
async fn load_apart(paths: Vec<PathBuf>) -> Result<Arc<Ruleset>, RulesetErrors> {
    let loaded = off_the_reactor(move || load(&paths)).await;
    loaded.unwrap_or_else(|| Err(RulesetErrors::of_all("loading panicked", "report this as a defect")))
}

/// Runs `work` on the blocking pool; `None` if it panicked.
pub(super) async fn off_the_reactor<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    #[expect(clippy::disallowed_methods, reason = "one at a time, from the loop above")]
    spawn_blocking(work).await.ok()
}

/// Reads the listeners' certificates anew when their files change. Never ends.
pub async fn watch_certificates(tls: Arc<ServerTls>) {
    let files = tls.files();
    let mut seen = fingerprint(&files);
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let now = fingerprint(&files);
        if now != seen {
            seen = now;
            tls.reload();
        }
    }
}

/// What is seen of files from outside: where they really are, sizes, times.
pub(super) type Fingerprint = Vec<(PathBuf, u64, Option<SystemTime>)>;

pub(super) fn fingerprint(paths: &[PathBuf]) -> Fingerprint {
    let mut files = Vec::new();
    for path in paths {
        // A link that leads elsewhere now is a change, even if the files look alike.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        if real.is_dir() {
            let entries = std::fs::read_dir(&real).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()).map(|path| of_file(&path)));
        }
        files.push(of_file(&real));
    }
    files.sort();
    files
}

fn of_file(path: &Path) -> (PathBuf, u64, Option<SystemTime>) {
    let found = std::fs::metadata(path).ok();
    let size = found.as_ref().map_or(0, std::fs::Metadata::len);
    (path.to_owned(), size, found.and_then(|found| found.modified().ok()))
}
