//! What the program uses: plain settings, resolved and checked. Every default and limit is a constant with its reason.

mod audit;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::detect::ruleset::Override;
use crate::secret::Sensitive;

pub use crate::audit::Durability;
pub use crate::identity::settings::{IdentitySettings, VirtualKey};
pub use audit::{
    AuditAnchor, AuditContent, AuditSettings, AuditTenant, DEFAULT_ANCHOR_DEADLINE, DEFAULT_ANCHOR_PATIENCE,
    DEFAULT_CHECKPOINT_INTERVAL, DEFAULT_SEGMENT_AGE, DEFAULT_SEGMENT_BYTES, DEFAULT_SPOOL_BYTES, MAX_SEGMENT_BYTES,
    SHIP_LOOK,
};

/// Where callers connect by default: loopback, because a sidecar serves its own pod.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8787";
/// Where probes and metrics answer by default: loopback, and never the callers' listener.
pub const DEFAULT_ADMIN: &str = "127.0.0.1:8788";
/// LIMIT: 32 MiB a body: above the 20–32 MB that providers accept for a request with inline media.
pub const DEFAULT_MAX_BODY_BYTES: usize = 32 << 20;
/// LIMIT: 512 MiB of bodies in memory at once, over all exchanges: half of a 1 GiB container.
pub const DEFAULT_MAX_IN_FLIGHT_BYTES: usize = 512 << 20;
/// LIMIT: 4,096 open connections: below the usual limit of 8,192 descriptors with an upstream socket for each.
pub const DEFAULT_MAX_CONNECTIONS: usize = 4_096;
/// LIMIT: 1,024 exchanges at once; those above are told to come back, they do not queue.
pub const DEFAULT_MAX_CONCURRENCY: usize = 1_024;
/// 10 s for a request's headers: a caller in the same pod needs milliseconds.
pub const DEFAULT_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// 60 s for a request's body: 32 MiB at 5 Mbit/s.
pub const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// 120 s for a connection without an exchange: above the 90 s after which common clients drop theirs, so that the caller closes first.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// 60 s for a caller to take something of what waits for it: one in the same pod that takes nothing for a minute is gone or hostile.
pub const DEFAULT_WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// 600 s until an upstream's response headers: the official SDKs' own default; a call without a stream thinks that long.
pub const DEFAULT_UPSTREAM_TIMEOUT: Duration = Duration::from_secs(600);
/// 10 s for TCP and TLS to an upstream: two retransmissions of a lost SYN.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// 300 s between two pieces of an upstream's body: reasoning models are silent for minutes.
pub const DEFAULT_UPSTREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// 25 s to finish live exchanges: below the 30 s that Kubernetes grants between SIGTERM and SIGKILL.
pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// LIMIT: no timeout over a day: a larger number is a slip of the unit.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listen {
    /// `HOST:PORT`, both numeric.
    Tcp(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What happens to an endpoint that no dialect table mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownEndpoint {
    /// JSON bodies are inspected string by string.
    Inspect,
    /// The call is refused.
    Deny,
}

/// `[server.tls]`: TLS on the callers' TCP listeners. All files are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Our certificate, then those that lead to its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates that clients' own must descend from; `None`: clients are not asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client may come without a certificate.
    pub client_auth: ClientAuth,
}

/// Whether a client of a listener with a `client_ca` may come without a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// No connection without one.
    Required,
    /// Without one, other methods of identity apply.
    Optional,
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Where callers connect; never empty.
    pub listen: Vec<Listen>,
    /// Where `/healthz`, `/readyz` and `/metrics` answer; differs from all of `listen`.
    pub admin: Listen,
    /// Largest body of a request or (unstreamed) response, bytes.
    pub max_body_bytes: usize,
    /// Most bytes of bodies held at once, over all exchanges.
    pub max_in_flight_bytes: usize,
    /// Most open caller connections.
    pub max_connections: usize,
    /// Most exchanges at once.
    pub max_concurrency: usize,
    /// Until a request's headers are complete.
    pub header_timeout: Duration,
    /// Until a request's body is complete.
    pub body_timeout: Duration,
    /// A connection without an exchange.
    pub idle_timeout: Duration,
    /// A caller that takes nothing of what waits for it.
    pub write_timeout: Duration,
    /// Default of [`UpstreamSettings::response_timeout`].
    pub upstream_timeout: Duration,
    /// To finish live exchanges after SIGTERM.
    pub drain_timeout: Duration,
    /// Endpoints that no table mentions.
    pub unknown_endpoint: UnknownEndpoint,
    /// TLS on the callers' TCP listeners; `None`: plain.
    pub tls: Option<TlsSettings>,
}

