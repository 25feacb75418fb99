//! ONNX Runtime's shared library: it is not linked, but loaded when there is a model to run. One library a process.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

/// Names the library, where the configuration does not.
pub const VARIABLE: &str = "SIDEWALL_ONNXRUNTIME";
/// The project's folder for it; `make runtime` fills it.
const FOLDER: &str = ".sidewall/runtime";
/// What the library is called.
const NAME: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(target_os = "windows") {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// Why there is no library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// It stands nowhere.
    #[error(
        "ONNX Runtime's library is not to be found ({0}); run `make runtime`, or name it in [classifier] library or in {VARIABLE}"
    )]
    Missing(String),
    /// It cannot be loaded.
    #[error("{path}: cannot be loaded as ONNX Runtime (1.20 or later): {why}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// Another one has been loaded by this process.
    #[error("{wanted}: this process has loaded {loaded}, and can load only one; restart it")]
    Another {
        /// Asked for.
        wanted: PathBuf,
        /// In use.
        loaded: PathBuf,
    },
}

/// The library in use.
pub struct Library {
    pub(super) environment: Environment,
}

/// What this process has loaded. The environment must outlive every session, so it is never let go.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

impl Library {
    /// Loads the library: `configured`; else the one that [`VARIABLE`] names; else next to the program; else in the project's folder.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn load(configured: Option<&Path>) -> Result<Self, LibraryError> {
        let path = find(configured)?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, environment)) = &*loaded {
            if *known == path {
                return Ok(Self { environment: environment.clone() });
            }
            return Err(LibraryError::Another { wanted: path, loaded: known.clone() });
        }
        let broken = |why: String| LibraryError::Broken { path: path.clone(), why };
        let builder = ort::init_from(&path).map_err(|error| broken(error.to_string()))?;
        let environment = builder.with_telemetry(false).build().map_err(|error| broken(error.to_string()))?;
        *loaded = Some((path, environment.clone()));
        Ok(Self { environment })
    }

    /// Where the library would be loaded from.
    ///
    /// # Errors
    /// [`LibraryError::Missing`].
    pub fn find(configured: Option<&Path>) -> Result<PathBuf, LibraryError> {
        find(configured)
    }
}

/// Shows where it is.
impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").finish_non_exhaustive()
    }
}

fn find(configured: Option<&Path>) -> Result<PathBuf, LibraryError> {
    let named = configured.map(Path::to_owned).or_else(|| env::var_os(VARIABLE).map(PathBuf::from));
    if let Some(path) = named {
        // What was named is what must be there: nothing else is tried in its place.
        return real(&path).ok_or_else(|| LibraryError::Missing(format!("there is no {}", path.display())));
    }
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join(NAME)));
    let places: Vec<PathBuf> = beside.into_iter().chain([Path::new(FOLDER).join(NAME)]).collect();
    places.iter().find_map(|path| real(path)).ok_or_else(|| {
        let looked: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
        LibraryError::Missing(format!("looked at {}", looked.join(", ")))
    })
}

/// The absolute path of a file that is there.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().filter(|path| path.is_file())
}
