//! Configuration: what the file says → what the program uses, all errors at once.
//!
//! The file (`sidewall.toml`; `sidewall.example.toml` shows every key) is parsed into values with spans, section readers turn
//! them into the plain structs of [`settings`], and what spans sections is checked here. Nothing is taken from the
//! environment or from disk but what the file names.

pub mod address;
pub mod print;
pub mod problem;
mod reader;
mod section;
pub mod settings;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use toml::de::DeTable;

pub use problem::{ConfigErrors, Problem};
pub use settings::{
    AuditAnchor, AuditContent, AuditSettings, AuditTenant, BaseUrl, ClassifierSettings, Credential, Durability,
    IdentitySettings, Listen, RedactionKey, RedactionSettings, RulesetSettings, Scheme, SecretSource, ServerSettings,
    UnknownEndpoint, UpstreamSettings,
};

use crate::identity::mapping::TenantFrom;
use crate::keys::Directory;
use crate::policy::{GuardrailSet, Profile, StateSettings, ToolSettings};
use reader::{At, Reading, Table};

/// LIMIT: 4 MiB: thousands of virtual keys fit; a file over it is not a configuration.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Everything that the file decides, resolved and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `profile`.
    pub profile: Profile,
    /// `[server]`.
    pub server: ServerSettings,
    /// `[[upstream]]`, in order; at least one.
    pub upstreams: Vec<UpstreamSettings>,
    /// `[identity]`.
    pub identity: IdentitySettings,
    /// `[[guardrail]]` and the profile.
    pub guardrails: GuardrailSet,
    /// `[tools]`.
    pub tools: ToolSettings,
    /// `[state]`.
    pub state: StateSettings,
    /// `[redaction]`.
    pub redaction: RedactionSettings,
    /// `[rulesets]`.
    pub rulesets: RulesetSettings,
    /// `[classifier]`; `None`: rules alone find injections.
    pub classifier: Option<ClassifierSettings>,
    /// `[audit]`; `None` if the file says `enabled = false`.
    pub audit: Option<AuditSettings>,
    /// What is allowed but risky; to be logged at start.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads and resolves a file; its relative paths are seen from its folder.
    ///
    /// # Errors
    /// All problems of the file at once, or the one that kept it from being read.
    pub fn from_file(path: &Path) -> Result<Self, ConfigErrors> {
        let text = read_file(path).map_err(|what| {
            let mend = "name a readable TOML file; sidewall.example.toml is one to start from".to_owned();
            let problem = Problem { line: None, path: String::new(), what, mend };
            ConfigErrors { file: Some(path.to_owned()), problems: vec![problem] }
        })?;
        let base = path.parent().unwrap_or_else(|| Path::new(""));
        Self::from_toml(&text, base).map_err(|errors| errors.of_file(path))
    }

    /// Resolves a configuration's text; its relative paths are seen from `base`.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_toml(text: &str, base: &Path) -> Result<Self, ConfigErrors> {
        Self::resolve(text, base, &|name| std::env::var(name).ok())
    }

    /// As [`Config::from_toml`], with another source of environment variables.
    ///
    /// # Errors
    /// All problems at once.
    pub fn resolve(text: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut reading = Reading::new(text, base, env);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            // SECURITY: the message alone; the parser's display form quotes the line, which may hold a secret.
            let at = At::offset(error.span().map(|span| span.start));
            reading.error(&at, format!("is not TOML: {}", error.message()), "mend the syntax (https://toml.io)");
        }
        if !errors.is_empty() {
            // What the parser guessed behind a syntax error would only raise false alarms.
            return Err(failed(reading));
        }
        let config = read_sections(Table::root(document.get_ref()), &mut reading);
        if !reading.errors.is_empty() {
            return Err(failed(reading));
        }
        Ok(Self { warnings: reading.warnings, ..config })
    }
}

fn failed(reading: Reading<'_>) -> ConfigErrors {
    let mut problems = reading.errors;
    problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
    ConfigErrors { file: None, problems }
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(format!("cannot be read ({error})")),
        Ok(_) if text.len() as u64 > MAX_FILE_BYTES => Err(format!("is larger than {MAX_FILE_BYTES} bytes")),
        Ok(_) => Ok(text),
    }
}

