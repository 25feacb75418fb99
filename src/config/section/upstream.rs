//! `[[upstream]]`: providers, and the credentials that go to them alone.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::address::{is_link_local_host, is_loopback_host};
use crate::config::reader::{At, Node, Reading, Table};
use crate::config::section::server::{duration, set};
use crate::config::section::{plain_name, storage};
use crate::config::settings::{
    BaseUrl, Credential, DEFAULT_CONNECT_TIMEOUT, DEFAULT_UPSTREAM_IDLE_TIMEOUT, Scheme, ServerSettings,
    UpstreamSettings,
};
use crate::dialect;
use crate::secret::Sensitive;

const URL_MEND: &str = "write it as \"https://HOST\", \"https://HOST:PORT\" or \"https://HOST/PREFIX\"";
const UPSTREAM_MEND: &str = "add [[upstream]] with name, dialects and url";

/// Reads every `[[upstream]]`, in order: the first that lists a dialect is its default.
pub(in crate::config) fn read(
    root: &mut Table<'_>,
    server: &ServerSettings,
    reading: &mut Reading<'_>,
) -> Vec<UpstreamSettings> {
    let tables = root.sections("upstream", reading);
    if tables.is_empty() {
        reading.error(&At::absent("upstream"), "is missing, so no call could go anywhere", UPSTREAM_MEND);
    }
    let mut upstreams: Vec<UpstreamSettings> = Vec::new();
    for table in tables {
        let (at, upstream) = one(table, server, reading);
        let Some(upstream) = upstream else { continue };
        if upstreams.iter().any(|earlier| earlier.name == upstream.name) {
            reading.error(&at, format!("a second upstream is named {}", upstream.name), "give each its own name");
        }
        upstreams.push(upstream);
    }
    upstreams
}

fn one(mut table: Table<'_>, server: &ServerSettings, reading: &mut Reading<'_>) -> (At, Option<UpstreamSettings>) {
    let at = table.at.clone();
    let name = table.need("name", reading, "name it, such as \"main\"; it stands in /u/NAME/…");
    let name = name.and_then(|node| plain_name(&node, reading));
    let dialects = table.need("dialects", reading, &format!("list some of: {}", dialect::NAMES.join(", ")));
    let dialects = dialects.map(|node| dialects_of(&node, reading));
    let link_local = table.take("allow_link_local").and_then(|node| node.boolean(reading)).unwrap_or(false);
    let plaintext = table.take("allow_plaintext").and_then(|node| node.boolean(reading)).unwrap_or(false);
    let url = table.need("url", reading, URL_MEND).and_then(|node| url(&node, link_local, plaintext, reading));
    let ca = table.take("ca").and_then(|node| ca(&node, reading));
    let credential = table.take("credential").and_then(|node| credential(&node, reading));
    let (mut connect, mut response, mut idle) =
        (DEFAULT_CONNECT_TIMEOUT, server.upstream_timeout, DEFAULT_UPSTREAM_IDLE_TIMEOUT);
    set(&mut connect, duration(&mut table, "connect_timeout", reading));
    set(&mut response, duration(&mut table, "response_timeout", reading));
    set(&mut idle, duration(&mut table, "idle_timeout", reading));
    table.finish(reading);
    let upstream = || {
        Some(UpstreamSettings {
            name: name?.into(),
            dialects: dialects?,
            url: url?,
            credential,
            ca,
            connect_timeout: connect,
            response_timeout: response,
            idle_timeout: idle,
            allow_link_local: link_local,
            allow_plaintext: plaintext,
        })
    };
    (at, upstream())
}

fn dialects_of(node: &Node<'_>, reading: &mut Reading<'_>) -> Vec<Arc<str>> {
    let table = dialect::NAMES.map(|name| (name, name));
    let nodes = node.filled_array(reading, &format!("list some of: {}", dialect::NAMES.join(", ")));
    let mut names: Vec<Arc<str>> = Vec::new();
    for node in nodes {
        let Some(name) = node.word(reading, &table) else { continue };
        if names.iter().any(|known| known.as_ref() == name) {
            reading.error(&node.at, "is listed twice", "leave one of them out");
        }
        names.push(name.into());
    }
    names
}

