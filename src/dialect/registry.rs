//! Which table speaks for an endpoint.

use std::sync::{LazyLock, OnceLock};

use crate::dialect::refuse::ErrorStyle;
use crate::dialect::table::{Class, Roles, Row, State, row};
use crate::dialect::trie::Trie;
use crate::dialect::{anthropic, gemini, ollama, openai};

/// A provider API: a value, not a trait with branches.
#[derive(Debug)]
pub struct Dialect {
    /// `openai`, `anthropic`, `generic`: the names used in `[[upstream]].dialects`.
    pub name: &'static str,
    /// Stream payloads that are not JSON but are part of the protocol.
    pub terminators: &'static [&'static str],
    /// What stands in a stream's last event. A piece with it is held until the record of the exchange is on disk.
    pub stream_ends: &'static [&'static str],
    /// How errors are written.
    pub errors: &'static ErrorStyle,
}

/// The tables of one endpoint.
#[derive(Debug)]
pub struct Layout {
    /// Role words.
    pub roles: Roles,
    /// Rows of request bodies.
    pub request: &'static [Row],
    /// Rows of whole response bodies, errors included.
    pub response: &'static [Row],
    /// Rows of the JSON payload of one stream event.
    pub stream: &'static [Row],
}

/// One endpoint of a dialect.
#[derive(Debug)]
pub struct Endpoint {
    /// Its dialect.
    pub dialect: &'static Dialect,
    /// Name for audit and metrics: `chat.completions`, `messages`, `unknown` …
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path; `*` stands for one segment.
    pub path: &'static str,
    /// A request header that only this dialect's clients send: it decides between dialects that share a path.
    pub marker: Option<&'static str>,
    /// False: no table row mentions it; `unknown_endpoint` of the configuration decides.
    pub known: bool,
    /// True if `*` in the path stands for the model.
    pub names_model: bool,
    /// True if `*` in the path names the exchange that this one goes on from.
    pub goes_on: bool,
    /// Content types of media that it may answer with, which nobody can read here; a final `*` stands for any rest.
    pub media: &'static [&'static str],
    /// True if a whole answer is an array that is written while it is read.
    pub elements: bool,
    /// What every call of it uses of the provider's state.
    pub state: Option<State>,
    /// Bytes of the path before its first `*`.
    literal: usize,
    layout: Layout,
    compiled: OnceLock<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    request: Trie,
    response: Trie,
    stream: Trie,
}

/// A compiled table with the role words that go with it.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Paths.
    pub trie: &'static Trie,
    /// Role words.
    pub roles: Roles,
}

impl Endpoint {
    /// A known endpoint.
    #[must_use]
    pub const fn new(
        dialect: &'static Dialect,
        name: &'static str,
        method: &'static str,
        path: &'static str,
        layout: Layout,
    ) -> Self {
        Self {
            dialect,
            name,
            method,
            path,
            marker: None,
            known: true,
            state: None,
            elements: false,
            names_model: false,
            goes_on: false,
            media: &[],
            literal: literal(path),
            layout,
            compiled: OnceLock::new(),
        }
    }

    /// The same endpoint, whose answer is an array that is written while it is read.
    #[must_use]
    pub const fn with_elements(mut self) -> Self {
        self.elements = true;
        self
    }

    /// The same endpoint, whose path names the model where it has a `*`.
    #[must_use]
    pub const fn naming_model(mut self) -> Self {
        self.names_model = true;
        self
    }

    /// The same endpoint, whose path names the exchange that it goes on from where it has a `*`.
    #[must_use]
    pub const fn going_on(mut self) -> Self {
        self.goes_on = true;
        self
    }

