//! `[identity]`: who may call. Nobody, unless the file says who.

mod jwt;
mod mtls;

use std::sync::Arc;

use http::HeaderName;
use jiff::Timestamp;

use crate::config::reader::{At, Node, Reading, Table};
use crate::config::section::plain_name;
use crate::config::settings::ServerSettings;
use crate::dialect::headers::forwards;
use crate::identity::settings::DEFAULT_TENANT_HEADER;
use crate::identity::tenant::Tenants;
use crate::identity::{Caller, Claims, IdentitySettings, MAX_NAME_BYTES, Method, Principal, VirtualKey};

const IDENTITY_MEND: &str =
    "add [[identity.virtual_key]], [identity.jwt], [identity.mtls], or static = { tenant, principal }";
const HASH_MEND: &str = "write the 64 hexadecimal digits that `printf %s KEY | sha256sum` prints, never the key itself";
const ACT_FOR_MEND: &str = "list names of tenants, beginnings such as \"globex-*\", or \"*\" for all";

/// Reads `[identity]`.
pub(in crate::config) fn read(
    root: &mut Table<'_>,
    server: &ServerSettings,
    reading: &mut Reading<'_>,
) -> IdentitySettings {
    let asks_for_certificates = server.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let mut settings = IdentitySettings::default();
    let Some(node) = root.take("identity") else {
        reading.error(&At::absent("identity"), "is missing, so nobody could call", IDENTITY_MEND);
        return settings;
    };
    let Some(mut table) = node.table(reading) else { return settings };
    let mut named = Vec::new();
    if let Some(node) = table.take("static") {
        named.push(Method::Static);
        settings.fallback = node.table(reading).and_then(|mut table| {
            let caller = caller(&mut table, reading);
            table.finish(reading);
            caller
        });
    }
    for table in table.sections("virtual_key", reading) {
        named.push(Method::VirtualKey);
        let at = table.at.clone();
        let Some(key) = virtual_key(table, reading) else { continue };
        if settings.virtual_keys.iter().any(|earlier| earlier.sha256 == key.sha256) {
            reading.error(&at, "has the same sha256 as an earlier key", "give every caller a key of its own");
        }
        settings.virtual_keys.push(key);
    }
    if let Some(table) = table.section("jwt", reading) {
        named.push(Method::Jwt);
        settings.jwt = jwt::read(table, reading);
    }
    if let Some(table) = table.section("mtls", reading) {
        named.push(Method::Mtls);
        let at = table.at.clone();
        settings.mtls = mtls::read(table, reading);
        if !asks_for_certificates {
            // SECURITY: a method that can never apply would leave its callers to whatever comes behind it.
            reading.error(
                &at,
                "needs client certificates, which no listener asks for",
                "set client_ca in [server.tls]",
            );
        }
    }
    if let Some(header) = table.take("tenant_header").and_then(|node| header(&node, reading)) {
        settings.tenant_header = header;
    }
    order(&mut table, &named, &mut settings, reading);
    let clash = settings.jwt.as_ref().is_some_and(|jwt| jwt.header.as_ref() == Some(&settings.tenant_header));
    if clash || crate::identity::headers::is_credential(&settings.tenant_header) {
        let mend = format!("leave it out ({DEFAULT_TENANT_HEADER}), or name a header of its own");
        reading.error(&At::absent("identity.tenant_header"), "is a header in which credentials stand", mend);
    }
    if named.is_empty() {
        reading.error(&node.at, "names nobody, so nobody could call", IDENTITY_MEND);
    }
    table.finish(reading);
    settings
}

/// Reads `order`: every method that is configured, each once, but `static`, which is always the last.
fn order(table: &mut Table<'_>, named: &[Method], settings: &mut IdentitySettings, reading: &mut Reading<'_>) {
    settings.order.retain(|method| named.contains(method));
    let Some(node) = table.take("order") else { return };
    let words = Method::DEFAULT_ORDER.map(|method| (method.name(), method));
    let mend = format!("list each of them once: {}", join(&settings.order));
    let nodes = node.array(reading, &mend);
    let listed: Vec<_> = nodes.iter().filter_map(|node| node.word(reading, &words)).collect();
    let complete = listed.len() == settings.order.len() && settings.order.iter().all(|method| listed.contains(method));
    if nodes.len() == listed.len() && !complete {
        reading.error(&node.at, "does not list exactly the methods that are configured", mend);
    }
    settings.order = listed;
}

fn join(methods: &[Method]) -> String {
    methods.iter().map(|method| method.name()).collect::<Vec<_>>().join(", ")
}

