//! All integration tests, in one binary: one link step, shared helpers.

#[cfg(test)]
#[path = "../architecture.rs"]
#[expect(clippy::string_slice, reason = "sources are cut at names that were found in them")]
mod architecture;
#[cfg(test)]
mod audit_cli;
#[cfg(test)]
mod audit_crash;
#[cfg(test)]
mod audit_faults;
#[cfg(test)]
mod audit_hpke;
#[cfg(test)]
mod audit_sim;
#[cfg(test)]
mod audit_support;
#[cfg(test)]
mod audit_tamper;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "texts are cut at boundaries of characters")]
mod classifier_model;
#[cfg(test)]
mod classifier_seat;
#[cfg(test)]
mod config_file;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod detect_stability;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod engine_golden;

#[cfg(test)]
mod engine_hidden;
#[cfg(test)]
mod engine_joints;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "texts are cut at boundaries of characters")]
mod engine_props;
#[cfg(test)]
mod eval_cli;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "texts are cut at boundaries of characters")]
mod evasions;
#[cfg(test)]
mod fuzz_smoke;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "requests are cut at brackets")]
mod history;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "tokens are ASCII")]
mod identity_tokens;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod proxy_exchange;
#[cfg(test)]
mod proxy_identity;
#[cfg(test)]
mod proxy_refusals;
#[cfg(test)]
mod proxy_stall;
#[cfg(test)]
mod proxy_wire;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod rules_cli;
#[cfg(test)]
mod rules_replay;
#[cfg(test)]
mod rules_shipped;
#[cfg(test)]
mod rules_tuning;
#[cfg(test)]
mod speakers;
#[cfg(test)]
mod state_gate;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tools_approvals;
#[cfg(test)]
mod tools_calls;
#[cfg(test)]
mod tools_cedar_corpus;
#[cfg(test)]
mod tools_hostile;
#[cfg(test)]
mod tools_policy;
#[cfg(test)]
mod tools_reload;
#[cfg(test)]
mod tools_schema_suite;
#[cfg(test)]
mod tools_speakers;
#[cfg(test)]
mod tuning_walkthrough;
#[cfg(test)]
mod wire_json;
