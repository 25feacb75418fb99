//! Configuration files: the shipped example, what stands in for absent keys, and what is refused with which words.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sidewall::config::print::Printed;
use sidewall::config::{AuditContent, Config, ConfigErrors, Listen, Scheme, UnknownEndpoint};
use sidewall::policy::{Action, Guardrails, Profile};
use sidewall::text::{Part, Phase};
use tempfile::TempDir;

/// The least that can be used.
const LEAST: &str = r#"
[[upstream]]
name = "openai"
dialects = ["openai"]
url = "https://api.example.com"
[identity]
static = { tenant = "acme", principal = "app" }
[audit]
enabled = false
"#;

/// A folder with what the example names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("redaction.key"), [7; 32]).unwrap();
    fs::write(folder.path().join("short.key"), [7; 31]).unwrap();
    fs::write(folder.path().join("credential"), "planted-credential\n").unwrap();
    fs::write(folder.path().join("empty"), " \n").unwrap();
    let key = sidewall::keys::generate(sidewall::keys::Algorithm::P256).unwrap();
    sidewall::keys::write_pair(&folder.path().join("keys"), "acme", &key).unwrap();
    folder
}

fn environment(name: &str) -> Option<String> {
    let known = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"];
    known.contains(&name).then(|| format!("planted-{name}"))
}

fn load(text: &str) -> Result<Config, ConfigErrors> {
    Config::resolve(text, folder().path(), &environment)
}

/// `LEAST` with one more top-level text.
fn with(more: &str) -> String {
    format!("{more}\n{LEAST}")
}

#[test]
fn the_shipped_example_loads_and_shows_every_default() {
    let text = include_str!("../../sidewall.example.toml");
    let config = load(text).unwrap();
    assert_eq!(
        config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "upstream local-model: has no credential, and a caller's virtual key or token is never sent on: such calls carry no key; set \
         credential = { env = \"NAME\" } or { file = \"PATH\" }"
        ]
    );
    let least = load(LEAST).unwrap();
    assert_eq!(config.server, least.server, "the example shows the defaults");
    let [first, ..] = config.upstreams.as_slice() else { panic!("no upstream") };
    let [default] = least.upstreams.as_slice() else { panic!("not one upstream") };
    assert_eq!(
        (first.connect_timeout, first.response_timeout, first.idle_timeout),
        (default.connect_timeout, default.response_timeout, default.idle_timeout)
    );
    assert_eq!(config.guardrails.configured.len(), 2);
    assert_eq!(config.audit.unwrap().defaults.content, AuditContent::Filtered);
    assert_eq!(config.identity.virtual_keys.len(), 1);
    assert_eq!(first.credential.as_ref().unwrap().value.expose(), "planted-OPENAI_API_KEY");
}

#[test]
fn absent_keys_have_their_defaults() {
    let config = load(LEAST).unwrap();
    assert_eq!(config.profile, Profile::Balanced);
    assert_eq!(config.server.listen, [Listen::Tcp("127.0.0.1:8787".parse().unwrap())]);
    assert_eq!(config.server.admin, Listen::Tcp("127.0.0.1:8788".parse().unwrap()));
    assert_eq!(config.server.max_body_bytes, 32 << 20);
    assert_eq!(config.server.drain_timeout, Duration::from_secs(25));
    assert_eq!(config.server.unknown_endpoint, UnknownEndpoint::Inspect);
    assert_eq!(config.upstreams[0].url.scheme, Scheme::Https);
    assert_eq!(config.upstreams[0].url.port, 443);
    assert!(config.rulesets.paths.is_empty() && config.redaction.key.is_none() && config.audit.is_none());
    let warned: Vec<_> = config.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warned, ["redaction.key", "audit"]);
}

#[test]
fn the_profile_decides_over_unknown_endpoints_unless_the_file_does() {
    let of = |more: &str| load(&with(more)).unwrap().server.unknown_endpoint;
    assert_eq!(of("profile = \"strict\""), UnknownEndpoint::Deny);
    assert_eq!(of("profile = \"observe\""), UnknownEndpoint::Inspect);
    assert_eq!(of("profile = \"strict\"\n[server]\nunknown_endpoint = \"inspect\""), UnknownEndpoint::Inspect);
}