    /// The same endpoint, which may answer with media.
    #[must_use]
    pub const fn answering(mut self, media: &'static [&'static str]) -> Self {
        self.media = media;
        self
    }

    /// What `path` names that matters, if paths of this endpoint name something.
    #[must_use]
    pub fn named_in(&self, path: &str) -> Named {
        if !self.names_model && !self.goes_on {
            return Named::default();
        }
        let mut segments = self.path.split('/').zip(path.split('/'));
        let name = segments.find_map(|(pattern, segment)| segment.strip_suffix(pattern.strip_prefix('*')?));
        let name = name.map(str::to_owned);
        if self.names_model { Named { model: name, earlier: None } } else { Named { model: None, earlier: name } }
    }

    /// The same endpoint, each of whose calls uses the provider's state.
    #[must_use]
    pub const fn using(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// A known endpoint for requests with the header `marker` alone.
    #[must_use]
    pub const fn marked(
        dialect: &'static Dialect,
        name: &'static str,
        path: &'static str,
        marker: &'static str,
        layout: Layout,
    ) -> Self {
        let marker = Some(marker);
        Self {
            dialect,
            name,
            method: "GET",
            path,
            marker,
            known: true,
            state: None,
            elements: false,
            names_model: false,
            goes_on: false,
            media: &[],
            literal: literal(path),
            layout,
            compiled: OnceLock::new(),
        }
    }

    /// What stands before the path's first `*`. Most endpoints differ from a request's path there: comparing it first makes routing
    /// twenty times cheaper.
    const fn literal(&self) -> &[u8] {
        let (literal, _) = self.path.as_bytes().split_at(self.literal);
        literal
    }

    fn compiled(&'static self) -> &'static Compiled {
        self.compiled.get_or_init(|| Compiled {
            request: Trie::new(self.layout.request),
            response: Trie::new(self.layout.response),
            stream: Trie::new(self.layout.stream),
        })
    }

    /// Table of request bodies.
    #[must_use]
    pub fn request(&'static self) -> Table {
        Table { trie: &self.compiled().request, roles: self.layout.roles }
    }

    /// Table of whole response bodies.
    #[must_use]
    pub fn response(&'static self) -> Table {
        Table { trie: &self.compiled().response, roles: self.layout.roles }
    }

    /// Table of stream events.
    #[must_use]
    pub fn stream(&'static self) -> Table {
        Table { trie: &self.compiled().stream, roles: self.layout.roles }
    }
}

/// What a path names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The model.
    pub model: Option<String>,
    /// The exchange that this one goes on from.
    pub earlier: Option<String>,
}

/// Where a path leads.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The endpoint.
    pub endpoint: &'static Endpoint,
}

static ARGUMENT_ROWS: [Row; 1] = [row("**", Class::Input)];

/// The table of a tool call's arguments: every leaf is an argument.
pub static ARGUMENTS: LazyLock<Trie> = LazyLock::new(|| Trie::new(&ARGUMENT_ROWS));

/// For paths that look like no provider's.
static GENERIC: Dialect = Dialect { name: "generic", ..openai::DIALECT_ROW };

/// Endpoints that no table knows: every string is unlisted. The dialect (and so the upstream and the shape of refusals) is guessed
/// from the path alone.
static UNKNOWN: [(&str, Endpoint); 6] = [
    ("/v1/messages", unknown(&anthropic::DIALECT)),
    ("/v1beta", unknown(&gemini::DIALECT)),
    ("/api/", unknown(&ollama::DIALECT)),
    ("/openai/", unknown(&openai::AZURE_DIALECT)),
    ("/v1/", unknown(&openai::DIALECT)),
    ("/", unknown(&GENERIC)),
];

/// Where approvers decide; leads to no upstream, and no path leads here but the admin listener's own.
pub static DECISIONS: Endpoint = rowless(&GENERIC, "approvals");

const fn unknown(dialect: &'static Dialect) -> Endpoint {
    rowless(dialect, "unknown")
}

const fn rowless(dialect: &'static Dialect, name: &'static str) -> Endpoint {
    let layout = Layout { roles: &[], request: &[], response: &[], stream: &[] };
    Endpoint {
        dialect,
        name,
        method: "*",
        path: "*",
        marker: None,
        known: false,
        state: None,
        elements: false,
        names_model: false,
        goes_on: false,
        media: &[],
        literal: 0,
        layout,
        compiled: OnceLock::new(),
    }
}

/// Bytes of a path before its first `*`.
const fn literal(path: &str) -> usize {
    let (mut length, mut rest) = (0, path.as_bytes());
    while let [first, tail @ ..] = rest {
        if *first == b'*' {
            break;
        }
        (length, rest) = (length + 1, tail);
    }
    length
}

