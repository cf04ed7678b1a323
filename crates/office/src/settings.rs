//! What people may decide about the office's reminders for a contract.

use mamori_runtime::App;
use mamori_runtime::setting::{Setting, SettingError, SettingValue, Shape};

/// Days before a date on which people are reminded of it; 0 is the day itself.
pub const REMINDER_DAYS: &str = "reminder-days";
/// Days before the last day of an attestation, asset or medium on which people are reminded.
pub const EXPIRY_DAYS: &str = "expiry-days";

/// The office's settings.
pub fn settings() -> Vec<Setting> {
    vec![
        Setting {
            key: REMINDER_DAYS,
            shape: Shape::Numbers { least: 0, most: 90 },
            order: 40,
            default: |_| SettingValue::Numbers(vec![7, 3, 1, 0]),
        },
        Setting {
            key: EXPIRY_DAYS,
            shape: Shape::Numbers {
                least: 0,
                most: 365,
            },
            order: 50,
            default: |_| SettingValue::Numbers(vec![60, 30, 7]),
        },
    ]
}

/// The days of one of these settings, the nearest first.
pub async fn days(app: &App, contract: &str, key: &str) -> Result<Vec<i32>, SettingError> {
    let SettingValue::Numbers(days) = app.setting(contract, key).await? else {
        return Ok(Vec::new());
    };
    let mut days: Vec<i32> = days
        .into_iter()
        .filter_map(|days| i32::try_from(days).ok())
        .collect();
    days.sort_unstable();
    Ok(days)
}