#[test]
fn paths_are_seen_from_the_files_folder() {
    let folder = folder();
    let file = folder.path().join("sidewall.toml");
    let text = with("[redaction]\nkey = { file = \"redaction.key\" }\n[server]\nlisten = [\"unix:run/s.sock\"]");
    fs::write(&file, text).unwrap();
    let config = Config::from_file(&file).unwrap();
    assert_eq!(config.redaction.key.unwrap().material.expose(), &[7; 32]);
    assert_eq!(config.server.listen, [Listen::Unix(folder.path().join("run/s.sock"))]);
}

/// What is added to `LEAST` (at its top), the path that the error names, and words of it.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str)] = &[
    ("profile = \"lax\"", "profile", "write one of: observe, balanced, strict"),
    ("profil = \"strict\"", "profil", "not a key that Sidewall knows; known here: profile, server"),
    ("[server]\nlisten = []", "server.listen", "is empty"),
    ("[server]\nlisten = \"127.0.0.1:1\"", "server.listen", "is a string, not a list"),
    ("[server]\nlisten = [\"localhost:8787\"]", "server.listen[0]", "not an address to listen on"),
    ("[server]\nlisten = [\"unix:\"]", "server.listen[0]", "names no socket file"),
    ("[server]\nlisten = [\"127.0.0.1:8788\"]", "server.admin", "clashes with 127.0.0.1:8788"),
    ("[server]\nadmin = \"0.0.0.0:8787\"\nlisten = [\"127.0.0.1:8787\"]", "server.admin", "clashes"),
    ("[server]\nlisten = [\"unix:a\", \"unix:a\"]", "server.listen[1]", "clashes"),
    ("[server]\nmax_body_bytes = \"1GiB\"", "server.max_in_flight_bytes", "less than max_body_bytes"),
    ("[server]\nmax_connections = 0", "server.max_connections", "out of range; write a number from 1 to 1000000"),
    ("[server]\nbody_timeout = \"soon\"", "server.body_timeout", "not a length of time"),
    ("[server]\nunknown_endpoint = \"pass\"", "server.unknown_endpoint", "write one of: inspect, deny"),
    ("[[upstream]]", "upstream[0].name", "is missing"),
    ("[[upstream]]\nname = \"openai\"\ndialects = [\"openai\"]\nurl = \"https://b.example.com\"", "upstream[1]", "a second upstream is named openai"),
    ("[[upstream]]\nname = \"a/b\"\ndialects = [\"openai\"]\nurl = \"https://b.example.com\"", "upstream[0].name", "not a plain name"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"klingon\"]\nurl = \"https://b.example.com\"", "upstream[0].dialects[0]", "write one of: openai"),
    ("[[upstream]]\nname = \"b\"\ndialects = []\nurl = \"https://b.example.com\"", "upstream[0].dialects", "is empty"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\", \"openai\"]\nurl = \"https://b.example.com\"", "upstream[0].dialects[1]", "listed twice"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"http://b.example.com\"", "upstream[0].url", "plain HTTP to another machine"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://169.254.169.254\"", "upstream[0].url", "link-local or metadata"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://metadata.google.internal\"", "upstream[0].url", "link-local or metadata"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://u:planted@b.example.com\"", "upstream[0].url", "carries a user name"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://b.example.com\"\ncredential = { env = \"PLANTED_UNSET\" }", "upstream[0].credential.env", "not set"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://b.example.com\"\ncredential = { file = \"nowhere\" }", "upstream[0].credential.file", "cannot be read"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://b.example.com\"\ncredential = { file = \"empty\" }", "upstream[0].credential", "is empty"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://b.example.com\"\ncredential = \"planted\"", "upstream[0].credential", "is a string, not a table"),
    ("[[upstream]]\nname = \"b\"\ndialects = [\"openai\"]\nurl = \"https://b.example.com\"\ncredential = { env = \"OPENAI_API_KEY\", file = \"credential\" }", "upstream[0].credential", "one place"),
    ("[identity.jwt]\nissuer = \"x\"", "identity.jwt.audience", "is missing"),
    ("[identity.jwt]\nissuer = \"x\"\naudience = \"a\"\ntenant = \"a\"", "identity.jwt.jwks", "is missing"),
    ("[identity.jwt]\nissuer = \"x\"\naudience = []", "identity.jwt.audience", "is empty"),
    ("[identity.jwt]\nalgorithms = [\"HS256\"]", "identity.jwt.algorithms[0]", "write one of: RS256"),
    ("[identity.jwt]\nalgorithms = [\"none\"]", "identity.jwt.algorithms[0]", "not one of the known words"),
    ("[identity.jwt]\nheader = \"content-type\"", "identity.jwt.header", "can be meant for Sidewall alone"),
    ("[identity.jwt]\nheader = \"anthropic-version\"", "identity.jwt.header", "is not a header that can be meant for Sidewall alone"),
    ("[identity.jwt]\nheader = \"x_token\"", "identity.jwt.header", "is not a header"),
    ("[identity.jwt]\nclock_skew = \"10m\"", "identity.jwt.clock_skew", "longer than five minutes"),
    ("[identity.jwt]\nissuer = \"x\"", "identity.jwt", "where the tenant comes from"),
    ("[identity.jwt]\njwks = { file = \"nowhere\" }", "identity.jwt.jwks.file", "cannot be read"),
    ("[identity.jwt]\njwks = { file = \"credential\" }", "identity.jwt.jwks.file", "is no JSON Web Key Set"),
    ("[identity.jwt]\njwks = { url = \"http://idp.example.com/jwks\" }", "identity.jwt.jwks.url", "plain HTTP to another machine"),
    ("[identity.jwt]\njwks = { url = \"https://169.254.169.254/jwks\" }", "identity.jwt.jwks.url", "link-local or metadata"),
    ("[identity.jwt]\njwks = { url = \"https://idp.example.com/jwks\", refresh = \"1s\" }", "identity.jwt.jwks.url", "fetched too often"),
    ("[identity.mtls]", "identity.mtls", "knows no certificate"),
    ("[server.tls]\ncertificate = \"empty\"", "server.tls.key", "is missing"),
    ("[server.tls]\ncertificate = \"empty\"\nkey = \"empty\"", "server.tls", "no certificate in it"),
    ("[server.tls]\nclient_auth = \"optional\"", "server.tls.client_auth", "nobody is asked for"),
    ("[identity.mtls]\nspiffe = \"spiffe://{tenant}/{principal}\"", "identity.mtls.spiffe", "does not name its trust domain"),
    ("[[identity.mtls.caller]]\ntenant = \"a\"\nprincipal = \"b\"", "identity.mtls.caller[0]", "which certificate it is"),
    ("[[identity.virtual_key]]\nsha256 = \"planted\"\ntenant = \"a\"\nprincipal = \"b\"", "identity.virtual_key[0].sha256", "is not a SHA-256 hash (7 characters)"),
    ("[[identity.virtual_key]]\nsha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\ntenant = \"a/b\"\nprincipal = \"b\"", "identity.virtual_key[0].tenant", "not a plain name"),
    ("[[identity.virtual_key]]\nsha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\ntenant = \"a\"\nprincipal = \"b\"\nexpires = \"2030-01-01\"", "identity.virtual_key[0].expires", "not a point in time"),
    ("[[guardrail]]\nname = \"g\"\nkinds = [\"pci.*\"]\nthreshold = 101\naction = \"block\"", "guardrail[0].threshold", "from 0 to 100"),
    ("[[guardrail]]\nname = \"g\"\nkinds = [\"pci.*\"]\nthreshold = 1\naction = \"bloc\"", "guardrail[0].action", "write one of: observe, redact, block"),
    ("[[guardrail]]\nname = \"g\"\nkinds = []\nthreshold = 1\naction = \"block\"", "guardrail[0].kinds", "is empty"),
    ("[[guardrail]]\nname = \"g\"\nkinds = [\"pci,*\"]\nthreshold = 1\naction = \"block\"", "guardrail[0].kinds[0]", "not a pattern"),
    ("[[guardrail]]\nname = \"g\"\nkinds = \"*\"\nparts = [\"usr\"]\nthreshold = 1\naction = \"block\"", "guardrail[0].parts[0]", "write one of: *, system, user"),
    ("[[guardrail]]\nname = \"g\"\nkinds = \"*\"\nthreshold = 1\naction = \"block\"\nstrategy = \"mask\"", "guardrail[0].strategy", "action is not \"redact\""),
    ("[[guardrail]]\nname = \"g\"\nkinds = \"*\"\nthreshold = 1\naction = \"redact\"\nstrategy = \"surrogate\"", "guardrail[0].strategy", "not built yet"),
    ("[[guardrail]]\nname = \"g\"\nkinds = \"*\"\nphase = \"response\"\nthreshold = 1\naction = \"redact\"\nstrategy = \"tokenize\"", "guardrail[0].strategy", "does not apply to responses"),
    ("[[guardrail]]\nname = \"g\"\nkinds = [\"injection.*\"]\nthreshold = 1\naction = \"redact\"", "guardrail[0].action", "does not apply to injection"),
    ("[redaction]\nkey = { file = \"short.key\" }", "redaction.key", "is too short: 31 bytes"),
    ("[rulesets]\npaths = [\"nowhere\"]", "rulesets.paths[0]", "cannot be opened"),
    ("[classifier]\nmodel = \"m\"", "classifier.model", "is no folder"),
    ("[classifier]\nmodel = \".\"\nproviders = [\"abacus\"]", "classifier.providers[0]", "write one of: cpu, cuda"),
    ("[classifier]\nmodel = \".\"\nthreads = 0", "classifier.threads", "from 1 to 64"),
    ("refusal = \"message\"", "refusal", "not built yet"),
];

