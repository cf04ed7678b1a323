//! `mamori user`: people who sign in, and tokens for programs.

use std::io::{IsTerminal, Read as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::SignedDuration;
use mamori_kernel::clock::tokyo_datetime;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::{App, Secret};
use mamori_web::account::{self, Account, NewAccount, Scope};
use mamori_web::api::tokens::{self, Limits, NewToken};
use mamori_web::invitation::{self, Purpose};
use mamori_web::password;
use serde_json::{Value, json};

use crate::global::Global;
use crate::wiring;

/// Arguments of `mamori user`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a user
    Add {
        /// Name for signing in: a-z 0-9 . _ -
        name: String,
        /// viewer, city, staff, manager or administrator
        #[arg(long)]
        role: Role,
        /// Name shown on pages (default: NAME)
        #[arg(long, default_value = "")]
        display_name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List users
    List,
    /// Set a new password; ends the user's sessions
    Password {
        /// Name for signing in
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Shut a user out; ends the user's sessions
    Disable {
        /// Name for signing in
        name: String,
    },
    /// Let a user in again
    Enable {
        /// Name for signing in
        name: String,
    },
    /// Change a user's role
    Role {
        /// Name for signing in
        name: String,
        /// viewer, city, staff, manager or administrator
        role: Role,
    },
    /// Make an invitation: whoever opens the link chooses name and password (7 days, once)
    Invite {
        /// Name shown on pages; the person can change it
        display_name: String,
        /// viewer, city, counsellor, staff, manager or administrator
        #[arg(long)]
        role: Role,
        /// Rights on this contract only; may be given several times (default: every contract)
        #[arg(long = "contract", value_name = "CONTRACT")]
        contracts: Vec<String>,
    },
    /// Make a link with which a user sets a new password (7 days, once)
    ResetLink {
        /// Name for signing in
        name: String,
    },
    /// Take a user's second factor away, for the day the phone is lost
    RemoveSecondFactor {
        /// Name for signing in
        name: String,
    },
    /// Tokens for programs that call the API
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it once
    Add {
        /// What it is for
        name: String,
        /// viewer, city, staff, manager or administrator
        #[arg(long)]
        role: Role,
        /// What it may do: work.write, work.*, *.read; all that the role may when left out
        #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
        scopes: Vec<tokens::Scope>,
        /// Contracts that it sees; all when left out
        #[arg(long = "contract", value_name = "ID")]
        contracts: Vec<String>,
        /// Days until it ends
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=730))]
        days: u16,
    },
    /// List tokens
    List,
    /// End a token
    Revoke {
        /// Id of the token
        id: String,
    },
}

fn scope(text: &str) -> Result<tokens::Scope, String> {
    text.parse()
        .map_err(|()| "work.write、work.*、*.read のように書いてください".to_owned())
}

/// Where a new password comes from; without an option it is asked for, without echo.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordSource {
    /// Read the password from standard input
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Make a password by chance and print it once
    #[arg(long)]
    generate: bool,
}

impl PasswordSource {
    fn read(&self) -> anyhow::Result<Secret> {
        if self.generate {
            return Ok(password::generate());
        }
        if self.password_stdin {
            let mut text = String::new();
            std::io::stdin()
                .take(4096)
                .read_to_string(&mut text)
                .context("標準入力からパスワードを読めません")?;
            return Ok(Secret::new(text.trim_end_matches(['\r', '\n'])));
        }
        if !std::io::stdin().is_terminal() {
            bail!(
                "端末がないのでパスワードを尋ねられません。--password-stdin か --generate を使ってください"
            );
        }
        let first =
            rpassword::prompt_password("新しいパスワード（12 文字以上、表示されません）: ")?;
        let second = rpassword::prompt_password("もう一度: ")?;
        if first != second {
            bail!("2 回の入力が違います。もう一度実行してください");
        }
        Ok(Secret::new(first))
    }
}

