//! Money that follows from the other parts of a period. Shown, never judged, never claimed.

use crate::engine::judge::Context;
use crate::engine::state::Figure;
use crate::language::threshold::Formula;
use crate::language::{Quantity, Shape, Threshold};
use crate::rules::money::{late_interest, percent_cut, shortfall};

impl Context<'_> {
    /// Money computed from the other parts of a period: shown, never judged.
    pub fn money(
        &self,
        threshold: &Threshold,
        figures: &[Figure],
        late_days: Option<i64>,
    ) -> Option<Figure> {
        let plain = |quantity: &Quantity| match quantity {
            Quantity::Number(number) => Some(*number),
            Quantity::Text(text) => text.parse().ok(),
        };
        let (title, value) = match &threshold.shape {
            Shape::PenaltyMoney {
                fee,
                formula,
                percent,
                amount,
                from_threshold,
            } => {
                let measured = figures.get(from_threshold.unwrap_or(0))?;
                let broken = measured.holds == Some(false);
                let money = match formula {
                    Formula::Shortfall => shortfall(plain(fee)?, measured.value?),
                    Formula::Percent => percent_cut(plain(fee)?, percent.unwrap_or(0.0)),
                    Formula::Guarantee => amount.unwrap_or(0.0),
                };
                ("違約金の計算", if broken { money } else { 0.0 })
            }
            Shape::LateInterest {
                rate,
                amount,
                year_days,
            } => {
                let due = self.due.as_ref()?.as_ref().ok()?.date;
                let days = late_days.unwrap_or(0).max(0);
                let paid = due.checked_add(jiff::ToSpan::days(days)).ok()?;
                (
                    "遅延利息の計算",
                    late_interest(
                        plain(amount)?,
                        plain(rate)?,
                        due,
                        paid,
                        year_days.unwrap_or(365.0),
                    ),
                )
            }
            _ => return None,
        };
        Some(Figure {
            title: threshold.title.clone().unwrap_or_else(|| title.to_owned()),
            value: Some(value),
            unit: threshold.unit.clone().unwrap_or_else(|| "円".to_owned()),
            limit: String::new(),
            holds: None,
            internal: false,
        })
    }
}
