//! Tools: what an exchange declares, and whether the arguments of a call fit what was declared.
//!
//! Nothing here decides who may call what; that is policy's. What is here is exact and bounded: a schema is compiled only if a bound on its
//! work is known beforehand ([`schema::plan`]), and no reference is ever fetched.

pub mod arguments;
pub mod cache;
pub mod definition;
pub mod mistake;
pub mod provenance;
pub mod registry;
pub mod schema;
pub mod toolbox;

pub use arguments::Arguments;
pub use cache::DefinitionCache;
pub use definition::{Definition, DefinitionFault};
pub use mistake::Mistake;
pub use provenance::{Sources, Taint, Trust};
pub use registry::{Registered, Registry};
pub use schema::{Misfit, Schema, Unfit};
pub use toolbox::Toolbox;
