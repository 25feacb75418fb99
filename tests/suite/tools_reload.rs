//! Approved tools and policies that change while calls are made: the next exchange is judged by the new ones, and what is wrong with
//! the files leaves the last good ones in force and is told by file and line.

use std::path::Path;

use serde_json::{Value, json};
use sidewall::app::reload::status::Outcome;
use sidewall::app::reload::tools::Status;
use tokio::sync::watch;

use crate::support::{PATIENCE, Sidecar, Upstream, json_response, send, text, unix_get};
use crate::tools_calls::SPEECHES;

const MODELS: &str = "@id(\"models\")\npermit (principal, action == Action::\"use_model\", resource);\n";

fn permit(tool: &str) -> String {
    format!(
        "{MODELS}@id(\"call\")\npermit (principal, action == Action::\"call_tool\", resource == Tool::\"{tool}\");\n"
    )
}

fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

async fn until(status: &mut watch::Receiver<Status>, is_it: impl FnMut(&Status) -> bool) -> Status {
    tokio::time::timeout(PATIENCE, status.wait_for(is_it)).await.expect("a reload in time").unwrap().clone()
}

#[tokio::test]
async fn policies_and_tools_change_and_mistakes_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (policies, tools) = (folder.path().join("policies"), folder.path().join("tools"));
    std::fs::create_dir(&policies).unwrap();
    std::fs::create_dir(&tools).unwrap();
    let (policy, tool) = (policies.join("all.cedar"), tools.join("refund.json"));
    let approved = |schema: Value| json!({"name": "refund", "schema": schema, "tags": ["writes"]}).to_string();
    put(&policy, &permit("refund"));
    put(&tool, &approved(json!({"type": "object"})));
    let more = format!(
        "[tools]\nmode = \"registry\"\nregistry = \"{}\"\n[policy]\ndir = \"{}\"\n",
        tools.display(),
        policies.display()
    );
    let answer = (SPEECHES[0].body)("Well.", &[("refund", r#"{"amount":40}"#)]);
    let upstream = Upstream::start(vec![json_response("200 OK", &answer)]).await;
    let sidecar = Sidecar::start(upstream.address, "", "", &more).await;
    let ask = (SPEECHES[0].request)(&[("refund", json!({"type": "object"}))]).to_string();
    let call = async || {
        let response = send(sidecar.chat(&ask)).await;
        let status = response.status().as_u16();
        (status, text(response).await)
    };
    let mut status = sidecar.app.policies();
    let reload = sidecar.app.reloader();
    assert_eq!(call().await.0, 200);

    // A policy that permits something else.
    let first = status.borrow().policies.clone();
    put(&policy, &permit("other"));
    reload.notify_one();
    let second = until(&mut status, |status| status.policies != first).await;
    assert_eq!((call().await.0, second.policy_count, second.tool_count), (403, 2, 1));

    // Broken policies: file and line are told, and the last good ones stay.
    let folder_of = |path: &Path| path.display().to_string();
    for (text, line) in [
        (format!("{MODELS}permit (principal, action, resource) when {{ context. }};\n"), 3),
        (format!("{MODELS}\n\n@id(\"models\")\npermit (principal in Role::\"x\", action, resource);\n"), 5),
        (format!("{MODELS}permit (principal == ?principal, action, resource);\n"), 3),
    ] {
        let before = status.borrow().attempts;
        put(&policy, &text);
        reload.notify_one();
        let kept = until(&mut status, |status| status.attempts > before).await;
        let last = kept.last.unwrap();
        assert_eq!((last.outcome, &kept.policies), (Outcome::KeptLastGood, &second.policies), "{text}");
        assert_eq!(
            (last.errors[0].file.as_str(), last.errors[0].line),
            (folder_of(&policy).as_str(), Some(line)),
            "{:?}",
            last.errors
        );
    }
    put(&policy, &permit("refund"));
    reload.notify_one();
    until(&mut status, |status| status.policies == first).await;
    assert_eq!(call().await.0, 200);

    // An approved schema that the call does not fit, then one that is none.
    put(&tool, &approved(json!({"properties": {"amount": {"maximum": 10}}})));
    reload.notify_one();
    let before = status.borrow().tools.clone();
    until(&mut status, |status| status.tools != before).await;
    let (code, body) = call().await;
    assert!(code == 400 && body.contains("sidewall_tool_arguments"), "{body}");
    let before = status.borrow().attempts;
    put(&tool, "{\n\"name\": \"refund\",\n\"schema\": {\"type\": 7}\n}");
    reload.notify_one();
    until(&mut status, |status| status.attempts > before).await;
    let answer = unix_get(&sidecar.dir.path().join("admin.sock"), "/policies").await;
    let shown: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(shown["last"]["outcome"], "kept_last_good");
    assert_eq!(shown["last"]["errors"][0]["line"], 2, "{shown}");
    assert_eq!(call().await.0, 400, "the last good schema holds");
}

/// Nobody asks for a reload: the files are looked at again and again.
#[tokio::test]
async fn files_that_change_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("all.cedar");
    put(&policy, &permit("refund"));
    let upstream = Upstream::start(vec![json_response("200 OK", "{}")]).await;
    let more = format!("[policy]\ndir = \"{}\"\n", folder.path().display());
    let sidecar = Sidecar::start(upstream.address, "", "", &more).await;
    let mut status = sidecar.app.policies();
    let first = status.borrow().policies.clone();
    put(&policy, &permit("something_else"));
    until(&mut status, |status| status.policies != first).await;
}