/// A header that callers may send us. One that goes on to a provider would carry there what is meant for us.
fn header(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<HeaderName> {
    let name = node.string(reading)?.parse::<HeaderName>().ok().filter(|name| !name.as_str().contains('_'));
    let ours = name.as_ref().is_some_and(|name| {
        let name = name.as_str();
        (name.contains('-') || name == "authorization") && !FRAMING.contains(&name) && !forwards(name)
    });
    if !ours {
        let mend = "name a header of its own, such as \"x-app-token\": letters, digits and dashes";
        reading.error(&node.at, "is not a header that can be meant for Sidewall alone", mend);
    }
    name.filter(|_| ours)
}

/// Headers of the message itself that have a dash.
const FRAMING: [&str; 8] = [
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "accept-encoding",
    "user-agent",
    "keep-alive",
    "proxy-connection",
];

fn virtual_key(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<VirtualKey> {
    let sha256 = table.need("sha256", reading, HASH_MEND).and_then(|node| digest(&node, reading));
    let expires = table.take("expires").and_then(|node| time(&node, reading));
    let caller = caller(&mut table, reading);
    table.finish(reading);
    Some(VirtualKey { sha256: sha256?, caller: caller?, expires })
}

fn caller(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Caller> {
    let tenant = table.need("tenant", reading, "name the tenant whose data, keys and guardrails apply");
    let tenant = tenant.and_then(|node| plain_name(&node, reading));
    let name = table.need("principal", reading, "name the application or person");
    let name = name.and_then(|node| free_name(&node, reading));
    let roles = names(table.take("roles"), reading);
    let scopes = names(table.take("scopes"), reading);
    let act_for = act_for(table.take("act_for"), reading);
    let principal = Principal { tenant: tenant?.into(), name: name?.into(), roles, scopes, claims: Claims::default() };
    Some(Caller { principal: Arc::new(principal), act_for })
}

fn act_for(node: Option<Node<'_>>, reading: &mut Reading<'_>) -> Tenants {
    let Some(node) = node else { return Tenants::default() };
    let nodes = node.array(reading, ACT_FOR_MEND);
    let patterns: Vec<&str> = nodes.iter().filter_map(|node| node.string(reading)).collect();
    let tenants = Tenants::new(&patterns);
    if tenants.is_none() {
        reading.error(&node.at, "holds something that names no tenants", ACT_FOR_MEND);
    }
    tenants.unwrap_or_default()
}

fn names(node: Option<Node<'_>>, reading: &mut Reading<'_>) -> Arc<[Arc<str>]> {
    let nodes = node.map(|node| node.array(reading, "write a list of strings")).unwrap_or_default();
    nodes.iter().filter_map(|node| free_name(node, reading)).map(Arc::from).collect()
}

/// A name of the operator's choosing (`billing-app`, `refunds:read`): visible characters, because it stands in records and logs.
fn free_name<'d>(node: &Node<'d>, reading: &mut Reading<'_>) -> Option<&'d str> {
    let name = node.string(reading)?;
    let fine = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    if !fine {
        let mend = format!("use 1 to {MAX_NAME_BYTES} bytes without control characters");
        reading.error(&node.at, "is not a name", mend);
    }
    fine.then_some(name)
}

/// SHA-256 in hexadecimal. SECURITY: the text is never repeated: people paste the key where its hash belongs.
fn digest(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<[u8; 32]> {
    let text = node.string(reading)?;
    let digest = hex(text);
    if digest.is_none() {
        let what = format!("is not a SHA-256 hash ({} characters)", text.chars().count());
        reading.error(&node.at, what, HASH_MEND);
    }
    digest
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0_u8; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != digest.len() {
        return None;
    }
    for (byte, &[high, low]) in digest.iter_mut().zip(pairs) {
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(digest)
}

fn time(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Timestamp> {
    let time = node.date_text(reading)?.parse::<Timestamp>();
    match &time {
        Err(_) => {
            let mend = "write it with its offset, such as \"2030-12-31T00:00:00Z\" (RFC 3339)";
            reading.error(&node.at, "is not a point in time", mend);
        }
        Ok(time) if *time <= Timestamp::now() => {
            reading.warn(&node.at, "has passed, so the key is refused", "remove the key, or give it a later time");
        }
        Ok(_) => {}
    }
    time.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digests() {
        let zeros = "0".repeat(64);
        assert_eq!(hex(&zeros), Some([0; 32]));
        assert_eq!(hex(&"aF".repeat(32)), Some([0xaf; 32]));
        for wrong in ["", "0", &"0".repeat(62), &"0".repeat(63), &"0".repeat(66), &"0g".repeat(32), &"+f".repeat(32)] {
            assert_eq!(hex(wrong), None, "{wrong}");
        }
    }
}
