//! What lies on disk, and what is not built yet: `[redaction]`, `refusal`, and secrets that are kept out of the file.

use std::fs;
use std::io::Read;

use crate::config::reader::{At, Node, Reading, Table};
use crate::config::section::not_built;
use crate::config::settings::{MIN_REDACTION_KEY_BYTES, RedactionKey, RedactionSettings, SecretSource};
use crate::secret::Sensitive;

/// LIMIT: 64 KiB for a key file: keys and tokens are far smaller, and `/dev/zero` must end.
const MAX_SECRET_BYTES: u64 = 64 << 10;

const SECRET_MEND: &str = "write { env = \"NAME\" } or { file = \"PATH\" }";

/// Reads `{ env = … }` or `{ file = … }` and what it leads to.
pub(super) fn secret(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<(SecretSource, Sensitive<Vec<u8>>)> {
    let mut table = node.table(reading)?;
    let env = table.take("env");
    let file = table.take("file");
    table.finish(reading);
    match (env, file) {
        (Some(env), None) => {
            let name = env.string(reading)?;
            let Some(value) = reading.env(name) else {
                // The name may be a key pasted into the wrong place, so it is not repeated.
                reading.error(
                    &env.at,
                    "names an environment variable that is not set",
                    "set it, or use { file = \"PATH\" }",
                );
                return None;
            };
            Some((SecretSource::Env(name.to_owned()), Sensitive::new(value.into_bytes())))
        }
        (None, Some(file)) => {
            let path = file.string(reading)?;
            let path = reading.resolve(path);
            let mut bytes = Vec::new();
            let read = fs::File::open(&path).and_then(|file| file.take(MAX_SECRET_BYTES).read_to_end(&mut bytes));
            let bytes = Sensitive::new(bytes);
            if let Err(error) = read {
                let what = format!("{} cannot be read ({error})", path.display());
                reading.error(&file.at, what, "check the path and who may read it");
                return None;
            }
            Some((SecretSource::File(path), bytes))
        }
        _ => {
            reading.error(&node.at, "does not name one place to read from", SECRET_MEND);
            None
        }
    }
}

/// Reads `[redaction]`.
pub(in crate::config) fn redaction(root: &mut Table<'_>, reading: &mut Reading<'_>) -> RedactionSettings {
    let mut key = None;
    let mut named = false;
    if let Some(mut table) = root.section("redaction", reading) {
        if let Some(node) = table.take("key") {
            named = true;
            key = secret(&node, reading).and_then(|(source, bytes)| redaction_key(&node.at, source, &bytes, reading));
        }
        table.finish(reading);
    }
    if !named {
        let what = "is absent, so placeholders change with every start and differ between replicas";
        let mend = "make 32 random bytes (head -c 32 /dev/urandom > FILE) and set key = { file = \"FILE\" }";
        reading.warn(&At::absent("redaction.key"), what, mend);
    }
    RedactionSettings { key }
}

fn redaction_key(
    at: &At,
    source: SecretSource,
    bytes: &Sensitive<Vec<u8>>,
    reading: &mut Reading<'_>,
) -> Option<RedactionKey> {
    let material = bytes.expose();
    if material.len() < MIN_REDACTION_KEY_BYTES {
        let what = format!("is too short: {} bytes", material.len());
        reading.error(at, what, format!("use at least {MIN_REDACTION_KEY_BYTES} random bytes"));
        return None;
    }
    Some(RedactionKey { source, material: bytes.clone() })
}

/// Reads `refusal`, of which only the default is built.
pub(in crate::config) fn refusal(root: &mut Table<'_>, reading: &mut Reading<'_>) {
    let Some(node) = root.take("refusal") else { return };
    if node.word(reading, &[("error", false), ("message", true)]) == Some(true) {
        not_built(&node, reading, "refusal \"message\" is", "write \"error\" or leave the key out");
    }
}
