//! Installing what the system lacks, on Debian 12 and Ubuntu, through apt.
//!
//! It says what it installs and why before it does so, asks for nothing that is already there, and
//! never adds a package source. On another system it names what is missing and stops.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::step::{self, Steps};

/// How we see that a need is already met.
#[derive(Debug, Clone, Copy)]
pub enum Sign {
    /// One of these programs is on `PATH`.
    Program(&'static [&'static str]),
    /// Each of these paths exists; a last part of `*` stands for any name.
    Paths(&'static [&'static str]),
    /// dpkg says that every package is installed.
    Package,
}

/// Something the system must offer.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// Names in Debian 12 and Ubuntu.
    pub packages: &'static [&'static str],
    /// What we use it for.
    pub why: &'static str,
    /// How to see that it is there.
    pub sign: Sign,
}

/// What building and running the demo needs.
pub const DEMO: &[Need] = &[
    Need {
        packages: &["gcc", "libc6-dev"],
        why: "C compiler for the bundled SQLite",
        sign: Sign::Paths(&["/usr/bin/cc", "/usr/include/stdio.h"]),
    },
    Need {
        packages: &["make"],
        why: "builds the bundled memory allocator",
        sign: Sign::Paths(&["/usr/bin/make"]),
    },
    Need {
        packages: &["fonts-morisawa-bizud-gothic"],
        why: "BIZ UDゴシック, the face of every document",
        sign: Sign::Package,
    },
    Need {
        packages: &["fonts-noto-cjk"],
        why: "fallback face for rare kanji; PDF/UA forbids missing glyphs",
        sign: Sign::Package,
    },
];

/// What running the gateway needs beyond [`DEMO`].
pub const GATEWAY: &[Need] = &[
    Need {
        packages: &["modsecurity-crs"],
        why: "OWASP Core Rule Set, the firewall's rules",
        sign: Sign::Paths(&["/usr/share/modsecurity-crs/rules"]),
    },
    Need {
        packages: &["gpgv"],
        why: "verifies the signature of a release of the rules",
        sign: Sign::Program(&["gpgv"]),
    },
];

/// What `bench gateway` needs beyond [`GATEWAY`].
pub const PEER: &[Need] = &[
    Need {
        packages: &["nginx"],
        why: "the peer, and the site behind both (private ones on loopback)",
        sign: Sign::Program(&["nginx"]),
    },
    Need {
        packages: &["libnginx-mod-http-modsecurity"],
        why: "the peer's firewall",
        sign: Sign::Paths(&["/usr/lib/nginx/modules/ngx_http_modsecurity_module.so"]),
    },
    Need {
        packages: &["wrk"],
        why: "sends the load",
        sign: Sign::Program(&["wrk"]),
    },
];

/// What the whole test run needs beyond [`DEMO`] and [`GATEWAY`].
pub const TEST: &[Need] = &[
    Need {
        packages: &["postgresql"],
        why: "the same storage tests run on PostgreSQL (a private one, started by the tests)",
        sign: Sign::Paths(&["/usr/lib/postgresql/*/bin/initdb"]),
    },
    Need {
        packages: &["libmodsecurity-dev"],
        why: "the peer that the firewall's decisions are held against",
        sign: Sign::Package,
    },
    Need {
        packages: &["pebble"],
        why: "the certificate authority that the gateway's orders are tried on",
        sign: Sign::Program(&["pebble"]),
    },
    Need {
        packages: &["gpg", "gpg-agent"],
        why: "makes the signatures that tests have verified",
        sign: Sign::Program(&["gpg"]),
    },
    Need {
        packages: &["poppler-utils"],
        why: "reads the text, tags and pictures of rendered PDFs",
        sign: Sign::Program(&["pdftotext"]),
    },
    Need {
        packages: &["libreoffice-writer-nogui", "libreoffice-calc-nogui"],
        why: "opens the Word and Excel files and prints them",
        sign: Sign::Program(&["soffice"]),
    },
    Need {
        packages: &["chromium"],
        why: "browser walks",
        sign: Sign::Program(crate::suite::BROWSERS),
    },
    Need {
        packages: &["firefox-esr"],
        why: "browser walks in a second browser",
        sign: Sign::Program(crate::suite::FIREFOXES),
    },
    Need {
        packages: &["nodejs"],
        why: "drives the browser (Playwright)",
        sign: Sign::Program(&["node"]),
    },
    Need {
        packages: &["npm"],
        why: "fetches Playwright and axe",
        sign: Sign::Program(&["npm"]),
    },
];

