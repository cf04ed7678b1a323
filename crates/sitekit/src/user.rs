//! Who runs a server: ourselves, or, as root, a user without rights (databases refuse root).

use std::path::{Path, PathBuf};
use std::process::Command;

/// Somebody who runs servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// We ourselves, an ordinary user.
    Ourselves,
    /// A user without rights, since we are root.
    Other {
        /// Name.
        name: String,
        /// Number of the primary group.
        group: String,
    },
}

/// The user that servers run as: the first of these that exists when we are root.
pub fn unprivileged(names: &[&str]) -> Result<User, String> {
    if id(&["-u"]).as_deref() != Some("0") {
        return Ok(User::Ourselves);
    }
    names
        .iter()
        .find_map(|name| {
            Some(User::Other {
                name: (*name).to_owned(),
                group: id(&["-g", name])?,
            })
        })
        .ok_or_else(|| format!("we are root and there is no user {}", names.join(" or ")))
}

impl User {
    /// A command that runs as this user.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        match self {
            Self::Ourselves => Command::new(program.as_ref()),
            Self::Other { name, group } => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid", name, "--regid", group])
                    .args(["--clear-groups", "--"])
                    .arg(program.as_ref());
                command
            }
        }
    }

    /// Gives a path and all below to this user.
    pub fn own(&self, path: &Path) -> Result<(), String> {
        let Self::Other { name, group } = self else {
            return Ok(());
        };
        let owned = Command::new("chown")
            .args(["-R", &format!("{name}:{group}")])
            .arg(path)
            .status();
        if owned.is_ok_and(|status| status.success()) {
            Ok(())
        } else {
            Err(format!("chown {name} {} did not work", path.display()))
        }
    }
}

fn id(arguments: &[&str]) -> Option<String> {
    let output = Command::new("id").args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where a program lies: along `PATH` and where the system keeps its daemons.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
