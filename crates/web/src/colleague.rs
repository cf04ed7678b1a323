//! Who has business on a contract: for choosing the person responsible for something, and for
//! what is done on a person's behalf without a request of theirs (feeds, reminders).

use mamori_kernel::permission::Role;
use mamori_runtime::App;
use mamori_store::{Error, Row, args};

/// A person with a role on a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colleague {
    /// Id of the account.
    pub id: String,
    /// Name on pages.
    pub name: String,
    /// Own mail address, if there is a confirmed one.
    pub mail: Option<String>,
    /// Role on the contract.
    pub role: Role,
}

const PEOPLE: &str = "SELECT u.id, u.display_name, u.role, u.every_contract, m.role AS own, a.address AS mail \
     FROM user_account u LEFT JOIN membership m ON m.user_id = u.id AND m.contract = $1 \
     LEFT JOIN account_mail a ON a.user_id = u.id \
     WHERE u.disabled_at IS NULL";

/// Everybody who may sign in and has a role on the contract, by name.
pub async fn on(app: &App, contract: &str) -> Result<Vec<Colleague>, Error> {
    let sql = format!("{PEOPLE} ORDER BY u.display_name, u.id");
    let rows = app.db.fetch_all(&sql, args![contract]).await?;
    let people: Result<Vec<Option<Colleague>>, Error> = rows.iter().map(read).collect();
    Ok(people?.into_iter().flatten().collect())
}

/// The person of this account, if it may sign in and has a role on the contract.
pub async fn find(app: &App, contract: &str, user: &str) -> Result<Option<Colleague>, Error> {
    let sql = format!("{PEOPLE} AND u.id = $2");
    let row = app.db.fetch_optional(&sql, args![contract, user]).await?;
    row.as_ref().map_or(Ok(None), read)
}

fn read(row: &Row) -> Result<Option<Colleague>, Error> {
    let role: Option<String> = if row.get::<i64>("every_contract")? == 1 {
        Some(row.text("role")?)
    } else {
        row.get("own")?
    };
    // A role this program does not know grants nothing.
    let Some(role) = role.and_then(|role| role.parse().ok()) else {
        return Ok(None);
    };
    Ok(Some(Colleague {
        id: row.text("id")?,
        name: row.text("display_name")?,
        mail: row.get("mail")?,
        role,
    }))
}
