//! Deployments declared in `pitcrew.yaml`.

use pitcrew_contracts::names::DeploymentName;
use pitcrew_contracts::spec::{self, Change, ChangeAction};
use pitcrew_db::Tx;
use pitcrew_kernel::Result;
use pitcrew_work::{Applying, Declared, diff, enqueue};

use crate::load::{LoadJob, load_job};
use crate::model::{Act, Deployment};
use crate::service::Serving;
use crate::{releases, store};

impl Declared for Serving {
    fn apply(&self, tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<Vec<Change>> {
        let mut gone = Vec::new();
        let mut changes = Vec::new();
        for object in diff(tx, applying, "deployment", &applying.project.deployments, &mut gone)? {
            let name: DeploymentName = object.name.parse()?;
            let mut change = object.change;
            match object.spec {
                Some(_) if change.action == ChangeAction::Unchanged => {}
                Some(spec) => change.detail = self.declare(tx, applying, &name, spec)?,
                None => {
                    self.end_release(tx, applying, &name, "the deployment is declared no more")?;
                    store::forget(tx, &name)?;
                    self.load_soon(tx, applying, &name)?;
                }
            }
            changes.push(change);
        }
        Ok(changes)
    }
}

impl Serving {
    fn declare(
        &self,
        tx: &mut Tx<'_>,
        applying: &Applying<'_>,
        name: &DeploymentName,
        spec: &spec::Deployment,
    ) -> Result<String> {
        let old = store::deployment(tx, name)?;
        let wanted = Deployment {
            name: name.clone(),
            model: spec.model.parse()?,
            alias: spec.alias.parse()?,
            policy: spec.release.clone(),
            champion: old.as_ref().filter(|old| old.model.as_str() == spec.model).and_then(|old| old.champion),
        };
        let followed_another = old.is_some_and(|old| old.model != wanted.model || old.alias != wanted.alias);
        if followed_another {
            self.end_release(tx, applying, name, "the deployment follows another alias now")?;
        }
        store::save(tx, &wanted, applying.out.clock.now())?;
        self.load_soon(tx, applying, name)?;
        Ok(format!("follows {}@{}", wanted.model, wanted.alias))
    }

    fn end_release(&self, tx: &mut Tx<'_>, applying: &Applying<'_>, name: &DeploymentName, reason: &str) -> Result<()> {
        let Some(running) = store::running(tx, name)? else { return Ok(()) };
        let watermark = store::watermark(tx, name.as_str())?;
        let ended = running.after(Act::Abort, applying.out.clock.now(), watermark, reason)?;
        releases::write(tx, applying.out, ended, watermark)
    }

    fn load_soon(&self, tx: &mut Tx<'_>, applying: &Applying<'_>, name: &DeploymentName) -> Result<()> {
        let now = applying.out.clock.now();
        enqueue(tx, applying.out.ids, now, &load_job(name, &LoadJob::default(), now)?)
    }
}
