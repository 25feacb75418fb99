//! `[audit]`: where records go, for whom, and how surely.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::audit::Ship;
use crate::audit::ship::target;
use crate::config::reader::{At, Node, Reading, Table};
use crate::config::section::server::{duration, set};
use crate::config::section::upstream;
use crate::config::settings::{
    AuditAnchor, AuditContent, AuditSettings, AuditTenant, DEFAULT_ANCHOR_DEADLINE, DEFAULT_ANCHOR_PATIENCE,
    DEFAULT_CHECKPOINT_INTERVAL, DEFAULT_SEGMENT_AGE, DEFAULT_SEGMENT_BYTES, DEFAULT_SPOOL_BYTES, Durability,
    MAX_SEGMENT_BYTES, SHIP_LOOK,
};
use crate::keys::file::read_public;

const CONTENT: [(&str, AuditContent); 3] = [
    ("metadata", AuditContent::Metadata),
    ("filtered", AuditContent::Filtered),
    ("pseudonyms", AuditContent::Pseudonyms),
];
const DURABILITY: [(&str, Durability); 3] =
    [("strict", Durability::Strict), ("batched", Durability::Batched), ("best_effort", Durability::BestEffort)];
/// LIMIT: 1 MiB at least: what a segment takes on disk when it is made.
const MIN_SEGMENT_BYTES: u64 = 1 << 20;
/// LIMIT: 1 PiB: above what a pod's disk has.
const MAX_SPOOL_BYTES: u64 = 1 << 50;
/// Whether new exchanges are refused while copies elsewhere are behind.
const FAIL: [(&str, bool); 2] = [("closed", true), ("open", false)];
const SHIP_MEND: &str =
    "name a folder elsewhere, or a bucket: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX";
const MEND: &str =
    "add [audit] with dir and keys (`sidewall keys new --tenant T --out KEYS`), or enabled = false to keep no records";

