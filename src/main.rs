//! The haul command: arguments in, exit code out.

use std::io::{self, Write};
use std::process::ExitCode;

use haul::cli::environment::Environment;
use haul::cli::exit_code::USAGE;
use haul::model::error::Cause;

fn main() -> ExitCode {
    match haul::run::run(std::env::args_os(), &Environment::of_process()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let error = match error.downcast::<clap::Error>() {
                Ok(usage) => match show(&usage) {
                    Ok(()) => return ExitCode::from(usage.exit_code() as u8),
                    Err(cause) => anyhow::anyhow!("{cause}"),
                },
                Err(error) => error,
            };
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

/// Shows help or the version, which were asked for, or what is wrong with the arguments.
///
/// # Errors
/// [`Cause::Stdout`] when what was asked for cannot be written, though its reader has not gone away.
fn show(usage: &clap::Error) -> Result<(), Cause> {
    match usage.print().and_then(|()| io::stdout().flush()) {
        // What standard error does not take cannot be told anywhere.
        Err(source) if !usage.use_stderr() && source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Cause::Stdout { source })
        }
        _ => Ok(()),
    }
}
