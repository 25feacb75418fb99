//! The demonstration, and the scripted provider that it and the tests talk to.
//!
//! `provider` speaks the wire formats of the supported APIs and does what its script says; it is a part of the program,
//! so a first look at Sidewall needs neither an account nor a network.

pub mod provider;
