//! Cedar's own integration tests through our adapter: the same decisions and reasons, except that any error is a denial.
//!
//! Source: <https://github.com/cedar-policy/cedar-integration-tests>, in `reliability/cedar-integration-tests` of the folder of data. The
//! hand-written tests run always; of the generated corpus every hundredth, or all with `SIDEWALL_CORPUS=all`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use cedar_policy::{Authorizer, Context, Entities, EntityId, EntityTypeName, EntityUid, PolicySet, Request, Schema};
use serde_json::Value;
use sidewall::policy::cedar::{ask, requirements};

fn data() -> PathBuf {
    let data = std::env::var_os("SIDEWALL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    data.join("reliability/cedar-integration-tests")
}

fn uid(json: &Value) -> EntityUid {
    let kind = EntityTypeName::from_str(json["type"].as_str().unwrap()).unwrap();
    EntityUid::from_type_name_and_id(kind, EntityId::new(json["id"].as_str().unwrap()))
}

fn strings(json: &Value) -> Vec<String> {
    let mut list: Vec<String> = json.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect();
    list.sort();
    list
}

/// Runs one file; how many requests it held.
fn run(root: &Path, file: &Path) -> usize {
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let test: Value = serde_json::from_str(&read(file)).unwrap();
    let at = |key: &str| root.join(test[key].as_str().unwrap());
    let (schema, _) = Schema::from_cedarschema_str(&read(&at("schema"))).unwrap();
    let policies = PolicySet::from_str(&read(&at("policies"))).unwrap();
    let entities = Entities::from_json_str(&read(&at("entities")), Some(&schema)).unwrap();
    let (authorizer, requires) = (Authorizer::new(), requirements(&policies));
    let requests = test["requests"].as_array().unwrap();
    for request in requests {
        let action = uid(&request["action"]);
        let context = Context::from_json_value(request["context"].clone(), Some((&schema, &action))).unwrap();
        let asked = Request::new(uid(&request["principal"]), action, uid(&request["resource"]), context, None).unwrap();
        let ruling = ask(&authorizer, &policies, &requires, &asked, &entities);
        let about = format!("{}: {}", file.display(), request["description"]);
        let errors = strings(&request["errors"]);
        assert_eq!(ruling.allowed, request["decision"] == "allow" && errors.is_empty(), "{about}: {ruling:?}");
        let plain = |ids: &[std::sync::Arc<str>]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(plain(&ruling.policies), strings(&request["reason"]), "{about}");
        assert_eq!(plain(&ruling.failed), errors, "{about}");
    }
    requests.len()
}

fn tests_in(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            tests_in(&path, into);
        } else if name.ends_with(".json") && !name.ends_with("entities.json") {
            into.push(path);
        }
    }
    into.sort();
}

#[test]
fn cedars_own_tests_decide_the_same() {
    let root = data();
    if !root.is_dir() {
        println!("skipped: no cedar-integration-tests at {}; set SIDEWALL_DATA", root.display());
        return;
    }
    let mut files = Vec::new();
    tests_in(&root.join("tests"), &mut files);
    let requests: usize = files.iter().map(|file| run(&root, file)).sum();
    println!("{} hand-written files, {requests} requests", files.len());
    assert!(requests > 50);
}

#[test]
fn the_generated_corpus_decides_the_same() {
    let archive = data().join("corpus-tests.tar.gz");
    if !archive.is_file() {
        println!("skipped: no corpus at {}; set SIDEWALL_DATA", archive.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(dir.path()).status();
    assert!(unpacked.is_ok_and(|status| status.success()), "tar unpacks the corpus");
    let mut files = Vec::new();
    tests_in(&dir.path().join("corpus-tests"), &mut files);
    let step = if std::env::var_os("SIDEWALL_CORPUS").is_some_and(|value| value == "all") { 1 } else { 100 };
    let chosen: Vec<_> = files.iter().step_by(step).collect();
    let requests: usize = chosen.iter().map(|file| run(dir.path(), file)).sum();
    println!("{} of {} generated files, {requests} requests", chosen.len(), files.len());
    assert!(requests > 500);
}
