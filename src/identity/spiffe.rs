//! The name in a client certificate → tenant and principal.
//!
//! An X.509-SVID carries exactly one URI, the SPIFFE id `spiffe://TRUST-DOMAIN/PATH`
//! (<https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md>, section 2). A pattern such as
//! `spiffe://prod.example/ns/{tenant}/sa/{principal}` says which of its segments is what.

use std::fmt;

/// LIMIT: 2,048 bytes of a SPIFFE id (SPIFFE-ID section 2.3).
pub const MAX_URI_BYTES: usize = 2048;

const SCHEME: &str = "spiffe://";

/// A SPIFFE id with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Tenant,
    Principal,
    Any,
}

/// What a pattern found in a SPIFFE id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'u> {
    /// The text at `{tenant}`.
    pub tenant: &'u str,
    /// The text at `{principal}`.
    pub principal: &'u str,
}

impl Pattern {
    /// Reads `spiffe://TRUST-DOMAIN/SEGMENT/…`, in which `{tenant}` and `{principal}` stand once each and `*` is any segment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix(SCHEME).ok_or("does not begin with spiffe://")?;
        let segments: Vec<_> = rest.split('/').map(Segment::parse).collect::<Option<_>>().ok_or(
            "has a segment that is neither {tenant}, {principal}, * nor letters, digits, \".\", \"_\" and \"-\"",
        )?;
        // SECURITY: a trust domain that could be anything would let every issuer of the CA file name every tenant.
        if !matches!(segments.first(), Some(Segment::Literal(_))) {
            return Err("does not name its trust domain");
        }
        let once = |wanted: &Segment| segments.iter().filter(|segment| *segment == wanted).count() == 1;
        match once(&Segment::Tenant) && once(&Segment::Principal) {
            true => Ok(Self(segments)),
            false => Err("does not hold {tenant} and {principal} once each"),
        }
    }

    /// What `uri` says, if it has this form.
    #[must_use]
    pub fn find<'u>(&self, uri: &'u str) -> Option<Found<'u>> {
        let mut parts = uri.strip_prefix(SCHEME)?.split('/');
        let (mut tenant, mut principal) = ("", "");
        for segment in &self.0 {
            let part = parts.next().filter(|part| is_segment(part))?;
            match segment {
                Segment::Literal(text) if text.as_ref() == part => {}
                Segment::Literal(_) => return None,
                Segment::Tenant => tenant = part,
                Segment::Principal => principal = part,
                Segment::Any => {}
            }
        }
        parts.next().is_none().then_some(Found { tenant, principal })
    }
}

impl Segment {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "{tenant}" => Some(Self::Tenant),
            "{principal}" => Some(Self::Principal),
            "*" => Some(Self::Any),
            literal => is_segment(literal).then(|| Self::Literal(literal.into())),
        }
    }
}

/// SPIFFE-ID section 2.2: letters, digits, dots, dashes, underscores; no empty and no relative segment.
fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(plain)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        for (index, segment) in self.0.iter().enumerate() {
            let slash = if index == 0 { "" } else { "/" };
            let text = match segment {
                Segment::Literal(text) => text,
                Segment::Tenant => "{tenant}",
                Segment::Principal => "{principal}",
                Segment::Any => "*",
            };
            write!(f, "{slash}{text}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_pattern() {
        let pattern = Pattern::parse("spiffe://prod.example/ns/{tenant}/*/{principal}").unwrap();
        assert_eq!(pattern.to_string(), "spiffe://prod.example/ns/{tenant}/*/{principal}");
        for (uri, expected) in [
            ("spiffe://prod.example/ns/acme/sa/billing", Some(("acme", "billing"))),
            ("spiffe://prod.example/ns/acme/sa/billing/", None),
            ("spiffe://prod.example/ns/acme/sa", None),
            ("spiffe://prod.example/ns//sa/billing", None),
            ("spiffe://prod.example/ns/../sa/billing", None),
            ("spiffe://prod.example/ns/a%2fb/sa/billing", None),
            ("spiffe://prod.example.evil.example/ns/acme/sa/billing", None),
            ("spiffe://evil.example/ns/acme/sa/billing", None),
            ("SPIFFE://prod.example/ns/acme/sa/billing", None),
            ("https://prod.example/ns/acme/sa/billing", None),
            ("spiffe://prod.example/ns/acme/sa/billing?x=1", None),
            ("spiffe://prod.example/NS/acme/sa/billing", None),
        ] {
            let found = pattern.find(uri).map(|found| (found.tenant, found.principal));
            assert_eq!(found, expected, "{uri}");
        }
    }

    #[test]
    fn patterns_that_say_too_little_are_refused() {
        for text in [
            "",
            "prod.example/{tenant}/{principal}",
            "spiffe://{tenant}/{principal}",
            "spiffe://*/{tenant}/{principal}",
            "spiffe://prod.example/{tenant}",
            "spiffe://prod.example/{principal}",
            "spiffe://prod.example/{tenant}/{tenant}/{principal}",
            "spiffe://prod.example/{tenant}/{principal}/",
            "spiffe://prod.example/{who}/{tenant}/{principal}",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
