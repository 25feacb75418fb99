//! What is in force, written out: every default, every guardrail of the profile. Never a secret, never a file's content.
//!
//! The TOML form is a configuration itself: loading it gives the same decisions (the profile's rows then stand in it twice,
//! and a row that comes second decides nothing).

mod audit;
mod identity;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use audit::{Audit, audit};
use identity::Identity;
use serde::Serialize;
use server::{Server, Upstream, server, upstream};

use crate::config::{Config, RulesetSettings, SecretSource};
use crate::policy::settings::word;
use crate::policy::{
    Action, Check, FailMode, Guardrail, Mode, Profile, Provenance, Rejection, StateSettings, ToolSettings,
};
use crate::redact::Strategy;
use crate::text::{Glob, Part, Phase};

/// A configuration as it is printed, keys in the order of the file.
#[derive(Debug, Serialize)]
pub struct Printed<'c> {
    profile: Profile,
    server: Server,
    upstream: Vec<Upstream<'c>>,
    identity: Identity<'c>,
    guardrail: Vec<Row<'c>>,
    tools: Tools,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    approvals: Option<Approvals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redaction: Option<Redaction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rulesets: Option<Rulesets<'c>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classifier: Option<Classifier<'c>>,
    audit: Audit,
}

#[derive(Debug, Serialize)]
struct Row<'c> {
    name: &'c str,
    kinds: Vec<&'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<&'c str>,
    phase: &'static str,
    parts: Vec<&'static str>,
    tenants: Vec<&'c str>,
    threshold: u8,
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<Strategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_in_tools: Option<bool>,
    fail: FailMode,
}

#[derive(Debug, Serialize)]
struct State {
    check: &'static str,
    unseen: &'static str,
    history_ttl: String,
    history_bytes: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<AllowedState>,
}

#[derive(Debug, Serialize)]
struct AllowedState {
    uses: Vec<String>,
    tenants: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Tools {
    check: &'static str,
    mode: &'static str,
    offered: &'static str,
    denied: &'static str,
    provenance: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<String>,
}

#[derive(Debug, Serialize)]
struct Policy {
    dir: String,
}

#[derive(Debug, Serialize)]
struct Approvals {
    decide_within: String,
    use_within: String,
    max_open: usize,
}

#[derive(Debug, Serialize)]
struct Redaction {
    key: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
struct Rulesets<'c> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    #[serde(rename = "override", skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<RuleOverride<'c>>,
}

#[derive(Debug, Serialize)]
struct Classifier<'c> {
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    deadline: String,
    threads: usize,
    queue: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    providers: Vec<&'c str>,
}

#[derive(Debug, Serialize)]
struct RuleOverride<'c> {
    tenants: Vec<&'c str>,
    rules: Vec<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u8>,
}

impl<'c> Printed<'c> {
    /// What `config print` shows; `rows` are [`GuardrailSet::rows`](crate::policy::GuardrailSet::rows) of the same configuration.
    #[must_use]
    pub fn new(config: &'c Config, rows: &'c [Guardrail]) -> Self {
        let key = config.redaction.key.as_ref();
        Self {
            profile: config.profile,
            server: server(config),
            upstream: config.upstreams.iter().map(upstream).collect(),
            identity: identity::identity(&config.identity),
            guardrail: rows.iter().map(row).collect(),
            tools: tools(&config.tools),
            policy: config.tools.policy_path.as_deref().map(|path| Policy { dir: shown(path) }),
            approvals: config.tools.approvals.map(|of| Approvals {
                decide_within: duration(of.decide_within),
                use_within: duration(of.use_within),
                max_open: of.max_open,
            }),
            state: state(&config.state),
            redaction: key.map(|key| Redaction { key: source(&key.source) }),
            rulesets: rulesets(config),
            classifier: classifier(config),
            audit: audit(config),
        }
    }

    /// As TOML.
    ///
    /// # Errors
    /// The serializer's message; no configuration is known that leads to one.
    pub fn to_toml(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }
}

fn classifier(config: &Config) -> Option<Classifier<'_>> {
    let settings = config.classifier.as_ref()?;
    Some(Classifier {
        model: shown(&settings.model),
        library: settings.library.as_deref().map(shown),
        deadline: duration(settings.deadline),
        threads: settings.threads,
        queue: settings.queue,
        providers: settings.providers.iter().map(String::as_str).collect(),
    })
}

fn tools(settings: &ToolSettings) -> Tools {
    Tools {
        check: word(&Check::WORDS, &settings.check),
        mode: word(&Mode::WORDS, &settings.mode),
        offered: word(&Rejection::WORDS, &settings.offered),
        denied: word(&Rejection::WORDS, &settings.denied),
        provenance: word(&Provenance::WORDS, &settings.provenance),
        registry: settings.registry_path.as_deref().map(shown),
    }
}

fn state(settings: &StateSettings) -> State {
    let words = |globs: &[Glob]| globs.iter().map(ToString::to_string).collect();
    State {
        check: settings.check.word(),
        unseen: settings.unseen.word(),
        history_ttl: duration(settings.history_ttl),
        history_bytes: settings.history_bytes,
        allow: settings
            .allow
            .iter()
            .map(|row| AllowedState { uses: words(&row.uses), tenants: words(&row.tenants) })
            .collect(),
    }
}

fn row(row: &Guardrail) -> Row<'_> {
    let all = row.parts.len() == Part::ALL.len();
    Row {
        name: &row.name,
        kinds: patterns(&row.kinds),
        rules: patterns(&row.rules),
        phase: row.phase.map_or("both", Phase::name),
        parts: if all { vec!["*"] } else { row.parts.iter().map(|part| part.name()).collect() },
        tenants: patterns(&row.tenants),
        threshold: row.threshold,
        action: row.action,
        strategy: (row.action == Action::Redact).then_some(row.strategy),
        restore_in_tools: row.restore_in_tools.then_some(true),
        fail: row.fail,
    }
}

fn rulesets(config: &Config) -> Option<Rulesets<'_>> {
    let settings = &config.rulesets;
    let list = |paths: &[PathBuf]| paths.iter().map(|path| shown(path)).collect();
    let overrides = settings.overrides.iter().map(|row| RuleOverride {
        tenants: patterns(&row.tenants),
        rules: patterns(&row.rules),
        enabled: row.enabled,
        confidence: row.confidence,
        threshold: row.threshold,
    });
    (*settings != RulesetSettings::default()).then(|| Rulesets {
        paths: list(&settings.paths),
        shadow: list(&settings.shadow),
        store: settings.store.as_deref().map(shown),
        overrides: overrides.collect(),
    })
}

fn patterns(globs: &[Glob]) -> Vec<&str> {
    globs.iter().map(Glob::as_str).collect()
}

/// Where a secret is read, never the secret.
fn source(source: &SecretSource) -> BTreeMap<&'static str, String> {
    let entry = match source {
        SecretSource::Env(name) => ("env", name.clone()),
        SecretSource::File(path) => ("file", shown(path)),
    };
    BTreeMap::from([entry])
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}
