//! A WordPress in Japanese: Debian's files in a private folder, its database, PHP and nginx, two
//! people, some pages and a contact form.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::RngExt as _;
use serde_json::json;

use crate::keeper::{Folder, run};
use crate::mariadb::PrivateMariaDb;
use crate::nginx::PrivateNginx;
use crate::php::PrivatePhp;
use crate::user::{User, unprivileged, which};
use crate::{SiteError, missing};

/// Makes tables, people and pages; reads what is wanted from standard input.
const INSTALL: &str = include_str!("../site/install.php");
/// The contact form, the choice of the editor, and mail that stays here.
const PLUGIN: &str = include_str!("../site/plugin.php");
const TITLE: &str = "見本市公式ホームページ";
const DATABASE: &str = "wordpress";
const USERS: &[&str] = &["www-data", "nobody"];

/// Where Debian keeps it.
pub(crate) fn tree() -> PathBuf {
    PathBuf::from("/usr/share/wordpress")
}

pub(crate) fn translation() -> PathBuf {
    tree().join("wp-content/languages/ja.mo")
}

/// A theme; without one the site is blank.
pub(crate) fn theme() -> Option<PathBuf> {
    ["/usr/share/wordpress", "/var/lib/wordpress"]
        .iter()
        .map(|tree| Path::new(tree).join("wp-content/themes/twentytwentythree"))
        .find(|theme| theme.join("style.css").is_file())
}

/// What the site is like.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// `host:port` under which people know the site, which is the gateway's.
    pub host: String,
}

/// Somebody who signs in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Name for signing in.
    pub name: String,
    /// Password, made for this site.
    pub password: String,
    /// `administrator` or `editor`.
    pub role: &'static str,
}

/// A running site. Its parts stop in the order in which they need each other.
#[derive(Debug)]
pub struct WordPress {
    nginx: PrivateNginx,
    php: PrivatePhp,
    database: PrivateMariaDb,
    site: PathBuf,
    user: User,
    people: Vec<Person>,
    _folder: Folder,
}

impl WordPress {
    /// Sets a site up and serves it.
    pub fn start(wanted: &Wanted) -> Result<Self, SiteError> {
        let missing = missing();
        if !missing.is_empty() {
            return Err(SiteError::Missing(missing));
        }
        let user = unprivileged(USERS).map_err(|why| SiteError::program("id", why))?;
        let folder = Folder::make("mamori-site", &user)?;
        // Servers take a while to come up and do not need each other yet.
        let (database, site) = std::thread::scope(|scope| {
            let database = scope.spawn(|| PrivateMariaDb::start(&folder, &user));
            let site = tree_of(&folder);
            let database = database
                .join()
                .unwrap_or_else(|_| Err(SiteError::program("mariadbd", "its thread broke")));
            Ok::<_, SiteError>((database?, site?))
        })?;
        database.run(&format!("CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4"))?;
        configure(&site, &database, &wanted.host)?;
        let people = vec![
            Person {
                name: "kanri".to_owned(),
                password: password(),
                role: "administrator",
            },
            Person {
                name: "henshu".to_owned(),
                password: password(),
                role: "editor",
            },
        ];
        user.own(&site)
            .map_err(|why| SiteError::program("chown", why))?;
        install(&folder, &site, &user, &wanted.host, &people)?;
        let php = PrivatePhp::start(&folder, &user)?;
        let nginx = PrivateNginx::start(&folder, &user, &site, &php)?;
        Ok(Self {
            nginx,
            php,
            database,
            site,
            user,
            people,
            _folder: folder,
        })
    }

    /// Where the web server listens: what stands behind the gateway.
    pub fn address(&self) -> SocketAddr {
        self.nginx.address()
    }

    /// Who can sign in, the administrator first.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// The folder that is served.
    pub fn root(&self) -> &Path {
        &self.site
    }

    /// The database server.
    pub fn database(&self) -> &PrivateMariaDb {
        &self.database
    }

    /// PHP.
    pub fn php(&self) -> &PrivatePhp {
        &self.php
    }

    /// The web server.
    pub fn nginx(&self) -> &PrivateNginx {
        &self.nginx
    }

    /// Puts a file beside WordPress, for trials that need a page of their own.
    pub fn add_file(&self, name: &str, text: &str) -> Result<(), SiteError> {
        let path = self.site.join(name);
        fs::write(&path, text).map_err(SiteError::file(&path))?;
        self.user
            .own(&path)
            .map_err(|why| SiteError::program("chown", why))
    }
}

/// The files, with Debian's links replaced by what they lead to.
fn tree_of(folder: &Folder) -> Result<PathBuf, SiteError> {
    let site = folder.path().join("site");
    let copy = |from: &Path, to: &Path| {
        run(
            "cp",
            Command::new("cp").args(["-rL", "--"]).arg(from).arg(to),
        )
    };
    fs::create_dir(&site).map_err(SiteError::file(&site))?;
    let entries = fs::read_dir(tree()).map_err(SiteError::file(tree()))?;
    for entry in entries.flatten() {
        // Leads to configurations below /etc; `wp-content` holds a hundred languages.
        if entry.file_name() != "wp-config.php" && entry.file_name() != "wp-content" {
            copy(&entry.path(), &site)?;
        }
    }
    let content = site.join("wp-content");
    for part in ["languages", "plugins", "themes", "mu-plugins", "uploads"] {
        let part = content.join(part);
        fs::create_dir_all(&part).map_err(SiteError::file(&part))?;
    }
    let languages = tree().join("wp-content/languages");
    for entry in fs::read_dir(&languages)
        .map_err(SiteError::file(&languages))?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("ja") || name.contains("-ja.") || name.contains("-ja-") {
            copy(&entry.path(), &content.join("languages"))?;
        }
    }
    if let Some(theme) = theme() {
        copy(&theme, &content.join("themes"))?;
    }
    let plugin = content.join("mu-plugins/site.php");
    fs::write(&plugin, PLUGIN).map_err(SiteError::file(&plugin))?;
    Ok(site)
}

