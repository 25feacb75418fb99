//! All integration tests, in one binary: one link step, shared helpers.

#[cfg(test)]
mod fuzz_smoke;
