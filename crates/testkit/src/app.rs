//! An application for one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::civil::{Date, Time, date, time};
use jiff::{SignedDuration, Timestamp};
use mamori_kernel::DrivenClock;
use mamori_kernel::ledger::Actor;
use mamori_kernel::permission::Role;
use mamori_runtime::{App, Capability, Config, RunSummary, Runner, Secret};
use mamori_web::account::{self, NewAccount};
use tempfile::TempDir;

use crate::client::Client;

/// Password of every user of a [`TestApp`].
pub const PASSWORD: &str = "correct horse battery";

type Configure = Box<dyn FnOnce(&mut Config) + Send>;

/// What a [`TestApp`] is made of.
#[derive(Default)]
pub struct TestAppBuilder {
    capabilities: Vec<Capability>,
    configure: Vec<Configure>,
    at: Option<(Date, Time)>,
}

impl TestAppBuilder {
    /// Adds a capability; the runtime's and the console's are there already.
    #[must_use]
    pub fn with(mut self, capability: Capability) -> Self {
        self.capabilities.push(capability);
        self
    }

    /// Changes the configuration.
    #[must_use]
    pub fn configured(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.configure.push(Box::new(change));
        self
    }

    /// Sets the clock (civil time in Japan; default 2026-10-01 09:00, a Thursday).
    #[must_use]
    pub fn at(mut self, date: Date, time: Time) -> Self {
        self.at = Some((date, time));
        self
    }

    /// Opens the application.
    ///
    /// # Panics
    /// When it cannot be opened: the test has nothing to test then.
    pub async fn open(self) -> TestApp {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::for_data_dir(folder.path());
        for change in self.configure {
            change(&mut config);
        }
        let (day, hour) = self.at.unwrap_or((date(2026, 10, 1), time(9, 0, 0, 0)));
        let clock = DrivenClock::at(day, hour);
        let mut capabilities = vec![mamori_web::capability()];
        capabilities.extend(self.capabilities);
        let app = App::open(config, Arc::new(clock.clone()), capabilities)
            .await
            .expect("the test application opens");
        TestApp {
            router: mamori_web::router(&app),
            app,
            clock,
            users: AtomicU32::new(0),
            folder,
        }
    }
}

/// An application in a temporary folder, on a SQLite file (unless configured otherwise), with a
/// driven clock, mails going to the sink.
pub struct TestApp {
    /// The application.
    pub app: App,
    /// Its clock.
    pub clock: DrivenClock,
    router: axum::Router,
    users: AtomicU32,
    folder: TempDir,
}

impl TestApp {
    /// Begins to build one.
    pub fn builder() -> TestAppBuilder {
        TestAppBuilder::default()
    }

    /// One with these capabilities.
    pub async fn with(capabilities: Vec<Capability>) -> Self {
        let mut builder = Self::builder();
        builder.capabilities = capabilities;
        builder.open().await
    }

    /// A second process over the same data: the console alone, without other capabilities.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open_again(&self) -> App {
        let clock = Arc::new(self.clock.clone());
        App::open(
            self.app.config.clone(),
            clock,
            vec![mamori_web::capability()],
        )
        .await
        .expect("the test application opens again")
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Moves the clock on and runs what is due.
    pub async fn advance(&self, by: SignedDuration) -> RunSummary {
        let now = self.clock.advance(by);
        self.run_due(now).await
    }

    /// Sets the clock and runs what is due.
    pub async fn advance_to(&self, at: Timestamp) -> RunSummary {
        self.clock.set(at);
        self.run_due(at).await
    }

    async fn run_due(&self, now: Timestamp) -> RunSummary {
        Runner::new(self.app.clone())
            .run_due(now)
            .await
            .expect("the runner works")
    }

    /// Mails in the sink, oldest first, decoded as far as their text goes.
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.app.mail_sink()) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("a directory entry").path())
            .filter(|path| path.extension().is_some_and(|ext| ext == "eml"))
            .collect();
        files.sort();
        files
            .iter()
            .map(|path| std::fs::read_to_string(path).expect("a mail is text"))
            .collect()
    }

    /// Nobody: no cookie, no token.
    pub fn anonymous(&self) -> Client {
        Client::new(self.router.clone())
    }

    /// A person of that role, signed in through the sign-in page.
    pub async fn sign_in(&self, role: Role) -> Client {
        let number = self.users.fetch_add(1, Ordering::Relaxed);
        let name = format!("{role}-{number}");
        self.add_user(&name, role).await;
        let mut client = self.anonymous();
        client.sign_in(&name, PASSWORD).await;
        client
    }

    /// Adds a user with [`PASSWORD`].
    pub async fn add_user(&self, name: &str, role: Role) {
        let new = NewAccount {
            name: name.to_owned(),
            display_name: String::new(),
            role,
            password: Secret::new(PASSWORD),
        };
        account::add(&self.app, Actor::machine("test"), new)
            .await
            .expect("a test user can be added");
    }

    /// A program of that role with an API token of one day.
    pub async fn token(&self, role: Role) -> Client {
        let (_, secret) = account::add_token(
            &self.app,
            Actor::machine("test"),
            "test",
            role,
            SignedDuration::from_hours(24),
        )
        .await
        .expect("a token can be made");
        self.anonymous().with_bearer(secret.expose())
    }
}
