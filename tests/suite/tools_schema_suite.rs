//! The official JSON Schema test suite through our adapter: same verdict for every required case of draft 7, 2019-09 and 2020-12.
//!
//! The suite is <https://github.com/json-schema-org/JSON-Schema-Test-Suite>, in `reliability/json-schema-test-suite` of the folder of data.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sidewall::tools::{Schema, Unfit};

const DRAFTS: [(&str, &str); 3] = [
    ("draft7", "http://json-schema.org/draft-07/schema#"),
    ("draft2019-09", "https://json-schema.org/draft/2019-09/schema"),
    ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
];

/// Where the suite lies.
fn suite() -> PathBuf {
    let data = std::env::var_os("SIDEWALL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    data.join("reliability/json-schema-test-suite/tests")
}

fn declared(schema: &Value, draft: &str) -> Value {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.entry("$schema").or_insert_with(|| Value::from(draft));
    }
    schema
}

#[test]
fn the_suites_verdicts_are_ours() {
    let suite = suite();
    if !suite.is_dir() {
        println!("skipped: no json-schema-test-suite at {}; set SIDEWALL_DATA", suite.display());
        return;
    }
    let (mut cases, mut remote, mut wrong) = (0, Vec::new(), Vec::new());
    for (folder, draft) in DRAFTS {
        let mut files: Vec<_> =
            std::fs::read_dir(suite.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|e| e == "json"));
        files.sort();
        assert!(files.len() > 30, "{folder}: the required cases are there");
        for file in files {
            let name = format!("{folder}/{}", file.file_name().unwrap().to_string_lossy());
            let groups: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            // Where the suite says that formats are notes only, that is what its drafts say; calls are checked more strictly.
            let formats = folder == "draft7" || !name.ends_with("/format.json");
            for group in groups.as_array().unwrap() {
                let about = format!("{name}: {}", group["description"].as_str().unwrap());
                let schema = match Schema::compile_as(&declared(&group["schema"], draft), formats) {
                    Ok(schema) => schema,
                    Err(Unfit::Reference) => {
                        remote.push(about);
                        continue;
                    }
                    Err(unfit) => {
                        wrong.push(format!("{about}: {unfit}"));
                        continue;
                    }
                };
                for test in group["tests"].as_array().unwrap() {
                    cases += 1;
                    let data = &test["data"];
                    let found = schema.check(data, data.to_string().len());
                    if found.is_ok() != test["valid"].as_bool().unwrap() {
                        wrong.push(format!("{about}: {}: {found:?}", test["description"]));
                    }
                }
            }
        }
    }
    println!("{cases} cases; {} groups with remote references:\n{}", remote.len(), remote.join("\n"));
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases > 3_000, "{cases}");
}
