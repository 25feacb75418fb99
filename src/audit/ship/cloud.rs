//! S3-compatible stores, Google Cloud Storage, Azure Blob Storage, through `object_store`: conditional puts (`If-None-Match: *`), credentials from
//! the environment (AWS_…, GOOGLE_…, AZURE_…) as their own tools read them.

use std::io;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, parse_url_opts};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::audit::ship::target::Target;

/// Variables that may say something of a store; `region` or `endpoint` alone could be anybody's.
const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];
/// A request may take so long: a segment of 64 MiB at 2 Mbit/s. Variables such as AWS_TIMEOUT say otherwise.
const TIMEOUT: (&str, &str) = ("timeout", "300 seconds");

/// A bucket or container, and a prefix in it.
pub(crate) struct Cloud {
    name: String,
    store: Box<dyn ObjectStore>,
    prefix: Path,
    /// The shipper's thread is on no reactor; made there when it is first needed.
    runtime: Option<Runtime>,
}

impl Cloud {
    /// `s3://BUCKET/PREFIX`, `gs://…`, `az://CONTAINER/…`.
    pub(crate) fn open(text: &str) -> io::Result<Self> {
        let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidInput, problem.to_owned());
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !url.username().is_empty() && url.password().is_some() || url.query().is_some() {
            return Err(invalid("credentials belong into the environment, not into a URL"));
        }
        let ours = |(name, _): &(String, String)| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let options = [(TIMEOUT.0.to_owned(), TIMEOUT.1.to_owned())];
        let options = options.into_iter().chain(std::env::vars().filter(ours));
        let (store, prefix) = parse_url_opts(&url, options).map_err(|error| invalid(&error.to_string()))?;
        Ok(Self { name: text.to_owned(), store, prefix, runtime: None })
    }

    fn run<T>(&mut self, work: impl AsyncFnOnce(&dyn ObjectStore) -> Result<T, Error>) -> io::Result<T> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            none => none.insert(Builder::new_current_thread().enable_all().build()?),
        };
        runtime.block_on(work(self.store.as_ref())).map_err(told)
    }

    fn key(&self, key: &str) -> Path {
        key.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }
}

impl Target for Cloud {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn create(&mut self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, payload) = (self.key(key), bytes.to_vec());
        self.run(async |store| store.put_opts(&path, payload.into(), PutMode::Create.into()).await).map(|_| ())
    }

    fn read(&mut self, key: &str) -> io::Result<Vec<u8>> {
        let path = self.key(key);
        self.run(async |store| store.get(&path).await?.bytes().await).map(Vec::from)
    }
}

fn told(error: Error) -> io::Error {
    let kind = match error {
        Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