fn configure(site: &Path, database: &PrivateMariaDb, host: &str) -> Result<(), SiteError> {
    let keys = ["AUTH", "SECURE_AUTH", "LOGGED_IN", "NONCE"]
        .map(|name| {
            let (key, salt) = (password(), password());
            format!("define('{name}_KEY', '{key}');\ndefine('{name}_SALT', '{salt}');\n")
        })
        .concat();
    // The address follows the request, so that the site answers by each name the gateway has.
    let text = format!(
        "<?php\n\
         $site_host = $_SERVER['HTTP_HOST'] ?? '{host}';\n\
         define('WP_HOME', 'http://' . $site_host);\ndefine('WP_SITEURL', WP_HOME);\n\
         define('DB_NAME', '{DATABASE}');\ndefine('DB_USER', 'root');\ndefine('DB_PASSWORD', '');\n\
         define('DB_HOST', 'localhost:{socket}');\n\
         define('DB_CHARSET', 'utf8mb4');\ndefine('DB_COLLATE', '');\n\
         define('WP_HTTP_BLOCK_EXTERNAL', true);\ndefine('AUTOMATIC_UPDATER_DISABLED', true);\n\
         define('FS_METHOD', 'direct');\n{keys}\
         $table_prefix = 'wp_';\n\
         if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');\n\
         require_once ABSPATH . 'wp-settings.php';\n",
        socket = database.socket().display(),
    );
    let path = site.join("wp-config.php");
    fs::write(&path, text).map_err(SiteError::file(&path))
}

fn install(
    folder: &Folder,
    site: &Path,
    user: &User,
    host: &str,
    people: &[Person],
) -> Result<(), SiteError> {
    let script = folder.path().join("install.php");
    fs::write(&script, INSTALL).map_err(SiteError::file(&script))?;
    let people: Vec<_> = people
        .iter()
        .map(|person| {
            json!({
                "name": person.name,
                "password": person.password,
                "role": person.role,
                "mail": format!("{}@example.jp", person.name),
            })
        })
        .collect();
    let wanted = json!({ "site": site, "host": host, "title": TITLE, "people": people });
    let php = which("php").ok_or_else(|| SiteError::Missing(vec!["php-cli"]))?;
    let asked = folder.path().join("install.json");
    fs::write(&asked, wanted.to_string()).map_err(SiteError::file(&asked))?;
    let input = fs::File::open(&asked).map_err(SiteError::file(&asked))?;
    let output = user
        .command(php)
        .arg(&script)
        .stdin(Stdio::from(input))
        .output()
        .map_err(|error| SiteError::program("php", error))?;
    for file in [&script, &asked] {
        fs::remove_file(file).map_err(SiteError::file(file))?;
    }
    let said = String::from_utf8_lossy(&output.stdout);
    // PHP that dies may still end well; the last line says that everything was done.
    if output.status.success() && said.trim_end().ends_with("installed") {
        return Ok(());
    }
    Err(SiteError::program(
        "install.php",
        format!("{said}{}", String::from_utf8_lossy(&output.stderr)),
    ))
}

/// A password nobody chose.
fn password() -> String {
    let mut random = rand::rng();
    (0..24)
        .map(|_| char::from(random.sample(rand::distr::Alphanumeric)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost:81\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn a_site_comes_up_in_japanese_and_leaves_nothing() {
        let lacking = missing();
        if !lacking.is_empty() {
            eprintln!(
                "******** SKIPPED: no WordPress: {} ********",
                lacking.join(", ")
            );
            return;
        }
        let site = WordPress::start(&Wanted {
            host: "localhost".to_owned(),
        })
        .expect("a site");
        let front = get(site.address(), "/");
        assert!(front.starts_with("HTTP/1.1 200"), "{front}");
        assert!(
            front.contains("lang=\"ja\"") && front.contains(TITLE),
            "{front}"
        );
        let sent_on = get(site.address(), "/wp-admin/");
        assert!(
            sent_on.contains("Location: http://localhost:81/wp-login.php"),
            "{sent_on}"
        );
        let form = get(site.address(), "/contact/");
        assert!(form.contains("name=\"inquiry_body\""), "{form}");
        let count = site
            .database()
            .run("SELECT COUNT(*) FROM wordpress.wp_users")
            .expect("counted");
        assert_eq!(count.trim(), "2");
        let place = site.root().parent().expect("a folder").to_owned();
        let pids = [
            site.nginx().server().pid(),
            site.php().server().pid(),
            site.database().server().pid(),
        ];
        drop(site);
        assert!(!place.exists(), "{} is left", place.display());
        for pid in pids {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} runs");
        }
    }
}
