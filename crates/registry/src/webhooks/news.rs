//! What happens in the registry becomes messages for those who listen.
//!
//! It does so in the transaction in which it comes true: a message exists if and only if the change does, and says what is so at that moment. An
//! event would be too brief for this, since it repeats only the beginning of a long text, and a look at the tables later would find a later state.

use std::any::Any;

use pitcrew_contracts::event::Event;
use pitcrew_contracts::names::ModelName;
use pitcrew_contracts::registry::{AliasMoved, ModelCreated, ModelTagged, VersionRegistered, VersionTagged};
use pitcrew_db::Tx;
use pitcrew_kernel::{Ids, Result, Timestamp};
use pitcrew_work::enqueue;
use serde_json::Value;

use super::model::Topic;
use super::payload::{self, IS_PROMPT, Tags};
use super::{deliver, store};
use crate::store as registry;

/// Queues a message for each webhook that listens to what `event` states, which has just come true.
pub(crate) fn tell<E: Event>(tx: &mut Tx<'_>, ids: &dyn Ids, now: Timestamp, event: &E) -> Result<()> {
    if !store::any_active(tx)? {
        return Ok(());
    }
    let Some((topic, data)) = told(tx, event)? else { return Ok(()) };
    for webhook in store::listening(tx, topic)? {
        let body = payload::message(topic, now, &data);
        enqueue(tx, ids, now, &deliver::job(webhook, &ids.next().to_string(), body, now))?;
    }
    Ok(())
}

type Told = Option<(Topic, Value)>;

/// What is told of an event, if anything.
fn told(tx: &mut Tx<'_>, event: &dyn Any) -> Result<Told> {
    if let Some(ModelCreated { model }) = event.downcast_ref() {
        model_made(tx, model)
    } else if let Some(registered) = event.downcast_ref() {
        version_made(tx, registered)
    } else if let Some(tagged) = event.downcast_ref() {
        model_tagged(tx, tagged)
    } else if let Some(tagged) = event.downcast_ref() {
        version_tagged(tx, tagged)
    } else if let Some(moved) = event.downcast_ref() {
        alias_moved(tx, moved)
    } else {
        Ok(None)
    }
}

fn model_made(tx: &mut Tx<'_>, name: &ModelName) -> Result<Told> {
    let Some(model) = registry::model(tx, name)? else { return Ok(None) };
    Ok(Some(if is_prompt(&model.tags) {
        (Topic::PromptCreated, payload::prompt_made(name.as_str(), &model.tags, &model.description))
    } else {
        (Topic::ModelCreated, payload::made(name.as_str(), &model.tags, &model.description))
    }))
}

fn version_made(tx: &mut Tx<'_>, registered: &VersionRegistered) -> Result<Told> {
    let of = &registered.version;
    let prompt = is_prompt(&model_tags(tx, &of.model)?);
    let Some(version) = registry::version(tx, of)? else { return Ok(None) };
    let (named, words) = ((of.model.as_str(), of.version), version.description.as_str());
    Ok(Some(if prompt {
        (Topic::PromptVersionCreated, payload::prompt_version_made(named, &version.tags, words))
    } else {
        let run = version.tracking_run_id.as_deref();
        (Topic::VersionCreated, payload::version_made(named, &version.source, run, &version.tags, words))
    }))
}

/// Of a model's own tags only a prompt's are told: MLflow has no word for the others.
fn model_tagged(tx: &mut Tx<'_>, tagged: &ModelTagged) -> Result<Told> {
    let tags = model_tags(tx, &tagged.model)?;
    if !is_prompt(&tags) {
        return Ok(None);
    }
    let value = tags.get(&tagged.key).map(String::as_str);
    let topic = if value.is_some() { Topic::PromptTagSet } else { Topic::PromptTagDeleted };
    Ok(Some((topic, payload::tag(tagged.model.as_str(), None, &tagged.key, value))))
}

fn version_tagged(tx: &mut Tx<'_>, tagged: &VersionTagged) -> Result<Told> {
    let of = &tagged.version;
    let prompt = is_prompt(&model_tags(tx, &of.model)?);
    let Some(version) = registry::version(tx, of)? else { return Ok(None) };
    let value = version.tags.get(&tagged.key).map(String::as_str);
    let topic = match (prompt, value.is_some()) {
        (true, true) => Topic::PromptVersionTagSet,
        (true, false) => Topic::PromptVersionTagDeleted,
        (false, true) => Topic::VersionTagSet,
        (false, false) => Topic::VersionTagDeleted,
    };
    Ok(Some((topic, payload::tag(of.model.as_str(), Some(of.version), &tagged.key, value))))
}

fn alias_moved(tx: &mut Tx<'_>, moved: &AliasMoved) -> Result<Told> {
    let topic = match (is_prompt(&model_tags(tx, &moved.model)?), moved.to.is_some()) {
        (true, true) => Topic::PromptAliasCreated,
        (true, false) => Topic::PromptAliasDeleted,
        (false, true) => Topic::VersionAliasCreated,
        (false, false) => Topic::VersionAliasDeleted,
    };
    Ok(Some((topic, payload::alias(moved.model.as_str(), moved.alias.as_str(), moved.to))))
}

fn model_tags(tx: &mut Tx<'_>, model: &ModelName) -> Result<Tags> {
    Ok(registry::model(tx, model)?.map(|model| model.tags).unwrap_or_default())
}

fn is_prompt(tags: &Tags) -> bool {
    tags.get(IS_PROMPT).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}
