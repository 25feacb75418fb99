//! `[identity]`: who may call. Nobody, unless the file says who.

use std::sync::Arc;

use jiff::Timestamp;

use crate::config::reader::{At, Node, Reading, Table};
use crate::config::section::{not_built, plain_name};
use crate::identity::{Claims, IdentitySettings, MAX_NAME_BYTES, Principal, VirtualKey};

const IDENTITY_MEND: &str =
    "add [[identity.virtual_key]] with sha256, tenant and principal, or static = { tenant, principal }";
const HASH_MEND: &str = "write the 64 hexadecimal digits that `printf %s KEY | sha256sum` prints, never the key itself";

/// Reads `[identity]`.
pub(in crate::config) fn read(root: &mut Table<'_>, reading: &mut Reading<'_>) -> IdentitySettings {
    let mut settings = IdentitySettings::default();
    let Some(node) = root.take("identity") else {
        reading.error(&At::absent("identity"), "is missing, so nobody could call", IDENTITY_MEND);
        return settings;
    };
    let Some(mut table) = node.table(reading) else { return settings };
    let mut named = false;
    if let Some(node) = table.take("static") {
        named = true;
        settings.fallback = node.table(reading).and_then(|mut table| {
            let principal = principal(&mut table, reading);
            table.finish(reading);
            principal
        });
    }
    for table in table.sections("virtual_key", reading) {
        named = true;
        let at = table.at.clone();
        let Some(key) = virtual_key(table, reading) else { continue };
        if settings.virtual_keys.iter().any(|earlier| earlier.sha256 == key.sha256) {
            reading.error(&at, "has the same sha256 as an earlier key", "give every caller a key of its own");
        }
        settings.virtual_keys.push(key);
    }
    if let Some(node) = table.take("jwt") {
        named = true;
        not_built(&node, reading, "JWT identity is", "use [[identity.virtual_key]] or static");
    }
    if !named {
        reading.error(&node.at, "names nobody, so nobody could call", IDENTITY_MEND);
    }
    table.finish(reading);
    settings
}

fn virtual_key(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<VirtualKey> {
    let sha256 = table.need("sha256", reading, HASH_MEND).and_then(|node| digest(&node, reading));
    let expires = table.take("expires").and_then(|node| time(&node, reading));
    let principal = principal(&mut table, reading);
    table.finish(reading);
    Some(VirtualKey { sha256: sha256?, principal: principal?, expires })
}

fn principal(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Arc<Principal>> {
    let tenant = table.need("tenant", reading, "name the tenant whose data, keys and guardrails apply");
    let tenant = tenant.and_then(|node| plain_name(&node, reading));
    let name = table.need("principal", reading, "name the application or person");
    let name = name.and_then(|node| free_name(&node, reading));
    let roles = names(table.take("roles"), reading);
    let scopes = names(table.take("scopes"), reading);
    Some(Arc::new(Principal { tenant: tenant?.into(), name: name?.into(), roles, scopes, claims: Claims::default() }))
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
