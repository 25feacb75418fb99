//! `sidewall keys`: key pairs of tenants.

mod shred;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::output::Output;
use crate::cli::{Exit, Failure};
use crate::keys::file::{free_pair, write_holder};
use crate::keys::pair::hex;
use crate::keys::store::{State, in_force, list, publish, rotate};
use crate::keys::{Algorithm, Holder, TokenUri, generate, token};

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
                        where records are read. With --pkcs11 the private key is made on a token (an HSM, a smart card, SoftHSM2) and never leaves it; \
                        TENANT.key then says where it is. SIDEWALL_PKCS11_MODULE names the token's shared library, SIDEWALL_PKCS11_PIN_FILE a file \
                        with the user's PIN; the program must be built with the feature pkcs11.\n\n\
                        Exit codes: 0 made · 2 usage or output error\n\n\
                        Examples:\n  sidewall keys new --tenant acme --out keys\n  \
                        sidewall keys new --tenant acme --out keys --pkcs11 'pkcs11:token=audit'"
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
    /// The token to make the key on. A URI that names a key too (object=, id=) takes that one into use.
    #[arg(long, value_name = "URI", conflicts_with = "algorithm")]
    pkcs11: Option<TokenUri>,
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
    /// The token to make the new key on; without it, where the one before is.
    #[arg(long, value_name = "URI", conflicts_with = "algorithm")]
    pkcs11: Option<TokenUri>,
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
    /// A new key: on the token, or for a file.
    fn make(self, token: Option<&TokenUri>, tenant: &str) -> Result<Holder, Failure> {
        let algorithm = match self {
            Self::P256 => Algorithm::P256,
            Self::X25519 => Algorithm::X25519,
        };
        match token {
            Some(uri) => token::make(uri, tenant).map(Holder::Token).map_err(|error| Failure::new(error.to_string())),
            None => generate(algorithm).map(Holder::File).map_err(|error| Failure::from_error(&error)),
        }
    }
}

impl New {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let failed = |error: crate::keys::KeyError| Failure::new(error.to_string());
        // Before a token makes a key that no file would name.
        free_pair(&self.out, &self.tenant).map_err(failed)?;
        let key = self.algorithm.make(self.pkcs11.as_ref(), &self.tenant)?;
        let paths = write_holder(&self.out, &self.tenant, &key).map_err(failed)?;
        tell(out, &self.tenant, &key, paths, self.json);
        Ok(Exit::Clean)
    }
}

impl Rotate {
    fn run(self, out: &mut Output) -> Result<Exit, Failure> {
        let failed = |error: crate::keys::KeyError| Failure::new(error.to_string());
        let same_token = match in_force(&self.out, &self.tenant).map_err(failed)? {
            Holder::Token(key) => Some(key.uri.only_token()),
            Holder::File(_) => None,
        };
        let key = self.algorithm.make(self.pkcs11.as_ref().or(same_token.as_ref()), &self.tenant)?;
        let paths = rotate(&self.out, &self.tenant, &key).map_err(failed)?;
        if let Some(folder) = &self.publish {
            publish(&paths.0, folder).map_err(failed)?;
        }
        tell(out, &self.tenant, &key, paths, self.json);
        Ok(Exit::Clean)
    }
}

fn tell(out: &mut Output, tenant: &str, key: &Holder, (public, private): (PathBuf, PathBuf), json: bool) {
    let algorithm = key.public().algorithm().row().name;
    let made = Made { tenant, algorithm, id: hex(key.public().id()), public, private };
    if json {
        out.json(&made);
    } else {
        out.line(format_args!("public key   {}  (give this to the sidecar: [audit] keys)", made.public.display()));
        let remark = match key {
            Holder::File(_) => "keep this away from the sidecar".to_owned(),
            Holder::Token(key) => format!("says where it is: {}", key.uri),
        };
        out.line(format_args!("private key  {}  ({remark})", made.private.display()));
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
            let files = [&key.public, &key.private].into_iter().flatten().filter_map(shown);
            let files: Vec<String> = files.chain(key.token.clone()).collect();
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