/// Where a secret of ours comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `{ env = "NAME" }`.
    Env(String),
    /// `{ file = "PATH" }`, already resolved against the configuration's folder.
    File(PathBuf),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// An upstream's credential, read when the configuration was loaded.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Where it was read.
    pub source: SecretSource,
    /// Its value: visible ASCII, not empty, so that it is always a valid header value.
    pub value: Sensitive<String>,
}

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An upstream's base address. The caller's path is appended to `path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host name or address, lower case, an IPv6 address without brackets.
    pub host: String,
    /// Port; the scheme's default if the URL names none.
    pub port: u16,
    /// Prefix of every path: empty, or `/…` without a final slash.
    pub path: String,
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.word(), self.authority(), self.path)
    }
}

impl BaseUrl {
    /// `host`, `host:port` or `[v6]:port`, as it stands in a `Host` header: the scheme's own port is left out.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// `[[upstream]]`.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// The name in `/u/NAME/…`; unique.
    pub name: Arc<str>,
    /// Dialects that it serves; never empty. The first upstream that lists a dialect is that dialect's default.
    pub dialects: Vec<Arc<str>>,
    /// Where it is.
    pub url: BaseUrl,
    /// What is sent in the caller's place; `None`: the caller's own key goes through.
    pub credential: Option<Credential>,
    /// Certificates (PEM) that its own must descend from, instead of the public roots.
    pub ca: Option<PathBuf>,
    /// TCP and TLS.
    pub connect_timeout: Duration,
    /// Until the response's headers.
    pub response_timeout: Duration,
    /// Between two pieces of the response's body.
    pub idle_timeout: Duration,
    /// Whether it may stand at a link-local or metadata address. SECURITY: a host *name* must be held against
    /// [`super::address::is_link_local`] again after it was looked up.
    pub allow_link_local: bool,
    /// Whether plain HTTP to another machine is meant.
    pub allow_plaintext: bool,
}

/// `[redaction]`.
#[derive(Debug, Clone, Default)]
pub struct RedactionSettings {
    /// Key material from which placeholder keys derive (at least [`MIN_REDACTION_KEY_BYTES`] bytes); `None`: random at start, so
    /// placeholders differ between replicas and restarts.
    pub key: Option<RedactionKey>,
}

/// LIMIT: 32 bytes: the security level of the HMAC that placeholders come from.
pub const MIN_REDACTION_KEY_BYTES: usize = 32;

/// The key of `[redaction]`.
#[derive(Debug, Clone)]
pub struct RedactionKey {
    /// Where it was read.
    pub source: SecretSource,
    /// Input key material for a KDF, not a key as it is.
    pub material: Sensitive<Vec<u8>>,
}

/// `[rulesets]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RulesetSettings {
    /// Files or folders of rules; empty: the rules in the binary.
    pub paths: Vec<PathBuf>,
    /// Files or folders of rules that run beside those in force, and decide nothing.
    pub shadow: Vec<PathBuf>,
    /// Folder of versions, from which one is in force and one may be the candidate; in place of `paths` and `shadow`.
    pub store: Option<PathBuf>,
    /// `[[rulesets.override]]`, in order.
    pub overrides: Vec<Override>,
}

/// In a store: the link to the version in force.
pub const STORE_LIVE: &str = "live";
/// In a store: the link to the version in the shadow.
pub const STORE_CANDIDATE: &str = "candidate";

impl RulesetSettings {
    /// Where the rules in force are; none: in the binary. A store to which nothing was promoted yet has none.
    #[must_use]
    pub fn live_paths(&self) -> Vec<PathBuf> {
        self.paths.iter().cloned().chain(self.linked(STORE_LIVE)).collect()
    }

    /// Where the candidate's rules are; none: there is no candidate.
    #[must_use]
    pub fn candidate_paths(&self) -> Vec<PathBuf> {
        self.shadow.iter().cloned().chain(self.linked(STORE_CANDIDATE)).collect()
    }

    /// Whether there can be a candidate while the sidecar runs.
    #[must_use]
    pub fn may_shadow(&self) -> bool {
        self.store.is_some() || !self.shadow.is_empty()
    }

    /// SECURITY: a link that leads nowhere counts as there, so that it is an error and not the rules in the binary.
    fn linked(&self, name: &str) -> Option<PathBuf> {
        let link = self.store.as_ref()?.join(name);
        link.symlink_metadata().is_ok().then_some(link)
    }
}

/// `[classifier]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassifierSettings {
    /// The model's folder.
    pub model: PathBuf,
    /// ONNX Runtime's library; `None`: it is looked for.
    pub library: Option<PathBuf>,
    /// How long an exchange waits; then the guardrails' `fail` decides.
    pub deadline: Duration,
    /// Threads that judge, each with the weights in memory.
    pub threads: usize,
    /// Exchanges that wait; those above get the defined answer at once.
    pub queue: usize,
    /// Execution providers in order of preference; empty: the CPU.
    pub providers: Vec<String>,
}

/// 10 s for an answer: a new document of some 300 KiB on one core; a prompt of that size keeps the model behind us busy longer.
pub const DEFAULT_CLASSIFIER_DEADLINE: Duration = Duration::from_secs(10);
/// 64 exchanges that wait: new turns of a page each that one thread judges within the deadline.
pub const DEFAULT_CLASSIFIER_QUEUE: usize = 64;

impl Default for ClassifierSettings {
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            library: None,
            deadline: DEFAULT_CLASSIFIER_DEADLINE,
            threads: 1,
            queue: DEFAULT_CLASSIFIER_QUEUE,
            providers: Vec::new(),
        }
    }
}
