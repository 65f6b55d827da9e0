//! Models declared in `pitcrew.yaml`.

use pitcrew_contracts::names::ModelName;
use pitcrew_contracts::registry::ModelCreated;
use pitcrew_contracts::spec::{Change, ChangeAction};
use pitcrew_db::Tx;
use pitcrew_kernel::Result;
use pitcrew_work::{Applying, Declared, diff};

use crate::service::Registry;
use crate::{store, webhooks};

impl Declared for Registry {
    fn apply(&self, tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<Vec<Change>> {
        let mut gone = Vec::new();
        let now = applying.out.clock.now();
        let mut changes = Vec::new();
        for object in diff(tx, applying, "model", &applying.project.models, &mut gone)? {
            let name: ModelName = object.name.parse()?;
            let unchanged = object.change.action == ChangeAction::Unchanged;
            let known = store::model(tx, &name)?.is_some();
            match object.spec {
                // A model that was deleted by hand comes back with what is declared of it.
                Some(_) if unchanged && known => {}
                Some(spec) => {
                    store::set_declared(tx, &name, &spec.description, Some(&spec.gate), now)?;
                    let created = ModelCreated { model: name };
                    // The project's own event tells of what changed in it, and this has not.
                    if unchanged {
                        tx.emit(applying.out, &created)?;
                    }
                    if !known {
                        webhooks::tell(tx, applying.out.ids, now, &created)?;
                    }
                }
                // Versions stay; only the declared gate goes.
                None => store::set_declared(tx, &name, "", None, now)?,
            }
            changes.push(object.change);
        }
        Ok(changes)
    }
}
