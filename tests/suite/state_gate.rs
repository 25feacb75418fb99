//! What the provider keeps, fetches or runs: refused unless the configuration allows it, in the words of every dialect.

use serde_json::json;
use sidewall::dialect::route;
use sidewall::inspect::{Guards, RefusalCode};
use sidewall::policy::{AllowedState, Glob, Profile, StateCheck, StateGate, StateSettings};

use crate::engine::{guards, request};

fn gate(uses: &[&str]) -> Guards {
    let allow = vec![AllowedState {
        uses: uses.iter().map(|text| Glob::new(text).expect("a pattern")).collect(),
        tenants: vec![Glob::new("acme").expect("a pattern")],
    }];
    let settings = StateSettings { check: StateCheck::Enforce, allow, ..StateSettings::default() };
    Guards { state: StateGate::for_tenant(&settings, "acme"), ..guards(Profile::Balanced) }
}

#[test]
fn each_use_is_refused_by_name_and_passes_when_it_is_allowed() {
    let responses = |more: serde_json::Value| {
        let mut body = json!({"model": "m", "input": "hi"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ("/v1/responses", body)
    };
    let content = |part| json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [part]}]});
    let contents = |part| json!({"contents": [{"role": "user", "parts": [part]}]});
    let tool = |tool| json!({"model": "m", "max_tokens": 9, "messages": [], "tools": [tool]});
    for ((path, body), name, field) in [
        (responses(json!({"previous_response_id": "resp_1"})), "previous_response", "previous_response_id"),
        (responses(json!({"conversation": "conv_1"})), "conversation", "conversation"),
        (responses(json!({"conversation": {"id": "conv_1"}})), "conversation", "conversation"),
        (responses(json!({"prompt": {"id": "pmpt_1"}})), "stored_prompt", "prompt"),
        (responses(json!({"background": true})), "background", "background"),
        (responses(json!({"tools": [{"type": "web_search"}]})), "hosted_tool.web_search", "tools[0].type"),
        (
            responses(json!({"tools": [{"type": "mcp", "server_url": "https://mcp.example.com"}]})),
            "mcp_server",
            "tools[0].type",
        ),
        (responses(json!({"input": [{"type": "item_reference", "id": "msg_1"}]})), "stored_response", "input[0].id"),
        (
            responses(json!({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]})),
            "file",
            "input[0].content[0].file_id",
        ),
        (
            responses(
                json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]}]}),
            ),
            "remote_url",
            "input[0].content[0].image_url",
        ),
        (
            (
                "/v1/chat/completions",
                content(json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}})),
            ),
            "remote_url",
            "messages[0].content[0].image_url.url",
        ),
        (
            (
                "/v1/messages",
                content(json!({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}})),
            ),
            "remote_url",
            "messages[0].content[0].source.url",
        ),
        (
            ("/v1/messages", content(json!({"type": "document", "source": {"type": "file", "file_id": "file_1"}}))),
            "file",
            "messages[0].content[0].source.file_id",
        ),
        (
            ("/v1/messages", tool(json!({"type": "web_search_20250305", "name": "web_search"}))),
            "hosted_tool.web_search_20250305",
            "tools[0].type",
        ),
        (
            ("/v1/messages", json!({"model": "m", "mcp_servers": [{"type": "url", "url": "https://mcp.example.com"}]})),
            "mcp_server",
            "mcp_servers[]",
        ),
        (
            ("/v1beta/models/m:generateContent", contents(json!({"fileData": {"fileUri": "gs://a/b"}}))),
            "file",
            "contents[0].parts[0].fileData",
        ),
        (
            ("/v1beta/models/m:generateContent", json!({"cachedContent": "cachedContents/1"})),
            "cached_content",
            "cachedContent",
        ),
        (
            ("/v1beta/models/m:generateContent", json!({"tools": [{"googleSearch": {}}]})),
            "hosted_tool",
            "tools[0].googleSearch",
        ),
        (("/v1/batches", json!({"input_file_id": "file-1"})), "batch", ""),
    ] {
        let endpoint = route("POST", path, &|_| false).endpoint;
        let body = body.to_string();
        let refused = request(&gate(&["nothing"]), endpoint, body.as_bytes()).expect_err(name);
        let (refusal, report) = *refused;
        assert_eq!(refusal.code, RefusalCode::StateForbidden, "{name}: {refusal:?}");
        assert_eq!(&*refusal.rule, format!("state.{name}"));
        assert_eq!(&*refusal.path, field);
        assert!(refusal.detail.contains("[[state.allow]]"), "{}", refusal.detail);
        assert_eq!(report.state.last().expect("noted").decision, "refused");
        let passed = request(&gate(&[name, "file", "stored_prompt"]), endpoint, body.as_bytes());
        let passed = passed.unwrap_or_else(|refused| panic!("{name}: {:?}", refused.0));
        assert_eq!(passed.report.state[0].decision, "allowed");
        assert_eq!(
            request(&guards(Profile::Observe), endpoint, body.as_bytes()).expect("observed").report.state[0].decision,
            "observed"
        );
    }
}

#[test]
fn what_is_no_use_passes() {
    for (path, body) in [
        (
            "/v1/responses",
            json!({"input": "hi", "background": false, "previous_response_id": null, "conversation": null, "store": true}),
        ),
        (
            "/v1/responses",
            json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,iVBORw0K"}]}]}),
        ),
        (
            "/v1/responses",
            json!({"input": "hi", "tools": [{"type": "function", "name": "f", "parameters": {}}, {"type": "custom", "name": "c"}]}),
        ),
        (
            "/v1/messages",
            json!({"messages": [], "tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}),
        ),
    ] {
        let endpoint = route("POST", path, &|_| false).endpoint;
        let passed = request(&gate(&[]), endpoint, body.to_string().as_bytes());
        assert!(passed.is_ok_and(|passed| passed.report.state.is_empty()), "{body}");
    }
}

#[test]
fn ids_of_tokens_are_refused() {
    for (path, body) in [
        ("/v1/embeddings", json!({"model": "m", "input": [1, 2, 3]})),
        ("/v1/embeddings", json!({"model": "m", "input": [[1, 2], [3]]})),
        ("/v1/completions", json!({"model": "m", "prompt": ["text", [5]]})),
    ] {
        let endpoint = route("POST", path, &|_| false).endpoint;
        let refused = request(&guards(Profile::Observe), endpoint, body.to_string().as_bytes()).expect_err(path);
        assert_eq!(refused.0.code, RefusalCode::Unreadable, "{body}");
    }
    let endpoint = route("POST", "/v1/embeddings", &|_| false).endpoint;
    assert!(
        request(&guards(Profile::Observe), endpoint, br#"{"model":"m","input":["a","b"],"dimensions":256}"#).is_ok()
    );
}
