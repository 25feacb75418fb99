//! `[tools]` and `[policy]`: what is done about tool calls, and who may make them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::reader::{At, Node, Reading, Table};
use crate::policy::cedar::Policies;
use crate::policy::{Check, Mode, Profile, Provenance, Rejection, ToolSettings};
use crate::tools::Registry;

/// Reads `[tools]` and `[policy]`.
pub(in crate::config) fn read(root: &mut Table<'_>, profile: Profile, reading: &mut Reading<'_>) -> ToolSettings {
    let mode = if profile == Profile::Strict { Mode::Registry } else { Mode::Declared };
    let mut settings = ToolSettings { check: Check::of(profile), mode, ..ToolSettings::default() };
    if let Some(mut table) = root.section("tools", reading) {
        if let Some(check) = table.take("check").and_then(|node| node.word(reading, &Check::WORDS)) {
            settings.check = check;
        }
        if let Some(mode) = table.take("mode").and_then(|node| node.word(reading, &Mode::WORDS)) {
            settings.mode = mode;
        }
        if let Some(offered) = table.take("offered").and_then(|node| node.word(reading, &Rejection::WORDS)) {
            settings.offered = offered;
        }
        if let Some(denied) = table.take("denied").and_then(|node| node.word(reading, &Rejection::WORDS)) {
            settings.denied = denied;
        }
        if let Some(what) = table.take("provenance").and_then(|node| node.word(reading, &Provenance::WORDS)) {
            settings.provenance = what;
        }
        if let Some((path, at)) = table.take("registry").and_then(|node| folder(&node, reading)) {
            match Registry::load(&path) {
                Ok(registry) => settings.registry = Some(Arc::new(registry)),
                Err(wrong) => {
                    wrong
                        .iter()
                        .for_each(|what| reading.error(&at, what.to_string(), "mend the file, or leave the tool out"));
                }
            }
            settings.registry_path = Some(path);
        }
        table.finish(reading);
    }
    if let Some(mut table) = root.section("policy", reading) {
        let dir = table.need("dir", reading, "name the folder of *.cedar files");
        if let Some((path, at)) = dir.and_then(|node| folder(&node, reading)) {
            match Policies::load(&path) {
                Ok(policies) => settings.policies = Some(Arc::new(policies)),
                Err(wrong) => {
                    let mend = "mend the policy; `sidewall policy lint` says more";
                    wrong.0.iter().for_each(|what| reading.error(&at, what.to_string(), mend));
                }
            }
            settings.policy_path = Some(path);
        }
        table.finish(reading);
    }
    if settings.mode != Mode::Declared && settings.registry.is_none() && settings.check == Check::Enforce {
        let what = "is missing, so every tool that a request declares is refused";
        reading.warn(
            &At::absent("tools.registry"),
            what,
            "name a folder of approved tools, or write mode = \"declared\"",
        );
    }
    settings
}

fn folder(node: &Node<'_>, reading: &mut Reading<'_>) -> Option<(PathBuf, At)> {
    let path = node.string(reading)?;
    Some((reading.resolve(path), node.at.clone()))
}
