//! Policies from a folder of `*.cedar` files. A policy is called by its `@id("…")`, else by its file and place in it (`finance#2`).

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::digest;
use cedar_policy::{Authorizer, Effect, Policy, PolicyId, PolicySet};
use miette::Diagnostic;
use serde_json::Value;

use super::Policies;
use super::slice::{Seen, Slices};
use crate::tools::Mistake;

/// LIMIT: bytes of one file.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// LIMIT: policies; each is looked at for each call.
const MAX_POLICIES: usize = 10_000;

/// What is wrong with a folder of policies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct LoadError(pub Vec<Mistake>);

impl Policies {
    /// Reads every `*.cedar` of a folder.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let entries = fs::read_dir(folder);
        let unread = |error| LoadError(vec![Mistake::of(folder.display(), format!("cannot be read ({error})"))]);
        let mut paths: Vec<PathBuf> = entries.map_err(unread)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "cedar"));
        paths.sort();
        let (mut texts, mut wrong) = (Vec::new(), Vec::new());
        for path in &paths {
            match read(path) {
                Ok(text) => texts.push((path.display().to_string(), text)),
                Err(what) => wrong.push(Mistake::of(path.display(), what)),
            }
        }
        // SECURITY: a folder that is empty for a moment (a mount under way) must be an error, not a denial of everything nor a permit.
        if paths.is_empty() {
            wrong.push(Mistake::of(folder.display(), "no *.cedar in it; put the policies there"));
        }
        match Self::parse(&texts) {
            Ok(policies) if wrong.is_empty() => Ok(policies),
            Ok(_) => Err(LoadError(wrong)),
            Err(LoadError(more)) => Err(LoadError([wrong, more].concat())),
        }
    }

    /// Policies from the texts of files.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn parse(texts: &[(String, String)]) -> Result<Self, LoadError> {
        let (mut set, mut scopes, mut wrong) = (PolicySet::new(), PolicySet::new(), Vec::new());
        let mut hash = digest::Context::new(&digest::SHA256);
        for (file, text) in texts {
            hash.update(text.as_bytes());
            let parsed = match PolicySet::from_str(text) {
                Ok(parsed) => parsed,
                Err(errors) => {
                    wrong.extend(errors.iter().map(|error| unparsed(file, text, error)));
                    continue;
                }
            };
            if parsed.templates().next().is_some() {
                let what = "holds a template (?principal, ?resource); write its policies out";
                wrong.push(Mistake::near(file, text, "?", what));
            }
            let name = Path::new(file).file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
            let mut policies: Vec<&Policy> = parsed.policies().collect();
            // `policy10` comes after `policy9`.
            policies.sort_by_key(|policy| (policy.id().to_string().len(), policy.id().to_string()));
            for (number, policy) in policies.into_iter().enumerate() {
                let id = policy.annotation("id").map_or_else(|| format!("{name}#{}", number + 1), str::to_owned);
                let policy = policy.new_id(PolicyId::new(&id));
                let mistake = |what: String| Mistake::near(file, text, &format!("{id:?}"), what);
                match scope_of(&policy) {
                    Ok(Some(scope)) => {
                        let _ = scopes.add(scope);
                    }
                    Ok(None) => {}
                    Err(what) => wrong.push(mistake(format!("{id}: {what}"))),
                }
                if set.add(policy).is_err() {
                    wrong.push(mistake(format!("two policies are called {id}; give each its own @id")));
                }
            }
        }
        if set.num_of_policies() > MAX_POLICIES {
            wrong.push(Mistake::of("policies", format!("more than {MAX_POLICIES}")));
        }
        let hash = hash.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        if wrong.is_empty() {
            let (slices, scopes, seen) = (Slices::of(&set), Slices::of(&scopes), Seen::of(&set));
            let requires = super::requirements(&set);
            Ok(Self { set, slices, scopes, seen, requires, authorizer: Authorizer::new(), hash })
        } else {
            Err(LoadError(wrong))
        }
    }
}

/// What Cedar's parser says, with the line that it points to.
fn unparsed(file: &str, text: &str, error: &impl Diagnostic) -> Mistake {
    let what = format!("is not Cedar: {error}");
    match error.labels().and_then(|mut labels| labels.next()) {
        Some(label) => Mistake::at(file, text, label.offset(), what),
        None => Mistake::of(file, what),
    }
}

/// What a policy says before a call is there: a `permit` without its conditions on the context; a `forbid` only if it has none such.
fn scope_of(policy: &Policy) -> Result<Option<Policy>, String> {
    let mut json = policy.to_json().map_err(|error| error.to_string())?;
    let Some(Value::Array(conditions)) = json.get_mut("conditions") else { return Ok(Some(policy.clone())) };
    let before = conditions.len();
    conditions.retain(|condition| !mentions_context(condition));
    if conditions.len() == before {
        return Ok(Some(policy.clone()));
    }
    if policy.effect() == Effect::Forbid {
        return Ok(None);
    }
    Policy::from_json(Some(policy.id().clone()), json).map(Some).map_err(|error| error.to_string())
}

fn mentions_context(expression: &Value) -> bool {
    match expression {
        Value::Object(members) => {
            members.get("Var").and_then(Value::as_str) == Some("context") || members.values().any(mentions_context)
        }
        Value::Array(items) => items.iter().any(mentions_context),
        _ => false,
    }
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    file.map_err(|error| format!("cannot be read ({error})"))?;
    if text.len() as u64 > MAX_FILE_BYTES { Err(format!("is larger than {MAX_FILE_BYTES} bytes")) } else { Ok(text) }
}
