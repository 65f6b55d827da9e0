//! Monitors and alert rules declared in `pitcrew.yaml`.

use pitcrew_contracts::monitoring::AlertResolved;
use pitcrew_contracts::names::AlertRuleName;
use pitcrew_contracts::spec::{Change, ChangeAction};
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::Result;
use pitcrew_work::{Applying, Declared, diff};

use crate::alert::AlertState;
use crate::service::{Monitoring, facts};
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
                None => {
                    close(tx, applying.out, &object.name.parse()?)?;
                    store::delete_rule(tx, object.name)?;
                }
            }
            changes.push(object.change);
        }
        Ok(changes)
    }
}

/// An alert whose rule is declared no more would stay open for ever, since nothing watches it.
fn close(tx: &mut Tx<'_>, out: Outgoing<'_>, rule: &AlertRuleName) -> Result<()> {
    let Some(mut alert) = store::open_alert(tx, rule)? else { return Ok(()) };
    let fired = alert.state == AlertState::Firing;
    alert.state = AlertState::Resolved;
    alert.resolved_at = Some(out.clock.now());
    alert.summary = "the rule is declared no more".to_owned();
    store::put_alert(tx, &alert)?;
    if fired { tx.emit(out, &AlertResolved(facts(&alert))) } else { Ok(()) }
}
