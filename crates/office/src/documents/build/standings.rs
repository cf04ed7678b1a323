//! The table of obligations with their state, which several papers hold.

use mamori_document::{Align, Cell, Column, Table};

use crate::documents::sources::Standing;

/// Obligations with their state; `reason` heads the last column, `widths` are those of all five.
pub(super) fn standings_table(
    title: &str,
    (reason, widths): (&str, [f64; 5]),
    standings: Vec<&Standing>,
) -> Table {
    let [key, clause, duty, verdict, why] = widths;
    let columns = vec![
        Column::new("番号", key, Align::Center),
        Column::new("条項", clause, Align::Left),
        Column::new("義務", duty, Align::Left),
        Column::new("判定", verdict, Align::Left),
        Column::new(reason, why, Align::Left),
    ];
    standings
        .into_iter()
        .fold(Table::new(title, columns), |table, standing| {
            table.row(vec![
                Cell::text(&standing.key),
                Cell::text(&standing.clause),
                Cell::text(&standing.title),
                Cell::text(standing.verdict.in_words()),
                Cell::text(&standing.reason),
            ])
        })
}