/// Every dialect's name, as `[[upstream]].dialects` lists them.
pub const NAMES: [&str; 6] = ["openai", "anthropic", "gemini", "ollama", "azure", "generic"];

/// Every endpoint that a table knows.
pub fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    [&openai::ENDPOINTS[..], &anthropic::ENDPOINTS, &gemini::ENDPOINTS, &ollama::ENDPOINTS, &openai::AZURE]
        .into_iter()
        .flatten()
}

/// Finds the endpoint for a method and path (`/v1/chat/completions`; without `/u/NAME`, without query). Unknown paths lead to the
/// generic endpoint (`known == false`). `has_header` tells of the request's headers, for dialects that share a path.
#[must_use]
pub fn route(method: &str, path: &str, has_header: &dyn Fn(&str) -> bool) -> Route {
    let fits = |e: &&Endpoint| {
        path.as_bytes().starts_with(e.literal())
            && e.method == method
            && matches_path(e.path, path)
            && e.marker.is_none_or(has_header)
    };
    let known = endpoints().filter(fits).max_by_key(|e| e.marker.is_some());
    let endpoint = known.or_else(|| {
        UNKNOWN
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix))
            .or_else(|| UNKNOWN.last())
            .map(|(_, endpoint)| endpoint)
    });
    // `UNKNOWN` is not empty, so `last` is always there; the fallback keeps the types honest without a panic.
    Route { endpoint: endpoint.unwrap_or(&openai::ENDPOINTS[0]) }
}

fn matches_path(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(a), Some(b)) if a == b => {}
            // `*:verb`: a name and what is to be done with it.
            (Some(a), Some(b))
                if a.strip_prefix('*')
                    .is_some_and(|verb| !verb.is_empty() && b.len() > verb.len() && b.ends_with(verb)) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_tables() {
        assert_eq!(route("POST", "/v1/chat/completions", &|_| false).endpoint.name, "chat.completions");
        assert_eq!(route("POST", "/v1/messages", &|_| false).endpoint.dialect.name, "anthropic");
        let version = |header: &str| header == "anthropic-version";
        assert_eq!(route("GET", "/v1/models", &version).endpoint.dialect.name, "anthropic");
        assert_eq!(route("GET", "/v1/models", &|_| false).endpoint.dialect.name, "openai");
        assert_eq!(route("GET", "/v1/models/some-model", &|_| false).endpoint.name, "models.get");
        for (path, name, dialect) in [
            ("/v1beta/models/gemini-3-flash:generateContent", "gemini.generate", "gemini"),
            ("/v1beta/models/gemini-3-flash:streamGenerateContent", "gemini.stream", "gemini"),
            ("/api/chat", "ollama.chat", "ollama"),
            ("/openai/deployments/my-model/chat/completions", "azure.chat.completions", "azure"),
            ("/openai/v1/responses", "azure.responses", "azure"),
        ] {
            let endpoint = route("POST", path, &|_| false).endpoint;
            assert_eq!((endpoint.name, endpoint.dialect.name), (name, dialect), "{path}");
        }
        for (path, model) in [
            ("/v1beta/models/gemini-3-flash:generateContent", Some("gemini-3-flash")),
            ("/v1beta1/publishers/google/models/gemini-3-pro:streamGenerateContent", Some("gemini-3-pro")),
            ("/openai/deployments/my-model/chat/completions", Some("my-model")),
            ("/openai/v1/chat/completions", None),
            ("/v1/chat/completions", None),
        ] {
            assert_eq!(route("POST", path, &|_| false).endpoint.named_in(path).model.as_deref(), model, "{path}");
        }
        assert!(!route("POST", "/v1beta/models/:generateContent", &|_| false).endpoint.known);
        for (method, path, dialect) in [
            ("GET", "/v1/chat/completions", "openai"),
            ("POST", "/v1/messages/elsewhere", "anthropic"),
            ("POST", "/v1beta/elsewhere", "gemini"),
            ("POST", "/v1/nonsense", "openai"),
            ("POST", "/elsewhere", "generic"),
            ("POST", "nonsense", "generic"),
        ] {
            let endpoint = route(method, path, &|_| false).endpoint;
            assert!(!endpoint.known, "{path}");
            assert_eq!(endpoint.dialect.name, dialect, "{path}");
        }
    }
}
