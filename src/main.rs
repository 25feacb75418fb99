//! The `sidewall` program: nothing but the way into `cli`.

use std::process::ExitCode;

/// Exchanges allocate small and often, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sidewall::cli::run(std::env::args_os())
}