#[test]
fn what_is_refused_says_where_and_how_to_mend() {
    for (more, path, words) in REFUSED {
        let errors = match load(&with(more)) {
            Err(errors) => errors,
            Ok(_) => panic!("accepted: {more}"),
        };
        let found = errors.problems.iter().find(|problem| problem.path == *path);
        let found = found.unwrap_or_else(|| panic!("{more}: no error at {path} in {errors}"));
        assert!(found.to_string().contains(words), "{more}: {found}");
        assert!(!found.mend.is_empty(), "{more}");
        assert!(!errors.to_string().to_lowercase().contains("planted"), "{more}: repeats a secret: {errors}");
    }
}

#[test]
fn what_stands_in_identity_itself() {
    for (line, path, words) in [
        ("order = [\"jwt\"]", "identity.order", "does not list exactly the methods"),
        ("order = [\"static\"]", "identity.order[0]", "write one of: mtls, jwt, virtual_key"),
        ("tenant_header = \"authorization\"", "identity.tenant_header", "in which credentials stand"),
        ("tenant_header = \"host\"", "identity.tenant_header", "meant for Sidewall alone"),
    ] {
        let errors = load(&LEAST.replace("[identity]", &format!("[identity]\n{line}"))).unwrap_err();
        let found = errors.problems.iter().find(|problem| problem.path == path);
        assert!(found.is_some_and(|found| found.to_string().contains(words)), "{line}: {errors}");
    }
}

