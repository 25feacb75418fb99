//! Rulesets that change under load: no exchange is lost, none sees two sets, and a broken set is told of by file, line and rule.
//!
//! `SIDEWALL_RELOADS` sets the number of reloads (2,000 for the long run).

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use sidewall::app::reload::status::{Outcome, Status};
use sidewall::detect::Ruleset;
use tokio::sync::{Notify, watch};

use crate::support::{
    PATIENCE, Sidecar, Step, Upstream, chunk, client, json_response, last_chunk, send, stream_head, text,
};

/// Exchanges under way at any time.
const CALLERS: usize = 4;

/// A set whose findings say which version it is.
fn version(number: usize) -> String {
    format!(
        "[[rule]]\nid = \"marker\"\nkind = \"secret.marker\"\nconfidence = 90\nword = \"V{number}\"\nkeywords = [\"mark-\"]\n\
         regex = 'mark-[a-z]{{8}}'\ndoc = \"d\"\nmatches = [\"mark-abcdefgh\"]\nignores = [\"mark-\"]\n"
    )
}

/// Broken sets: text, the line and the rule that the error must name, and a word of it.
fn broken() -> [(String, usize, &'static str, &'static str); 5] {
    let good = version(0);
    [
        (good.replace("\"d\"", "\"d"), 8, "", "is not TOML"),
        (good.replace("mark-[a-z]{8}", "mark-["), 7, "marker", "does not parse"),
        (good.replace("mark-[a-z]{8}", "mark-[a-z]+"), 7, "marker", "no bound"),
        (good.replace("confidence = 90", "confidence = \"high\""), 4, "marker", "invalid type"),
        (format!("\n{}", good.replace("mark-abcdefgh", "nothing")), 2, "marker", "fails 1 of its own examples"),
    ]
}

/// Puts `text` in the place of the file at once, as a careful editor or a promotion does.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

async fn until(status: &mut watch::Receiver<Status>, is_it: impl FnMut(&Status) -> bool) -> Status {
    tokio::time::timeout(PATIENCE, status.wait_for(is_it)).await.expect("a reload in time").unwrap().clone()
}

