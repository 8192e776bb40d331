//! The haul command: arguments in, exit code out.

use std::io::Write;
use std::process::ExitCode;

use haul::cli::environment::Environment;
use haul::cli::exit_code::USAGE;

fn main() -> ExitCode {
    match haul::run::run(std::env::args_os(), &Environment::of_process()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if let Some(usage) = error.downcast_ref::<clap::Error>() {
                // A closed stream cannot be told about.
                let _ = usage.print();
                return ExitCode::from(usage.exit_code() as u8);
            }
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}
