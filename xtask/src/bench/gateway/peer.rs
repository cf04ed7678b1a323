//! nginx on loopback: the site behind both gateways, a proxy without firewall, and the peer, a proxy
//! with libmodsecurity and the same rules.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::super::serving::free_port;
use super::super::wire::Line;
use super::requests::{self, GUARDED};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_modsecurity_module.so";
const DEBIAN_SETUP: &str = "/etc/modsecurity/crs/crs-setup.conf";

/// The engine's own settings, as ours has them.
const HEAD: &str = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 1310720
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/(?:[a-z0-9.-]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation.'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:200004,phase:2,t:none,log,deny,status:400,msg:'Multipart parser detected a possible unmatched boundary.'"
"#;

/// The rules that both sides run.
#[derive(Debug)]
pub struct Rules {
    /// The folder of the rule set.
    pub folder: PathBuf,
    /// The folder of its plugins, if it has some.
    pub plugins: Option<PathBuf>,
}

impl Rules {
    /// The rules of a folder.
    pub fn find(folder: &Path) -> anyhow::Result<Self> {
        let folder = folder.canonicalize().with_context(|| {
            format!(
                "{} cannot be read: name a folder of the Core Rule Set with --rules",
                folder.display()
            )
        })?;
        if !folder.join("rules").is_dir() {
            bail!("{} has no rules/", folder.display());
        }
        let plugins =
            Some(folder.join("plugins")).filter(|plugins| !files(plugins, ".conf").is_empty());
        Ok(Self { folder, plugins })
    }

    /// What libmodsecurity reads, in the order in which the rule set wants it.
    fn text(&self) -> anyhow::Result<String> {
        let setup = ["crs-setup.conf", "crs-setup.conf.example"]
            .iter()
            .map(|name| self.folder.join(name))
            .chain([PathBuf::from(DEBIAN_SETUP)])
            .find(|path| path.is_file())
            .context("the rule set has no crs-setup.conf")?;
        let plugins = |end: &str| {
            self.plugins
                .as_deref()
                .map_or_else(Vec::new, |folder| files(folder, end))
        };
        let mut text = HEAD.to_owned();
        let order = [
            vec![setup],
            plugins("-config.conf"),
            plugins("-before.conf"),
            files(&self.folder.join("rules"), ".conf"),
            plugins("-after.conf"),
        ];
        for path in order.concat() {
            let _ = writeln!(text, "Include {}", path.display());
        }
        Ok(text)
    }
}

/// Files of a folder whose names end so, in order.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    found.sort();
    found
}

/// One nginx with its workers.
#[derive(Debug)]
pub struct Nginx {
    master: Child,
    pub port: u16,
}

