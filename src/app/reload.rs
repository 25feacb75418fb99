//! Rulesets that change under load: look, compile, test, swap. What does not compile or fails its own examples leaves the
//! last good set in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::config::RulesetSettings;
use crate::detect::Ruleset;
use crate::proxy::Proxy;
use crate::telemetry::UPKEEP;
use crate::telemetry::events::RulesetReload;

/// How often the files are looked at. Polling, because mounted configuration (a Kubernetes `ConfigMap`) changes by
/// symbolic links, which file notifications miss.
const LOOK: Duration = Duration::from_secs(3);

/// Loads and tests the rules.
///
/// # Errors
/// Every mistake, or the examples that fail, as text of our own.
pub fn load(settings: &RulesetSettings) -> Result<Arc<Ruleset>, String> {
    if settings.paths.is_empty() {
        // The rules in the binary never change; the program's own tests hold them against their examples.
        return Ruleset::embedded().map(Arc::new).map_err(|errors| errors.to_string());
    }
    let rules = Ruleset::load(&settings.paths).map_err(|errors| errors.to_string())?;
    // SECURITY: a folder that is empty for a moment (a mount under way) must not switch all detection off.
    if rules.rules().is_empty() {
        return Err("no rule in them; name files or folders of *.toml, or leave [rulesets] out".to_owned());
    }
    let failures = rules.selftest();
    if failures.is_empty() {
        return Ok(Arc::new(rules));
    }
    let failed: Vec<_> = failures.iter().map(|failure| failure.rule.as_str()).collect();
    Err(format!("rules that fail their own examples (see `sidewall rules test`): {}", failed.join(", ")))
}

/// Reloads whenever the files change or `asked` is notified; also keeps the metrics' buffers small. Never ends.
pub async fn watch(proxy: Arc<Proxy>, settings: RulesetSettings, asked: Arc<Notify>) {
    let mut seen = fingerprint(&settings.paths);
    let mut upkeep = tokio::time::interval(UPKEEP);
    let mut look = tokio::time::interval(LOOK);
    loop {
        let asked_for = tokio::select! {
            () = asked.notified() => true,
            _ = look.tick() => false,
            _ = upkeep.tick() => {
                if let Some(handle) = crate::telemetry::recorder() {
                    handle.run_upkeep();
                }
                continue;
            }
        };
        if settings.paths.is_empty() {
            continue;
        }
        let now = fingerprint(&settings.paths);
        if asked_for || now != seen {
            seen = now;
            reload(&proxy, settings.clone()).await;
        }
    }
}

async fn reload(proxy: &Proxy, settings: RulesetSettings) {
    #[expect(clippy::disallowed_methods, reason = "one at a time, from the loop above")]
    let loaded = spawn_blocking(move || load(&settings)).await;
    let error = match loaded {
        Ok(Ok(rules)) => {
            proxy.guards.swap(rules);
            None
        }
        Ok(Err(mistakes)) => Some(mistakes),
        Err(_panicked) => Some("loading panicked".to_owned()),
    };
    RulesetReload { hash: &proxy.guards.hash(), error: error.as_deref() }.emit();
}

/// What is seen of the files from outside: names, sizes, times.
fn fingerprint(paths: &[PathBuf]) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()).map(|path| of_file(&path)));
        } else {
            files.push(of_file(path));
        }
    }
    files.sort();
    files
}

fn of_file(path: &Path) -> (PathBuf, u64, Option<SystemTime>) {
    let found = std::fs::metadata(path).ok();
    let size = found.as_ref().map_or(0, std::fs::Metadata::len);
    (path.to_owned(), size, found.and_then(|found| found.modified().ok()))
}
