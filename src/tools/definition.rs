//! One tool as an exchange declares it.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::dialect::ToolShape;
use crate::tools::schema::{Schema, Unfit};

/// LIMIT: bytes of one definition. Generated schemas of large APIs reach some tens of KiB.
pub const MAX_DEFINITION_BYTES: usize = 256 << 10;

/// Why a definition cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionFault {
    /// Over [`MAX_DEFINITION_BYTES`].
    #[error("a tool definition is over {MAX_DEFINITION_BYTES} bytes; shorten its schema")]
    TooLarge,
    /// Two tools share a name, so nobody could say whose schema holds.
    #[error("two tools of the request share a name; give each its own")]
    Twice,
    /// More than a request may declare.
    #[error("more than {} tools in one request; declare fewer", crate::tools::toolbox::MAX_TOOLS)]
    TooMany,
}

/// A tool's definition; its schema is compiled when a call first asks for it.
#[derive(Debug)]
pub struct Definition {
    /// The name, compared byte for byte.
    pub name: Arc<str>,
    /// What the model is told of it.
    pub description: Option<Arc<str>>,
    /// What its arguments must look like; `None`: any object.
    pub schema: Option<Value>,
    /// True if its calls bring free text instead of a JSON document.
    pub free_text: bool,
    /// Members beside those above that tell the model something (examples, a provider's new field).
    pub extra: bool,
    compiled: OnceLock<Result<Option<Schema>, Unfit>>,
}

impl Definition {
    /// A definition of its own, as a registry holds it.
    #[must_use]
    pub fn new(name: &str, description: Option<&str>, schema: Option<Value>) -> Self {
        Self {
            name: Arc::from(name),
            description: description.map(Arc::from),
            schema,
            free_text: false,
            extra: false,
            compiled: OnceLock::new(),
        }
    }

    /// Reads a declared tool; `None` if it has no name by which it could be called.
    #[must_use]
    pub fn read(element: &[u8], shapes: &[ToolShape]) -> Option<Self> {
        // The scanner has read these bytes as part of the request, so no key is there twice.
        let element: Value = serde_json::from_slice(element).ok()?;
        let kind = element.get("type").and_then(Value::as_str);
        let mut fitting =
            shapes.iter().filter(|shape| shape.kind.is_empty() || Some(shape.kind) == kind).filter_map(|shape| {
                let name = element.pointer(shape.name)?.as_str()?;
                Some((shape, name, shape.schema.is_some_and(|pointer| element.pointer(pointer).is_some())))
            });
        // Of two places for a schema, that in which one stands.
        let first = fitting.next()?;
        let (shape, name, _) = if first.2 { first } else { fitting.find(|(.., there)| *there).unwrap_or(first) };
        let text = |pointer: &str| element.pointer(pointer).and_then(Value::as_str);
        let schema = shape.schema.and_then(|pointer| element.pointer(pointer)).filter(|s| !s.is_null()).cloned();
        Some(Self {
            free_text: shape.free_text,
            extra: has_extra(&element, "", shape),
            ..Self::new(name, text(shape.description), schema)
        })
    }

    /// The compiled schema; `None` if any object fits.
    ///
    /// # Errors
    /// [`Unfit`]: no call of this tool can be checked, so none may pass.
    pub fn compiled(&self) -> Result<Option<&Schema>, &Unfit> {
        let compile = || self.schema.as_ref().map(Schema::compile).transpose();
        self.compiled.get_or_init(compile).as_ref().map(Option::as_ref)
    }
}

/// Work (nodes applied to values) that is done where it arises: about a millisecond.
const CHEAP: u64 = 50_000;

impl Definition {
    /// True if holding `bytes` bytes of arguments against the schema may take longer than a reactor should be kept: a schema that was not
    /// compiled yet, or much work.
    #[must_use]
    pub fn is_costly(&self, bytes: usize) -> bool {
        if self.schema.is_none() {
            return false;
        }
        match self.compiled.get() {
            None => true,
            Some(Ok(Some(schema))) => schema.estimate(bytes) > CHEAP,
            Some(_) => false,
        }
    }
}

/// True if the element has a member, at the root or beside the name, that no row of the shape accounts for.
fn has_extra(value: &Value, at: &str, shape: &ToolShape) -> bool {
    let Some(object) = value.as_object() else { return false };
    object.iter().any(|(key, member)| {
        let here = format!("{at}/{key}");
        let known = here == shape.name
            || here == shape.description
            || shape.schema == Some(&here)
            || shape.silent.contains(&&*here);
        !known && (!shape.name.starts_with(&format!("{here}/")) || has_extra(member, &here, shape))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: &[ToolShape] = &[
        ToolShape {
            kind: "",
            name: "/f/name",
            description: "/f/description",
            schema: Some("/f/parameters"),
            free_text: false,
            silent: &["/type"],
        },
        ToolShape {
            kind: "",
            name: "/name",
            description: "/description",
            schema: None,
            free_text: true,
            silent: &["/type"],
        },
    ];

    #[test]
    fn shapes_say_where_things_stand() {
        let read = |text: &str| Definition::read(text.as_bytes(), SHAPES);
        let tool =
            read(r#"{"type":"f","f":{"name":"a","description":"does a","parameters":{"type":"object"}}}"#).unwrap();
        assert_eq!((&*tool.name, tool.description.as_deref(), tool.extra), ("a", Some("does a"), false));
        assert!(!tool.free_text && tool.schema.is_some());
        assert!(read(r#"{"type":"f","f":{"name":"a","examples":[]}}"#).unwrap().extra);
        assert!(read(r#"{"name":"a","hint":"x"}"#).unwrap().extra);
        assert!(read(r#"{"name":"a","type":"x"}"#).unwrap().free_text);
        assert!(read(r#"{"type":"server"}"#).is_none());
        let shape = |schema| ToolShape {
            kind: "",
            name: "/name",
            description: "/description",
            schema: Some(schema),
            free_text: false,
            silent: &[],
        };
        for place in ["camelCase", "snake_case"] {
            let element = format!("{{\"name\":\"a\",\"{place}\":{{\"type\":\"object\"}}}}");
            let tool = Definition::read(element.as_bytes(), &[shape("/camelCase"), shape("/snake_case")]).unwrap();
            assert!(tool.schema.is_some() && !tool.extra, "{place}");
        }
    }
}