#[test]
fn every_line_of_an_empty_file_that_is_missing_is_named() {
    let errors = load("").unwrap_err();
    let paths: Vec<_> = errors.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["upstream", "identity", "audit"]);
}

#[test]
fn all_errors_of_all_sections_come_at_once_in_the_order_of_lines() {
    let text = "profile = \"lax\"\n[server]\nlisten = [\"nowhere\"]\nadmin = 5\n[[upstream]]\nname = \"a\"\nurl = \"x\"\n[identity]\n\
                [[guardrail]]\nname = \"g\"\n[audit]\ndurability = \"sometimes\"\ndir = \"d\"\n";
    let errors = load(text).unwrap_err();
    let places: Vec<_> = errors.problems.iter().map(|problem| (problem.line.unwrap(), problem.path.as_str())).collect();
    assert_eq!(
        places,
        [
            (1, "profile"),
            (3, "server.listen[0]"),
            (4, "server.admin"),
            (5, "upstream[0].dialects"),
            (7, "upstream[0].url"),
            (8, "identity"),
            (9, "guardrail[0].kinds"),
            (9, "guardrail[0].threshold"),
            (9, "guardrail[0].action"),
            (11, "audit.keys"),
            (12, "audit.durability"),
        ]
    );
}

#[test]
fn every_tenant_needs_a_key_if_records_are_kept() {
    let kept = |tenant: &str| {
        let text = LEAST.replace("enabled = false", "dir = \"audit\"\nkeys = \"keys\"");
        load(&text.replace("\"acme\"", &format!("{tenant:?}")))
    };
    assert!(kept("acme").is_ok());
    let errors = kept("globex").unwrap_err();
    assert_eq!(errors.problems.len(), 1, "{errors}");
    assert_eq!(errors.problems[0].path, "audit.keys");
    assert!(errors.problems[0].mend.starts_with("run: sidewall keys new --tenant globex --out "), "{errors}");
}

