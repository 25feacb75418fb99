//! `[identity.mtls]`: client certificates.

use crate::config::reader::{Node, Reading, Table};
use crate::config::section::identity::{caller, digest, names};
use crate::identity::Caller;
use crate::identity::settings::{CertificateName, MtlsSettings};
use crate::identity::spiffe::{MAX_URI_BYTES, Pattern};

const SPIFFE_MEND: &str =
    "write it as \"spiffe://TRUST-DOMAIN/ns/{tenant}/sa/{principal}\"; * stands for any one segment";
const NAME_MEND: &str = "set uri to the certificate's only URI, or sha256 to the hash of its DER form";

/// Reads the section.
pub(super) fn read(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<MtlsSettings> {
    let at = table.at.clone();
    let pattern = table.take("spiffe").map(|node| pattern(&node, reading));
    let (roles, scopes) = (names(table.take("roles"), reading), names(table.take("scopes"), reading));
    let tables = table.sections("caller", reading);
    if pattern.is_none() && tables.is_empty() {
        reading.error(&at, "knows no certificate", "set spiffe, or add [[identity.mtls.caller]] with uri or sha256");
    }
    let callers = tables.into_iter().filter_map(|table| one(table, reading)).collect();
    table.finish(reading);
    let spiffe = match pattern {
        None => None,
        Some(pattern) => Some(pattern?),
    };
    Some(MtlsSettings { callers, spiffe, roles, scopes })
}

fn pattern(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<Pattern> {
    match Pattern::parse(node.string(reading)?) {
        Ok(pattern) => Some(pattern),
        Err(what) => {
            reading.error(&node.at, what, SPIFFE_MEND);
            None
        }
    }
}

fn one(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<(CertificateName, Caller)> {
    let at = table.at.clone();
    let name = match (table.take("uri"), table.take("sha256")) {
        (Some(node), None) => uri(&node, reading),
        (None, Some(node)) => digest(&node, reading).map(CertificateName::Sha256),
        _ => {
            reading.error(&at, "does not say, in one way, which certificate it is", NAME_MEND);
            None
        }
    };
    let caller = caller(&mut table, reading);
    table.finish(reading);
    Some((name?, caller?))
}

fn uri(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<CertificateName> {
    let uri = node.string(reading)?;
    let fine = uri.contains("://") && uri.len() <= MAX_URI_BYTES && uri.bytes().all(|byte| byte.is_ascii_graphic());
    if !fine {
        reading.error(&node.at, "is not a URI", NAME_MEND);
    }
    fine.then(|| CertificateName::Uri(uri.to_owned()))
}
