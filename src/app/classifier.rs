//! The classifier from the configuration, and its reload: a model is loaded and tried off the reactor, then swapped; what does not load leaves
//! the last good one in force.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::reload::{self, LOOK};
use crate::config::ClassifierSettings;
use crate::detect::classifier::pool::Pool;
use crate::detect::classifier::{Classifier, ModelError, Runtime};
use crate::proxy::classify::Seat;
use crate::telemetry::events::ModelReload;

/// Loads the model and starts its threads.
///
/// # Errors
/// What is wrong with the model, the library or the system.
pub fn start(settings: &ClassifierSettings) -> Result<Arc<Seat>, String> {
    let classifier = load(settings).map_err(|error| error.to_string())?;
    tracing::info!(model = classifier.name(), hash = &**classifier.hash(), "classifier in force");
    let pool = Pool::new(Arc::new(classifier), settings.queue).map_err(|error| format!("no thread: {error}"))?;
    Ok(Arc::new(Seat { pool, allowed: settings.deadline }))
}

fn load(settings: &ClassifierSettings) -> Result<Classifier, ModelError> {
    let runtime = Runtime {
        library: settings.library.clone(),
        sessions: settings.threads,
        providers: settings.providers.clone(),
    };
    Classifier::load(&settings.model, &runtime)
}

/// Puts a changed model in force. Never ends.
pub async fn watch(seat: Arc<Seat>, settings: ClassifierSettings) {
    let paths: [PathBuf; 1] = [settings.model.clone()];
    let mut seen = reload::fingerprint(&paths);
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let now = reload::fingerprint(&paths);
        if now == seen {
            continue;
        }
        let from = settings.clone();
        let loaded = reload::off_the_reactor(move || load(&from)).await;
        // A folder that is being written: its files do not belong together yet. It is looked at again.
        if reload::fingerprint(&paths) != now {
            continue;
        }
        seen = now;
        match loaded {
            Some(Ok(model)) => {
                ModelReload { hash: model.hash(), error: None }.emit();
                let before = seat.pool.swap(Arc::new(model));
                reload::off_the_reactor(move || drop(before)).await;
            }
            Some(Err(error)) => {
                ModelReload { hash: seat.pool.current().hash(), error: Some(&error.to_string()) }.emit();
            }
            None => ModelReload { hash: seat.pool.current().hash(), error: Some("loading panicked") }.emit(),
        }
    }
}
