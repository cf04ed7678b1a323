//! Settings in the database.

use std::collections::HashMap;

use jiff::Timestamp;
use mamori_kernel::ledger::{Actor, LedgerError, NewRecord};
use mamori_store::{Row, args};
use serde_json::json;

use super::{
    MAIL_CITY, MAIL_CONTRACTOR, SETTING_CHANGED, Setting, SettingNow, SettingValue, WrongValue,
};
use crate::app::App;

/// One setting of a contract.
const ONE: &str = "SELECT value FROM contract_setting WHERE contract = $1 AND key = $2";

/// A setting could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// No capability declares it.
    #[error("設定「{0}」はありません")]
    Unknown(String),
    /// The value does not fit.
    #[error("{key}: {wrong}")]
    Wrong {
        /// Key of the setting.
        key: &'static str,
        /// Why.
        wrong: WrongValue,
    },
    /// Somebody else changed it meanwhile.
    #[error("設定「{key}」は、この間に別の人が変更しました")]
    Stale {
        /// Key of the setting.
        key: &'static str,
        /// What holds now.
        now: SettingValue,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] mamori_store::Error),
    /// The record of it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// One change that a person asks for.
#[derive(Debug, Clone)]
pub struct SettingChange {
    /// Key of the setting.
    pub key: String,
    /// What was shown when the person decided; `None` takes whatever holds now.
    pub was: Option<SettingValue>,
    /// What shall hold.
    pub value: SettingValue,
}

impl App {
    /// The declared settings, in the order of the page.
    pub fn settings(&self) -> Vec<&Setting> {
        let mut all: Vec<&Setting> = self
            .capabilities()
            .iter()
            .flat_map(|capability| &capability.settings)
            .collect();
        all.sort_by_key(|setting| setting.order);
        all
    }

    /// All settings of a contract with what holds now.
    pub async fn settings_of(
        &self,
        contract: &str,
    ) -> Result<Vec<SettingNow>, mamori_store::Error> {
        let rows = self
            .db
            .fetch_all(
                "SELECT key, value, changed_at, changed_by FROM contract_setting WHERE contract = $1",
                args![contract],
            )
            .await?;
        let mut kept = HashMap::new();
        for row in rows {
            let changed: (Timestamp, String) = (row.get("changed_at")?, row.text("changed_by")?);
            kept.insert(row.text("key")?, (row.text("value")?, changed));
        }
        Ok(self
            .settings()
            .into_iter()
            .map(|setting| {
                let kept = kept
                    .remove(setting.key)
                    .and_then(|(text, changed)| Some((understood(setting, &text)?, changed)));
                let (value, changed) = match kept {
                    Some((value, changed)) => (value, Some(changed)),
                    None => ((setting.default)(&self.config), None),
                };
                SettingNow {
                    setting: setting.clone(),
                    value,
                    changed,
                }
            })
            .collect())
    }

    /// What holds for one setting of a contract.
    pub async fn setting(&self, contract: &str, key: &str) -> Result<SettingValue, SettingError> {
        let setting = self.declared(key)?;
        let row = self.db.fetch_optional(ONE, args![contract, key]).await?;
        Ok(self.holds(setting, row.as_ref())?)
    }

    /// Who is written to at the city about a contract.
    pub async fn city_addresses(&self, contract: &str) -> Result<Vec<String>, SettingError> {
        Ok(words(self.setting(contract, MAIL_CITY).await?))
    }

    /// Who is written to at the contractor about a contract.
    pub async fn contractor_addresses(&self, contract: &str) -> Result<Vec<String>, SettingError> {
        Ok(words(self.setting(contract, MAIL_CONTRACTOR).await?))
    }

    /// Changes settings together, all or none; each that really changes leaves evidence.
    pub async fn change_settings(
        &self,
        contract: &str,
        changes: Vec<SettingChange>,
        actor: &Actor,
    ) -> Result<usize, SettingError> {
        let mut checked = Vec::with_capacity(changes.len());
        for change in changes {
            let setting = self.declared(&change.key)?;
            let value = setting
                .shape
                .check(change.value)
                .map_err(|wrong| SettingError::Wrong {
                    key: setting.key,
                    wrong,
                })?;
            checked.push((setting, change.was, value));
        }
        let mut tx = self.db.begin_write().await?;
        let mut count = 0;
        for (setting, was, value) in checked {
            let row = tx.fetch_optional(ONE, args![contract, setting.key]).await?;
            let now = self.holds(setting, row.as_ref())?;
            if now == value {
                continue;
            }
            if was.is_some_and(|was| setting.shape.check(was).ok().as_ref() != Some(&now)) {
                return Err(SettingError::Stale {
                    key: setting.key,
                    now,
                });
            }
            let at = self.now();
            tx.execute(
                "INSERT INTO contract_setting (contract, key, value, changed_at, changed_by) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (contract, key) DO UPDATE SET \
                 value = excluded.value, changed_at = excluded.changed_at, \
                 changed_by = excluded.changed_by",
                args![
                    contract,
                    setting.key,
                    json!(value).to_string(),
                    at,
                    actor.to_string()
                ],
            )
            .await?;
            let payload = json!({
                "setting": setting.key,
                "before": now.for_ledger(),
                "after": value.for_ledger(),
            });
            let record = NewRecord::new(
                contract,
                at,
                actor.clone(),
                SETTING_CHANGED,
                setting.key,
                &payload,
            )?;
            self.append(&mut tx, record).await?;
            count += 1;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// What holds by the row of a setting, if there is one.
    fn holds(
        &self,
        setting: &Setting,
        row: Option<&Row>,
    ) -> Result<SettingValue, mamori_store::Error> {
        let kept = match row {
            Some(row) => understood(setting, &row.text("value")?),
            None => None,
        };
        Ok(kept.unwrap_or_else(|| (setting.default)(&self.config)))
    }

    fn declared(&self, key: &str) -> Result<&Setting, SettingError> {
        self.capabilities()
            .iter()
            .flat_map(|capability| &capability.settings)
            .find(|setting| setting.key == key)
            .ok_or_else(|| SettingError::Unknown(key.to_owned()))
    }
}

/// A kept value; `None` when an older or newer program wrote what this one does not take, which
/// then has its default.
fn understood(setting: &Setting, text: &str) -> Option<SettingValue> {
    let value = serde_json::from_str(text).ok()?;
    setting.shape.check(value).ok()
}

fn words(value: SettingValue) -> Vec<String> {
    match value {
        SettingValue::Words(list) => list,
        SettingValue::Word(_) | SettingValue::Numbers(_) => Vec::new(),
    }
}
