//! E-mail addresses, and what looks like one.

use super::{Candidate, Outcome};

/// Last labels that are a file's extension or a unit's type, not a top-level domain.
const NOT_DOMAINS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "avif", "css", "scss", "less", "js", "mjs", "cjs", "jsx",
    "ts", "tsx", "json", "map", "html", "htm", "xml", "yaml", "yml", "toml", "lock", "txt", "log", "csv", "tgz", "gz",
    "tar", "whl", "jar", "class", "service", "socket", "timer", "mount", "target", "slice", "scope", "device", "path",
];

/// Last labels that are reserved for private or special use (RFC 6761, RFC 6762, RFC 9476): an address that no mail reaches.
const PRIVATE: &[&str] =
    &["local", "localhost", "localdomain", "internal", "lan", "home", "corp", "arpa", "alt", "onion"];

/// A plausible host, and not a remote, an image or a unit.
pub(super) fn email(candidate: &Candidate<'_>) -> Outcome {
    let Some((local, host)) = candidate.text.rsplit_once('@') else { return Outcome::Reject };
    let last = host.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    if last.len() < 2 || NOT_DOMAINS.contains(&last.as_str()) || local.len() > 64 || host.len() > 253 {
        return Outcome::Reject;
    }
    // `user:password@host` and `token@host` in a URL are its authority, not an address.
    let authority =
        candidate.before.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '(' | ',')).next();
    if authority.and_then(|text| text.rsplit_once("://")).is_some_and(|(_, rest)| !rest.contains(['/', '?', '#'])) {
        return Outcome::Reject;
    }
    // `git@host:owner/name` is a remote in the syntax of scp.
    let mut after = candidate.after.chars();
    let path =
        after.next() == Some(':') && after.next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '~' | '_'));
    if matches!(local, "git" | "hg" | "svn") || path {
        return Outcome::Reject;
    }
    // Message ids (RFC 5322, 3.6.4) have the form of an address but name a message.
    let lower = candidate.before.to_ascii_lowercase();
    if ["message-id: <", "in-reply-to: <", "references: <"].iter().any(|header| lower.ends_with(header)) {
        return Outcome::Confidence(30);
    }
    if PRIVATE.contains(&last.as_str()) { Outcome::Confidence(50) } else { Outcome::Accept }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{alone, among};
    use super::*;

    #[test]
    fn addresses_are_accepted() {
        for (before, text, after) in [
            ("", "ada@example.com", ""),
            ("mailto:", "ada+news@example.co.uk", "?subject"),
            ("<", "o'neil@example.org", ">"),
            ("https://example.com/?to=", "ada@example.com", ""),
            ("", "ada@example.com", ": hello"),
        ] {
            assert_eq!(email(&among(before, text, after)), Outcome::Accept, "{text}");
        }
    }

    #[test]
    fn near_misses_are_not() {
        for (before, text, after) in [
            ("", "git@github.com", ":owner/name.git"),
            ("", "deploy@host.example.com", ":/srv/www"),
            ("", "logo@2x.png", ""),
            ("", "getty@tty1.service", ""),
            ("postgres://app:", "hunter2@db.example.com", "/x"),
            ("https://", "user@host.example.com", "/"),
        ] {
            assert_eq!(email(&among(before, text, after)), Outcome::Reject, "{text}");
        }
        assert_eq!(email(&alone("root@host.local")), Outcome::Confidence(50));
    }
}
