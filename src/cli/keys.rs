//! `sidewall keys`: key pairs of tenants.

mod shred;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::pair::hex;
use crate::keys::store::{State, list, publish, rotate};
use crate::keys::{Algorithm, PrivateKey, generate, write_pair};

/// Make, replace, list and destroy the keys that audit records are sealed to.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    New(New),
    Rotate(Rotate),
    Shred(shred::Shred),
}

/// Make a key pair for a tenant: TENANT.pub for the sidecar, TENANT.key for whoever reads the records.
#[derive(Debug, Args)]
#[command(
    after_help = "Existing keys are never overwritten. The sidecar needs the .pub file only: move the .key file to \
                        where records are read.\n\n\
                        Exit codes: 0 made · 2 usage or output error\n\n\
                        Example:\n  sidewall keys new --tenant acme --out keys"
)]
struct New {
    /// The tenant, as identity names it.
    #[arg(long)]
    tenant: String,
    /// Folder for the two files; made if absent.
    #[arg(long)]
    out: PathBuf,
    /// Kind of key: p256 can live in a file, a cloud KMS or an HSM; x25519 in a file.
    #[arg(long, value_enum, default_value_t = AlgorithmName::P256)]
    algorithm: AlgorithmName,
    /// Print `{"tenant","algorithm","id","public","private"}`.
    #[arg(long)]
    json: bool,
}

/// Put a new key in force for a tenant; the one before stays for the records that it opens.
#[derive(Debug, Args)]
#[command(
    after_help = "Run monthly, it gives each month a key of its own: `keys shred --before` then destroys what is older than you may keep. A running \
                        sidewall takes a new public key within seconds.\n\n\
                        Exit codes: 0 replaced · 2 usage or output error (nothing is in force, or the folder cannot be written)\n\n\
                        Example:\n  sidewall keys rotate --tenant acme --out keys --publish /etc/sidewall/keys"
)]
struct Rotate {
    /// The tenant, as identity names it.
    #[arg(long)]
    tenant: String,
    /// Folder of its key files.
    #[arg(long)]
    out: PathBuf,
    /// The folder that the sidecar reads: the new public key is put there too.
    #[arg(long)]
    publish: Option<PathBuf>,
    /// Kind of key.
    #[arg(long, value_enum, default_value_t = AlgorithmName::P256)]
    algorithm: AlgorithmName,
    /// Print `{"tenant","algorithm","id","public","private"}`.
    #[arg(long)]
    json: bool,
}

/// List the keys of a folder: in force, replaced, shredded.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 listed · 2 the folder or a key in it cannot be read\n\nExample:\n  sidewall keys list keys"
)]
struct List {
    /// Folder of key files.
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AlgorithmName {
    P256,
    X25519,
}

#[derive(serde::Serialize)]
struct Made<'a> {
    tenant: &'a str,
    algorithm: &'static str,
    id: String,
    public: PathBuf,
    private: PathBuf,
}

impl Keys {
    /// Runs the command.
    ///
    /// # Errors
    /// If the key cannot be made or written.
    pub(super) fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        match self.command {
            Command::List(list) => list.run(out),
            Command::New(new) => new.run(out),
            Command::Rotate(rotate) => rotate.run(out),
            Command::Shred(shred) => shred.run(out),
        }
    }
}

impl AlgorithmName {
    fn make(self) -> Result<PrivateKey, Failure> {
        let algorithm = match self {
            Self::P256 => Algorithm::P256,
            Self::X25519 => Algorithm::X25519,
        };
        generate(algorithm).map_err(|error| Failure::from_error(&error))
    }
}

impl New {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let key = self.algorithm.make()?;
        let paths = write_pair(&self.out, &self.tenant, &key).map_err(|error| Failure::new(error.to_string()))?;
        tell(out, &self.tenant, &key, paths, self.json);
        Ok(Exit::Clean)
    }
}

impl Rotate {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let failed = |error: crate::keys::KeyError| Failure::new(error.to_string());
        let key = self.algorithm.make()?;
        let paths = rotate(&self.out, &self.tenant, &key).map_err(failed)?;
        if let Some(folder) = &self.publish {
            publish(&paths.0, folder).map_err(failed)?;
        }
        tell(out, &self.tenant, &key, paths, self.json);
        Ok(Exit::Clean)
    }
}

fn tell(out: &mut Output, tenant: &str, key: &PrivateKey, (public, private): (PathBuf, PathBuf), json: bool) {
    let algorithm = key.public().algorithm().row().name;
    let made = Made { tenant, algorithm, id: hex(key.public().id()), public, private };
    if json {
        out.json(&made);
    } else {
        out.line(format_args!("public key   {}  (give this to the sidecar: [audit] keys)", made.public.display()));
        out.line(format_args!("private key  {}  (keep this away from the sidecar)", made.private.display()));
        out.line(format_args!("key id       {}", made.id));
    }
}

impl List {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let all = list(&self.dir).map_err(|error| Failure::new(error.to_string()))?;
        if self.json {
            out.json(&all);
            return Ok(Exit::Clean);
        }
        out.line(format_args!(
            "{:<24}  {:<16}  {:<8}  {:<9}  {:<20}  FILES",
            "TENANT", "KEY ID", "KIND", "STATE", "MADE"
        ));
        for key in all {
            let state = match key.state {
                State::InForce => "in force",
                State::Replaced => "replaced",
                State::Shredded => "shredded",
            };
            let shown = |path: &PathBuf| path.file_name().map(|name| Path::new(name).display().to_string());
            let files: Vec<String> = [&key.public, &key.private].into_iter().flatten().filter_map(shown).collect();
            let (id, time) = (key.id.get(..16).unwrap_or(&key.id), key.time.as_deref().unwrap_or("-"));
            out.line(format_args!(
                "{:<24}  {id:<16}  {:<8}  {state:<9}  {time:<20}  {}",
                key.tenant,
                key.algorithm,
                files.join(" ")
            ));
        }
        Ok(Exit::Clean)
    }
}
