//! Monitors and alert rules declared in `pitcrew.yaml`.

use pitcrew_contracts::spec::{Change, ChangeAction};
use pitcrew_db::Tx;
use pitcrew_kernel::Result;
use pitcrew_work::{Applying, Declared, diff};

use crate::service::Monitoring;
use crate::store;

impl Declared for Monitoring {
    fn apply(&self, tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let mut gone = Vec::new();
        for object in diff(tx, applying, "monitor", &applying.project.monitors, &mut gone)? {
            match object.spec {
                Some(spec) if object.change.action != ChangeAction::Unchanged => {
                    store::set_monitor(tx, object.name, spec)?
                }
                Some(_) => {}
                None => store::delete_monitor(tx, object.name)?,
            }
            changes.push(object.change);
        }
        let mut gone = Vec::new();
        for object in diff(tx, applying, "alert", &applying.project.alerts, &mut gone)? {
            match object.spec {
                Some(spec) if object.change.action != ChangeAction::Unchanged => {
                    store::set_rule(tx, object.name, spec)?
                }
                Some(_) => {}
                None => store::delete_rule(tx, object.name)?,
            }
            changes.push(object.change);
        }
        Ok(changes)
    }
}
