//! The tools of one exchange: what its request declared, and the texts that a call's arguments may come from.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::tools::definition::{Definition, DefinitionFault};
use crate::tools::provenance::{Sources, Trust};

/// LIMIT: tools in one request. Providers stop at 128 or some hundreds.
pub const MAX_TOOLS: usize = 4_096;

/// LIMIT: different kinds of findings that policies see.
const MAX_KINDS: usize = 256;

/// What a request declares and says, for judging the calls of its response.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    tools: HashMap<Arc<str>, Arc<Definition>>,
    withheld: HashSet<Arc<str>>,
    sources: Arc<Sources>,
    kinds: Vec<String>,
}

impl Toolbox {
    /// Adds a declared tool.
    ///
    /// # Errors
    /// [`DefinitionFault::Twice`], [`DefinitionFault::TooMany`].
    pub fn declare(&mut self, definition: Arc<Definition>) -> Result<(), DefinitionFault> {
        if self.tools.len() >= MAX_TOOLS {
            return Err(DefinitionFault::TooMany);
        }
        if let Some(known) = self.tools.get(&definition.name) {
            // The requests of one batch may each declare it; as the same bytes, it is the same definition.
            return if Arc::ptr_eq(known, &definition) { Ok(()) } else { Err(DefinitionFault::Twice) };
        }
        self.tools.insert(Arc::clone(&definition.name), definition);
        Ok(())
    }

    /// The tool of exactly this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Definition>> {
        self.tools.get(name)
    }

    /// True if the request declares none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// True if a document of `bytes` bytes may call a tool whose check takes longer than a reactor should be kept.
    #[must_use]
    pub fn is_costly(&self, bytes: usize) -> bool {
        self.tools.values().any(|tool| tool.is_costly(bytes))
    }

    /// Notes that a declared tool is not offered to the model.
    pub fn withhold(&mut self, name: &str) {
        self.withheld.insert(Arc::from(name));
    }

    /// True if the tool was not offered to the model.
    #[must_use]
    pub fn withholds(&self, name: &str) -> bool {
        self.withheld.contains(name)
    }

    /// Remembers a text of the request.
    pub fn remember(&mut self, trust: Trust, path: &Arc<str>, text: &str) {
        // Nobody else holds it while the request is read.
        if let Some(sources) = Arc::get_mut(&mut self.sources) {
            sources.add(trust, path, text);
        }
    }

    /// Goes on from an earlier exchange: its texts are sources too, and, if `whole`, its tools are the ones that may be called.
    pub fn go_on_from(&mut self, earlier: &Self, whole: bool) {
        self.sources = Sources::after(&earlier.sources);
        if whole {
            self.tools.extend(earlier.tools.iter().map(|(name, tool)| (Arc::clone(name), Arc::clone(tool))));
            self.withheld.extend(earlier.withheld.iter().map(Arc::clone));
        }
    }

    /// Bytes of memory that it keeps from being freed, near enough: definitions are shared, and counted as the places that name them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// Of an entry of the map, and of the name.
        const TOOL: usize = 128;
        self.sources.bytes() + TOOL * (self.tools.len() + self.withheld.len() + self.kinds.len())
    }

    /// The texts of the request.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Notes the kind of a finding.
    pub fn note_kind(&mut self, kind: &str) {
        if self.kinds.len() < MAX_KINDS && !self.kinds.iter().any(|known| known == kind) {
            self.kinds.push(kind.to_owned());
        }
    }

    /// Kinds of findings so far.
    #[must_use]
    pub fn kinds(&self) -> &[String] {
        &self.kinds
    }
}
