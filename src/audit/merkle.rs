//! The Merkle tree hash of RFC 6962, section 2.1, built leaf by leaf.

use aws_lc_rs::digest::{Context, SHA256};

/// A growing tree: the roots of its full subtrees, largest first.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    size: u64,
    /// INVARIANT: one hash per set bit of `size`, highest bit first.
    roots: Vec<[u8; 32]>,
}

impl Tree {
    /// Adds a leaf with this content.
    pub fn push(&mut self, content: &[u8]) {
        let mut hash = hash(&[&[0], content]);
        let mut size = self.size;
        while size & 1 == 1 {
            if let Some(left) = self.roots.pop() {
                hash = node(&left, &hash);
            }
            size >>= 1;
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves; of the empty tree: SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let joined = self.roots.iter().rev().copied().reduce(|right, left| node(&left, &right));
        joined.unwrap_or_else(|| hash(&[]))
    }
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(content: &[u8]) -> [u8; 32] {
    hash(&[&[0], content])
}

/// The inclusion proof of one of the leaves, given by their hashes (RFC 6962, section 2.1.1).
#[must_use]
pub fn prove(leaves: &[[u8; 32]], index: usize) -> Vec<[u8; 32]> {
    let mut path = Vec::new();
    let (mut leaves, mut index) = (leaves, index);
    while leaves.len() > 1 {
        let split = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(split);
        let sibling = if index < split { right } else { left };
        path.push(root(sibling));
        (leaves, index) = if index < split { (left, index) } else { (right, index - split) };
    }
    path.reverse();
    path
}

/// The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); `None` if it does not fit the tree's size.
#[must_use]
pub fn follow(leaf: [u8; 32], index: u64, size: u64, path: &[[u8; 32]]) -> Option<[u8; 32]> {
    let (mut at, mut last) = (index, size.checked_sub(1)?);
    if at > last {
        return None;
    }
    let mut reached = leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            reached = node(sibling, &reached);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            reached = node(&reached, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(reached)
}

/// The root over leaves given by their hashes.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => hash(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node(&root(left), &root(right))
        }
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hash(&[&[1], left, right])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut out = [0u8; 32];
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition as RFC 6962 writes it.
    fn reference(leaves: &[Vec<u8>]) -> [u8; 32] {
        match leaves {
            [] => hash(&[]),
            [leaf] => hash(&[&[0], leaf]),
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(&reference(&leaves[..split]), &reference(&leaves[split..]))
            }
        }
    }

    #[test]
    fn agrees_with_the_definition_at_every_size() {
        let mut tree = Tree::default();
        let mut leaves: Vec<Vec<u8>> = Vec::new();
        for size in 0..70_u64 {
            assert_eq!((tree.size(), tree.root()), (size, reference(&leaves)));
            let leaf = vec![u8::try_from(size).unwrap(); usize::try_from(size).unwrap()];
            tree.push(&leaf);
            leaves.push(leaf);
        }
    }

    #[test]
    fn proofs_lead_to_the_root_and_to_no_other() {
        for size in 1..40_usize {
            let leaves: Vec<[u8; 32]> = (0..size).map(|at| leaf_hash(&[u8::try_from(at).unwrap()])).collect();
            for index in 0..size {
                let path = prove(&leaves, index);
                let reach = |leaf, at: usize| follow(leaf, at as u64, size as u64, &path);
                assert_eq!(reach(leaves[index], index), Some(root(&leaves)), "{index} of {size}");
                assert_ne!(reach(leaf_hash(b"other"), index), Some(root(&leaves)));
                for other in (0..=size).filter(|other| *other != index) {
                    assert_ne!(reach(leaves[index], other), Some(root(&leaves)), "{index} as {other} of {size}");
                }
            }
        }
    }

    #[test]
    fn agrees_with_published_roots() {
        // Certificate Transparency's reference leaves (google/certificate-transparency, merkletree tests).
        let leaves: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let expected = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ];
        let mut tree = Tree::default();
        for (leaf, root) in leaves.into_iter().zip(expected) {
            tree.push(leaf);
            assert_eq!(crate::keys::pair::hex(&tree.root()), root);
        }
    }
}
