//! Randomness from the one cryptographic provider, and its adapter for `hpke`.

use std::convert::Infallible;

use aws_lc_rs::digest::{SHA256, digest};
use hpke::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

/// The system gave no randomness; nothing may be sealed without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// `N` random bytes.
///
/// # Errors
/// [`NoRandomness`].
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut out = [0u8; N];
    aws_lc_rs::rand::fill(&mut out).map_err(|_unspecified| NoRandomness)?;
    Ok(out)
}

/// An endless stream of random bytes from one 32-byte seed: SHA-256(seed ‖ counter).
///
/// `hpke` takes generators that cannot fail, the provider's can: so the seed is drawn (fallibly) beforehand. One
/// generator serves one encapsulation.
pub(crate) struct Seeded {
    seed: Zeroizing<[u8; 32]>,
    counter: u64,
}

impl Seeded {
    /// A generator with a fresh seed.
    pub(crate) fn new() -> Result<Self, NoRandomness> {
        Ok(Self { seed: Zeroizing::new(bytes()?), counter: 0 })
    }

    fn block(&mut self) -> Zeroizing<[u8; 32]> {
        let mut input = Zeroizing::new([0u8; 40]);
        for (to, from) in input.iter_mut().zip(self.seed.iter().copied().chain(self.counter.to_be_bytes())) {
            *to = from;
        }
        self.counter += 1;
        let mut out = Zeroizing::new([0u8; 32]);
        for (to, from) in out.iter_mut().zip(digest(&SHA256, input.as_ref()).as_ref()) {
            *to = *from;
        }
        out
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0u8; N];
        let Ok(()) = self.try_fill_bytes(&mut out);
        out
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.take()))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.take()))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            for (to, from) in chunk.iter_mut().zip(self.block().iter()) {
                *to = *from;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}
