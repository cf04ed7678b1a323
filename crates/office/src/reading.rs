//! Notes who was shown personal values of a register, in the console's table of readings.

use mamori_runtime::App;
use mamori_web::{Visitor, WebError, audit};

use crate::api::answer::sees_personal;
use crate::register::Register;

/// Item of a reading that showed a list.
pub use mamori_web::audit::LIST;

/// Notes that this person was shown an item (or [`LIST`]), where the register has personal values
/// and they see them.
pub async fn note(
    app: &App,
    register: &Register,
    contract: &str,
    item: &str,
    visitor: &Visitor,
) -> Result<(), WebError> {
    let mut fields = register.spec.acts.iter().flat_map(|act| act.fields);
    if fields.any(|field| field.personal) && sees_personal(register, visitor) {
        audit::read(app, visitor, contract, register.spec.key, item).await?;
    }
    Ok(())
}
