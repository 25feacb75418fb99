//! The sections of the file, one reader each. A reader always returns settings; if anything in it was wrong, they are stand-ins
//! that nobody uses, because the whole file is then refused.

pub(super) mod audit;
pub(super) mod guardrail;
pub(super) mod identity;
pub(super) mod rulesets;
pub(super) mod server;
pub(super) mod storage;
pub(super) mod upstream;

use crate::config::reader::{Node, Reading};

/// LIMIT: 64 bytes a name: it stands in paths, metric labels and file names.
const MAX_NAME_BYTES: usize = 64;

/// A name that can stand in a path, a label and a file name as it is: ASCII letters, digits, `.`, `_`, `-`, not starting with a
/// dot.
fn plain_name<'d>(node: &Node<'d>, reading: &mut Reading<'_>) -> Option<&'d str> {
    let name = node.string(reading)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fine = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.starts_with('.') && name.bytes().all(plain);
    if !fine {
        let mend = format!("use 1 to {MAX_NAME_BYTES} ASCII letters, digits, \".\", \"_\" and \"-\", no dot in front");
        reading.error(&node.at, "is not a plain name", mend);
    }
    fine.then_some(name)
}

/// A feature of the product's contract that this version does not have yet.
fn not_built(node: &Node<'_>, reading: &mut Reading<'_>, what: &str, instead: &str) {
    reading.error(&node.at, format!("{what} not built yet"), instead);
}
