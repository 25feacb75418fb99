//! `[classifier]`: which model judges texts, and how long an exchange waits for it.

use crate::config::reader::{Reading, Table};
use crate::config::section::server::{duration, set};
use crate::config::settings::ClassifierSettings;

/// LIMIT: as many threads as a large machine has cores; each holds the model's weights.
const THREADS: std::ops::RangeInclusive<u64> = 1..=64;
/// LIMIT: jobs that wait.
const QUEUE: std::ops::RangeInclusive<u64> = 1..=100_000;
/// Execution providers, by name.
const PROVIDERS: [(&str, &str); 4] = [("cpu", "cpu"), ("cuda", "cuda"), ("openvino", "openvino"), ("coreml", "coreml")];

/// Reads `[classifier]`; `None`: there is none, and rules alone find injections.
pub(in crate::config) fn read(root: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<ClassifierSettings> {
    let mut table = root.section("classifier", reading)?;
    let model = table.need("model", reading, "name the folder that holds model.toml, model.onnx and tokenizer.json");
    let model = model.and_then(|node| {
        let folder = node.string(reading)?;
        let path = reading.resolve(folder);
        if !path.is_dir() {
            reading.error(&node.at, format!("{} is no folder", path.display()), "name a model's folder");
        }
        Some(path)
    });
    let mut settings = ClassifierSettings { model: model.unwrap_or_default(), ..ClassifierSettings::default() };
    settings.library = table.take("library").and_then(|node| {
        let file = node.string(reading)?;
        let path = reading.resolve(file);
        if !path.is_file() {
            reading.error(&node.at, format!("{} is no file", path.display()), "name ONNX Runtime's shared library");
        }
        Some(path)
    });
    set(&mut settings.deadline, duration(&mut table, "deadline", reading));
    let mut count = |key, range, reading: &mut Reading<'_>| {
        let number = table.take(key).and_then(|node| node.integer(reading, range));
        number.and_then(|number| usize::try_from(number).ok())
    };
    set(&mut settings.threads, count("threads", THREADS, reading));
    set(&mut settings.queue, count("queue", QUEUE, reading));
    if let Some(node) = table.take("providers") {
        let nodes = node.filled_array(reading, "name execution providers in order, or leave the key out for the CPU");
        settings.providers =
            nodes.iter().filter_map(|node| node.word(reading, &PROVIDERS)).map(str::to_owned).collect();
    }
    table.finish(reading);
    Some(settings)
}
