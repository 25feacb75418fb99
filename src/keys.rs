//! Tenant keys: who can read a tenant's audit records.
//!
//! A tenant has a key pair for HPKE (RFC 9180). The sidecar is given the public half only ([`Directory`]) and seals
//! every segment's data key to it; the private half stays with whoever reads (`audit read`). So what the sidecar has
//! written it cannot read, and neither can a thief of its pod.

pub mod algorithm;
// What opens with the help of a token; tests hold it against `hpke` in every build.
#[cfg(any(test, feature = "pkcs11"))]
mod decap;
pub mod directory;
pub mod file;
pub mod holder;
pub mod keyring;
pub mod pair;
pub mod random;
pub mod recipients;
pub mod store;
pub mod token;
pub mod tombstone;

pub use algorithm::Algorithm;
pub use directory::Directory;
pub use file::{KeyError, KeyFile, file_stem, read_private, write_pair};
pub use holder::Holder;
pub use keyring::{Keyring, Opener};
pub use pair::{PrivateKey, PublicKey, SealError, Sealed, generate};
pub use recipients::Recipients;
pub use token::{TokenKey, TokenUri};
