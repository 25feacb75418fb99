//! Definitions that were seen before, by the hash of their bytes: an agent sends the same tools with every turn.
//!
//! SECURITY: one cache a tenant. A shared one would let a tenant measure whether another declares the same tool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;

use crate::dialect::ToolShape;
use crate::tools::definition::Definition;

/// LIMIT: definitions of one generation. Two generations of some KiB each keep a tenant below a few tens of MiB.
const MAX_GENERATION: usize = 1_024;

type Generation = HashMap<[u8; 32], Option<Arc<Definition>>>;

/// Two generations: when the young one is full, it becomes the old one, and what was in the old one and is not asked for again is gone.
#[derive(Debug, Default)]
pub struct DefinitionCache {
    generations: Mutex<(Generation, Generation)>,
}

impl DefinitionCache {
    /// The definition in `element`; `None` if it has no name.
    #[must_use]
    pub fn read(&self, element: &[u8], shapes: &[ToolShape]) -> Option<Arc<Definition>> {
        let mut key = [0_u8; 32];
        // The same bytes may be another tool, or none, at another endpoint.
        let mut context = digest::Context::new(&digest::SHA256);
        for shape in shapes {
            context.update(shape.kind.as_bytes());
            context.update(shape.name.as_bytes());
        }
        context.update(element);
        key.copy_from_slice(context.finish().as_ref());
        if let Some(found) = self.find(&key) {
            return found;
        }
        // Read outside the lock.
        let read = Definition::read(element, shapes).map(Arc::new);
        self.put(key, read.clone());
        read
    }

    fn find(&self, key: &[u8; 32]) -> Option<Option<Arc<Definition>>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let (young, old) = &mut *generations;
        if let Some(found) = young.get(key) {
            return Some(found.clone());
        }
        let found = old.remove(key)?;
        young.insert(*key, found.clone());
        Some(found)
    }

    fn put(&self, key: [u8; 32], read: Option<Arc<Definition>>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let (young, old) = &mut *generations;
        if young.len() >= MAX_GENERATION {
            *old = std::mem::take(young);
        }
        young.insert(key, read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: &[ToolShape] =
        &[ToolShape { kind: "", name: "/name", description: "/d", schema: None, free_text: false, silent: &[] }];

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_bounded() {
        let cache = DefinitionCache::default();
        let read = |n: usize| cache.read(format!("{{\"name\":\"t{n}\"}}").as_bytes(), SHAPES).unwrap();
        let first = read(0);
        for n in 0..10 * MAX_GENERATION {
            read(n);
            assert!(Arc::ptr_eq(&first, &read(0)), "{n}");
        }
        let generations = cache.generations.lock().unwrap();
        assert!(generations.0.len() + generations.1.len() <= 2 * MAX_GENERATION + 1);
    }
}