/// What a site like the city's needs: `cargo xtask site` and the trials on it. PHP and nginx come
/// before WordPress, which would take Apache otherwise.
pub const SITE: &[Need] = &[
    Need {
        packages: &["nginx"],
        why: "the web server behind the gateway (a private one on loopback)",
        sign: Sign::Package,
    },
    Need {
        packages: &[
            "php",
            "php-fpm",
            "php-cli",
            "php-mysql",
            "php-gd",
            "php-curl",
            "php-xml",
            "php-mbstring",
            "php-zip",
            "php-intl",
        ],
        why: "runs WordPress",
        sign: Sign::Package,
    },
    Need {
        packages: &["mariadb-server", "mariadb-client"],
        why: "its database (a private one without a network)",
        sign: Sign::Package,
    },
    Need {
        packages: &[
            "wordpress",
            "wordpress-l10n",
            "wordpress-theme-twentytwentythree",
        ],
        why: "the site that the gateway is tried with",
        sign: Sign::Package,
    },
];

/// What `cargo xtask lab attack` attacks with.
pub const ATTACK: &[Need] = &[
    Need {
        packages: &["sqlmap"],
        why: "tries to inject SQL through the gateway",
        sign: Sign::Program(&["sqlmap"]),
    },
    Need {
        packages: &["wapiti"],
        why: "tries every kind of injection through the gateway",
        sign: Sign::Program(&["wapiti"]),
    },
    Need {
        packages: &["slowhttptest"],
        why: "tries to stall the gateway",
        sign: Sign::Program(&["slowhttptest"]),
    },
    Need {
        packages: &["curl"],
        why: "the healthy client beside the slow ones",
        sign: Sign::Program(&["curl"]),
    },
];

/// Packages that bring a service of the system, and its unit. Ours are private ones: the system's
/// are neither started now nor at the next boot.
const SERVICES: &[(&str, &str)] = &[
    ("nginx", "nginx.service"),
    ("mariadb-server", "mariadb.service"),
    ("php-fpm", "php*-fpm.service"),
];

/// `apt-get install` that starts no service: `$1` units, the rest goes to apt-get. Debian's own
/// switch for that is `policy-rc.d`; one that is there already is the administrator's and stays.
const INSTALL: &str = r#"
    units=$1
    shift
    policy=/usr/sbin/policy-rc.d
    if [ -n "$units" ] && [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT INT TERM
    fi
    apt-get install -y -q --no-install-recommends "$@" || exit
    if [ -n "$units" ] && [ -d /run/systemd/system ]; then
        # shellcheck disable=SC2086
        systemctl list-unit-files --no-legend $units | cut -d ' ' -f 1 | xargs -r systemctl disable
    fi
"#;

fn units(packages: &[&str]) -> String {
    let units: Vec<&str> = SERVICES
        .iter()
        .filter(|(package, _)| packages.contains(package))
        .map(|(_, unit)| *unit)
        .collect();
    units.join(" ")
}

impl Need {
    fn missing(&self) -> Vec<&'static str> {
        let met = match self.sign {
            Sign::Program(names) => names.iter().any(|name| step::which(name).is_some()),
            Sign::Paths(paths) => paths.iter().all(|path| exists(path)),
            Sign::Package => {
                return self
                    .packages
                    .iter()
                    .copied()
                    .filter(|name| !installed(name))
                    .collect();
            }
        };
        if met {
            Vec::new()
        } else {
            self.packages.to_vec()
        }
    }
}