/// Runs the command.
pub fn run(args: Args, global: &Global) -> anyhow::Result<ExitCode> {
    if let Some(remote) = global.remote()? {
        let said = super::user_remote::run(&remote, args.command, global.json)?;
        print!("{said}");
        return Ok(ExitCode::SUCCESS);
    }
    // Asked for before anything is opened: a person may take long, and may give up.
    let secret = match &args.command {
        Command::Add { password, name, .. } | Command::Password { password, name } => {
            let secret = password.read()?;
            password::check(secret.expose(), name)?;
            Some((secret, password.generate))
        }
        _ => None,
    };
    wiring::block_on(async {
        let app = wiring::open_app(global).await?;
        let outcome = carry_out(&app, args.command, secret, global.json).await;
        app.db.close().await;
        outcome
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn carry_out(
    app: &App,
    command: Command,
    secret: Option<(Secret, bool)>,
    json: bool,
) -> anyhow::Result<()> {
    let actor = Actor::machine("command-line");
    let (password, generated) = secret.unwrap_or((Secret::new(""), false));
    match command {
        Command::Add {
            name,
            role,
            display_name,
            ..
        } => {
            let new = NewAccount {
                name,
                display_name,
                role,
                password: password.clone(),
            };
            let account = account::add(app, actor, new).await?;
            if json {
                let mut line = described(&account);
                if generated {
                    line["password"] = password.expose().into();
                }
                println!("{line}");
            } else {
                println!(
                    "利用者 {} を追加しました（{}）。",
                    account.name,
                    account.role.title_ja()
                );
                print_generated(&password, generated);
            }
        }
        Command::List => {
            let accounts = account::list(app).await?;
            if json {
                let all: Vec<Value> = accounts.iter().map(described).collect();
                println!("{}", Value::Array(all));
            } else {
                print_accounts(&accounts);
            }
        }
        Command::Password { name, .. } => {
            account::set_password(app, actor, &name, &password).await?;
            if json {
                let shown = generated.then(|| password.expose());
                println!("{}", json!({ "name": name, "password": shown }));
            } else {
                println!("{name} のパスワードを変え、サインイン中の画面をすべて終わらせました。");
                print_generated(&password, generated);
            }
        }
        Command::Disable { name } => {
            account::set_enabled(app, actor, &name, false).await?;
            done(
                json,
                &name,
                "を停止し、サインイン中の画面をすべて終わらせました",
            );
        }
        Command::Enable { name } => {
            account::set_enabled(app, actor, &name, true).await?;
            done(json, &name, "を再び使えるようにしました");
        }
        Command::Role { name, role } => {
            account::set_role(app, actor, &name, role).await?;
            done(
                json,
                &name,
                &format!("の役割を{}にしました", role.title_ja()),
            );
        }
        Command::Invite {
            display_name,
            role,
            contracts,
        } => {
            let scope = if contracts.is_empty() {
                Scope::EveryContract
            } else {
                Scope::Contracts(contracts.into_iter().map(|one| (one, role)).collect())
            };
            let purpose = Purpose::Join { role, scope };
            link(app, &display_name, &purpose, json).await?;
        }
        Command::ResetLink { name } => {
            let account = account::find(app, &name).await?;
            let user = account.id.to_string();
            link(app, &account.display_name, &Purpose::Reset { user }, json).await?;
        }
        Command::RemoveSecondFactor { name } => {
            let account = account::find(app, &name).await?;
            account::remove_second_factor(app, actor, &account).await?;
            done(json, &name, "の二段階認証を解除しました");
        }
        Command::Token { command } => token(app, actor, command, json).await?,
    }
    Ok(())
}

async fn link(app: &App, display_name: &str, purpose: &Purpose, json: bool) -> anyhow::Result<()> {
    let secret =
        invitation::make(app, &Actor::machine("command-line"), display_name, purpose).await?;
    let address = invitation::address(app, &secret);
    print!("{}", link_line(json, address.expose()));
    Ok(())
}

/// The line that shows a link, this once.
pub(super) fn link_line(json: bool, address: &str) -> String {
    if json {
        format!("{}\n", json!({ "link": address }))
    } else {
        format!(
            "リンクを作りました。7 日間、1 回だけ使えます。二度と表示されないので、本人だけが見る方法で渡してください:\n  {address}\n"
        )
    }
}

async fn token(app: &App, actor: Actor, command: TokenCommand, json: bool) -> anyhow::Result<()> {
    match command {
        TokenCommand::Add {
            name,
            role,
            scopes,
            contracts,
            days,
        } => {
            let known = tokens::known_permissions(app);
            for scope in &scopes {
                let granted = known
                    .iter()
                    .any(|each| scope.covers(*each) && role.allows(*each));
                if !granted {
                    bail!(
                        "--scope {scope} は役割「{}」にない権限です。--role か --scope を直してください",
                        role.title_ja()
                    );
                }
            }
            for contract in &contracts {
                if app.db.ledger_head(contract).await?.is_none() {
                    bail!("--contract {contract} という契約はありません");
                }
            }
            let new = NewToken {
                name,
                role,
                made_by: None,
                limits: Limits { scopes, contracts },
                life: SignedDuration::from_hours(24 * i64::from(days)),
                key: None,
            };
            let (made, secret) = tokens::issue(app, actor, new).await?;
            let secret = secret.context("トークンは作られていました")?;
            if json {
                println!(
                    "{}",
                    json!({
                        "id": made.id, "name": made.name, "role": made.role.as_str(),
                        "expires_at": made.expires_at.to_string(), "token": secret.expose(),
                    })
                );
            } else {
                println!(
                    "トークン {}（{}）を作りました。{} まで使えます。値は二度と表示されません:",
                    made.id,
                    made.role.title_ja(),
                    tokyo_datetime(made.expires_at).date()
                );
                println!("{}", secret.expose());
            }
        }
        TokenCommand::List => {
            for made in account::list_tokens(app).await? {
                if json {
                    println!(
                        "{}",
                        json!({
                            "id": made.id, "name": made.name, "role": made.role.as_str(),
                            "scopes": made.limits.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
                            "contracts": made.limits.contracts,
                            "made_by": made.made_by,
                            "last_used_at": made.last_used_at.map(|at| at.to_string()),
                            "expires_at": made.expires_at.to_string(),
                            "revoked_at": made.revoked_at.map(|at| at.to_string()),
                        })
                    );
                } else {
                    let state = if made.revoked_at.is_some() {
                        "取消済み"
                    } else if made.expires_at <= app.now() {
                        "期限切れ"
                    } else {
                        "有効"
                    };
                    println!(
                        "{}  {}  {}  {} まで  {}",
                        made.id,
                        made.role,
                        state,
                        tokyo_datetime(made.expires_at).date(),
                        made.name
                    );
                }
            }
        }
        TokenCommand::Revoke { id } => {
            account::revoke_token(app, actor, &id).await?;
            done(json, &id, "を取り消しました");
        }
    }
    Ok(())
}

fn done(json: bool, name: &str, text: &str) {
    print!("{}", done_line(json, name, text));
}

/// The line that says what was done.
pub(super) fn done_line(json: bool, name: &str, text: &str) -> String {
    if json {
        format!("{}\n", json!({ "name": name, "done": true }))
    } else {
        format!("{name} {text}。\n")
    }
}

fn print_generated(password: &Secret, generated: bool) {
    if generated {
        println!("パスワード（二度と表示されません）: {}", password.expose());
    }
}

fn described(account: &Account) -> Value {
    json!({
        "id": account.id.to_string(),
        "name": account.name,
        "display_name": account.display_name,
        "role": account.role.as_str(),
        "created_at": account.created_at.to_string(),
        "disabled_at": account.disabled_at.map(|at| at.to_string()),
    })
}

fn print_accounts(accounts: &[Account]) {
    if accounts.is_empty() {
        println!(
            "利用者はまだいません。mamori user add 名前 --role administrator で追加してください。"
        );
    }
    for account in accounts {
        println!(
            "{:<20} {:<14} {:<6} {}",
            account.name,
            account.role.as_str(),
            if account.disabled_at.is_some() {
                "停止"
            } else {
                "有効"
            },
            account.display_name
        );
    }
}
