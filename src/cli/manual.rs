//! `posts-api completions` and `posts-api man`: documentation that is generated from the command line.

use std::path::Path;

use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Result;
use crate::cli::command_line::documentation;
use crate::cli::output::{confirm, print};

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut documentation(), "posts-api", &mut script);
    let script = String::from_utf8(script)?;
    // clap_complete 4.6 spells a program name with a hyphen in two ways, so no case of the bash script matches
    // (clap-rs/clap#6421).
    print(&script.replace("posts__subcmd__api", "posts__api"))
}

/// Prints the manual page of `posts-api`. With a directory, writes the pages of all commands to it.
pub(crate) fn man(directory: Option<&Path>) -> Result<()> {
    if let Some(directory) = directory {
        let name = directory.display();
        clap_mangen::generate_to(documentation(), directory).map_err(|error| format!("{name}: {error}"))?;
        return confirm(&format!("wrote the manual pages to {name}"));
    }
    let mut page = Vec::new();
    // `generate_to` disables the help subcommands too.
    Man::new(documentation().disable_help_subcommand(true)).render(&mut page)?;
    print(&String::from_utf8(page)?)
}
