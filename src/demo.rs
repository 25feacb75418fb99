//! The demonstration, and the scripted provider that it and the tests talk to.
//!
//! `provider` speaks the wire formats of the supported APIs and does what its script says; it is a part of the program,
//! so a first look at Sidewall needs neither an account nor a network.

mod client;
pub mod provider;
mod show;
mod stage;
mod story;

use provider::next_placeholder;
use show::Page;
use stage::Stage;

/// Reads JSON that the demonstration itself, or a test, has asked for.
fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(bytes)
}

/// What the person asked for.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Stay up until Ctrl-C.
    pub stay: bool,
    /// Paint what is shown.
    pub colours: bool,
}

/// Plays the demonstration, a line at a time, and says whether everything was as promised.
///
/// # Errors
/// In words, when it could not be played at all: a port, a folder, a connection.
pub async fn run(options: Options, show: &mut dyn FnMut(&str)) -> Result<bool, String> {
    let stage = Stage::set().await?;
    let page = Page::new(options.colours, &story::VALUES);
    show(&format!(
        "Sidewall {version} at {url}, in front of a scripted provider at {provider}",
        version = env!("CARGO_PKG_VERSION"),
        url = stage.url,
        provider = stage.provider_url,
    ));
    let kept = story::play(&stage, &page, show).await?;
    show(&page.headline(if kept { "Everything was as promised" } else { "NOT as promised: see ✗ above" }));
    if options.stay {
        show(&how_to_point_at(&stage));
        tokio::signal::ctrl_c().await.map_err(|error| format!("cannot wait for Ctrl-C: {error}"))?;
    }
    stage.strike().await?;
    Ok(kept)
}

fn how_to_point_at(stage: &Stage) -> String {
    let (url, provider) = (&stage.url, &stage.provider_url);
    let (audit, key) = (stage.audit(), stage.private_key());
    format!(
        "\nStaying up. Point an SDK at it (any key will do), then press Ctrl-C:

  OpenAI     OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=demo python app.py
             client = OpenAI(base_url=\"{url}/v1\", api_key=\"demo\")
  Anthropic  ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=demo python app.py
             client = Anthropic(base_url=\"{url}\", api_key=\"demo\")

  The provider answers with your last message. `#scenario:NAME` in it makes it do something else:
  tool, parallel_tools, reasoning, mutate, leak, big, status, cut, garbage … (options: `,delta=1,chunk=3,delay=50`).
  What it saw:  curl {provider}/__received
  The records:  sidewall audit read {audit} --key {key}",
        audit = audit.display(),
        key = key.display(),
    )
}
