//! What the registry does when releases end.

use std::sync::Arc;

use pitcrew_contracts::event::{Envelope, Event as _};
use pitcrew_contracts::names::ModelRef;
use pitcrew_contracts::release::{ReleaseFacts, ReleasePromoted, ReleaseRolledBack};
use pitcrew_db::Tx;
use pitcrew_kernel::{Cause, Ctx, Result};
use pitcrew_work::Subscriber;

use crate::service::Registry;
use crate::store;
use crate::versions::move_alias;

/// The registry's subscribers.
pub fn subscribers(registry: &Arc<Registry>) -> Vec<Arc<dyn Subscriber>> {
    vec![Arc::new(FollowReleases(Arc::clone(registry)))]
}

struct FollowReleases(Arc<Registry>);

impl Subscriber for FollowReleases {
    fn name(&self) -> &'static str {
        "registry.releases"
    }

    fn wants(&self, event: &str) -> bool {
        event == ReleasePromoted::NAME || event == ReleaseRolledBack::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let cause =
            Cause { kind: "release".to_owned(), id: event.subject.name.clone(), summary: event.summary.clone() };
        let ctx = Ctx::system("release").because(cause);
        if let Some(ReleasePromoted(facts)) = event.open()? {
            let candidate = ModelRef { model: facts.model.clone(), version: facts.candidate };
            // A version deleted meanwhile can be in charge of nothing; the alias stays where it is.
            if store::version(tx, &candidate)?.is_some() {
                move_alias(tx, &self.0.parts, &ctx, &facts.model, &facts.alias, Some(facts.candidate), &facts.reason)?;
            }
            return self.retire(tx, &ctx, &facts);
        }
        if let Some(ReleaseRolledBack(facts)) = event.open()? {
            return self.retire(tx, &ctx, &facts);
        }
        Ok(())
    }
}

impl FollowReleases {
    /// The candidate is on trial no more, unless its alias has moved on to a newer one meanwhile.
    fn retire(&self, tx: &mut Tx<'_>, ctx: &Ctx, facts: &ReleaseFacts) -> Result<()> {
        if store::alias(tx, &facts.model, &facts.candidate_alias)? == Some(facts.candidate) {
            move_alias(tx, &self.0.parts, ctx, &facts.model, &facts.candidate_alias, None, &facts.reason)?;
        }
        Ok(())
    }
}
