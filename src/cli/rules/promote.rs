//! `rules promote`, `rules rollback`, `rules versions`: which version of the rules is in force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::store::{Deed, Store};
use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::config::Config;
use crate::detect::Ruleset;

/// Which store.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// Folder of the store, instead of `[rulesets] store` of the configuration.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The sidecar's configuration.
    #[arg(long, default_value = "sidewall.toml")]
    config: PathBuf,
}

impl Where {
    pub(super) fn dir(&self) -> Result<PathBuf, Failure> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let config = Config::from_file(&self.config).map_err(|errors| Failure::from_error(&errors))?;
        config.rulesets.store.ok_or_else(|| {
            let file = self.config.display();
            Failure::new(format!(
                "{file} names no store of rulesets; write [rulesets] store = \"rules\", or give --store DIR"
            ))
        })
    }
}

/// Put a version of the rules in force, at once; running sidecars pick it up within seconds.
///
/// Without PATH: the candidate in the shadow. The rules must load and live up to their own examples, and lint must have nothing to say.
/// The version before stays in the store.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 in force · 1 examples fail or lint has something to say; nothing changed · 2 usage or input error\n\n\
                        Examples:\n  sidewall rules promote\n  sidewall rules promote my-rules/ --note 'tickets are no phone numbers'"
)]
pub(super) struct Promote {
    /// Ruleset files, or folders of them.
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: Where,
    /// Why; kept in the store's history.
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    /// Whatever lint says. Rules that do not load or fail their examples are refused all the same.
    #[arg(long)]
    force: bool,
}

/// Put the version before the one in force back in force, at once.
///
/// Promotions stack up; each rollback takes one off. Before the first come the rules that the program carries.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 in force · 2 usage or input error\n\n\
                        Examples:\n  sidewall rules rollback\n  sidewall rules rollback --to 4f0c2a97d1b35e68")]
pub(super) struct Rollback {
    /// The version (`sidewall rules versions`).
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Why; kept in the store's history.
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
}

/// List the versions of a store, which is in force and in the shadow, and what was done when.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sidewall rules versions --store rules")]
pub(super) struct Versions {
    #[command(flatten)]
    place: Where,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

impl Promote {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let store = Store::open(&self.place.dir()?)?;
        let from_shadow = self.paths.is_empty();
        let paths = match (from_shadow, store.candidate()) {
            (false, _) => self.paths,
            (true, Some(candidate)) => vec![store.folder(&candidate)],
            (true, None) => {
                return Err(Failure::new(
                    "nothing is in the shadow; name what to promote, or start it with `rules shadow start PATH`",
                ));
            }
        };
        let Some((rules, version)) = admit(&store, &paths, self.force, out)? else { return Ok(Exit::Found) };
        let before = store.live();
        changes(&in_store(&store, before.as_deref())?, &rules, out);
        store.point(Deed::Promote, Some(&version), &self.note)?;
        if from_shadow {
            store.point(Deed::ShadowStop, None, "promoted")?;
        }
        out.line(format_args!(
            "in force: {version} ({} rules); before: {}",
            rules.rules().len(),
            shown(before.as_deref())
        ));
        Ok(Exit::Clean)
    }
}

impl Rollback {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let store = Store::open(&self.place.dir()?)?;
        let target = match self.to {
            Some(version) if store.versions()?.contains(&version) => Some(version),
            Some(version) => {
                return Err(Failure::new(format!(
                    "the store has no version {version}; `sidewall rules versions` lists them"
                )));
            }
            None => store.earlier().ok_or_else(|| Failure::new("nothing was promoted that could be taken back"))?,
        };
        // Never a version that the sidecar would refuse: it would go on with the one that is to go.
        let rules = in_store(&store, target.as_deref())?;
        let before = store.live();
        changes(&in_store(&store, before.as_deref()).unwrap_or_default(), &rules, out);
        store.point(Deed::Rollback, target.as_deref(), &self.note)?;
        out.line(format_args!("in force: {}; before: {}", shown(target.as_deref()), shown(before.as_deref())));
        Ok(Exit::Clean)
    }
}

