//! Calls that need another person's word: through the engine at every cut, and through a running app with its approvers.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sidewall::identity::Principal;
use sidewall::inspect::{Framing, Guards, RefusalCode, Report};
use sidewall::policy::approvals::{ApprovalSettings, Approvals};
use sidewall::policy::cedar::Policies;
use sidewall::policy::{Authoriser, Check, Profile, Rejection, ToolSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::engine::{self, Outcome};
use crate::speakers::{SPEAKERS, Speaker};
use crate::support::{PATIENCE, Sidecar, Upstream, json_response, send, text};
use crate::tools_calls::{Call, SPEECHES, Speech};

const POLICIES: &str = r#"
@id("models") permit (principal, action == Action::"use_model", resource);
@id("search") permit (principal, action == Action::"call_tool", resource == Tool::"search");
@id("pay") @require("approval")
permit (principal in Role::"finance", action == Action::"call_tool", resource == Tool::"pay");
@id("lead") permit (principal in Role::"lead", action == Action::"approve", resource == Tool::"pay");
"#;
const SEARCH: Call<'static> = ("search", r#"{"q":"orders"}"#);
const PAY: Call<'static> = ("pay", r#"{"to":"planted-1","amount":40}"#);
const PAY_MORE: Call<'static> = ("pay", r#"{"to":"planted-2","amount":9000}"#);

fn approvals() -> Arc<Approvals> {
    Arc::new(Approvals::new(ApprovalSettings::default()).unwrap())
}

fn settings() -> ToolSettings {
    let policies = Policies::parse(&[("all.cedar".to_owned(), POLICIES.to_owned())]).unwrap();
    ToolSettings { check: Check::Enforce, policies: Some(Arc::new(policies)), ..ToolSettings::default() }
}

fn principal(name: &str, role: &str) -> Principal {
    Principal {
        tenant: "acme".into(),
        name: name.into(),
        roles: [Arc::from(role)].into(),
        scopes: [].into(),
        claims: Default::default(),
    }
}

fn guards(settings: ToolSettings, approvals: &Arc<Approvals>, profile: Profile) -> Guards {
    let tools = Authoriser::new(settings).with_approvals(Some(Arc::clone(approvals)));
    Guards { tools: Arc::new(tools), ..engine::guards(profile) }.for_caller(Arc::new(principal("app", "finance")))
}

fn approve(approvals: &Arc<Approvals>, id: &Arc<str>) {
    let now = Timestamp::now();
    let _ = approvals.decide(id, now).unwrap().approve("dana".into(), now);
}

/// A request with both tools, and what the engine makes of an answer cut at `cut`.
fn run(
    guards: &Guards,
    speech: &Speech,
    said: &str,
    framing: Framing,
    calls: &[Call<'_>],
    cut: usize,
) -> (Outcome, Report) {
    let mut body = (speech.request)(&[("search", json!({"type": "object"})), ("pay", json!({"type": "object"}))]);
    *body.pointer_mut(asked(speech)).unwrap() = json!(said);
    let endpoint = (speech.endpoint)();
    let inspected = engine::request(guards, endpoint, body.to_string().as_bytes()).unwrap();
    let tools = serde_json::from_slice::<Value>(inspected.body.get()).unwrap()["tools"].as_array().unwrap().len();
    assert_eq!(tools, 2, "what needs an approval is offered");
    let answer = answer(speech, framing, calls);
    let (before, after) = answer.as_bytes().split_at(cut);
    engine::respond_with(guards, endpoint, framing, (inspected.vault, inspected.toolbox), &[before, after])
}

/// Where the user's text stands in a request.
fn asked(speech: &Speech) -> &'static str {
    let speaks = |speaker: &&Speaker| std::ptr::eq(speaker.endpoint(), (speech.endpoint)());
    SPEAKERS.iter().find(speaks).unwrap().asked
}

fn answer(speech: &Speech, framing: Framing, calls: &[Call<'_>]) -> String {
    match framing {
        Framing::Whole => (speech.body)("Well.", calls),
        Framing::Sse | Framing::Lines | Framing::Elements | Framing::Media => (speech.stream)("Well.", calls),
    }
}

#[test]
fn calls_beside_each_other_pass_once_all_are_approved() {
    for speech in &SPEECHES {
        for framing in [Framing::Whole, Framing::Sse] {
            let store = approvals();
            let guarded = guards(settings(), &store, Profile::Observe);
            let calls = [SEARCH, PAY, PAY_MORE];
            let (out, report) = run(&guarded, speech, "go", framing, &calls, 0);
            let refusal = out.refusal.unwrap();
            assert_eq!(refusal.code, RefusalCode::ApprovalRequired);
            let ids: Vec<_> = refusal.approvals.iter().map(|ticket| Arc::clone(&ticket.id)).collect();
            assert_eq!(ids.len(), 2, "{refusal:?}");
            let noted: Vec<_> = report
                .tool_calls
                .iter()
                .map(|call| (call.name.as_str(), call.decision.as_str(), call.rule.as_str(), call.approval.clone()))
                .collect();
            assert_eq!(
                noted,
                [
                    ("search", "released", "", None),
                    ("pay", "refused", "tool.approval", Some(ids[0].clone())),
                    ("pay", "refused", "tool.approval", Some(ids[1].clone())),
                ]
            );
            assert_eq!(report.tool_calls[1].policies, [Arc::from("pay")]);
            let told = format!("{refusal:?}{:?}", report.tool_calls);
            assert!(!told.contains("planted"), "{told}");

            approve(&store, &ids[0]);
            let (out, _) = run(&guarded, speech, "go", framing, &calls, 0);
            let missing = out.refusal.unwrap().approvals;
            assert_eq!(missing.iter().map(|ticket| &ticket.id).collect::<Vec<_>>(), [&ids[1]]);
            assert!(!String::from_utf8_lossy(&out.bytes).contains("planted"));

            approve(&store, &ids[1]);
            let (out, report) = run(&guarded, speech, "go", framing, &calls, 0);
            assert_eq!(out.refusal, None);
            assert_eq!(String::from_utf8(out.bytes).unwrap(), answer(speech, framing, &calls));
            let used = &report.tool_calls[1];
            assert_eq!((used.decision.as_str(), used.approval.as_ref()), ("released", Some(&ids[0])));
            assert_eq!(used.counterpart.as_deref(), Some("dana"));

            let (out, _) = run(&guarded, speech, "go", framing, &calls, 0);
            assert_eq!(out.refusal.unwrap().code, RefusalCode::ApprovalRequired, "once and no more");
        }
    }
}

#[test]
fn nothing_of_a_call_leaves_before_its_approval_at_any_cut() {
    for speech in &SPEECHES {
        let store = approvals();
        let guarded = guards(settings(), &store, Profile::Observe);
        let whole = answer(speech, Framing::Sse, &[PAY]);
        // A stream that tells its calls several times is long: every fifth cut of it.
        for cut in (0..whole.len()).step_by(if whole.len() > 2_500 { 5 } else { 1 }) {
            let (out, _) = run(&guarded, speech, "go", Framing::Sse, &[PAY], cut);
            assert_eq!(out.refusal.unwrap().code, RefusalCode::ApprovalRequired);
            let shown = String::from_utf8(out.bytes).unwrap();
            for part in ["planted", "amount", "toolu_", "call_0"] {
                assert!(!shown.contains(part), "{part} left at cut {cut}: {shown}");
            }
        }
        assert_eq!(store.open("acme", Timestamp::now()).len(), 1, "the same call is the same request");
    }
}

#[test]
fn where_denied_calls_are_removed_the_agent_goes_on_and_asks_again() {
    for speech in &SPEECHES[..2] {
        for framing in [Framing::Whole, Framing::Sse] {
            let store = approvals();
            let removing = ToolSettings { denied: Rejection::Remove, ..settings() };
            let guarded = guards(removing, &store, Profile::Observe);
            let (out, report) = run(&guarded, speech, "go", framing, &[SEARCH, PAY], 0);
            assert_eq!(out.refusal, None);
            let shown = String::from_utf8(out.bytes).unwrap();
            let id = report.tool_calls[1].approval.clone().unwrap();
            assert_eq!(report.tool_calls[1].decision, "removed");
            assert!(shown.contains(&format!("approval {id} is open until")) && !shown.contains("planted"), "{shown}");
            approve(&store, &id);
            let (out, _) = run(&guarded, speech, "go", framing, &[SEARCH, PAY], 0);
            assert_eq!(String::from_utf8(out.bytes).unwrap(), answer(speech, framing, &[SEARCH, PAY]));
            store.decide(&id, Timestamp::now()).unwrap_err();
        }
    }
}

#[test]
fn a_denied_request_denies_the_call() {
    let (store, speech) = (approvals(), &SPEECHES[0]);
    let guarded = guards(settings(), &store, Profile::Observe);
    let (out, _) = run(&guarded, speech, "go", Framing::Whole, &[PAY], 0);
    store.decide(&out.refusal.unwrap().approvals[0].id, Timestamp::now()).unwrap().deny();
    let (out, _) = run(&guarded, speech, "go", Framing::Whole, &[PAY], 0);
    let refusal = out.refusal.unwrap();
    assert_eq!(refusal.code, RefusalCode::ToolForbidden);
    assert!(refusal.detail.contains("was denied") && refusal.approvals.is_empty(), "{refusal:?}");
}

#[test]
fn observing_asks_nobody() {
    let (store, speech) = (approvals(), &SPEECHES[0]);
    let guarded = guards(ToolSettings { check: Check::Observe, ..settings() }, &store, Profile::Observe);
    let (out, report) = run(&guarded, speech, "go", Framing::Whole, &[PAY], 0);
    assert_eq!(out.refusal, None);
    assert_eq!(
        (report.tool_calls[0].decision.as_str(), report.tool_calls[0].rule.as_str()),
        ("observed", "tool.approval")
    );
    assert!(store.open("acme", Timestamp::now()).is_empty());
}

#[test]
fn without_a_place_to_ask_an_approval_is_a_denial() {
    let guarded = Guards { tools: Arc::new(Authoriser::new(settings())), ..engine::guards(Profile::Observe) }
        .for_caller(Arc::new(principal("app", "finance")));
    let body = (SPEECHES[0].request)(&[("pay", json!({"type": "object"}))]).to_string();
    let refused = engine::request(&guarded, (SPEECHES[0].endpoint)(), body.as_bytes()).unwrap_err();
    assert_eq!(refused.0.code, RefusalCode::ToolForbidden, "what nobody can approve is not offered");
}

/// An approver sees what the call would do, and none of the personal data in it.
#[test]
fn an_approver_reads_redacted_arguments() {
    let address = "alice.example@example.com";
    for speech in &SPEECHES {
        for framing in [Framing::Whole, Framing::Sse] {
            let store = approvals();
            let guarded = guards(settings(), &store, Profile::Balanced);
            let said = format!("pay {address}");
            let mut body = (speech.request)(&[("pay", json!({"type": "object"}))]);
            *body.pointer_mut(asked(speech)).unwrap() = json!(said);
            let inspected = engine::request(&guarded, (speech.endpoint)(), body.to_string().as_bytes()).unwrap();
            let sent: Value = serde_json::from_slice(inspected.body.get()).unwrap();
            let placeholder =
                sent.pointer(asked(speech)).unwrap().as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
            let arguments =
                json!({"to": placeholder, "card": "4111111111111111", "amount": 40, "note": "bob.other@example.org"});
            let (out, _) = run(&guarded, speech, &said, framing, &[("pay", &arguments.to_string())], 0);
            assert_eq!(out.refusal.unwrap().code, RefusalCode::ApprovalRequired);
            let shown = store.open("acme", Timestamp::now())[0].shown.to_string();
            let read: Value = serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
            assert_eq!((&read["amount"], &read["to"]), (&json!(40), &json!(placeholder)), "{shown}");
            for secret in [address, "4111111111111111", "bob.other"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }
}

fn key(name: &str) -> String {
    format!("sw-key-of-{name}")
}

fn virtual_keys(callers: &[(&str, &str, &str)]) -> String {
    let mut out = String::from("[identity]\n");
    for (tenant, name, role) in callers {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key(&format!("{tenant}/{name}")).as_bytes());
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let _ = writeln!(
            out,
            "[[identity.virtual_key]]\nsha256 = \"{hex}\"\ntenant = \"{tenant}\"\nprincipal = \"{name}\"\nroles = [\"{role}\"]"
        );
    }
    out
}

/// Status and body of a call to the admin listener.
async fn admin(sidecar: &Sidecar, method: &str, path: &str, who: &str) -> (u16, Value) {
    let mut stream = tokio::net::UnixStream::connect(sidecar.dir.path().join("admin.sock")).await.unwrap();
    let credential = if who.is_empty() { String::new() } else { format!("authorization: Bearer {}\r\n", key(who)) };
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{credential}content-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end").unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
}

#[tokio::test]
async fn approvers_decide_over_the_admin_listener_and_every_step_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.cedar"), POLICIES).unwrap();
    let callers = [
        ("acme", "app", "finance"),
        ("acme", "self", "lead"),
        ("acme", "dana", "lead"),
        ("acme", "erin", "finance"),
        ("globex", "gina", "lead"),
    ];
    let more = format!(
        "{}[policy]\ndir = \"{}\"\n[approvals]\ndecide_within = \"1h\"\n",
        virtual_keys(&callers),
        folder.path().display()
    );
    let upstream = Upstream::start(vec![json_response("200 OK", &(SPEECHES[0].body)("Well.", &[PAY]))]).await;
    let sidecar = Sidecar::start(upstream.address, "", "", &more).await;
    let ask = (SPEECHES[0].request)(&[("pay", json!({"type": "object"}))]).to_string();
    let call = async || {
        let mut request = sidecar.chat(&ask);
        request.headers_mut().insert("authorization", format!("Bearer {}", key("acme/app")).parse().unwrap());
        let response = send(request).await;
        (response.status().as_u16(), text(response).await)
    };
    let (status, body) = call().await;
    assert_eq!(status, 403);
    let refused: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(refused["error"]["code"], "sidewall_approval_required", "{body}");
    let ticket = &refused["error"]["approvals"][0];
    let (id, request) = (ticket["id"].as_str().unwrap(), ticket["request"].as_str().unwrap());
    assert!(request.starts_with(&format!("{id}.")) && !body.contains("planted"), "{body}");

    // Nobody but those who may: no credential, no role, another tenant, a made-up id.
    assert_eq!(admin(&sidecar, "GET", "/approvals", "").await.0, 401);
    assert_eq!(admin(&sidecar, "GET", "/approvals", "acme/stranger").await.0, 401);
    for who in ["acme/erin", "acme/app", "globex/gina"] {
        assert_eq!(admin(&sidecar, "GET", "/approvals", who).await.1["approvals"], json!([]), "{who}");
    }
    let approve = format!("/approvals/{id}/approve");
    for (who, path, status) in [
        ("acme/erin", approve.as_str(), 403),
        ("acme/app", &approve, 403),
        ("globex/gina", &approve, 404),
        ("acme/dana", "/approvals/ap-0000000000000000/approve", 404),
        ("acme/dana", "/approvals/x", 400),
        ("", &approve, 401),
    ] {
        assert_eq!(admin(&sidecar, "POST", path, who).await.0, status, "{who} {path}");
    }
    assert_eq!(call().await.0, 403, "still open");

    let (_, list) = admin(&sidecar, "GET", "/approvals", "acme/dana").await;
    let row = &list["approvals"][0];
    assert_eq!(
        (row["id"].as_str(), row["principal"].as_str(), row["tool"].as_str()),
        (Some(id), Some("app"), Some("pay"))
    );
    assert_eq!(row["arguments"], PAY.1);
    let (status, decided) = admin(&sidecar, "POST", &format!("/approvals/{request}/approve"), "acme/dana").await;
    assert_eq!((status, decided["decision"].as_str()), (200, Some("approved")), "by its signed form");
    assert_eq!(admin(&sidecar, "POST", &approve, "acme/dana").await.0, 409);
    let (status, body) = call().await;
    assert_eq!((status, body), (200, (SPEECHES[0].body)("Well.", &[PAY])));
    assert_eq!(call().await.0, 403, "once");

    let (_, list) = admin(&sidecar, "GET", "/approvals", "acme/dana").await;
    let id2 = list["approvals"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(admin(&sidecar, "POST", &format!("/approvals/{id2}/deny"), "acme/dana").await.0, 200);
    let (status, body) = call().await;
    assert!(status == 403 && body.contains("was denied"), "{body}");

    let steps: Vec<String> = sidecar
        .ledger
        .tool_calls()
        .into_iter()
        .map(|(who, call)| {
            let about = if call.approval.as_deref() == Some(id) { "first" } else { "second" };
            let other = call.counterpart.as_deref().unwrap_or("-").to_owned();
            format!("{who} {} {about} {other}", call.decision)
        })
        .collect();
    assert_eq!(
        steps,
        [
            "app refused first -",
            "erin refused first app",
            "app refused first app",
            "app refused first -",
            "dana approved first app",
            "dana refused first app",
            "app released first dana",
            "app refused second -",
            "dana denied second app",
            "app refused second -",
        ]
    );
}
