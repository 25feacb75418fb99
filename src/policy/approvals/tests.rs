//! What an approval lets pass, and what it does not.

use serde_json::{Value, json};

use super::*;
use crate::identity::{Claims, Principal};
use crate::redact::Filtered;

fn store(settings: ApprovalSettings) -> Arc<Approvals> {
    Arc::new(Approvals::new(settings).unwrap())
}

fn call(principal: &str, tool: &str, arguments: Value) -> Wanted {
    let caller = Principal {
        tenant: "acme".into(),
        name: principal.into(),
        roles: [].into(),
        scopes: [].into(),
        claims: Claims::default(),
    };
    let shown = Filtered::from_redacted(arguments.to_string());
    Wanted::new(&caller, tool, &[], arguments, &shown)
}

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

fn later(seconds: u64) -> Timestamp {
    after(now(), Duration::from_secs(seconds))
}

fn ticket(standings: &[Standing]) -> Ticket {
    match standings {
        [Standing::Open(ticket)] => ticket.clone(),
        other => panic!("{other:?}"),
    }
}

fn approve(store: &Arc<Approvals>, id: &Arc<str>) {
    let _ = store.decide(id, now()).unwrap().approve("dana".into(), now());
}

#[test]
fn an_approved_call_passes_once() {
    let store = store(ApprovalSettings::default());
    let calls = [call("app", "transfer", json!({"amount": 40, "to": {"b": 1, "a": [1, 2]}}))];
    let asked = ticket(&store.settle(&calls, now()));
    // Asking again is the same request.
    assert_eq!(ticket(&store.settle(&calls, later(5))), asked);
    approve(&store, &asked.id);
    // However it is written.
    let other = call("app", "transfer", json!({"to": {"a": [1, 2], "b": 1.0}, "amount": 4e1}));
    let used = store.settle(&[other], later(6));
    assert_eq!(used, [Standing::Used { id: asked.id.clone(), by: "dana".into() }]);
    assert_ne!(ticket(&store.settle(&calls, later(7))).id, asked.id, "the second time is another request");
}

#[test]
fn another_principal_tool_or_argument_is_another_call() {
    let store = store(ApprovalSettings::default());
    let asked = ticket(&store.settle(&[call("app", "transfer", json!({"amount": 40}))], now()));
    approve(&store, &asked.id);
    for other in [
        call("bob", "transfer", json!({"amount": 40})),
        call("app", "refund", json!({"amount": 40})),
        call("app", "transfer", json!({"amount": 41})),
        call("app", "transfer", json!({"amount": "40"})),
        call("app", "transfer", json!({"amount": [40]})),
        call("app", "transfer", json!({"amount": 40, "note": null})),
        call("app", "transfer", json!({"amount": -40})),
        call("app", "transfer", json!({})),
    ] {
        assert!(matches!(store.settle(&[other], now())[..], [Standing::Open(_)]));
    }
}

#[test]
fn calls_beside_each_other_pass_together_or_not_at_all() {
    let store = store(ApprovalSettings::default());
    let calls = [call("app", "transfer", json!({"n": 1})), call("app", "transfer", json!({"n": 2}))];
    let standings = store.settle(&calls, now());
    let [Standing::Open(first), Standing::Open(second)] = &standings[..] else { panic!("{standings:?}") };
    approve(&store, &first.id);
    let standings = store.settle(&calls, now());
    assert_eq!(standings, [Standing::Spared(first.id.clone()), Standing::Open(second.clone())]);
    approve(&store, &second.id);
    assert!(store.settle(&calls, now()).iter().all(|standing| matches!(standing, Standing::Used { .. })));
    // Two equal calls need two approvals.
    let twice = [calls[0].clone(), calls[0].clone()];
    let standings = store.settle(&twice, now());
    let [Standing::Open(first), Standing::Open(second)] = &standings[..] else { panic!("{standings:?}") };
    assert_ne!(first.id, second.id);
    approve(&store, &first.id);
    assert!(matches!(store.settle(&twice, now())[..], [Standing::Spared(_), Standing::Open(_)]));
}