/// The number in the first `[V…` of a text.
fn version_in(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("[V")?;
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_no_exchange_and_mix_no_rulesets() {
    let reloads = std::env::var("SIDEWALL_RELOADS").ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let answer = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"it is mark-response"}}]}"#;
    let upstream = Upstream::start(vec![json_response("200 OK", &answer.replace("response", "answered"))]).await;
    let sidecar = Arc::new(Sidecar::start(upstream.address, "", "", "").await);
    let file = sidecar.dir.path().join("rules.toml");
    let mut status = sidecar.app.rulesets();
    let reload = sidecar.app.reloader();

    // Which version a hash is.
    let versions: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let hash_of = |text: &str| Ruleset::from_texts(&[("x".to_owned(), text.to_owned())]).unwrap().hash().to_string();
    let in_force = |hash: &str, number: usize| versions.lock().unwrap().insert(hash.to_owned(), number);
    let first = version(1);
    in_force(&hash_of(&first), 1);
    put(&file, &first);
    reload.notify_one();
    until(&mut status, |status| *status.hash == *hash_of(&first)).await;

    let stop = Arc::new(AtomicBool::new(false));
    // Call number → version that its response's header and body say.
    let answered: Arc<Mutex<HashMap<usize, usize>>> = Arc::default();
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (sidecar, stop, next) = (Arc::clone(&sidecar), Arc::clone(&stop), Arc::clone(&next));
            let (versions, answered) = (Arc::clone(&versions), Arc::clone(&answered));
            tokio::spawn(async move {
                let client = client(false);
                while !stop.load(Ordering::Relaxed) {
                    let call = next.fetch_add(1, Ordering::Relaxed);
                    let body = format!(
                        r#"{{"model":"m","messages":[{{"role":"user","content":"call {call}: mark-abcdefgh"}}]}}"#
                    );
                    let answer = tokio::time::timeout(PATIENCE, client.request(sidecar.chat(&body)));
                    let answer = answer.await.expect("an answer in time").unwrap();
                    assert_eq!(answer.status(), 200);
                    let hash = answer.headers()["x-sidewall-ruleset"].to_str().unwrap().to_owned();
                    let body = answer.into_body().collect().await.unwrap().to_bytes();
                    let said = versions.lock().unwrap().get(&hash).copied().expect("a set that was put in force");
                    let masked = version_in(std::str::from_utf8(&body).unwrap());
                    assert_eq!(masked, Some(said), "the response was inspected by the set of the header");
                    answered.lock().unwrap().insert(call, said);
                }
            })
        })
        .collect();

    let broken = broken();
    for number in 2..reloads + 2 {
        let before = status.borrow().attempts;
        if number % 2 == 0 {
            let text = version(number);
            let hash = hash_of(&text);
            in_force(&hash, number);
            put(&file, &text);
            reload.notify_one();
            until(&mut status, |status| *status.hash == *hash).await;
        } else {
            let (text, line, rule, what) = &broken[(number / 2) % broken.len()];
            let last_good = status.borrow().hash.clone();
            put(&file, text);
            reload.notify_one();
            let kept = |status: &Status| {
                status.attempts > before
                    && status.last.as_ref().is_some_and(|last| last.outcome == Outcome::KeptLastGood)
            };
            let status = until(&mut status, kept).await;
            assert_eq!(status.hash, last_good);
            let error = status.last.unwrap().errors.into_iter().next().unwrap();
            assert!(error.file.ends_with("rules.toml"), "{error}");
            assert_eq!((error.line, error.rule.as_str()), (Some(*line), *rule), "{error}");
            assert!(error.what.contains(what), "{error}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }

    // No call was lost, and each request went upstream as the set of its header says.
    let (calls, answered) = (next.load(Ordering::Relaxed), answered.lock().unwrap());
    assert_eq!(answered.len(), calls);
    let requests = upstream.requests();
    assert_eq!(requests.len(), calls);
    for request in requests {
        let (_, rest) = request.split_once("call ").unwrap();
        let call: usize = rest.split_once(':').unwrap().0.parse().unwrap();
        assert_eq!(version_in(rest), Some(answered[&call]), "call {call}");
    }
    let used: std::collections::HashSet<_> = answered.values().collect();
    println!("{reloads} reloads, {calls} exchanges, {} sets seen by callers", used.len());
    assert!(used.len() > 1 && calls >= CALLERS);
}

/// A set that changes in the middle of a stream changes the next exchange, not this one.
#[tokio::test]
async fn a_stream_keeps_the_set_that_it_began_with() {
    let delta = |text: &str| {
        chunk(&format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"))
    };
    let gate = Arc::new(Notify::new());
    let steps = vec![
        stream_head(),
        delta("mark-aaaaaaaa, "),
        Step::Gate(Arc::clone(&gate)),
        delta("mark-bbbbbbbb. "),
        chunk("data: [DONE]\n\n"),
        last_chunk(),
    ];
    let (sidecar, _upstream) = Sidecar::before(steps).await;
    let file = sidecar.dir.path().join("rules.toml");
    let mut status = sidecar.app.rulesets();
    let mut put_in_force = async |number: usize| {
        put(&file, &version(number));
        sidecar.app.reloader().notify_one();
        let before = status.borrow().hash.clone();
        until(&mut status, |status| status.hash != before).await.hash
    };
    let first = put_in_force(1).await;
    let ask = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
    let response = send(sidecar.chat(ask)).await;
    let second = put_in_force(2).await;
    assert_eq!(response.headers()["x-sidewall-ruleset"].to_str().unwrap(), &*first);
    gate.notify_one();
    let all = text(response).await;
    assert_eq!((all.matches("[V1").count(), all.matches("[V2").count()), (2, 0), "{all}");
    let response = send(sidecar.chat(ask)).await;
    gate.notify_one();
    assert_eq!(response.headers()["x-sidewall-ruleset"].to_str().unwrap(), &*second);
    assert_eq!(text(response).await.matches("[V2").count(), 2);
}

/// The admin listener says what is wrong, and with which file.
#[tokio::test]
async fn the_admin_listener_shows_the_last_attempt() {
    let (sidecar, _upstream) = Sidecar::before(vec![]).await;
    let file = sidecar.dir.path().join("rules.toml");
    let (text, line, ..) = &broken()[1];
    put(&file, text);
    let mut status = sidecar.app.rulesets();
    sidecar.app.reloader().notify_one();
    until(&mut status, |status| status.attempts > 0).await;
    let answer = crate::support::unix_get(&sidecar.dir.path().join("admin.sock"), "/rulesets").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("application/json"), "{head}");
    let shown: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(shown["last"]["outcome"], "kept_last_good");
    let error = &shown["last"]["errors"][0];
    assert_eq!((error["line"].as_u64(), error["rule"].as_str()), (Some(*line as u64), Some("marker")));
    assert!(error["file"].as_str().unwrap().ends_with("rules.toml"));
}
