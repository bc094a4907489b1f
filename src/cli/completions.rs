//! `potts completions`: what a shell needs to complete command lines.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failure, Output};

const EXAMPLES: &str = "\
Examples:
  potts completions bash > ~/.local/share/bash-completion/completions/potts
  potts completions zsh > ~/.zfunc/_potts";

/// Print the completions of a shell.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    /// Prints them.
    pub fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        // The generator panics where it cannot write, so it writes to memory.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "potts", &mut script);
        Ok(output.out.write_all(&script)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_the_verbs() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut output = Output { out: &mut out, err: &mut err };
            Completions { shell }.run(&mut output).unwrap();
            let script = String::from_utf8(out).unwrap();
            assert!(script.contains("publish") && script.contains("until-caught-up"), "{shell}");
        }
    }
}
