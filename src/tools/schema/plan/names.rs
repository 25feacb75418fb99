//! What the references of a schema name: resources, anchors and JSON pointers, within the schema alone.

use serde_json::{Map, Value};

/// What references may name.
#[derive(Default)]
pub(super) struct Names<'s> {
    /// Schemas with an identifier of their own (`$id`).
    resources: Vec<(&'s str, &'s Value)>,
    /// Schemas with an anchor, and the resource in which they stand.
    anchors: Vec<(&'s str, &'s Value, &'s Value)>,
    recursive: Vec<&'s Value>,
}

impl<'s> Names<'s> {
    pub(super) fn of(root: &'s Value) -> Self {
        let mut names = Self::default();
        let mut open = vec![(root, root)];
        while let Some((value, mut base)) = open.pop() {
            match value {
                Value::Array(items) => open.extend(items.iter().map(|item| (item, base))),
                Value::Object(members) => {
                    let text = |key: &str| members.get(key).and_then(Value::as_str);
                    if let Some(id) = identifier(members) {
                        base = value;
                        names.resources.push((id, value));
                    }
                    let old = text("$id").or_else(|| text("id")).and_then(|id| id.strip_prefix('#'));
                    for anchor in text("$anchor").into_iter().chain(text("$dynamicAnchor")).chain(old) {
                        names.anchors.push((anchor, value, base));
                    }
                    if members.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                        names.recursive.push(value);
                    }
                    open.extend(members.values().map(|member| (member, base)));
                }
                _ => {}
            }
        }
        names
    }

    /// Everything that a reference may mean, each with its resource.
    pub(super) fn targets(&self, key: &str, reference: &str, base: &'s Value) -> Vec<(&'s Value, &'s Value)> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let bases: Vec<&'s Value> = if uri.is_empty() {
            vec![base]
        } else {
            let last = |uri: &str| uri.trim_end_matches('#').rsplit(['/', ':']).next().unwrap_or_default().to_owned();
            self.resources.iter().filter(|(id, _)| last(id) == last(uri)).map(|(_, schema)| *schema).collect()
        };
        let mut targets: Vec<(&'s Value, &'s Value)> = if fragment.is_empty() {
            bases.iter().map(|base| (*base, *base)).collect()
        } else if fragment.starts_with('/') {
            bases.iter().filter_map(|base| pointed(base, fragment)).collect()
        } else {
            // A dynamic anchor may be found in any resource on the way.
            let dynamic = key == "$dynamicRef";
            let fits = |anchor: &str, within: &Value| {
                anchor == fragment && (dynamic || bases.iter().any(|base| std::ptr::eq(*base, within)))
            };
            self.anchors.iter().filter(|(a, _, within)| fits(a, within)).map(|(_, s, base)| (*s, *base)).collect()
        };
        if key == "$recursiveRef" {
            targets.extend(self.recursive.iter().map(|schema| (*schema, *schema)));
        }
        targets
    }
}

pub(super) fn identifier(members: &Map<String, Value>) -> Option<&str> {
    let id = members.get("$id").or_else(|| members.get("id")).and_then(Value::as_str)?;
    (!id.starts_with('#')).then_some(id)
}

/// What a JSON pointer in a URI fragment names (RFC 6901), with its resource.
fn pointed<'s>(base: &'s Value, fragment: &str) -> Option<(&'s Value, &'s Value)> {
    let (mut at, mut resource) = (base, base);
    for token in fragment.split('/').skip(1) {
        let token = percent_decoded(token).replace("~1", "/").replace("~0", "~");
        at = match at {
            Value::Object(members) => members.get(&token)?,
            Value::Array(items) => items.get(token.parse::<usize>().ok()?)?,
            _ => return None,
        };
        if at.as_object().and_then(identifier).is_some() {
            resource = at;
        }
    }
    Some((at, resource))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let pair = tail.first_chunk::<2>().and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