fn read_sections(mut root: Table<'_>, reading: &mut Reading<'_>) -> Config {
    let words = Profile::ALL.map(|profile| (profile.name(), profile));
    let profile = root.take("profile").and_then(|node| node.word(reading, &words)).unwrap_or_default();
    let server = section::server::read(&mut root, profile, reading);
    let upstreams = section::upstream::read(&mut root, &server, reading);
    let identity = section::identity::read(&mut root, &server, reading);
    let configured = section::guardrail::read(&mut root, reading);
    let mut tools = section::tools::read(&mut root, profile, reading);
    section::approvals::read(&mut root, &identity, &mut tools, reading);
    let state = section::state::read(&mut root, profile, reading);
    let redaction = section::storage::redaction(&mut root, reading);
    let rulesets = section::rulesets::read(&mut root, reading);
    let classifier = section::classifier::read(&mut root, reading);
    let audit = section::audit::read(&mut root, reading);
    let guardrails = GuardrailSet { profile, configured };
    let warnings = Vec::new();
    let config = Config {
        profile,
        server,
        upstreams,
        identity,
        guardrails,
        tools,
        state,
        redaction,
        rulesets,
        classifier,
        audit,
        warnings,
    };
    section::storage::refusal(&mut root, reading);
    root.finish(reading);
    warn_across_sections(&config, reading);
    require_tenant_keys(&config, reading);
    require_pseudonym_key(&config, reading);
    config
}

/// What each section allows but both together make risky.
fn warn_across_sections(config: &Config, reading: &mut Reading<'_>) {
    let open = config.server.listen.iter().find(|listen| match listen {
        Listen::Tcp(address) => !is_loopback(address.ip()),
        Listen::Unix(_) => false,
    });
    if let (Some(listen), Some(caller)) = (open, &config.identity.fallback) {
        let what = format!("makes everybody who reaches {listen} tenant {}", caller.principal.tenant);
        reading.warn(&At::absent("identity.static"), what, "use [[identity.virtual_key]], or listen on loopback only");
    }
    for upstream in &config.upstreams {
        if upstream.credential.is_none() && config.identity.reads_credential_headers() {
            let at = At::absent(&format!("upstream {}", upstream.name));
            let what =
                "has no credential, and a caller's virtual key or token is never sent on: such calls carry no key";
            reading.warn(&at, what, "set credential = { env = \"NAME\" } or { file = \"PATH\" }");
        }
    }
}

/// A tenant without a key could not be recorded, so each of its calls would be refused: better said when the file is checked.
fn require_tenant_keys(config: &Config, reading: &mut Reading<'_>) {
    // A folder that cannot be opened has been reported where it is named.
    let Some(audit) = config.audit.as_ref().filter(|audit| audit.keys.is_dir()) else { return };
    let mut tenants: BTreeSet<&str> =
        config.identity.named_callers().map(|caller| caller.principal.tenant.as_ref()).collect();
    if let Some(TenantFrom::Fixed(tenant)) = config.identity.jwt.as_ref().map(|jwt| &jwt.mapping.tenant) {
        tenants.insert(tenant);
    }
    let at = At::absent("audit.keys");
    match Directory::open(&audit.keys) {
        Err(error) => reading.error(&at, error, "make it readable"),
        Ok(keys) => {
            for tenant in tenants {
                if let Err(error) = keys.public_key(tenant) {
                    let what = format!("holds no usable public key of tenant {tenant} ({error})");
                    let mend = format!("run: sidewall keys new --tenant {tenant} --out {}", audit.keys.display());
                    reading.error(&at, what, mend);
                }
            }
        }
    }
}

/// Pseudonyms that change with every start would join nothing.
fn require_pseudonym_key(config: &Config, reading: &mut Reading<'_>) {
    let Some(audit) = &config.audit else { return };
    let mut all = audit.tenants.values().chain([&audit.defaults]);
    if config.redaction.key.is_none() && all.any(|tenant| tenant.content == AuditContent::Pseudonyms) {
        let mend = "set [redaction] key = { file = \"FILE\" } (head -c 32 /dev/urandom > FILE)";
        reading.error(&At::absent("audit.content"), "\"pseudonyms\" needs a key that lasts", mend);
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
