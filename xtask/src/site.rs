//! `cargo xtask site`: a real WordPress behind the real gateway, on loopback, until Ctrl-C.
//!
//! The site is made by `mamori-sitekit` in a folder of its own; the gateway is `mamori serve` with a
//! fresh installation. Trials (`tests/browser/wordpress.test.js`, `cargo xtask lab attack`) use the
//! same.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use mamori_sitekit::{Wanted, WordPress, free_port};
use serde_json::{Value, json};

use crate::apt;
use crate::binary::{self, Profile};
use crate::step::Steps;

pub mod guard;

use guard::{Front, Guard, Rules, Strictness};

/// The name under which visitors know the site, for browsers that are told where it lies.
pub const NAME: &str = "www.mihon.example.jp";
/// The name for people: every browser knows that it lies here. Plain `localhost` as an address to be
/// sent to after signing in looks like an attack to the rules.
const LOCAL_NAME: &str = "www.mihon.localhost";
/// All names, with the one for tools that cannot be told where a name lies.
pub const NAMES: &[&str] = &[NAME, LOCAL_NAME, "localhost"];

/// Arguments of `cargo xtask site`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub rules: RulesArgs,
    /// A mamori that is built already, instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Install nothing; fail when something is missing
    #[arg(long)]
    no_install: bool,
    /// Stop after so many seconds instead of waiting for Ctrl-C
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Print one line of JSON when everything answers, and stop when standard input ends
    #[arg(long)]
    json: bool,
}

/// Where the firewall's rules come from.
#[derive(Debug, Clone, clap::Args)]
pub struct RulesArgs {
    /// Folder of the rules (default: MAMORI_TEST_CRS, else Debian's package)
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Folder of the exclusions for WordPress (default: the one beside the rules)
    #[arg(long, value_name = "DIR")]
    plugin: Option<PathBuf>,
}

impl RulesArgs {
    /// The folders that are used.
    pub fn find(&self) -> anyhow::Result<Rules> {
        Rules::find(self.rules.clone(), self.plugin.clone())
    }
}

/// A site with its gateway in front.
#[derive(Debug)]
pub struct Site {
    /// What visitors connect to. Stops before what stands behind it.
    pub guard: Guard,
    /// What stands behind.
    pub wordpress: WordPress,
}

impl Site {
    /// Brings both up.
    pub fn start(
        steps: &Steps,
        mamori: &Path,
        rules: &Rules,
        strictness: Strictness<'_>,
    ) -> anyhow::Result<Self> {
        steps.say("WordPress: files, database, PHP, nginx");
        let port = free_port()?;
        let wordpress = WordPress::start(&Wanted {
            host: format!("{NAME}:{port}"),
        })?;
        steps.say(format!("gateway: {rules}"));
        let front = Front {
            hosts: NAMES,
            port,
            strictness,
        };
        let guard = Guard::start(mamori, rules, wordpress.address(), &front)?;
        Ok(Self { guard, wordpress })
    }

    fn described(&self) -> Value {
        let people: Vec<Value> = self
            .wordpress
            .people()
            .iter()
            .map(|one| json!({ "name": one.name, "password": one.password, "role": one.role }))
            .collect();
        json!({
            "name": NAME,
            "address": format!("http://{NAME}:{}", self.guard.port),
            "local": format!("http://{LOCAL_NAME}:{}", self.guard.port),
            "behind": format!("http://{}", self.wordpress.address()),
            "people": people,
            "console": format!("http://127.0.0.1:{}", self.guard.console),
            "contract": guard::CONTRACT,
            "token": self.guard.token,
            "administrator": { "name": guard::ADMINISTRATOR, "password": self.guard.password },
            "folder": self.wordpress.root(),
        })
    }

    fn said(&self) -> String {
        let people = self
            .wordpress
            .people()
            .iter()
            .map(|one| format!("    {:<14} {}  {}\n", one.role, one.name, one.password))
            .collect::<Vec<_>>()
            .concat();
        format!(
            "\nサイト（ゲートウェイ経由）  http://{LOCAL_NAME}:{port}/\n\
             WordPress の管理画面        http://{LOCAL_NAME}:{port}/wp-login.php\n{people}\
             Mamori の管理画面           http://127.0.0.1:{console}/\n    \
             administrator  {administrator}  {password}\n\
             ゲートウェイを通さない      http://{behind}/\n\
             Ctrl-C で止めると、すべて消えます。\n",
            port = self.guard.port,
            console = self.guard.console,
            administrator = guard::ADMINISTRATOR,
            password = self.guard.password,
            behind = self.wordpress.address(),
        )
    }
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let steps = Steps::start();
    if !args.no_install {
        apt::ensure(&steps, &[apt::DEMO, apt::GATEWAY, apt::SITE])?;
    }
    let missing = mamori_sitekit::missing();
    if !missing.is_empty() {
        bail!("not installed: {}", missing.join(", "));
    }
    let rules = args.rules.find()?;
    let mamori = match &args.binary {
        Some(binary) => binary.clone(),
        None => binary::build(&steps, Profile::Dev)?,
    };
    let site = Site::start(&steps, &mamori, &rules, Strictness::default())?;
    steps.say("everything answers");
    if args.json {
        println!("{}", site.described());
    } else {
        print!("{}", site.said());
    }
    std::io::stdout().flush()?;
    // Ctrl-C ends this process; everything it keeps ends with it.
    match args.seconds {
        Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
        None if args.json => {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
        None => loop {
            std::thread::park();
        },
    }
    Ok(ExitCode::SUCCESS)
}
