//! Makes the price book that ships with Tollgate from two public lists, the table of what they disagree on, and the one
//! that compares three calculators.

mod book;
mod causes;
mod disagreements;
mod genai;
mod litellm;
mod packages;
mod points;
mod python;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use book::Source;
use packages::Packages;

/// Prices from public lists.
#[derive(Debug, Parser)]
struct Args {
    /// LiteLLM's map: `model_prices_and_context_window_backup.json` of its package
    #[arg(long, global = true, default_value = "model_prices_and_context_window_backup.json")]
    litellm: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the book of all models on which both lists agree, and the page about the others
    Book {
        /// `data.py` of the package genai-prices
        #[arg(long)]
        genai_prices: PathBuf,
        /// What the entries name as their source: both packages with versions
        #[arg(long)]
        source: String,
        /// The day of the comparison
        #[arg(long, value_name = "YYYY-MM-DD")]
        as_of: String,
        /// Where the book goes
        #[arg(long, default_value = "config/prices.json")]
        book: PathBuf,
        /// Where the page goes
        #[arg(long, default_value = "docs/reference/shipped-prices.md")]
        page: PathBuf,
    },
    /// Write the table of what the lists disagree on
    Disagreements {
        /// Where `pip install --no-deps --target` put litellm and genai-prices
        #[arg(long)]
        packages: PathBuf,
        /// The time whose prices are compared
        #[arg(long)]
        at: String,
        /// Where the page goes
        #[arg(long, default_value = "docs/reference/price-disagreements.md")]
        page: PathBuf,
    },
    /// Write both lists in the form in which they are published: what tests of sources read
    Lists {
        /// Where `pip install --no-deps --target` put litellm and genai-prices
        #[arg(long)]
        packages: PathBuf,
        /// The directory that they are written into, outside of this tree
        #[arg(long)]
        into: PathBuf,
    },
    /// Print which models to ask other calculators for, with what each costs here, as JSON
    Models {
        /// How many
        #[arg(long, default_value_t = 200)]
        count: usize,
        /// The time of the calls
        #[arg(long)]
        at: String,
    },
    /// Print the table of what they cost in three calculators
    Table {
        /// What `calculators.py` printed
        #[arg(long)]
        costs: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program for the command line says there why it failed")]
fn report(error: &str) {
    eprintln!("tollgate-prices: {error}");
}

#[expect(clippy::print_stdout, reason = "its output is what it is run for")]
fn run(args: &Args) -> Result<(), String> {
    match &args.command {
        Command::Book { genai_prices, source, as_of, book, page } => {
            let text = read(&args.litellm)?;
            let list = genai::published(&read(genai_prices)?)
                .map_err(|error| format!("{}: {error}", genai_prices.display()))?;
            let source = Source { names: source.clone(), as_of: as_of.clone() };
            let made = book::make(&text, &litellm::read(&text)?, &list, &source)?;
            write(book, &made.book)?;
            write(page, &made.page)
        }
        Command::Disagreements { packages, at, page } => {
            write(page, &disagreements::page(&Packages::open(packages)?, at)?)
        }
        Command::Lists { packages, into } => {
            let packages = Packages::open(packages)?;
            write(&into.join("litellm.json"), &packages.litellm)?;
            write(&into.join("genai-prices.json"), &packages.genai)
        }
        Command::Models { count, at } => {
            println!("{}", table::models(&read(&args.litellm)?, *count, at)?);
            Ok(())
        }
        Command::Table { costs } => {
            print!("{}", table::table(&read(costs)?)?);
            Ok(())
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("writing {}: {error}", path.display()))
}
