//! `[server]`: listeners, limits and timeouts.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::reader::{At, Node, Reading, Table};
use crate::config::settings::{
    ClientAuth, DEFAULT_ADMIN, DEFAULT_BODY_TIMEOUT, DEFAULT_DRAIN_TIMEOUT, DEFAULT_HEADER_TIMEOUT,
    DEFAULT_IDLE_TIMEOUT, DEFAULT_LISTEN, DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_CONCURRENCY, DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_IN_FLIGHT_BYTES, DEFAULT_UPSTREAM_TIMEOUT, DEFAULT_WRITE_TIMEOUT, Listen, ServerSettings, TlsSettings,
    UnknownEndpoint,
};
use crate::policy::Profile;

/// LIMIT: 1 KiB at least: below, not even a short chat fits. 4 GiB at most: a larger number is a slip of the unit.
const BODY_RANGE: std::ops::RangeInclusive<u64> = 1 << 10..=4 << 30;
/// LIMIT: 1 TiB at most, as above.
const IN_FLIGHT_RANGE: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 40;
/// LIMIT: one million: what a process can have of descriptors.
const COUNT_RANGE: std::ops::RangeInclusive<u64> = 1..=1_000_000;

const UNKNOWN_ENDPOINT: [(&str, UnknownEndpoint); 2] =
    [("inspect", UnknownEndpoint::Inspect), ("deny", UnknownEndpoint::Deny)];

const ADDRESS_MEND: &str =
    "write an address in numbers such as \"127.0.0.1:8787\" or \"[::1]:8787\", or \"unix:/path\"";

/// Reads `[server]`; what is absent has its default.
pub(in crate::config) fn read(root: &mut Table<'_>, profile: Profile, reading: &mut Reading<'_>) -> ServerSettings {
    let mut settings = defaults(profile);
    let Some(mut table) = root.section("server", reading) else { return settings };
    let mut places = Vec::new();
    if let Some(node) = table.take("listen") {
        let nodes = node.filled_array(reading, ADDRESS_MEND);
        places = nodes.iter().filter_map(|node| Some((node.at.clone(), listen(node, reading)?))).collect();
    }
    if !places.is_empty() {
        settings.listen = places.iter().map(|(_, place)| place.clone()).collect();
    }
    if let Some(node) = table.take("admin")
        && let Some(place) = listen(&node, reading)
    {
        places.push((node.at.clone(), place.clone()));
        settings.admin = place;
    } else {
        places.push((At::absent("server.admin"), settings.admin.clone()));
    }
    refuse_clashes(&places, reading);

    let in_flight = table.take("max_in_flight_bytes");
    let in_flight_at =
        in_flight.as_ref().map_or_else(|| At::absent("server.max_in_flight_bytes"), |node| node.at.clone());
    set(&mut settings.max_in_flight_bytes, in_flight.and_then(|node| node.bytes(reading, IN_FLIGHT_RANGE)));
    set(&mut settings.max_body_bytes, table.take("max_body_bytes").and_then(|node| node.bytes(reading, BODY_RANGE)));
    if settings.max_in_flight_bytes < settings.max_body_bytes {
        let what = format!("is less than max_body_bytes ({}), so the largest body never fits", settings.max_body_bytes);
        reading.error(&in_flight_at, what, "raise it, or lower max_body_bytes");
    }
    for (key, field) in
        [("max_connections", &mut settings.max_connections), ("max_concurrency", &mut settings.max_concurrency)]
    {
        let number = table.take(key).and_then(|node| node.integer(reading, COUNT_RANGE));
        set(field, number.and_then(|number| usize::try_from(number).ok()));
    }
    for (key, field) in [
        ("header_timeout", &mut settings.header_timeout),
        ("body_timeout", &mut settings.body_timeout),
        ("idle_timeout", &mut settings.idle_timeout),
        ("write_timeout", &mut settings.write_timeout),
        ("upstream_timeout", &mut settings.upstream_timeout),
        ("drain_timeout", &mut settings.drain_timeout),
    ] {
        set(field, duration(&mut table, key, reading));
    }
    let word = table.take("unknown_endpoint").and_then(|node| node.word(reading, &UNKNOWN_ENDPOINT));
    set(&mut settings.unknown_endpoint, word);
    settings.tls = table.section("tls", reading).and_then(|table| tls(table, reading));
    table.finish(reading);
    settings
}

