//! Sidewall: an LLM safety firewall sidecar.
//!
//! The modules below stand in the order in which the data of one exchange passes through them.
//! The pure half (`text` to `inspect`) does no I/O and knows neither tokio nor hyper; the other half
//! moves bytes and keeps records. `ARCHITECTURE.md` walks one exchange through the rooms.

pub mod identity;
pub mod proxy;
pub mod server;
// ── the pure half: bytes → frames → slots → channels → findings → verdict → edits → bytes ──
pub mod detect;
pub mod dialect;
pub mod inspect;
pub mod policy;
pub mod redact;
pub mod text;
pub mod tools;
pub mod wire;
// ── and out again ──
pub mod audit;
pub mod keys;
pub mod telemetry;
pub mod upstream;
// ── what everything stands on ──
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod secret;
