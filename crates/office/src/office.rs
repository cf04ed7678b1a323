//! The office as one value: contracts, registers' desk and papers, found by everyone in a slot of
//! the application.

use std::sync::Arc;

use mamori_runtime::App;
use mamori_runtime::capability::HookError;

use crate::contracts::Contracts;
use crate::documents::Papers;
use crate::register::{Desk, TermsPort};
use crate::terms::TermsSource;

/// What the office offers to pages, commands and jobs.
#[derive(Debug)]
pub struct Office {
    /// Contracts in force with their engines.
    pub contracts: Arc<Contracts>,
    /// The registers.
    pub desk: Desk,
    /// The papers.
    pub papers: Papers,
}

impl Office {
    /// The office of an application.
    pub fn of(app: &App) -> Result<Arc<Self>, HookError> {
        app.slot::<Self>()
            .ok_or_else(|| HookError::new("契約の機能が起動していません"))
    }

    /// Loads the contracts and provides the office. Called once when the application opens.
    pub async fn start(app: App) -> Result<(), HookError> {
        let contracts = Contracts::load(app.clone())
            .await
            .map_err(|error| HookError::caused_by("契約を読み込めません", error))?;
        let terms: Arc<dyn TermsSource> = Arc::<Contracts>::clone(&contracts);
        app.provide(Arc::new(TermsPort(Arc::clone(&terms))));
        app.provide(Arc::new(mamori_web::Overview(crate::pages::OVERVIEW)));
        let desk = Desk::new(app.clone(), terms);
        let papers = Papers::new(app.clone(), desk.clone(), Arc::clone(&contracts));
        app.provide(Arc::new(Self {
            contracts,
            desk,
            papers,
        }));
        Ok(())
    }
}
