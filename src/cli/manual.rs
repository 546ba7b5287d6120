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
    print(&String::from_utf8(script)?)
}

/// Prints the manual page of `posts-api`. With a directory, writes the pages of all commands to it.
pub(crate) fn man(directory: Option<&Path>) -> Result<()> {
    if let Some(directory) = directory {
        let name = directory.display();
        clap_mangen::generate_to(documentation(), directory).map_err(|error| format!("{name}: {error}"))?;
        return confirm(&format!("wrote the manual pages to {name}"));
    }
    let mut page = Vec::new();
    Man::new(documentation()).render(&mut page)?;
    print(&String::from_utf8(page)?)
}