impl Nginx {
    /// The site: one page of 10 kB for whatever is asked; what is sent to `/upload` goes on to `sink`.
    pub fn site(folder: &Path, sink: u16) -> anyhow::Result<Self> {
        let pages = folder.join("pages");
        std::fs::create_dir_all(&pages)?;
        let line = "<p>市からのお知らせ。くわしくは担当課にお問い合わせください。</p>\n";
        let mut page = String::new();
        while page.len() + line.len() <= 10 * 1024 {
            page.push_str(line);
        }
        std::fs::write(pages.join("index.html"), page)?;
        let server = format!(
            "root {}; client_max_body_size 0; error_page 405 =200 /index.html;
             location / {{ try_files /index.html =404; }}
             location = /upload {{ proxy_request_buffering off; proxy_http_version 1.1;
               proxy_pass http://127.0.0.1:{sink}; }}",
            pages.display()
        );
        Self::start(folder, "site", "", "", &server)
    }

    /// A proxy without firewall.
    pub fn plain(folder: &Path, site: u16) -> anyhow::Result<Self> {
        Self::start(folder, "plain", "", &behind(site), PASS)
    }

    /// The peer: a proxy with libmodsecurity.
    pub fn guarded(folder: &Path, site: u16, rules: &Rules) -> anyhow::Result<Self> {
        let path = folder.join("peer.rules");
        std::fs::write(&path, rules.text()?)?;
        let server = format!(
            "client_max_body_size 20m; client_body_buffer_size 1m;
             modsecurity on; modsecurity_rules_file {};\n{PASS}",
            path.display()
        );
        let module = format!("load_module {MODULE};");
        Self::start(folder, "peer", &module, &behind(site), &server)
    }

    fn start(
        folder: &Path,
        name: &str,
        main: &str,
        http: &str,
        server: &str,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let place = |part: &str| folder.join(format!("{name}-{part}")).display().to_string();
        let mut temporary = String::new();
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(temporary, "{kind}_temp_path {};", place(kind));
        }
        // Workers of root's nginx are somebody else, who may not read our folders.
        let root = crate::step::output(Command::new("id").arg("-u"))?.trim() == "0";
        let user = if root { "user root;" } else { "" };
        let text = format!(
            "{main}\n{user}\ndaemon off; worker_processes auto; pid {}; error_log {};
             events {{ worker_connections 1024; }}
             http {{ access_log off; keepalive_requests 100000000; {temporary} {http}
               server {{ listen 127.0.0.1:{port}; {server} }} }}\n",
            place("pid"),
            place("error.log"),
        );
        let conf = folder.join(format!("{name}.conf"));
        std::fs::write(&conf, text)?;
        let master = Command::new("nginx")
            .arg("-e")
            .arg(place("error.log"))
            .arg("-c")
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .context("nginx could not be started")?;
        let mut nginx = Self { master, port };
        nginx
            .wait()
            .with_context(|| format!("nginx by {} does not answer", conf.display()))?;
        Ok(nginx)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.master.try_wait()? {
                bail!("it ended with {status}");
            }
            match Line::new(self.port).ask(&requests::get(GUARDED, "/")) {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => bail!("it answers {}", answer.status),
                Err(error) if started.elapsed() > Duration::from_secs(30) => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// The processes that serve.
    pub fn workers(&self) -> anyhow::Result<Vec<u32>> {
        children(self.master.id())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master has to end its workers itself.
        let asked = Command::new("kill")
            .arg(self.master.id().to_string())
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.master.kill();
        }
        let _ = self.master.wait();
    }
}

const PASS: &str = "location / { proxy_http_version 1.1; proxy_set_header Connection \"\";
  proxy_set_header Host $host; proxy_pass http://behind; }";

fn behind(site: u16) -> String {
    format!(
        "upstream behind {{ server 127.0.0.1:{site}; keepalive 64; keepalive_requests 100000000; }}"
    )
}

/// The processes that another one started.
fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let own = stat
            .rsplit_once(')')
            .and_then(|(_, fields)| fields.split_whitespace().nth(1)?.parse::<u32>().ok());
        if own == Some(parent) {
            found.push(process);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_program_is_found_among_the_children() {
        let mut child = Command::new("sleep").arg("30").spawn().expect("sleep");
        let found = children(std::process::id()).expect("read");
        let _ = child.kill();
        let _ = child.wait();
        assert!(found.contains(&child.id()));
    }

    #[test]
    fn plugins_stand_around_the_rules() {
        let folder = std::env::temp_dir().join(format!("mamori-peer-{}", std::process::id()));
        for path in ["rules", "plugins"] {
            std::fs::create_dir_all(folder.join(path)).expect("a folder");
        }
        for path in [
            "crs-setup.conf",
            "rules/b.conf",
            "rules/a.conf",
            "plugins/w-before.conf",
            "plugins/w-after.conf",
        ] {
            std::fs::write(folder.join(path), "").expect("a file");
        }
        let text = Rules::find(&folder).expect("rules").text().expect("text");
        let _ = std::fs::remove_dir_all(&folder);
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("Include ")?.rsplit('/').next())
            .collect();
        assert_eq!(
            names,
            [
                "crs-setup.conf",
                "w-before.conf",
                "a.conf",
                "b.conf",
                "w-after.conf"
            ]
        );
    }
}
