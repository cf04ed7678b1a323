//! A private nginx on loopback that serves a folder and hands PHP to a [`PrivatePhp`].

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use crate::SiteError;
use crate::keeper::{Folder, Kept, Start, free_port};
use crate::php::PrivatePhp;
use crate::user::{User, which};

/// A running server.
#[derive(Debug)]
pub struct PrivateNginx {
    server: Kept,
    address: SocketAddr,
}

pub(crate) fn program() -> Option<PathBuf> {
    which("nginx")
}

impl PrivateNginx {
    /// Serves `site` as WordPress wants it. The client's address is taken from the gateway.
    pub fn start(
        folder: &Folder,
        user: &User,
        site: &Path,
        php: &PrivatePhp,
    ) -> Result<Self, SiteError> {
        let program = program().ok_or_else(|| SiteError::Missing(vec!["nginx"]))?;
        let part = folder.part("web", user)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let configuration = part.join("nginx.conf");
        fs::write(&configuration, text(&part, address, site, php))
            .map_err(SiteError::file(&configuration))?;
        let server = Kept::start(Start {
            name: "nginx",
            user,
            command: vec![
                program.into_os_string(),
                // Until it has read its configuration it would write to the system's log.
                "-e".into(),
                part.join("errors").into_os_string(),
                "-p".into(),
                part.clone().into_os_string(),
                "-c".into(),
                configuration.into_os_string(),
            ],
            log: part.join("log"),
            signal: "TERM",
            remove: Some(part),
        })?
        .ready(|_| TcpStream::connect(address).is_ok())?;
        Ok(Self { server, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The process, for trials that stop it or measure it.
    pub fn server(&self) -> &Kept {
        &self.server
    }
}

fn text(part: &Path, address: SocketAddr, site: &Path, php: &PrivatePhp) -> String {
    let part = part.display();
    let temporary = ["client_body", "fastcgi", "proxy", "scgi", "uwsgi"]
        .map(|kind| format!("    {kind}_temp_path {part}/{kind};\n"))
        .concat();
    format!(
        r"daemon off;
pid {part}/pid;
error_log {part}/errors;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log {part}/access;
{temporary}    client_max_body_size 64m;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    server {{
        listen {address};
        root {site};
        index index.php;
        location / {{ try_files $uri $uri/ /index.php?$args; }}
        location ~ \.php$ {{
            try_files $uri =404;
            include /etc/nginx/fastcgi_params;
            # The distribution's file leaves the port away.
            fastcgi_param HTTP_HOST $http_host;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_pass unix:{socket};
        }}
    }}
}}
",
        site = site.display(),
        socket = php.socket().display(),
    )
}