/// Reads `[audit]`. No records only if the file says so: a forgotten section must not be a silent gap.
pub(in crate::config) fn read(root: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<AuditSettings> {
    let Some(node) = root.take("audit") else {
        reading.error(&At::absent("audit"), "is missing", MEND);
        return None;
    };
    let mut table = node.table(reading)?;
    let enabled = table.take("enabled").and_then(|node| node.boolean(reading)).unwrap_or(true);
    let silent = AuditTenant { durability: Durability::Strict, content: AuditContent::Filtered, auditors: Vec::new() };
    let defaults = tenant(&mut table, &silent, reading);
    let mut tenants = BTreeMap::new();
    for mut table in table.sections("tenant", reading) {
        let name = table.need("name", reading, "name the tenant, as identity does");
        let named = name.as_ref().and_then(|name| name.string(reading));
        let of = tenant(&mut table, &defaults, reading);
        table.finish(reading);
        if let (Some(node), Some(name)) = (name, named)
            && tenants.insert(Arc::from(name), of).is_some()
        {
            reading.error(&node.at, "is named twice", "keep one [[audit.tenant]] for each tenant");
        }
    }
    let bytes = table.take("segment_bytes");
    let segment_bytes = bytes.and_then(|node| node.bytes(reading, MIN_SEGMENT_BYTES..=MAX_SEGMENT_BYTES));
    let segment_age = table.take("segment_age").and_then(|node| node.duration(reading));
    let checkpoint_interval = table.take("checkpoint_interval").and_then(|node| node.duration(reading));
    let anchors = files(&mut table, "anchors", "list files on another disk", reading);
    let endpoints = table.sections("anchor", reading);
    let endpoints = endpoints.into_iter().filter_map(|table| endpoint(table, reading)).collect();
    let ship = table.section("ship", reading).and_then(|table| ship(table, reading));
    if !enabled {
        for key in ["dir", "keys"] {
            table.take(key);
        }
        table.finish(reading);
        reading.warn(&node.at, "is off: no exchange is recorded", "remove enabled = false to keep records");
        return None;
    }
    let dir = table.need("dir", reading, "name the folder for the records");
    let dir = dir.and_then(|node| folder(&node, false, reading));
    let keys = table.need("keys", reading, "name the folder that `sidewall keys new` made");
    let keys = keys.and_then(|node| folder(&node, true, reading));
    table.finish(reading);
    Some(AuditSettings {
        dir: dir?,
        keys: keys?,
        defaults,
        tenants,
        segment_bytes: segment_bytes.map_or(DEFAULT_SEGMENT_BYTES, |bytes| bytes as u64),
        segment_age: segment_age.unwrap_or(DEFAULT_SEGMENT_AGE),
        anchors: anchors.into_iter().map(|(_, path)| path).collect(),
        endpoints,
        ship,
        checkpoint_interval: checkpoint_interval.unwrap_or(DEFAULT_CHECKPOINT_INTERVAL),
    })
}

/// `[[audit.anchor]]`.
fn endpoint(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<AuditAnchor> {
    let url = table.need("url", reading, "name the endpoint that keeps checkpoints, as https://HOST/PATH");
    let url = url.and_then(|node| upstream::url(&node, false, false, reading));
    let ca = table.take("ca").and_then(|node| upstream::ca(&node, reading));
    let credential = table.take("credential").and_then(|node| upstream::credential(&node, reading));
    let refuse = table.take("fail").and_then(|node| node.word(reading, &FAIL)).unwrap_or(false);
    let (mut deadline, mut patience) = (DEFAULT_ANCHOR_DEADLINE, DEFAULT_ANCHOR_PATIENCE);
    set(&mut deadline, duration(&mut table, "deadline", reading));
    set(&mut patience, duration(&mut table, "patience", reading));
    table.finish(reading);
    Some(AuditAnchor { url: url?, ca, credential, deadline, refuse, patience })
}

/// `[audit.ship]`.
fn ship(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<Ship> {
    let to = table.need("to", reading, SHIP_MEND);
    let to = to.and_then(|node| {
        let text = node.string(reading)?;
        let to = if text.contains("://") { text.to_owned() } else { reading.resolve(text).display().to_string() };
        match target::open(&to) {
            Ok(_usable) => Some(to),
            Err(error) => {
                reading.error(&node.at, format!("is no place to ship to ({error})"), SHIP_MEND);
                None
            }
        }
    });
    let spool = table.take("spool").and_then(|node| node.bytes(reading, MIN_SEGMENT_BYTES..=MAX_SPOOL_BYTES));
    let refuse = table.take("fail").and_then(|node| node.word(reading, &FAIL)).unwrap_or(true);
    table.finish(reading);
    let spool_bytes = spool.map_or(DEFAULT_SPOOL_BYTES, |bytes| bytes as u64);
    Some(Ship { to: to?, spool_bytes, refuse, look: SHIP_LOOK })
}

/// The keys that stand in `[audit]` for all tenants and in `[[audit.tenant]]` for one.
fn tenant(table: &mut Table<'_>, defaults: &AuditTenant, reading: &mut Reading<'_>) -> AuditTenant {
    let content = table.take("content").and_then(|node| node.word(reading, &CONTENT));
    let durability = table.take("durability").and_then(|node| node.word(reading, &DURABILITY));
    let named = files(table, "auditors", "list public key files that `sidewall keys new` made", reading);
    for (at, path) in &named {
        if let Err(error) = read_public(path) {
            reading.error(at, format!("is no usable public key ({error})"), "name a .pub file of `sidewall keys new`");
        }
    }
    let auditors =
        if named.is_empty() { defaults.auditors.clone() } else { named.into_iter().map(|(_, path)| path).collect() };
    AuditTenant {
        durability: durability.unwrap_or(defaults.durability),
        content: content.unwrap_or(defaults.content),
        auditors,
    }
}

/// A list of paths, each with its place.
fn files(table: &mut Table<'_>, key: &'static str, mend: &str, reading: &mut Reading<'_>) -> Vec<(At, PathBuf)> {
    let Some(node) = table.take(key) else { return Vec::new() };
    let nodes = node.filled_array(reading, mend);
    let path = |node: Node<'_>| {
        let path = node.string(reading)?;
        Some((node.at.clone(), reading.resolve(path)))
    };
    nodes.into_iter().filter_map(path).collect()
}

/// A folder's path; `must_exist` or not, something that is no folder must not stand there.
fn folder(node: &Node<'_>, must_exist: bool, reading: &mut Reading<'_>) -> Option<PathBuf> {
    let path = node.string(reading)?;
    let path = reading.resolve(path);
    let found = fs::metadata(&path);
    match &found {
        Ok(found) if !found.is_dir() => {
            reading.error(&node.at, format!("{} is not a folder", path.display()), "name a folder");
        }
        Err(error) if must_exist => {
            let what = format!("{} cannot be opened ({error})", path.display());
            reading.error(&node.at, what, "make it: sidewall keys new --tenant TENANT --out FOLDER");
        }
        _ => {}
    }
    Some(path)
}