#[test]
fn syntax_errors_name_the_line_but_never_quote_it() {
    let errors = load("profile = \"strict\"\n\ncredential = { env = \"planted\n").unwrap_err();
    assert_eq!(errors.problems[0].line, Some(3));
    assert!(!errors.to_string().contains("planted"), "{errors}");
    let doubled = load("profile = \"strict\"\nprofile = \"observe\"\n").unwrap_err();
    assert_eq!(doubled.problems[0].line, Some(2), "{doubled}");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_its_name() {
    let errors = Config::from_file(Path::new("/nowhere/sidewall.toml")).unwrap_err();
    assert!(errors.to_string().starts_with("/nowhere/sidewall.toml: 1 error\n  cannot be read"), "{errors}");
}

#[test]
fn risky_combinations_are_warned_of() {
    let paths =
        |text: &str| -> Vec<String> { load(text).unwrap().warnings.into_iter().map(|warning| warning.path).collect() };
    assert!(paths(&with("[server]\nlisten = [\"0.0.0.0:8787\"]")).contains(&"identity.static".to_owned()));
    assert!(!paths(&with("[server]\nlisten = [\"[::1]:8787\"]")).contains(&"identity.static".to_owned()));
    let expired = "[[identity.virtual_key]]\ntenant = \"a\"\nprincipal = \"b\"\nexpires = 2020-01-01T00:00:00Z\n\
                   sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";
    let found = paths(&with(expired));
    assert!(found.contains(&"identity.virtual_key[0].expires".to_owned()), "{found:?}");
    assert!(found.contains(&"upstream openai".to_owned()), "{found:?}");
}

#[test]
fn a_configured_guardrail_overrides_the_profile_for_its_tenant_alone() {
    let config = load(include_str!("../../sidewall.example.toml")).unwrap();
    for (tenant, action) in [("acme", Action::Observe), ("acme-eu", Action::Observe), ("other", Action::Redact)] {
        let judgement =
            Guardrails::for_tenant(&config.guardrails, tenant).judge(Phase::Request, Part::User, "pii.ip_address", 90);
        assert_eq!(judgement.action, Some(action), "{tenant}");
    }
}

#[test]
fn what_is_printed_loads_again_decides_the_same_and_shows_no_secret() {
    let folder = folder();
    let text = concat!(
        include_str!("../../sidewall.example.toml"),
        "\n[audit.ship]\nto = \"archive\"\nspool = \"1GiB\"\nfail = \"open\"\n",
        "[[audit.anchor]]\nurl = \"https://witness.example/notes\"\nfail = \"closed\"\ndeadline = \"1s\"\npatience = \"90s\"\n"
    );
    let config = Config::resolve(text, folder.path(), &environment).unwrap();
    let audit = config.audit.as_ref().unwrap();
    assert_eq!(audit.ship.as_ref().map(|ship| (ship.spool_bytes, ship.refuse)), Some((1 << 30, false)));
    assert_eq!(audit.endpoints.iter().map(|anchor| anchor.refuse).collect::<Vec<_>>(), [true]);
    let rows = config.guardrails.rows();
    let printed = Printed::new(&config, &rows).to_toml().unwrap();
    let json = serde_json::to_string(&Printed::new(&config, &rows)).unwrap();
    for secret in ["planted", "\u{7}", "7, 7, 7"] {
        assert!(!printed.contains(secret) && !json.contains(secret), "{secret:?} in {printed}");
    }
    let again = Config::resolve(&printed, folder.path(), &environment).unwrap();
    assert_eq!(again.server, config.server);
    assert_eq!(again.audit, config.audit);
    for (a, b) in again.upstreams.iter().zip(&config.upstreams) {
        assert_eq!((&a.name, &a.dialects, &a.url), (&b.name, &b.dialects, &b.url));
        assert_eq!(a.response_timeout, b.response_timeout);
    }
    assert_eq!(again.identity.virtual_keys[0].sha256, config.identity.virtual_keys[0].sha256);
    assert_eq!(again.identity.virtual_keys[0].expires, config.identity.virtual_keys[0].expires);
    let judges = [&config, &again].map(|config| Guardrails::for_tenant(&config.guardrails, "acme"));
    for phase in [Phase::Request, Phase::Response] {
        for part in Part::ALL {
            for kind in ["pci.pan", "pii.ip_address", "pii.email", "pii.person", "secret.jwt", "injection.override"] {
                for confidence in [0, 30, 45, 50, 60, 70, 100] {
                    let [a, b] = judges.each_ref().map(|judge| judge.judge(phase, part, kind, confidence));
                    assert_eq!(a, b, "{phase:?} {part:?} {kind} {confidence}");
                }
            }
        }
    }
}

#[test]
fn claims_that_users_write_themselves_are_warned_of() {
    let jwt = |claim: &str| {
        format!(
            "[identity.jwt]\nissuer = \"https://idp.example.com/\"\naudience = \"x\"\ntenant = \"acme\"\nroles_claim = \"{claim}\"\n\
             jwks = {{ url = \"https://idp.example.com/jwks\" }}\n"
        )
    };
    for (claim, warned) in
        [("roles", false), ("app_metadata.roles", false), ("user_metadata.roles", true), ("email", true)]
    {
        let config = load(&(LEAST.to_owned() + &jwt(claim))).unwrap();
        let found = config.warnings.iter().any(|warning| warning.path == "identity.jwt.roles_claim");
        assert_eq!(found, warned, "{claim}: {:?}", config.warnings);
    }
}

#[test]
fn approvals_need_policies_and_approvers_and_are_printed() {
    let told = load(&with("[approvals]\nmax_open = 0")).unwrap_err().to_string();
    for words in ["no [policy] could require an approval", "needs approvers that can be told", "out of range"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let text = with(&format!("[policy]\ndir = \"{}\"\n[approvals]\nuse_within = \"90s\"", policies.display()));
    let key =
        format!("[[identity.virtual_key]]\nsha256 = \"{}\"\ntenant = \"acme\"\nprincipal = \"dana\"\n", "0".repeat(64));
    let config = load(&(text + &key)).unwrap();
    let approvals = config.tools.approvals.unwrap();
    assert_eq!((approvals.decide_within, approvals.use_within), (Duration::from_secs(3_600), Duration::from_secs(90)));
    let rows = config.guardrails.rows();
    let again = load(&Printed::new(&config, &rows).to_toml().unwrap()).unwrap();
    assert_eq!(again.tools.approvals, config.tools.approvals);
}

#[test]
fn debug_forms_show_no_secret() {
    let config = load(include_str!("../../sidewall.example.toml")).unwrap();
    let debug = format!("{config:?}");
    assert!(!debug.contains("planted") && !debug.contains("7, 7, 7"), "{debug}");
}

/// The program itself, with what it writes to both outputs.
fn sidewall(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sidewall"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_commands_say_by_their_exit_code_whether_a_file_can_be_used() {
    let folder = folder();
    fs::write(folder.path().join("sidewall.toml"), LEAST).unwrap();
    fs::write(folder.path().join("bad.toml"), with("profile = \"lax\"\n[server]\nadmin = 5")).unwrap();

    let (code, out, err) = sidewall(&["config", "check"], folder.path());
    assert_eq!((code, out.as_str()), (Some(0), "sidewall.toml: can be used\n"), "{err}");
    assert!(err.contains("warning: redaction.key: is absent"), "{err}");

    let (code, out, err) = sidewall(&["config", "check", "bad.toml"], folder.path());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.starts_with("bad.toml: 2 errors\n  line 1: profile: ") && err.contains("\n  line 3: server.admin: "),
        "{err}"
    );

    let (code, out, _) = sidewall(&["config", "check", "bad.toml", "--json"], folder.path());
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["ok"], &json["errors"][1]["line"]), (Some(1), &false.into(), &3.into()));

    let (code, out, _) = sidewall(&["config", "print"], folder.path());
    assert_eq!(code, Some(0));
    assert!(Config::resolve(&out, folder.path(), &environment).is_ok(), "{out}");

    let (code, out, _) = sidewall(&["config", "print", "--json"], folder.path());
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["server"]["max_body_bytes"]), (Some(0), &(32 << 20).into()));
    assert_eq!(json["guardrail"].as_array().unwrap().len(), Profile::Balanced.rows().len());

    let (code, out, err) = sidewall(&["config", "print", "bad.toml"], folder.path());
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert_eq!(sidewall(&["config", "check", "nowhere.toml"], folder.path()).0, Some(1));
    assert_eq!(sidewall(&["config", "chekc"], folder.path()).0, Some(2));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]

    /// No cut and splice of the example makes the reader panic; and what is refused says at least one thing.
    #[test]
    fn mangled_files_are_refused_or_read(from in 0_usize..7_000, len in 0_usize..200, piece in "[\\[\\]{}\"=.,a-z0-9\n -]{0,12}") {
        let example = include_str!("../../sidewall.example.toml");
        let text: String = example.chars().take(from).chain(piece.chars()).chain(example.chars().skip(from + len)).collect();
        let result = Config::resolve(&text, Path::new("/nowhere"), &environment);
        proptest::prop_assert!(result.is_ok() || result.is_err_and(|errors| !errors.problems.is_empty()));
    }
}