#[test]
fn what_was_denied_stays_denied_until_it_expires() {
    let store = store(ApprovalSettings::default());
    let call = [call("app", "transfer", json!({}))];
    let asked = ticket(&store.settle(&call, now()));
    store.decide(&asked.id, now()).unwrap().deny();
    assert_eq!(store.settle(&call, later(3_599)), [Standing::Denied(asked.id.clone())]);
    assert_eq!(store.decide(&asked.id, now()).unwrap_err(), DecisionError::Decided);
    assert_ne!(ticket(&store.settle(&call, later(3_600))).id, asked.id);
}

#[test]
fn requests_and_approvals_expire() {
    let store = store(ApprovalSettings::default());
    let call = [call("app", "transfer", json!({}))];
    let asked = ticket(&store.settle(&call, now()));
    assert_eq!(asked.expires, later(3_600));
    assert_eq!(store.decide(&asked.id, later(3_600)).unwrap_err(), DecisionError::Unknown);
    let asked = ticket(&store.settle(&call, now()));
    let until = store.decide(&asked.id, now()).unwrap().approve("dana".into(), now());
    assert_eq!(until, later(900));
    assert!(matches!(store.settle(&call, later(900))[..], [Standing::Open(_)]), "too late to use it");
}

#[test]
fn one_principal_cannot_fill_the_list() {
    let store = store(ApprovalSettings { max_open: 3, ..ApprovalSettings::default() });
    let settle = |who: &str, n: u32| store.settle(&[call(who, "transfer", json!({"n": n}))], now());
    for n in 0..3 {
        assert!(matches!(settle("app", n)[..], [Standing::Open(_)]));
    }
    assert_eq!(settle("app", 3), [Standing::Full]);
    assert!(matches!(settle("app", 0)[..], [Standing::Open(_)]), "what is open stays so");
    assert!(matches!(settle("bob", 3)[..], [Standing::Open(_)]));
    assert_eq!(store.open("acme", now()).len(), 4);
    assert!(store.open("globex", now()).is_empty());
}

#[test]
fn one_tenant_cannot_take_the_room_of_all() {
    let store = store(ApprovalSettings { max_open: 2_000, ..ApprovalSettings::default() });
    let settle = |who: &str, n: usize| store.settle(&[call(who, "transfer", json!({"n": n}))], now());
    for n in 0..MAX_OF_TENANT {
        assert!(matches!(settle(&format!("app-{}", n % 7), n)[..], [Standing::Open(_)]));
    }
    assert_eq!(settle("app-0", MAX_OF_TENANT), [Standing::Full]);
}

#[test]
fn only_our_own_signed_requests_are_found_and_only_by_their_tenant() {
    let [store, other] = [(); 2].map(|()| store(ApprovalSettings::default()));
    let asked = ticket(&store.settle(&[call("app", "transfer", json!({"amount": 40}))], now()));
    for reference in [&asked.id, &asked.request] {
        assert_eq!(store.find(reference, "acme", now()).unwrap().id, asked.id);
        assert_eq!(store.find(reference, "globex", now()).unwrap_err(), DecisionError::Unknown);
        assert_eq!(other.find(reference, "acme", now()).unwrap_err(), DecisionError::Unknown);
    }
    let (text, signature) = asked.request.rsplit_once('.').unwrap();
    for forged in [format!("{text}x.{signature}"), format!("{text}."), format!("{}..", asked.id), ".".to_owned()] {
        assert_eq!(store.find(&forged, "acme", now()).unwrap_err(), DecisionError::Unknown, "{forged}");
    }
}

#[test]
fn a_decision_that_is_not_taken_leaves_the_request_open() {
    let store = store(ApprovalSettings::default());
    let asked = ticket(&store.settle(&[call("app", "transfer", json!({}))], now()));
    let deciding = store.decide(&asked.id, now()).unwrap();
    assert_eq!(store.decide(&asked.id, now()).unwrap_err(), DecisionError::Decided);
    drop(deciding);
    assert_eq!(store.open("acme", now()).len(), 1);
    assert!(store.decide(&asked.id, now()).is_ok());
}

#[test]
fn what_an_approver_reads_is_bounded() {
    let store = store(ApprovalSettings::default());
    let _ = store.settle(&[call("app", "transfer", json!({"note": "ä".repeat(10_000)}))], now());
    let open = store.open("acme", now());
    assert!(open[0].shown.len() < 4_200 && open[0].shown.ends_with('…'));
}