impl Versions {
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let store = Store::read(&self.place.dir()?)?;
        let (versions, live, candidate, history) =
            (store.versions()?, store.live(), store.candidate(), store.history());
        if self.json {
            out.json(&json!({ "live": live, "candidate": candidate, "versions": versions, "history": history }));
            return Ok(Exit::Clean);
        }
        for event in &history {
            let deed = serde_json::to_value(event.deed).unwrap_or_default();
            let deed = deed.as_str().unwrap_or_default().to_owned();
            let version = match (&event.version, event.deed) {
                (None, Deed::ShadowStop) => "-",
                (version, _) => shown(version.as_deref()),
            };
            out.line(format_args!("{}  {deed:<12}  {version}  {}", event.time, event.note));
        }
        out.line(format_args!("{} versions in {}", versions.len(), store.dir().display()));
        out.line(format_args!("in force: {}", shown(live.as_deref())));
        if let Some(candidate) = candidate {
            out.line(format_args!("in the shadow: {candidate}"));
        }
        Ok(Exit::Clean)
    }
}

/// Loads, tests and lints rules, and keeps them in the store. `None`: they may not be promoted, and why has been said.
pub(super) fn admit(
    store: &Store,
    paths: &[PathBuf],
    force: bool,
    out: &mut Output,
) -> Result<Option<(Ruleset, String)>, Failure> {
    let files = Ruleset::texts(paths).map_err(|errors| Failure::from_error(&errors))?;
    let rules = Ruleset::from_texts(&files).map_err(|errors| Failure::from_error(&errors))?;
    if rules.rules().is_empty() {
        return Err(Failure::new("there is no rule in these files"));
    }
    let failures = rules.selftest();
    for failure in &failures {
        let verb = if failure.missed { "misses" } else { "finds something in" };
        out.error(format_args!("{}: {verb} {:?}", failure.rule, failure.example));
    }
    let lints = rules.lint();
    lints.iter().for_each(|lint| out.error(lint));
    if !failures.is_empty() || !(lints.is_empty() || force) {
        let mend = if failures.is_empty() { "; mend them, or --force" } else { "" };
        out.error(format_args!(
            "{} examples fail, {} lint findings: nothing was changed{mend}",
            failures.len(),
            lints.len()
        ));
        return Ok(None);
    }
    let version = store.keep(rules.hash(), &files)?;
    Ok(Some((rules, version)))
}

/// The rules of a version; `None`: those that the program carries.
fn in_store(store: &Store, version: Option<&str>) -> Result<Ruleset, Failure> {
    let paths: Vec<PathBuf> = version.map(|version| store.folder(version)).into_iter().collect();
    super::load(&paths)
}

/// Writes which rules differ.
pub(super) fn changes(before: &Ruleset, after: &Ruleset, out: &mut Output) {
    for (mark, rule) in changed_rules(before, after) {
        out.line(format_args!("  {mark} {rule}"));
    }
}

/// The rules and allow-list entries that differ: `+` new, `-` gone, `~` changed.
pub(super) fn changed_rules(before: &Ruleset, after: &Ruleset) -> Vec<(char, String)> {
    type Forms = (Option<String>, Option<String>);
    let mut all: BTreeMap<String, Forms> = BTreeMap::new();
    for (rules, first) in [(before, true), (after, false)] {
        let specs = rules.rules().iter().map(|rule| (rule.spec.id.clone(), form(&rule.spec)));
        let allows = rules.allows().iter().map(|entry| (format!("allow {}", entry.spec.id), form(&entry.spec)));
        for (name, json) in specs.chain(allows) {
            let forms = all.entry(name).or_default();
            *(if first { &mut forms.0 } else { &mut forms.1 }) = Some(json);
        }
    }
    let changed = all.into_iter().filter_map(|(name, forms)| match forms {
        (Some(a), Some(b)) if a == b => None,
        (Some(_), Some(_)) => Some(('~', name)),
        (Some(_), None) => Some(('-', name)),
        (None, _) => Some(('+', name)),
    });
    changed.collect()
}

fn form(spec: &impl Serialize) -> String {
    // A spec is plain strings and numbers: it always has a JSON form.
    serde_json::to_string(spec).unwrap_or_default()
}

fn shown(version: Option<&str>) -> &str {
    version.unwrap_or("the rules that the program carries")
}

/// Writes the files that the program carries into a new folder.
pub(super) fn export(dir: &Path, out: &mut Output) -> Result<Exit, Failure> {
    let wrong = |error: std::io::Error| Failure::new(format!("{} cannot be written: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(wrong)?;
    for (name, text) in Ruleset::embedded_texts() {
        let path = dir.join(&name);
        if path.exists() {
            return Err(Failure::new(format!("{} is there already; name an empty folder", path.display())));
        }
        std::fs::write(&path, text).map_err(wrong)?;
        out.line(path.display());
    }
    Ok(Exit::Clean)
}