pub(super) fn url(node: &Node<'_>, link_local: bool, plaintext: bool, reading: &mut Reading<'_>) -> Option<BaseUrl> {
    let url = match parse_url(node.string(reading)?) {
        Ok(url) => url,
        Err(what) => {
            reading.error(&node.at, what, URL_MEND);
            return None;
        }
    };
    if is_link_local_host(&url.host) && !link_local {
        let mend = "name the provider's own host, or set allow_link_local = true if you mean it";
        reading.error(&node.at, "is a link-local or metadata address, where credentials are stolen from", mend);
    }
    if url.scheme == Scheme::Http && !plaintext && !is_loopback_host(&url.host) {
        let mend = "write https://, or set allow_plaintext = true if the network is trusted";
        reading.error(&node.at, "is plain HTTP to another machine", mend);
    }
    Some(url)
}

/// A file of certificates (PEM) that a server's own must descend from.
pub(super) fn ca(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let path = node.string(reading)?;
    let path = reading.resolve(path);
    if let Err(error) = crate::upstream::client::Tls::new(Some(&path)) {
        reading.error(&node.at, error, "name a PEM file of CA certificates");
        return None;
    }
    Some(path)
}

/// Reads a base address. The text is not repeated in errors: people put credentials into URLs.
fn parse_url(text: &str) -> Result<BaseUrl, &'static str> {
    if text.contains('#') {
        return Err("has a fragment");
    }
    let uri: http::Uri = text.parse().map_err(|_| "is not a URL")?;
    let (scheme, default_port) = match uri.scheme_str() {
        Some("https") => (Scheme::Https, 443),
        Some("http") => (Scheme::Http, 80),
        _ => return Err("starts with neither https:// nor http://"),
    };
    let authority = uri.authority().ok_or("names no host")?;
    if authority.as_str().contains('@') {
        return Err("carries a user name; credentials have their own key, credential");
    }
    if uri.query().is_some() {
        return Err("has a query");
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    if host.is_empty() {
        return Err("names no host");
    }
    // RFC 3986 leaves `2130706433` or `0x7f.1` to the resolver, which may read them as addresses.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or("");
    let numeric = last.starts_with("0x") || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    if numeric && host.parse::<std::net::IpAddr>().is_err() {
        return Err("has an address that is not four decimal numbers");
    }
    let port = match authority.as_str().rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => match port.parse() {
            Ok(0) | Err(_) => return Err("has a port that is none"),
            Ok(port) => port,
        },
        _ => default_port,
    };
    let path = uri.path().trim_end_matches('/').to_owned();
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("has a path with dots that lead elsewhere");
    }
    Ok(BaseUrl { scheme, host, port, path })
}

pub(super) fn credential(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Credential> {
    let (source, bytes) = storage::secret(node, reading)?;
    let text = std::str::from_utf8(bytes.expose()).unwrap_or("").trim();
    let fine = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fine {
        let mend = format!("put the provider's key, and nothing else, into {source}");
        reading.error(&node.at, "leads to a credential that is empty or holds more than visible ASCII", mend);
    }
    fine.then(|| Credential { source, value: Sensitive::new(text.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, expected) in [
            ("https://api.example.com", Some("https://api.example.com")),
            ("https://api.example.com/", Some("https://api.example.com")),
            ("https://API.Example.com:443/v2/", Some("https://api.example.com/v2")),
            ("http://127.0.0.1:9000", Some("http://127.0.0.1:9000")),
            ("http://[::1]", Some("http://[::1]")),
            ("https://[2001:db8::1]:8443/x", Some("https://[2001:db8::1]:8443/x")),
            ("http://localhost:80", Some("http://localhost")),
            ("ftp://api.example.com", None),
            ("api.example.com", None),
            ("/v1", None),
            ("", None),
            ("https://", None),
            ("https://user:word@api.example.com", None),
            ("https://api.example.com?key=1", None),
            ("https://api.example.com#top", None),
            ("https://api.example.com/a/../b", None),
            ("https://api.example.com:0", None),
            ("https://api.example.com:99999", None),
            ("https://api.example.com:", None),
            ("http://2852039166", None),
            ("http://0xa9fea9fe", None),
            ("http://169.254.43518", None),
            ("https://a b.example.com", None),
        ] {
            let found = parse_url(text).ok().map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
