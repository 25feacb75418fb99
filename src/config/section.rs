//! The sections of the file, one reader each. A reader always returns settings; if anything in it was wrong, they are stand-ins
//! that nobody uses, because the whole file is then refused.

pub(super) mod approvals;
pub(super) mod audit;
pub(super) mod classifier;
pub(super) mod guardrail;
pub(super) mod identity;
pub(super) mod rulesets;
pub(super) mod server;
pub(super) mod state;
pub(super) mod storage;
pub(super) mod tools;
pub(super) mod upstream;

use crate::config::reader::{Node, Reading};
use crate::identity::tenant::{MAX_TENANT_BYTES, is_tenant_name};

/// A name that can stand in a path, a label and a file name as it is (see [`is_tenant_name`]).
fn plain_name<'d>(node: &Node<'d>, reading: &mut Reading<'_>) -> Option<&'d str> {
    let name = node.string(reading)?;
    let fine = is_tenant_name(name);
    if !fine {
        let mend =
            format!("use 1 to {MAX_TENANT_BYTES} ASCII letters, digits, \".\", \"_\" and \"-\", no dot in front");
        reading.error(&node.at, "is not a plain name", mend);
    }
    fine.then_some(name)
}

/// A feature of the product's contract that this version does not have yet.
fn not_built(node: &Node<'_>, reading: &mut Reading<'_>, what: &str, instead: &str) {
    reading.error(&node.at, format!("{what} not built yet"), instead);
}
