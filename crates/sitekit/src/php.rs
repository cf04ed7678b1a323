//! A private PHP (FastCGI process manager) on a Unix socket.

use std::fs;
use std::path::{Path, PathBuf};

use crate::SiteError;
use crate::keeper::{Folder, Kept, Start};
use crate::user::User;

/// A running process manager.
#[derive(Debug)]
pub struct PrivatePhp {
    server: Kept,
    socket: PathBuf,
}

/// The newest `php-fpmX.Y`.
pub(crate) fn program() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/sbin")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("php-fpm"))
        })
        .collect();
    found.sort();
    found.pop()
}

impl PrivatePhp {
    /// Starts it in a folder. Errors of PHP go to its log, never to pages.
    pub fn start(folder: &Folder, user: &User) -> Result<Self, SiteError> {
        let program = program().ok_or_else(|| SiteError::Missing(vec!["php-fpm"]))?;
        let part = folder.part("php", user)?;
        let socket = part.join("socket");
        let configuration = part.join("fpm.conf");
        let text = format!(
            "[global]\ndaemonize = no\nerror_log = {log}\n\
             [site]\nlisten = {socket}\npm = ondemand\npm.max_children = 6\n\
             catch_workers_output = yes\n\
             php_admin_value[upload_max_filesize] = 64M\nphp_admin_value[post_max_size] = 64M\n\
             php_admin_value[memory_limit] = 256M\n\
             php_admin_flag[log_errors] = on\nphp_admin_value[error_log] = {errors}\n\
             php_admin_flag[display_errors] = off\n",
            log = part.join("log").display(),
            socket = socket.display(),
            errors = part.join("errors").display(),
        );
        fs::write(&configuration, text).map_err(SiteError::file(&configuration))?;
        let server = Kept::start(Start {
            name: "php-fpm",
            user,
            command: vec![
                program.into_os_string(),
                "--nodaemonize".into(),
                "--fpm-config".into(),
                configuration.into_os_string(),
            ],
            log: part.join("output"),
            signal: "TERM",
            remove: Some(part),
        })?
        .ready(|_| socket.exists())?;
        Ok(Self { server, socket })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The process, for trials that stop it or measure it.
    pub fn server(&self) -> &Kept {
        &self.server
    }
}
