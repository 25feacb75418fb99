//! The properties that fuzzing tests, one function per target, and the table of them.
//!
//! `cargo +nightly fuzz run NAME` runs one with coverage guidance, `cargo test fuzz_smoke` runs all of them on their
//! seeds and some mutations. To add a target: a function and a row here; `fuzz_targets/NAME.rs` and its `[[bin]]` in
//! `Cargo.toml` as the others have it (a test says so if one is missing).

#[path = "targets/audit_open.rs"]
mod audit_open;
#[path = "targets/escape.rs"]
mod escape;
#[path = "targets/inspector.rs"]
mod inspector;
#[path = "targets/ruleset.rs"]
mod ruleset;
#[path = "targets/scanner.rs"]
mod scanner;
#[path = "targets/sse.rs"]
mod sse;

pub(crate) use audit_open::audit_open;
pub(crate) use escape::escape;
pub(crate) use inspector::inspector;
pub(crate) use ruleset::ruleset;
pub(crate) use scanner::scanner;
pub(crate) use sse::sse;

/// One target.
pub(crate) struct Target {
    /// Name of its binary and of its corpus.
    pub(crate) name: &'static str,
    /// Panics if a property does not hold.
    pub(crate) run: fn(&[u8]),
    /// Inputs to start from.
    pub(crate) seeds: &'static [&'static [u8]],
}

/// All targets.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "scanner", run: scanner, seeds: scanner::SEEDS },
    Target { name: "sse", run: sse, seeds: sse::SEEDS },
    Target { name: "escape", run: escape, seeds: escape::SEEDS },
    Target { name: "inspector", run: inspector, seeds: inspector::SEEDS },
    Target { name: "ruleset", run: ruleset, seeds: ruleset::SEEDS },
    Target { name: "audit_open", run: audit_open, seeds: audit_open::SEEDS },
];
