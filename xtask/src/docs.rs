//! `cargo xtask docs`: rustdoc without warnings, links that lead somewhere, commands that exist.

use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::binary::{self, Profile};
use crate::step::{self, Steps};
use crate::suite;

/// Arguments of `cargo xtask docs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave out what compiles: rustdoc, and asking the binary for its commands
    #[arg(long)]
    fast: bool,
    /// Only make the pictures of the user guide anew, by walking through the demo
    #[arg(long)]
    pictures: bool,
    /// Only take pictures of every page of every role into a folder, to be looked at by a person
    #[arg(long, value_name = "FOLDER")]
    every_page: Option<PathBuf>,
}

/// Pages whose commands are tried.
const READMES: &[&str] = &["README.md", "README.ja.md", "CONTRIBUTING.md"];

/// Runs the command. `ours` is the command line of xtask.
pub fn run(args: &Args, ours: &clap::Command) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    if args.pictures {
        return pictures(&steps, "guide.js", &step::root().join("docs/guide"));
    }
    if let Some(folder) = &args.every_page {
        return pictures(&steps, "pictures.js", &std::path::absolute(folder)?);
    }
    let mut findings = links()?;
    steps.say("links checked");

    let commands = commands()?;
    for (page, words) in &commands {
        if let Some(why) = unknown_task(words, ours) {
            findings.push(format!("{page}: {why}"));
        }
    }
    if !args.fast {
        steps.say("rustdoc");
        let mut rustdoc = step::cargo();
        rustdoc
            .args(["doc", "--workspace", "--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings");
        if let Err(error) = step::run(&mut rustdoc) {
            findings.push(format!("{error:#}"));
        }
        let mamori = binary::build(&steps, Profile::Dev)?;
        for (page, words) in commands.iter().filter(|(_, words)| words[0] == "mamori") {
            // The words up to the first option or value name a command of the binary.
            let names: Vec<&String> = words[1..]
                .iter()
                .take_while(|word| named(word))
                .take(2)
                .collect();
            let help = binary::clean(&mamori).args(&names).arg("--help").output()?;
            if !help.status.success() {
                findings.push(format!("{page}: the binary knows no `{}`", words.join(" ")));
            }
        }
    }
    for finding in &findings {
        eprintln!("  docs: {finding}");
    }
    eprintln!("{} finding(s)", findings.len());
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Pictures made by walking through the demo: those of docs/guide.ja.md by the walk that its text
/// describes, or those of every page.
fn pictures(steps: &Steps, walk: &str, folder: &Path) -> anyhow::Result<ExitCode> {
    let mamori = binary::build(steps, Profile::Dev)?;
    suite::browser_tools(steps)?;
    steps.say("walking through the demo");
    step::run(
        Command::new("node")
            .arg(walk)
            .arg(folder)
            .env("E2E_MAMORI", mamori)
            .env("E2E_CHROMIUM", suite::chromium()?)
            .current_dir(suite::walks_folder()),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn named(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-')
}

fn markdown() -> anyhow::Result<Vec<PathBuf>> {
    let list = step::output(
        Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
                "*.md",
            ])
            .current_dir(step::root()),
    )?;
    Ok(list
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect())
}

/// Relative links in Markdown that lead nowhere.
fn links() -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for page in markdown()? {
        let Ok(text) = std::fs::read_to_string(step::root().join(&page)) else {
            continue;
        };
        for target in targets(&text) {
            let file = target.split('#').next().unwrap_or_default();
            let folder = page.parent().unwrap_or(Path::new(""));
            if !file.is_empty() && !step::root().join(joined(folder, file)).exists() {
                findings.push(format!(
                    "{}: the link to {target} leads nowhere",
                    page.display()
                ));
            }
        }
    }
    Ok(findings)
}

/// `a/b` and `../c` make `a/c`, without asking the file system.
fn joined(folder: &Path, file: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in folder.join(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// Targets of `[text](target)` that name a file; addresses of other hosts and code blocks are left out.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (prose, line) in lines(text) {
        if !prose {
            continue;
        }
        for piece in line.split("](").skip(1) {
            let Some((target, _)) = piece.split_once(')') else {
                continue;
            };
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// Lines with whether they are prose (`true`) or inside a code block (`false`).
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut inside = false;
    text.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            return None;
        }
        Some((!inside, line))
    })
}

/// Commands in the code blocks of the READMEs, as words.
fn commands() -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let mut found = Vec::new();
    for page in READMES {
        let text = std::fs::read_to_string(step::root().join(page))?;
        found.extend(
            commands_in(&text)
                .into_iter()
                .map(|words| ((*page).to_owned(), words)),
        );
    }
    anyhow::ensure!(
        !found.is_empty(),
        "no command found in {}",
        READMES.join(", ")
    );
    Ok(found)
}

fn commands_in(text: &str) -> Vec<Vec<String>> {
    lines(text)
        .filter(|(prose, _)| !prose)
        .map(|(_, line)| line.split('#').next().unwrap_or_default())
        .map(|line| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|words| matches!(words.first().map(String::as_str), Some("mamori" | "cargo")))
        .collect()
}

/// Why a `cargo xtask …` line cannot work, if so.
fn unknown_task(words: &[String], ours: &clap::Command) -> Option<String> {
    if words.get(1).map(String::as_str) != Some("xtask") {
        return None;
    }
    let name = words.get(2)?;
    let Some(task) = ours.find_subcommand(name) else {
        return Some(format!("there is no `cargo xtask {name}`"));
    };
    words[3..]
        .iter()
        .filter_map(|word| word.strip_prefix("--"))
        .map(|option| {
            option
                .trim_end_matches(']')
                .split('=')
                .next()
                .unwrap_or_default()
        })
        .find(|option| {
            !task
                .get_arguments()
                .any(|argument| argument.get_long() == Some(option))
        })
        .map(|option| format!("`cargo xtask {name}` has no --{option}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_link_leads_somewhere() {
        assert_eq!(links().expect("git lists files"), Vec::<String>::new());
    }

    #[test]
    fn every_task_in_the_readmes_exists() {
        let ours = crate::Cli::command();
        for (page, words) in commands().expect("the READMEs are there") {
            assert_eq!(
                unknown_task(&words, &ours),
                None,
                "{page}: {}",
                words.join(" ")
            );
        }
    }

    #[test]
    fn links_are_read_from_prose_only() {
        let text = "[a](docs/a.md#b) and [c](https://example.org/)\n```\n[x](y.md)\n```\n[d](../d)";
        assert_eq!(targets(text), ["docs/a.md#b", "../d"]);
        assert_eq!(
            joined(Path::new("docs/x"), "../a.md"),
            PathBuf::from("docs/a.md")
        );
    }

    #[test]
    fn unknown_tasks_and_options_are_found() {
        let ours = crate::Cli::command();
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            unknown_task(&words("cargo xtask demo --port 8421"), &ours),
            None
        );
        assert!(unknown_task(&words("cargo xtask fly"), &ours).is_some());
        assert!(unknown_task(&words("cargo xtask demo --host x"), &ours).is_some());
        assert_eq!(
            commands_in("```sh\ncargo xtask demo   # one\n```\ncargo xtask no").len(),
            1
        );
    }
}
