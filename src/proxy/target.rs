//! The request's target: which upstream it names, which path and query go on.
//!
//! A path or query is text of the caller too. SECURITY: only a narrow alphabet passes at all (an upstream that decodes
//! `%2e%2e` or folds `//` must not read another path than we routed), and what passes is scanned.

use std::borrow::Cow;

use http::Uri;

use crate::detect::{ScanState, Scope};
use crate::inspect::{Guards, Refusal, RefusalCode};
use crate::policy::Action;
use crate::text::{Part, Phase};

/// LIMIT: 1 KiB each for path and query: ten times what any listed endpoint needs.
const MAX_BYTES: usize = 1024;

/// A target, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// `NAME` of `/u/NAME/…`.
    pub upstream: Option<&'a str>,
    /// The path without it.
    pub path: &'a str,
    /// The query, still percent-encoded.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Takes `uri` apart.
    ///
    /// # Errors
    /// `BadRequest` for a path or query that could be read in two ways.
    pub fn parse(uri: &'a Uri) -> Result<Self, Refusal> {
        let whole = uri.path();
        if !path_is_plain(whole) {
            return Err(bad("path outside [A-Za-z0-9/._~:@,=+-], with empty or dot segments, or too long"));
        }
        let query = uri.query().filter(|query| !query.is_empty());
        if query.is_some_and(|query| decoded(query).is_none()) {
            return Err(bad("query outside [A-Za-z0-9._~:,=&[]-] (plain or percent-encoded), or too long"));
        }
        let named = whole.strip_prefix("/u/").and_then(|rest| rest.find('/').map(|slash| rest.split_at(slash)));
        Ok(match named {
            Some((name, path)) => Self { upstream: Some(name), path, query },
            None => Self { upstream: None, path: whole, query },
        })
    }

    /// Path and query as they are sent on.
    #[must_use]
    pub fn forwarded(&self) -> Cow<'a, str> {
        match self.query {
            Some(query) => Cow::Owned(format!("{}?{query}", self.path)),
            None => Cow::Borrowed(self.path),
        }
    }

    /// Scans path and query as unlisted strings. They cannot be edited, so what would be redacted is refused.
    ///
    /// # Errors
    /// The finding's refusal.
    pub fn scan(&self, guards: &Guards) -> Result<(), Refusal> {
        let mut found = Vec::new();
        let query = self.query.and_then(decoded);
        for (field, text) in [("path", Some(self.path)), ("query", query.as_deref())] {
            let Some(text) = text else { continue };
            let scope = Scope { phase: Phase::Request, injection: false };
            guards.ruleset.scan(scope, text, true, &mut ScanState::default(), &mut found);
            for finding in found.drain(..) {
                let judged =
                    guards.guardrails.judge(Phase::Request, Part::Unlisted, &finding.rule.kind, finding.confidence);
                if matches!(judged.action, Some(Action::Redact | Action::Block)) {
                    let mut refusal = Refusal::new(code_of(&finding.rule.kind), "");
                    refusal.path = field.into();
                    refusal.rule = finding.rule.id.as_ref().into();
                    return Err(refusal);
                }
            }
        }
        Ok(())
    }
}

/// Families of kinds and the code of their refusals.
fn code_of(kind: &str) -> RefusalCode {
    match kind.split('.').next() {
        Some("pci") => RefusalCode::Pan,
        Some("pii") => RefusalCode::Pii,
        Some("secret") => RefusalCode::Secret,
        Some("injection") => RefusalCode::Injection,
        _ => RefusalCode::Guardrail,
    }
}

fn path_is_plain(path: &str) -> bool {
    path.len() <= MAX_BYTES
        && path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~:@,=+-".contains(&byte))
        })
}

/// The query without percent encoding; `None` if it is not plain.
fn decoded(query: &str) -> Option<String> {
    if query.len() > MAX_BYTES {
        return None;
    }
    let mut text = String::with_capacity(query.len());
    let mut bytes = query.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => (nibble(bytes.next()?)? << 4) | nibble(bytes.next()?)?,
            // An encoded `&` or `=` would be part of a value, so only the plain ones pass.
            b'=' | b'&' => {
                text.push(char::from(byte));
                continue;
            }
            other => other,
        };
        if !(byte.is_ascii_alphanumeric() || b"._~:,[]-".contains(&byte)) {
            return None;
        }
        text.push(char::from(byte));
    }
    Some(text)
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn bad(detail: &'static str) -> Refusal {
    Refusal::new(RefusalCode::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (uri, expected) in [
            ("/v1/chat/completions", Some((None, "/v1/chat/completions", None))),
            ("/u/azure/v1/messages?beta=true", Some((Some("azure"), "/v1/messages", Some("beta=true")))),
            ("/v1/models/ft:m:org::id", Some((None, "/v1/models/ft:m:org::id", None))),
            ("/v1/x?include%5B%5D=a&after=b", Some((None, "/v1/x", Some("include%5B%5D=a&after=b")))),
            ("/u/name", Some((None, "/u/name", None))),
            ("/v1/x?", Some((None, "/v1/x", None))),
            ("/", None),
            ("/v1//x", None),
            ("/v1/x/", None),
            ("/v1/../x", None),
            ("/v1/./x", None),
            ("/v1/%2e%2e/x", None),
            ("/u/a/../b", None),
            ("/v1/x?a=%00", None),
            ("/v1/x?a=b%26c=d", None),
            ("/v1/x?a=%zz", None),
            ("/v1/x?a=%4", None),
            ("/v1/x?a=jane%40example.com", None),
            ("/v1/x?a=b+c", None),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let got = Target::parse(&uri).ok().map(|target| (target.upstream, target.path, target.query));
            assert_eq!(got, expected, "{uri}");
        }
        let long: Uri = format!("/{}", "a".repeat(MAX_BYTES)).parse().unwrap();
        assert!(Target::parse(&long).is_err());
    }
}
