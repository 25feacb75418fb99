//! The `sidewall` program: nothing but the way into `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidewall::cli::run(std::env::args_os())
}
