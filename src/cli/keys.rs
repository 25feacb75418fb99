//! `sidewall keys`: key pairs of tenants.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::pair::hex;
use crate::keys::{Algorithm, generate, write_pair};

/// Make the keys that audit records are sealed to.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(New),
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
            Command::New(new) => new.run(out),
        }
    }
}

impl New {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let algorithm = match self.algorithm {
            AlgorithmName::P256 => Algorithm::P256,
            AlgorithmName::X25519 => Algorithm::X25519,
        };
        let key = generate(algorithm).map_err(|error| Failure::from_error(&error))?;
        let (public, private) =
            write_pair(&self.out, &self.tenant, &key).map_err(|error| Failure::new(error.to_string()))?;
        let made =
            Made { tenant: &self.tenant, algorithm: algorithm.row().name, id: hex(key.public().id()), public, private };
        if self.json {
            out.json(&made);
        } else {
            out.line(format_args!("public key   {}  (give this to the sidecar: [audit] keys)", made.public.display()));
            out.line(format_args!("private key  {}  (keep this away from the sidecar)", made.private.display()));
            out.line(format_args!("key id       {}", made.id));
        }
        Ok(Exit::Clean)
    }
}