/// The settings of an empty `[server]`.
fn defaults(profile: Profile) -> ServerSettings {
    let constant = |text: &str| text.parse().map_or_else(|_| Listen::Unix(text.into()), Listen::Tcp);
    ServerSettings {
        listen: vec![constant(DEFAULT_LISTEN)],
        admin: constant(DEFAULT_ADMIN),
        max_body_bytes: DEFAULT_MAX_BODY_BYTES,
        max_in_flight_bytes: DEFAULT_MAX_IN_FLIGHT_BYTES,
        max_connections: DEFAULT_MAX_CONNECTIONS,
        max_concurrency: DEFAULT_MAX_CONCURRENCY,
        header_timeout: DEFAULT_HEADER_TIMEOUT,
        body_timeout: DEFAULT_BODY_TIMEOUT,
        idle_timeout: DEFAULT_IDLE_TIMEOUT,
        write_timeout: DEFAULT_WRITE_TIMEOUT,
        upstream_timeout: DEFAULT_UPSTREAM_TIMEOUT,
        drain_timeout: DEFAULT_DRAIN_TIMEOUT,
        unknown_endpoint: match profile.unknown_endpoint_denied() {
            true => UnknownEndpoint::Deny,
            false => UnknownEndpoint::Inspect,
        },
        tls: None,
    }
}

/// Reads `[server.tls]`, and its files once, so that a wrong one is told when the configuration is checked.
fn tls(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<TlsSettings> {
    let at = table.at.clone();
    let path = |node: Option<Node<'_>>, reading: &mut Reading<'_>| {
        let path = node?.string(reading)?;
        Some(reading.resolve(path))
    };
    let certificate = table.need("certificate", reading, "name the PEM file of the certificate and its chain");
    let certificate = path(certificate, reading);
    let key = table.need("key", reading, "name the PEM file of the private key");
    let key = path(key, reading);
    let asked = table.take("client_ca");
    let is_asked = asked.is_some();
    let client_ca = path(asked, reading);
    let client_auth = table.take("client_auth");
    if let Some(node) = client_auth.as_ref().filter(|_| !is_asked) {
        reading.error(&node.at, "says something of certificates that nobody is asked for", "set client_ca as well");
    }
    let client_auth = client_auth.and_then(|node| node.word(reading, &CLIENT_AUTH)).unwrap_or(ClientAuth::Required);
    table.finish(reading);
    let settings = TlsSettings { certificate: certificate?, key: key?, client_ca, client_auth };
    if let Err(error) = crate::server::tls::load(&settings) {
        reading.error(&at, format!("cannot be used: {error}"), "mend or replace that PEM file");
    }
    Some(settings)
}

const CLIENT_AUTH: [(&str, ClientAuth); 2] = [("required", ClientAuth::Required), ("optional", ClientAuth::Optional)];

/// The duration under `key`, if it is there and right.
pub(super) fn duration(table: &mut Table<'_>, key: &'static str, reading: &mut Reading<'_>) -> Option<Duration> {
    table.take(key).and_then(|node| node.duration(reading))
}

/// Puts what was read in the place of the default.
pub(super) fn set<T>(field: &mut T, read: Option<T>) {
    if let Some(read) = read {
        *field = read;
    }
}

fn listen(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Listen> {
    let text = node.string(reading)?;
    if let Some(path) = text.strip_prefix("unix:") {
        let fine = !path.is_empty() && !path.ends_with('/') && !path.contains('\0');
        if !fine {
            reading.error(&node.at, "names no socket file", ADDRESS_MEND);
        }
        return fine.then(|| Listen::Unix(reading.resolve(path)));
    }
    let address = text.parse::<SocketAddr>();
    if address.is_err() {
        reading.error(&node.at, "is not an address to listen on", ADDRESS_MEND);
    }
    address.ok().map(Listen::Tcp)
}

fn refuse_clashes(places: &[(At, Listen)], reading: &mut Reading<'_>) {
    for (index, (at, place)) in places.iter().enumerate() {
        if let Some((_, earlier)) = places.iter().take(index).find(|(_, earlier)| clash(earlier, place)) {
            reading.error(at, format!("{place} clashes with {earlier}"), "give each listener its own port or path");
        }
    }
}

/// True if both cannot be bound at once. Port 0 is a new port each time; a wildcard address covers every other.
fn clash(a: &Listen, b: &Listen) -> bool {
    match (a, b) {
        (Listen::Tcp(a), Listen::Tcp(b)) => {
            let wildcard = a.ip().is_unspecified() || b.ip().is_unspecified();
            a.port() == b.port() && a.port() != 0 && (wildcard || a.ip() == b.ip())
        }
        _ => a == b,
    }
}