/// Whether a path exists; one `*` stands for any folder name.
fn exists(path: &str) -> bool {
    let Some((before, after)) = path.split_once("/*/") else {
        return Path::new(path).exists();
    };
    std::fs::read_dir(before)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.path().join(after).exists())
}

fn installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

/// Installs what is missing; says first what and why.
pub fn ensure(steps: &Steps, needs: &[&[Need]]) -> anyhow::Result<()> {
    let missing: Vec<(&Need, Vec<&str>)> = needs
        .iter()
        .flat_map(|group| group.iter())
        .map(|need| (need, need.missing()))
        .filter(|(_, packages)| !packages.is_empty())
        .collect();
    if missing.is_empty() {
        steps.say("system: nothing is missing");
        return Ok(());
    }
    steps.say("system: these packages are missing and will be installed with apt-get:");
    let mut packages = Vec::new();
    for (need, names) in &missing {
        eprintln!("            {} - {}", names.join(" "), need.why);
        packages.extend(names.iter().copied());
    }
    let by_hand = format!(
        "apt-get install --no-install-recommends {}",
        packages.join(" ")
    );
    if step::which("apt-get").is_none() {
        bail!(
            "this system has no apt-get; install the packages above (or their like), then run again"
        );
    }
    let root = step::output(Command::new("id").arg("-u"))?.trim() == "0";
    if !root && step::which("sudo").is_none() {
        bail!("neither root nor sudo; as root run: {by_hand}");
    }
    let as_root = |program: &str, arguments: &[&str]| {
        let mut command = if root {
            Command::new(program)
        } else {
            Command::new("sudo")
        };
        if !root {
            // Through `env`, since sudo drops the caller's environment.
            command.args(["env", "DEBIAN_FRONTEND=noninteractive", program]);
        }
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(arguments);
        // Inherits the terminal: sudo may ask for a password there.
        command.status()
    };
    if !as_root("apt-get", &["update", "-q"])?.success() {
        steps.say("system: apt-get update failed; trying with the package lists that are there");
    }
    if let Some(unknown) = packages.iter().find(|name| !known(name)) {
        bail!(
            "no package source offers {unknown}; on Ubuntu enable universe (add-apt-repository universe) \
             and run again{}",
            match *unknown {
                "chromium" => "; Ubuntu ships Chromium as a snap: snap install chromium",
                "firefox-esr" => "; Ubuntu ships Firefox as a snap: snap install firefox",
                _ => "",
            }
        );
    }
    let units = units(&packages);
    let mut arguments = vec!["-c", INSTALL, "sh", &units];
    arguments.extend(&packages);
    if !as_root("sh", &arguments)?.success() {
        bail!("apt-get could not install them; the messages above say why. By hand: {by_hand}");
    }
    Ok(())
}

/// Whether some package source offers the package.
fn known(package: &str) -> bool {
    Command::new("apt-cache")
        .args(["show", package])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_folder() {
        assert!(exists("/proc/*/status"));
        assert!(!exists("/proc/*/no-such-file"));
        assert!(!exists("/no-such-folder/*/status"));
    }

    #[test]
    fn only_services_of_packages_that_come_are_kept_from_starting() {
        assert_eq!(units(&["poppler-utils"]), "");
        assert_eq!(
            units(&["php", "php-fpm", "nginx"]),
            "nginx.service php*-fpm.service"
        );
    }

    #[test]
    fn a_program_that_is_there_is_not_installed_again() {
        let need = Need {
            packages: &["x"],
            why: "",
            sign: Sign::Program(&["no-such-program", "sh"]),
        };
        assert!(need.missing().is_empty());
        let need = Need {
            packages: &["x"],
            why: "",
            sign: Sign::Program(&["no-such-program"]),
        };
        assert_eq!(need.missing(), ["x"]);
    }
}
